"""PUT of a tariff, an intent, a charge-now: what is stored, answered and sent to Axle."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from driveway.domain.twin import Meter, Observed, Presence, Session, SessionEnergy
from driveway.values import replace
from tests.support.functions.assets import a_twin, all_acknowledged, called, place, plugged_in, refuse, sample
from tests.support.functions.preference_calls import send
from tests.support.functions.rig import NOW, Reply, Rig

TARIFF = {"off_peak": [{"start": "00:30", "end": "04:30"}], "timezone": "Europe/London", "tariff_type": "dual_rate"}
INTENT = {"kwh": 12.5, "ready_by": "06:30"}
LATER = NOW + timedelta(days=9)
OTHER_INTENT = {"kwh": 1, "ready_by": "06:30"}
KNOWN_TARIFF = {"off_peak": "23:30-05:30", "timezone": "Europe/London", "tariff_type": "dual_rate"}


@pytest.fixture
def car(rig: Rig) -> Rig:
    """A stage with a car that is plugged in at home and of which Axle knows everything."""
    place(rig, all_acknowledged(plugged_in(a_twin(NOW - timedelta(days=30)), NOW - timedelta(hours=1)), NOW))
    return rig


def pointers(reply: Reply) -> list[str]:
    return [error["pointer"] for error in reply.body["errors"]]


def test_a_tariff_is_answered_normalised_with_what_axle_will_be_sent_and_since_when_it_is_not_known(car: Rig) -> None:
    reply = send(car, "tariff", {"off_peak": "23:30 – 5:30, 13:00-14:00", "timezone": "Europe/London"})
    assert reply.status == 202
    assert reply.body["off_peak"] == [
        {"start": "13:00", "end": "14:00"},
        {"start": "23:30", "end": "05:30"},
    ]
    axle = reply.body["axle"]
    assert axle["in_sync"] is False
    assert axle["next_call"]["call"] == "tariff-update"
    assert axle["next_call"]["tariff"]["off_peak_times"] == "00:00-05:30, 13:00-14:00, 23:30-24:00"
    assert datetime.fromisoformat(axle["unacknowledged_since"]) == NOW
    assert reply.headers["etag"] == f'"{reply.body["revision"]}"'


def test_an_intent_is_answered_normalised_with_the_next_departure_that_axle_will_be_sent(car: Rig) -> None:
    reply = send(car, "intent", {"hours": 2, "ready_by": {"fri": "06:15", "sat": "09:30"}})
    assert reply.status == 202
    assert (reply.body["hours"], reply.body["ready_by"]) == (2, {"fri": "06:15", "sat": "09:30"})
    sent = reply.body["axle"]["next_call"]["intent"]
    assert sent["energy_required_kwh"] == 14.8
    assert sent["ready_by_local_time"] == "06:15:00"
    assert datetime.fromisoformat(sent["ready_by"]) == datetime(2026, 1, 16, 6, 15, tzinfo=UTC)


def test_the_time_since_when_axle_does_not_know_is_that_of_the_first_change(car: Rig) -> None:
    send(car, "tariff", TARIFF)
    car.clock.move(minutes=7)
    reply = send(car, "intent", INTENT)
    assert datetime.fromisoformat(reply.body["axle"]["unacknowledged_since"]) == NOW


@pytest.mark.parametrize(
    ("what", "body"),
    [
        ("tariff", KNOWN_TARIFF),
        ("tariff", {**KNOWN_TARIFF, "off_peak": [{"start": "23:30", "end": "05:30"}]}),
        ("intent", {"kwh": 30, "ready_by": "07:00"}),
    ],
)
def test_an_unchanged_value_writes_nothing_and_is_reported_to_nobody(car: Rig, what: str, body: Any) -> None:
    before = car.items()
    reply = send(car, what, body)
    assert (reply.status, reply.body["axle"]["in_sync"], reply.body["axle"]["next_call"]) == (202, True, None)
    assert car.items() == before


def test_putting_twice_writes_once(car: Rig) -> None:
    first = send(car, "intent", INTENT)
    before = car.items()
    car.clock.move(minutes=1)
    second = send(car, "intent", INTENT)
    assert car.items() == before
    assert second.body == first.body


def test_a_change_counts_the_revision_and_tells_the_timeline(car: Rig) -> None:
    revision = car.twin("car-1").revision
    reply = send(car, "intent", INTENT)
    twin = car.twin("car-1")
    assert twin.revision == reply.body["revision"] == revision + 1
    assert [(entry.event, entry.reason) for entry in twin.news] == [("IntentSet", "UPDATED_BY_APP")]


def test_if_match_lets_only_the_present_revision_be_changed(car: Rig) -> None:
    revision = car.twin("car-1").revision
    assert send(car, "intent", INTENT, headers={"If-Match": f'"{revision}"'}).status == 202
    before = car.items()
    reply = send(car, "intent", OTHER_INTENT, headers={"If-Match": f'"{revision}"'})
    assert (reply.status, reply.problem, reply.body["revision"]) == (412, "revision-mismatch", revision + 1)
    assert car.items() == before


@pytest.mark.parametrize(
    ("what", "body"), [("intent", INTENT), ("tariff", TARIFF), ("charge-now", {"for_minutes": 30})]
)
def test_a_repeat_after_a_crash_between_the_two_writes_is_no_conflict_with_itself(
    car: Rig, monkeypatch: pytest.MonkeyPatch, what: str, body: dict[str, Any]
) -> None:
    revision = car.twin("car-1").revision
    headers = {"idempotency-key": "one", "if-match": f'"{revision}"'}
    refuse(car, monkeypatch, "put_item")
    assert send(car, what, body, headers=headers).status == 500
    stored = car.twin("car-1")
    assert stored.revision == revision + 1
    car.clock.move(minutes=1)
    assert send(car, what, body, headers=headers).status == 202
    assert car.twin("car-1") == stored


@pytest.mark.parametrize("text", ["*", '"{}"', 'W/"{}"', "{}"])
def test_if_match_is_read_in_every_form_of_a_revision(car: Rig, text: str) -> None:
    header = text.format(car.twin("car-1").revision)
    assert send(car, "intent", INTENT, headers={"if-match": header}).status == 202


@pytest.mark.parametrize("text", ["soon", "-1", "²", '"1", "2"', "9" * 5000])
def test_if_match_that_is_no_revision_is_malformed(car: Rig, text: str) -> None:
    assert send(car, "intent", INTENT, headers={"if-match": text}).status == 400
    assert car.twin("car-1").intent.kwh == 30


def test_an_idempotency_key_replays_the_first_answer_and_changes_nothing(car: Rig) -> None:
    key = {"Idempotency-Key": "one"}
    first = send(car, "charge-now", {"for_minutes": 30}, headers=key)
    send(car, "charge-now", method="DELETE")
    before = car.items()
    car.clock.move(minutes=10)
    again = send(car, "charge-now", {"for_minutes": 30}, headers=key)
    assert (again.status, again.body, again.headers["idempotent-replayed"]) == (202, first.body, "true")
    assert car.items() == before


def test_an_idempotency_key_with_another_body_is_refused(car: Rig) -> None:
    key = {"idempotency-key": "one"}
    send(car, "intent", INTENT, headers=key)
    before = car.items()
    reply = send(car, "intent", OTHER_INTENT, headers=key)
    assert (reply.status, reply.problem) == (409, "idempotency-key-reused")
    assert car.items() == before


def test_an_idempotency_key_belongs_to_its_route_and_asset(car: Rig) -> None:
    place(car, a_twin(NOW, asset="car-2", axle_asset_id="other", vehicle=None))
    key = {"idempotency-key": "one"}
    assert send(car, "intent", INTENT, headers=key).status == 202
    assert send(car, "tariff", TARIFF, headers=key).status == 202
    assert send(car, "intent", {"kwh": 3, "ready_by": "06:00"}, headers=key, asset="car-2").status == 202
    assert car.twin("car-2").intent.kwh == 3


def test_a_refused_call_does_not_use_its_idempotency_key_up(car: Rig) -> None:
    key = {"idempotency-key": "one"}
    assert send(car, "intent", {"kwh": -1}, headers=key).status == 422
    assert send(car, "intent", INTENT, headers=key).status == 202


@pytest.mark.parametrize("key", ["", "x" * 129, "a\tb"])
def test_an_unusable_idempotency_key_is_malformed(car: Rig, key: str) -> None:
    reply = send(car, "intent", INTENT, headers={"idempotency-key": key})
    assert (reply.status, reply.problem) == (400, "malformed")


@pytest.mark.parametrize(
    ("what", "body", "pointer"),
    [
        ("tariff", {**TARIFF, "off_peak": "Mo-Fr 00:30-04:30"}, "/off_peak"),
        ("tariff", {**TARIFF, "off_peak": []}, "/off_peak"),
        ("tariff", {**TARIFF, "off_peak": [{"start": "25:00", "end": "04:30"}]}, "/off_peak/0/start"),
        ("tariff", {**TARIFF, "timezone": "Europe/Londres"}, "/timezone"),
        ("tariff", {**TARIFF, "tariff_typ": "smart"}, "/tariff_typ"),
        ("intent", {"kwh": 3, "hours": 1, "ready_by": "07:00"}, "/hours"),
        ("intent", {"kwh": -3, "ready_by": "07:00"}, "/kwh"),
        ("intent", {"target_soc_pct": 101, "ready_by": "07:00"}, "/target_soc_pct"),
        ("intent", {"ready_by": {"monday": "07:00"}}, "/ready_by/monday"),
        ("intent", {"ready_by": "07:00", "exceptions": {"2026-02-30": "07:00"}}, "/exceptions/2026-02-30"),
        ("charge-now", {}, ""),
        ("charge-now", {"for_minutes": 5, "kwh": 1}, "/kwh"),
        ("charge-now", {"for_minutes": 1441}, "/for_minutes"),
        ("charge-now", {"until": "2026-01-15T17:59:00Z"}, "/until"),
        ("charge-now", {"until": "2026-01-16T18:00:01Z"}, "/until"),
        ("charge-now", {"until": "2026-01-15T22:00:00"}, "/until"),
    ],
)
def test_what_cannot_be_accepted_is_refused_with_a_pointer_to_it(car: Rig, what: str, body: Any, pointer: str) -> None:
    before = car.items()
    reply = send(car, what, body)
    assert (reply.status, reply.problem) == (422, "invalid-body")
    assert pointer in pointers(reply)
    assert car.items() == before


def test_a_percentage_without_a_known_battery_is_refused(rig: Rig) -> None:
    place(rig, a_twin(NOW, battery_kwh=None))
    reply = send(rig, "intent", {"target_soc_pct": 80, "ready_by": "07:00"})
    assert (reply.status, pointers(reply)) == (422, ["/target_soc_pct"])


def test_prices_are_reduced_to_windows_with_a_warning(car: Rig) -> None:
    prices = [7.5 if half_hour < 10 else 30 for half_hour in range(48)]
    reply = send(car, "tariff", {"prices": prices, "timezone": "Europe/London"})
    assert reply.status == 202, reply.text
    assert reply.body["off_peak"] == [{"start": "00:00", "end": "05:00"}]
    assert reply.body["warnings"]


@pytest.mark.parametrize("body", ["{", "[]", "3", "null", "\udce9", '{"kwh": NaN}', "[" * 3000])
def test_a_body_that_is_not_a_json_object_is_malformed(car: Rig, body: str) -> None:
    raw = base64.b64encode(body.encode("utf-8", "surrogateescape")).decode()
    reply = called("preferences", {**event("intent", raw), "isBase64Encoded": True})
    assert (reply.status, reply.problem) == (400, "malformed")
    assert reply.headers["content-type"] == "application/problem+json"


def event(what: str, body: str) -> dict[str, Any]:
    return {
        "routeKey": f"PUT /assets/{{asset}}/{what}",
        "headers": {"authorization": "Bearer token"},
        "pathParameters": {"asset": "car-1"},
        "requestContext": {"requestId": "request-7", "authorizer": {"lambda": {"scope": "app"}}},
        "body": body,
    }


def test_a_body_that_is_too_large_is_refused(car: Rig) -> None:
    reply = called("preferences", event("intent", json.dumps({"kwh": 1, "ready_by": "0" * 262_144})))
    assert (reply.status, reply.problem) == (413, "too-large")


@pytest.mark.parametrize("asset", ["car-9", "x" * 600, "\ud800"])
def test_an_unknown_asset_is_not_found(car: Rig, asset: str) -> None:
    for what, body in (("tariff", TARIFF), ("intent", INTENT), ("charge-now", {"kwh": 1})):
        reply = send(car, what, body, asset=asset)
        assert (reply.status, reply.problem) == (404, "not-found")


@pytest.mark.parametrize(("scope", "status"), [("", 401), ("axle", 403), ("somebody", 401)])
def test_only_the_app_may_say_what_the_driver_wants(car: Rig, scope: str, status: int) -> None:
    before = car.items()
    for what, body in (("tariff", TARIFF), ("intent", INTENT), ("charge-now", {"kwh": 1})):
        reply = send(car, what, body, scope=scope)
        assert reply.status == status
        assert set(reply.body) >= {"type", "title", "status", "detail", "request_id"}
        assert ("WWW-Authenticate" in reply.headers) is (status == 401)
    assert car.items() == before


def test_the_problem_says_whether_the_token_was_missing_or_wrong(car: Rig) -> None:
    without = called("preferences", {**event("intent", "{}"), "headers": {}, "requestContext": {"requestId": "r"}})
    wrong = send(car, "intent", INTENT, scope="")
    assert "Send the header" in without.body["detail"]
    assert "not valid" in wrong.body["detail"]


@pytest.mark.parametrize(
    ("body", "until"),
    [
        ({"until": "2026-01-15T23:00:00+01:00"}, NOW + timedelta(hours=4)),
        ({"for_minutes": 90}, NOW + timedelta(minutes=90)),
        ({"for_minutes": 1440}, NOW + timedelta(hours=24)),
        ({"until": "2026-01-16T18:00:00Z"}, NOW + timedelta(hours=24)),
        ({"kwh": 400}, NOW + timedelta(hours=24)),
    ],
)
def test_charge_now_always_has_an_end_and_axle_learns_of_it(car: Rig, body: Any, until: datetime) -> None:
    reply = send(car, "charge-now", body)
    assert reply.status == 202
    assert datetime.fromisoformat(reply.body["until"]) == until
    sent = reply.body["axle"]["next_call"]
    assert (sent["call"], datetime.fromisoformat(sent["end_at"])) == ("charge-now", until)


def test_charge_now_by_energy_ends_after_the_time_it_takes_with_a_margin(car: Rig) -> None:
    reply = send(car, "charge-now", {"kwh": 7.4})
    assert reply.body["kwh"] == 7.4
    assert timedelta(hours=1) < datetime.fromisoformat(reply.body["until"]) - NOW < timedelta(hours=2)


def test_charge_now_takes_effect_at_once(car: Rig) -> None:
    car.look("control", "car-1")
    assert due_times(car).get("control_due", LATER) > NOW
    send(car, "charge-now", {"for_minutes": 90})
    assert due_times(car)["control_due"] <= NOW
    assert due_times(car)["axle_due"] <= NOW
    car.look("control", "car-1")
    command = car.twin("car-1").control.command
    assert command is not None
    assert (command.action, command.state, command.reason) == ("start", "planned", "CHARGE_NOW")
    assert command.not_before <= NOW


def test_a_tariff_that_makes_this_hour_cheap_starts_the_car_without_waiting_for_an_edge(car: Rig) -> None:
    send(car, "tariff", {**TARIFF, "off_peak": "17:00-19:00"})
    car.look("control", "car-1")
    command = car.twin("car-1").control.command
    assert command is not None
    assert (command.action, command.reason) == ("start", "DEFAULT_OFF_PEAK")


def due_times(rig: Rig) -> dict[str, datetime]:
    (item,) = [item for item in rig.items() if item["sk"] == "TWIN" and item["pk"] == "ASSET#car-1"]
    return {name: datetime.fromisoformat(item[name]) for name in ("control_due", "axle_due") if name in item}


def test_a_deleted_charge_now_is_reported_to_axle_only_if_axle_knew_of_it(car: Rig) -> None:
    send(car, "charge-now", {"for_minutes": 90})
    unsent = send(car, "charge-now", method="DELETE")
    assert (unsent.status, unsent.body["axle"]["in_sync"]) == (202, True)
    send(car, "charge-now", {"for_minutes": 90})
    car.change("car-1", lambda twin: all_acknowledged(twin, NOW))
    reply = send(car, "charge-now", method="DELETE")
    assert reply.body["axle"]["next_call"] == {"call": "charge-now-deleted"}
    assert car.twin("car-1").charge_now is None


def test_deleting_a_charge_now_that_is_not_there_writes_nothing(car: Rig) -> None:
    before = car.items()
    assert send(car, "charge-now", method="DELETE").status == 202
    assert car.items() == before


def test_a_repeated_charge_now_with_its_key_is_one_charge_now_even_if_the_answer_was_lost(car: Rig) -> None:
    key = {"idempotency-key": "boost-1"}
    send(car, "charge-now", {"for_minutes": 30}, headers=key)
    for item in car.items():
        if item["sk"] == "SEEN":
            car.runtime.records.delete(item["pk"], item["sk"])
    car.clock.move(minutes=5)
    reply = send(car, "charge-now", {"for_minutes": 30}, headers=key)
    assert datetime.fromisoformat(reply.body["until"]) == NOW + timedelta(minutes=30)


def test_an_amount_to_charge_now_ends_once_so_much_has_been_metered_since(car: Rig) -> None:
    def metered(energy_wh: int) -> None:
        session = car.twin("car-1").presence.session
        assert session is not None
        energy = SessionEnergy(session.id, session.plugged_at, energy_wh)
        car.change("car-1", lambda twin: replace(twin, meter=Meter((energy,))))

    metered(5000)
    send(car, "charge-now", {"kwh": 1})
    for energy_wh, goes_on in ((5000, True), (5999, True), (6000, False)):
        metered(energy_wh)
        car.look("control", "car-1")
        assert (car.twin("car-1").charge_now is not None) == goes_on


def test_a_target_in_percent_follows_the_state_of_charge(rig: Rig) -> None:
    session = Session("s", NOW, NOW)
    presence = Presence(session=session, soc_pct=Observed(40, NOW))

    place(rig, all_acknowledged(replace(a_twin(NOW), presence=presence), NOW))
    reply = send(rig, "intent", {"target_soc_pct": 80, "ready_by": "07:00"})
    sent = reply.body["axle"]["next_call"]["intent"]
    assert 64 * 0.4 <= sent["energy_required_kwh"] <= 64 * 0.4 * 1.2


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
LIMITS = ("kwh", "hours", "target_soc_pct", "minimum_soc_pct", "until", "for_minutes")
TIMES = ("off_peak", "timezone", "tariff_type", "prices", "start", "end", "ready_by", "exceptions", "mon")
NAMES = st.sampled_from([*LIMITS, *TIMES, "may_charge_peak", "charging_mode"])


@given(
    body=st.dictionaries(NAMES, JSON | st.sampled_from(["07:00", "00:00-24:00", "Europe/London", 5]), max_size=4),
    what=st.sampled_from(["tariff", "intent", "charge-now"]),
)
@settings(max_examples=70, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_body_is_our_fault_and_a_refused_one_changes_nothing(car: Rig, body: dict[str, Any], what: str) -> None:
    before = car.items()
    reply = send(car, what, body)
    assert reply.status in {202, 400, 422}
    if reply.status != 202:
        assert reply.status == 400 or reply.body["errors"]
        assert car.items() == before


@pytest.mark.parametrize("name", ["put_tariff", "put_intent", "put_charge_now", "delete_charge_now"])
def test_every_sample_event_is_accepted(rig: Rig, name: str) -> None:
    rig.clock.put(datetime(2026, 11, 22, 17, 42, 15, tzinfo=UTC))
    place(rig, a_twin(NOW))
    event = sample(f"preferences_{name}")
    reply = called("preferences", event)
    assert (reply.status, reply.headers["x-request-id"]) == (202, event["requestContext"]["requestId"])
