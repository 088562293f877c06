"""Axle's schedules at the door: taken for what they mean, in the right order, or refused with the reason."""

import base64
import copy
import gzip
import json
import random
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from driveway.domain.charging_profile import ChargingProfile, parse_charging_profile
from driveway.domain.schedules import installed
from driveway.domain.twin import InstalledProfile, Twin
from driveway.runtime.clock import Clock
from tests.functions.assets import (
    AXLE_ASSET,
    AXLE_SECRET,
    a_twin,
    axle_signature,
    called,
    in_base64,
    place,
    plugged_in,
    refuse,
    sample,
    set_secret,
)
from tests.functions.rig import NOW, Reply, Rig, RigClock

ROUTE = "/axle/assets/{axle_asset_id}/charging-profile"
PERIODS: tuple[tuple[int, float], ...] = ((0, 0.0), (5400, 99999.0), (27000, 0.0))


def profile(periods: Sequence[tuple[int, float]] = PERIODS, *, level: int = 1100, **schedule: Any) -> dict[str, Any]:
    """A profile in the form in which Axle documents its own, tonight from 22:00 UTC; ``schedule`` changes it."""
    return {
        "chargingProfileId": None,
        "transactionId": None,
        "stackLevel": level,
        "chargingProfilePurpose": "TxProfile",
        "chargingProfileKind": "Absolute",
        "recurrencyKind": None,
        "validFrom": None,
        "validTo": None,
        "chargingSchedule": {
            "duration": 32400,
            "startSchedule": "2026-01-15T22:00:00+00:00",
            "chargingRateUnit": "W",
            "chargingSchedulePeriod": [
                {"startPeriod": start, "limit": limit, "numberPhases": 1} for start, limit in periods
            ],
            "minChargingRate": 0.0,
            **schedule,
        },
    }


def envelope(body: Any = None, *, created_at: Any = NOW, **changes: Any) -> dict[str, Any]:
    payload = {"asset_id": AXLE_ASSET, "charging_profile": profile() if body is None else body}
    return {
        "id": str(uuid.uuid4()),
        "version": "1",
        "event_type": "asset:dispatch:requested",
        "created_at": created_at.isoformat() if isinstance(created_at, datetime) else created_at,
        "payload": payload,
        **changes,
    }


def post(
    rig: Rig,
    body: Any,
    *,
    asset: str = AXLE_ASSET,
    scope: str = "axle",
    method: str = "POST",
    headers: Mapping[str, str] | None = None,
) -> Reply:
    return rig.serve("schedules", f"{method} {ROUTE}", body, scope=scope, headers=headers, axle_asset_id=asset)


def deliver(rig: Rig, body: Any, *, signature: str | None = None, secret: str = AXLE_SECRET) -> Reply:
    raw = body if isinstance(body, str) else json.dumps(body)
    signed = axle_signature(raw.encode(), rig.clock.now(), secret) if signature is None else signature
    return rig.serve("schedules", "POST /axle/webhooks", raw, scope="", headers={"X-Axle-Sig": signed})


def held(rig: Rig) -> tuple[InstalledProfile, ...]:
    return rig.twin("car-1").profiles


def limits(rig: Rig) -> list[float]:
    """The limits of the one profile that is held."""
    (one,) = held(rig)
    return [period.limit for period in one.profile.periods]


def state(rig: Rig) -> list[dict[str, Any]]:
    """Everything in the table except what is remembered of deliveries."""
    return [item for item in rig.items() if item["sk"] != "SEEN"]


@pytest.fixture
def car(rig: Rig) -> Rig:
    """A stage with a car that has been plugged in at home for an hour."""
    place(rig, plugged_in(a_twin(NOW - timedelta(days=30)), NOW - timedelta(hours=1)))
    return rig


def accepted(reply: Reply) -> bool:
    return reply.status == 200 and reply.body == {"status": "Accepted"}


# What is understood


@pytest.mark.parametrize("wrap", [lambda body: body, lambda body: {"connectorId": 1, "csChargingProfiles": body}])
def test_axles_documented_schedule_is_taken_bare_and_as_a_set_charging_profile_request(car: Rig, wrap: Any) -> None:
    assert accepted(post(car, wrap(profile())))
    (one,) = held(car)
    assert one.profile == parse_charging_profile(profile())
    assert (one.session_id, one.received_at) == ("20260115T170000Z", NOW)
    assert [entry.event for entry in car.twin("car-1").news] == ["ScheduleReceived"]
    stretches = car.serve("status", "GET /assets/{asset}/schedule", asset="car-1").body["stretches"]
    charging = [(s["start"], s["end"], s["limit_kw"]) for s in stretches if s["source"] == "axle" and s["limit_kw"]]
    assert charging == [("2026-01-15T23:30:00Z", "2026-01-16T05:30:00Z", 7.4)]


@pytest.mark.parametrize(
    "payload",
    [
        {"charging_profile": profile()},
        {"chargingProfile": profile()},
        {"profile": profile()},
        {"schedule": profile()},
        {"csChargingProfiles": profile(), "connectorId": 1},
        {"charging_profile": {"connectorId": 1, "csChargingProfiles": profile()}},
        profile(),
    ],
)
@pytest.mark.parametrize("name", ["asset_id", "axle_asset_id"])
def test_an_envelope_may_hold_the_schedule_in_any_of_its_forms(car: Rig, payload: dict[str, Any], name: str) -> None:
    assert accepted(deliver(car, envelope(payload={name: AXLE_ASSET, **payload})))
    (one,) = held(car)
    assert one.profile == parse_charging_profile(profile())
    assert one.created_at == NOW


def test_floats_nulls_extra_keys_and_a_missing_duration_are_read_for_what_they_mean(car: Rig) -> None:
    body = profile(duration=None, minChargingRate=None)
    body |= {"stackLevel": 1100.0, "comment": "from the planner", "transactionId": None}
    schedule = body["chargingSchedule"]
    schedule["chargingSchedulePeriod"] = [{"limit": 3680, "startPeriod": 0.0, "numberPhases": None, "extra": [1]}]
    body = {"later": None, **dict(reversed(body.items()))}
    assert accepted(post(car, body))
    (one,) = held(car)
    assert (one.profile.stack_level, one.profile.duration_s) == (1100, None)
    assert one.profile.periods[0].limit == 3680


@pytest.mark.parametrize("encoding", ["gzip", "GZIP"])
def test_a_gzip_body_is_read(car: Rig, encoding: str) -> None:
    event = sample("schedules_bare_profile")
    event["headers"]["content-encoding"] = encoding
    event["body"] = base64.b64encode(gzip.compress(json.dumps(profile()).encode())).decode()
    event["isBase64Encoded"] = True
    assert accepted(called("schedules", event))
    assert limits(car) == [0.0, 99999.0, 0.0]


def test_what_is_said_to_be_gzip_and_is_not_whole_is_malformed(car: Rig) -> None:
    whole = gzip.compress(json.dumps(profile()).encode())
    bomb = gzip.compress(b" " * 300_000)
    event = sample("schedules_bare_profile")
    event["headers"]["content-encoding"] = "gzip"
    for body, status in ((whole[:-9], 400), (b"{}", 400), (bomb, 413)):
        broken = {**event, "body": base64.b64encode(body).decode(), "isBase64Encoded": True}
        assert called("schedules", broken).status == status
    assert held(car) == ()


def test_a_new_schedule_replaces_the_one_at_its_level_and_leaves_other_levels(car: Rig) -> None:
    post(car, profile(level=1))
    post(car, profile())
    post(car, profile([(0, 3000.0)]))
    assert {(one.profile.stack_level, one.profile.periods[0].limit) for one in held(car)} == {(1, 0.0), (1100, 3000.0)}


def test_the_same_schedule_again_writes_nothing(car: Rig) -> None:
    post(car, profile())
    before = car.items()
    car.clock.move(minutes=3)
    assert accepted(post(car, profile()))
    assert car.items() == before


def test_clearing_leaves_the_default_schedule_and_may_be_repeated(car: Rig) -> None:
    post(car, profile())
    assert accepted(post(car, None, method="DELETE"))
    assert held(car) == ()
    before = car.items()
    assert accepted(post(car, None, method="DELETE"))
    assert car.items() == before


def test_an_event_of_axles_that_holds_no_schedule_is_acknowledged_and_left_alone(car: Rig) -> None:
    before = state(car)
    for payload in ({}, {"asset_id": AXLE_ASSET}, {"user_id": "u", "profile": {"name": "n"}}, {"schedule": "soon"}):
        assert accepted(deliver(car, envelope(event_type="user:onboarding:complete", payload=payload)))
    assert state(car) == before


# Order and repetition


def test_a_delivery_is_taken_once_by_its_id(car: Rig) -> None:
    first = envelope()
    deliver(car, first)
    deliver(car, envelope(profile([(0, 3000.0)]), created_at=NOW))
    before = car.items()
    again = {**first, "created_at": (NOW + timedelta(minutes=1)).isoformat()}
    assert accepted(deliver(car, again))
    assert accepted(deliver(car, {**again, "id": again["id"].upper()}))
    assert car.items() == before


def test_an_older_schedule_that_arrives_late_changes_nothing_and_is_answered_as_a_success(car: Rig) -> None:
    deliver(car, envelope(profile([(0, 3000.0)]), created_at=NOW))
    before = state(car)
    car.clock.move(minutes=1)
    assert accepted(deliver(car, envelope(created_at=NOW - timedelta(seconds=1))))
    assert state(car) == before


def test_schedules_without_a_time_are_ordered_by_their_arrival(car: Rig) -> None:
    deliver(car, envelope(created_at=NOW))
    car.clock.move(seconds=1)
    post(car, profile([(0, 3000.0)]))
    assert limits(car) == [3000.0]


def test_every_order_of_three_schedules_ends_with_the_newest(car: Rig) -> None:
    made = [envelope(profile([(0, 1000.0 * n)]), created_at=NOW + timedelta(milliseconds=n)) for n in range(3)]
    for order in permutations(made):
        car.change("car-1", lambda twin: replace(twin, profiles=()))
        for one in order:
            assert accepted(deliver(car, {**one, "id": str(uuid.uuid4())}))
        assert limits(car) == [2000.0]


def test_hundreds_of_duplicated_and_reordered_deliveries_converge_to_the_newest_of_each_level(car: Rig) -> None:
    chance = random.Random(6)
    made = [
        envelope(profile([(0, float(n))], level=chance.choice((1, 1100))), created_at=NOW - timedelta(seconds=200 - n))
        for n in range(120)
    ]
    sent = [one for one in made for _ in range(chance.choice((1, 2, 3)))]
    chance.shuffle(sent)
    assert all(accepted(deliver(car, one)) for one in sent)
    newest = {one["payload"]["charging_profile"]["stackLevel"]: one for one in made}
    assert {(one.profile.stack_level, one.profile.periods[0].limit) for one in held(car)} == {
        (level, one["payload"]["charging_profile"]["chargingSchedule"]["chargingSchedulePeriod"][0]["limit"])
        for level, one in newest.items()
    }


@given(seed=st.integers(0, 2**32), count=st.just(2500))
@settings(max_examples=4, deadline=None)
def test_ten_thousand_deliveries_in_any_order_install_what_the_newest_says(seed: int, count: int) -> None:
    chance = random.Random(seed)
    twin = plugged_in(a_twin(NOW - timedelta(days=30)), NOW - timedelta(hours=1))
    shapes = [parse_charging_profile(profile([(0, float(watts))])) for watts in range(40)]
    sent = [(chance.choice(shapes), NOW - timedelta(milliseconds=n)) for n in range(count // 2)]
    newest = sent[0][0]
    sent += [chance.choice(sent) for _ in range(count - len(sent))]
    chance.shuffle(sent)
    arrival = NOW
    for one, created_at in sent:
        arrival += timedelta(milliseconds=20)
        twin = installed(replace(twin, news=()), one, created_at=created_at, now=arrival, keep_unplugged=True)
    assert [one.profile for one in twin.profiles] == [newest]
    assert twin.profiles[0].created_at == NOW


# Whose it is, and who sent it


@pytest.mark.parametrize("asset", ["7d3f5a3e-0000-4b7e-9a0c-0a5b1c2d3e4f", "car-1", "", "x" * 3000, "\ud800"])
def test_a_schedule_for_an_asset_we_do_not_have_is_refused_for_good(car: Rig, asset: str) -> None:
    before = car.items()
    sent = envelope(payload={"axle_asset_id": asset, "charging_profile": profile()})
    for reply in (post(car, profile(), asset=asset), post(car, None, asset=asset, method="DELETE"), deliver(car, sent)):
        assert (reply.status, reply.problem) in {(404, "not-found"), (422, "invalid-body")}
    assert car.items() == before


@pytest.mark.parametrize("asset", [None, 3, "", {}])
def test_a_schedule_that_does_not_say_whose_it_is_is_refused_and_not_swallowed(car: Rig, asset: Any) -> None:
    reply = deliver(car, envelope(payload={"asset_id": asset, "charging_profile": profile()}))
    assert reply.status == 422
    assert [error["pointer"] for error in reply.body["errors"]] == ["/payload/asset_id"]


@pytest.mark.parametrize("change", [{"enrolled": False}, {"leaving": True}])
def test_a_schedule_for_a_site_that_left_is_refused_for_good(car: Rig, change: dict[str, Any]) -> None:
    car.change("car-1", lambda twin: replace(twin, link=replace(twin.link, **change)))
    before = car.items()
    for reply in (post(car, profile()), deliver(car, envelope())):
        assert (reply.status, reply.problem) == (409, "not-enrolled")
    assert car.items() == before


def test_an_erased_asset_is_not_found_even_while_its_alias_is_still_there(car: Rig) -> None:
    car.runtime.records.delete("ASSET#car-1", "TWIN")
    assert post(car, profile()).status == 404
    assert deliver(car, envelope()).status == 404


@pytest.mark.parametrize(("scope", "status"), [("", 401), ("app", 403)])
def test_the_bearer_routes_are_axles_alone(car: Rig, scope: str, status: int) -> None:
    before = car.items()
    for reply in (post(car, profile(), scope=scope), post(car, None, scope=scope, method="DELETE")):
        assert reply.status == status
    assert car.items() == before


@pytest.mark.parametrize("signature", ["", "t=1,v1=00", "v1=00", "t=x,v1=y", "t=99999999999999999999,v1=00", "t=1"])
def test_an_unsigned_or_wrongly_signed_envelope_is_refused_and_told_no_more(car: Rig, signature: str) -> None:
    before = car.items()
    reply = deliver(car, envelope(), signature=signature)
    assert (reply.status, reply.problem) == (401, "bad-signature")
    assert reply.body["detail"] == "The signature is missing, wrong or too old."
    assert car.items() == before


def test_a_signature_covers_the_raw_bytes(car: Rig) -> None:
    raw = json.dumps(envelope())
    signature = axle_signature(raw.encode(), NOW)
    assert deliver(car, json.dumps(json.loads(raw), separators=(",", ":")), signature=signature).status == 401
    assert accepted(deliver(car, raw, signature=signature))


@pytest.mark.parametrize(("age_s", "status"), [(-301, 401), (-299, 200), (0, 200), (299, 200), (301, 401)])
def test_a_signature_is_good_for_five_minutes(car: Rig, age_s: int, status: int) -> None:
    raw = json.dumps(envelope())
    signed = axle_signature(raw.encode(), NOW - timedelta(seconds=age_s))
    assert deliver(car, raw, signature=signed).status == status


def test_the_replay_window_is_five_minutes_of_the_machinery_when_the_clock_runs_fast(car: Rig) -> None:
    fast = FastClock(NOW)
    car.runtime.__dict__["clock"] = fast
    raw = json.dumps(envelope())
    assert deliver(car, raw, signature=axle_signature(raw.encode(), NOW - timedelta(hours=20))).status == 200
    assert deliver(car, raw, signature=axle_signature(raw.encode(), NOW - timedelta(hours=26))).status == 401


class FastClock(RigClock):
    """A rig's clock whose machinery sees 300 seconds pass for every one of its own."""

    def machine(self, seconds: float) -> timedelta:
        return Clock(scale=300).machine(seconds)


def test_two_secrets_are_good_while_one_replaces_the_other(car: Rig) -> None:
    set_secret(car, "AXLE_WEBHOOK_SECRET", {"secrets": ["new", AXLE_SECRET]})
    assert accepted(deliver(car, envelope(), secret="new"))
    assert accepted(deliver(car, envelope()))
    set_secret(car, "AXLE_WEBHOOK_SECRET", {"secrets": ["new"]})
    assert deliver(car, envelope()).status == 401


@pytest.mark.parametrize("secrets", [{}, {"secrets": []}, {"secrets": [""]}])
def test_without_a_secret_no_envelope_is_let_in(car: Rig, secrets: dict[str, Any]) -> None:
    set_secret(car, "AXLE_WEBHOOK_SECRET", secrets)
    assert deliver(car, envelope(), secret="").status == 401


# What is refused, and why


def changed(**changes: Any) -> dict[str, Any]:
    return {**profile(), **changes}


def periods(*given: dict[str, Any]) -> dict[str, Any]:
    return profile(chargingSchedulePeriod=list(given))


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/chargingSchedule"),
        (periods(), "/chargingSchedule/chargingSchedulePeriod"),
        (periods({"startPeriod": 60, "limit": 0}), "/chargingSchedule/chargingSchedulePeriod/0/startPeriod"),
        (profile([(0, 1.0), (90, 2.0), (60, 3.0)]), "/chargingSchedule/chargingSchedulePeriod/2/startPeriod"),
        (profile([(0, -1.0)]), "/chargingSchedule/chargingSchedulePeriod/0/limit"),
        (periods({"startPeriod": 0}), "/chargingSchedule/chargingSchedulePeriod/0/limit"),
        (periods({"startPeriod": 0, "limit": "much"}), "/chargingSchedule/chargingSchedulePeriod/0/limit"),
        (profile(duration=-5), "/chargingSchedule/duration"),
        (profile(chargingRateUnit="kW"), "/chargingSchedule/chargingRateUnit"),
        (profile(startSchedule="tonight"), "/chargingSchedule/startSchedule"),
        (changed(chargingProfilePurpose="Tx"), "/chargingProfilePurpose"),
        (changed(chargingProfileKind=None), "/chargingProfileKind"),
        (changed(stackLevel=-1), "/stackLevel"),
        (changed(chargingSchedule=[]), "/chargingSchedule"),
        (profile(startSchedule="2026-01-15T08:00:00+00:00"), "/chargingSchedule/duration"),
    ],
)
def test_every_refusal_points_to_the_place_and_says_why(car: Rig, body: dict[str, Any], pointer: str) -> None:
    before = car.items()
    wrapped = {"connectorId": 1, "csChargingProfiles": body}
    sent = {"": post(car, body), "/csChargingProfiles": post(car, wrapped)}
    sent["/payload/charging_profile"] = deliver(car, envelope(body))
    for prefix, reply in sent.items():
        assert reply.status in {409, 422}
        (error,) = reply.body["errors"]
        assert error["pointer"] == prefix + pointer
        assert error["message"].endswith(".")
        assert reply.body["detail"]
    assert car.items() == before


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"id": "7"}, "/id"),
        ({"id": None}, "/id"),
        ({"created_at": "2026-01-15T18:00:00"}, "/created_at"),
        ({"created_at": 5}, "/created_at"),
        ({"payload": []}, "/payload"),
        ({"event_type": None}, "/event_type"),
    ],
)
def test_what_is_no_envelope_is_refused_with_a_pointer(car: Rig, change: dict[str, Any], pointer: str) -> None:
    before = car.items()
    reply = deliver(car, envelope(**change))
    assert (reply.status, [error["pointer"] for error in reply.body["errors"]]) == (422, [pointer])
    assert car.items() == before


@pytest.mark.parametrize("body", ["", "{", "[]", "7", '{"a": Infinity}', "[" * 5000])
def test_a_body_that_is_not_a_json_object_is_malformed(car: Rig, body: str) -> None:
    assert post(car, body).status == 400
    assert deliver(car, body).status == 400
    assert held(car) == ()


def test_a_refused_delivery_is_not_remembered_so_a_corrected_one_may_come_under_its_id(car: Rig) -> None:
    wrong = envelope(periods())
    assert deliver(car, wrong).status == 422
    right = copy.deepcopy(wrong)
    right["payload"]["charging_profile"] = profile()
    assert accepted(deliver(car, right))
    assert limits(car) == [0.0, 99999.0, 0.0]


# Before the plug-in


def test_a_schedule_before_the_plug_in_is_kept_and_holds_for_the_session_that_opens_within_it(rig: Rig) -> None:
    place(rig, a_twin(NOW))
    assert accepted(post(rig, profile()))
    (one,) = held(rig)
    assert one.session_id is None
    rig.clock.move(hours=4, minutes=30)
    body = {"observations": [{"at": rig.clock.now().isoformat(), "plugged_in": True, "at_home": True}]}
    rig.serve("vehicle_events", "POST /assets/{asset}/observations", body, asset="car-1")
    desired = rig.serve("status", "GET /assets/{asset}", asset="car-1").body["desired"]
    assert (desired["charge"], desired["source"], desired["reason"]) == (False, "axle", "AXLE_SCHEDULE")


def test_a_schedule_before_the_plug_in_is_refused_where_the_stack_says_so(rig: Rig) -> None:
    place(rig, a_twin(NOW))
    environ = {**rig.runtime.settings.environ, "SCHEDULE_BEFORE_PLUG_IN": "refuse"}
    rig.runtime.settings = replace(rig.runtime.settings, environ=environ)
    before = rig.items()
    for reply in (post(rig, profile()), deliver(rig, envelope())):
        assert (reply.status, reply.problem) == (409, "not-plugged-in")
    assert rig.items() == before


# Faults of ours


@pytest.mark.parametrize("operation", ["update_item", "get_item"])
def test_a_schedule_that_cannot_be_stored_is_our_fault_and_its_repetition_is_taken(
    car: Rig, monkeypatch: pytest.MonkeyPatch, operation: str
) -> None:
    sent = envelope()
    refuse(car, monkeypatch, operation)
    reply = deliver(car, sent)
    assert (reply.status, reply.problem) == (500, "internal")
    assert "outage" not in reply.text
    assert held(car) == ()
    assert accepted(deliver(car, sent))
    assert limits(car) == [0.0, 99999.0, 0.0]


def test_a_delivery_that_was_stored_and_not_remembered_is_taken_again_without_harm(
    car: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = envelope()
    refuse(car, monkeypatch, "put_item")
    assert deliver(car, sent).status == 500
    before = state(car)
    assert accepted(deliver(car, sent))
    assert state(car) == before


def test_a_bare_schedule_that_cannot_be_stored_is_our_fault(car: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse(car, monkeypatch, "update_item", times=2)
    assert post(car, profile()).status == 500
    assert post(car, None, method="DELETE").status == 200  # there is nothing to clear, so nothing is written
    assert post(car, profile()).status == 500
    assert accepted(post(car, profile()))


# Anything at all

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**400), 10**400)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=6)
    | st.sampled_from(["0001-01-01T00:00:00+00:00", "9999-12-31T23:59:59-12:00", "2026-01-15T22:00:00", 1e-300, 99999])
)
ANYTHING = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)
CHARGING_SCHEDULE = tuple(profile()["chargingSchedule"])
PLACES = [(name,) for name in profile()] + [("chargingSchedule", name) for name in CHARGING_SCHEDULE]
PERIOD = [("chargingSchedule", "chargingSchedulePeriod", n, name) for n in (0, 2) for name in ("startPeriod", "limit")]


@st.composite
def mutated(draw: st.DrawFn) -> dict[str, Any]:
    """Axle's own schedule with some of its values replaced by others, likely or not."""
    body = profile()
    kinds = st.sampled_from(["Absolute", "Recurring", "Relative", "TxDefaultProfile", "ChargePointMaxProfile", "A"])
    for *path, last in draw(st.lists(st.sampled_from(PLACES + PERIOD), min_size=1, max_size=4)):
        inner: Any = body
        try:
            for step in path:
                inner = inner[step]
            inner[last] = draw(kinds | SCALARS | ANYTHING)
        except (TypeError, KeyError, IndexError):
            continue
    return body


@given(body=mutated() | st.dictionaries(st.text(max_size=5), ANYTHING, max_size=4))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_schedule_is_our_fault_and_a_refused_one_changes_nothing(car: Rig, body: dict[str, Any]) -> None:
    before = state(car)
    for reply in (post(car, body), deliver(car, envelope(body))):
        assert reply.status == 200 or 400 <= reply.status < 500
        if reply.status != 200:
            assert state(car) == before
        else:
            status = car.serve("status", "GET /assets/{asset}", asset="car-1")
            assert status.status == 200
            car.look("control", "car-1")
            car.change("car-1", without_schedules)
            before = state(car)


def without_schedules(twin: Twin) -> Twin:
    return replace(twin, profiles=(), control=type(twin.control)())


EXTREMES = ("0001-01-01T00:00:00+00:00", "9999-12-31T23:59:59+00:00", None)


@pytest.mark.parametrize("kind", ["Absolute", "Recurring", "Relative"])
@pytest.mark.parametrize("start", EXTREMES)
def test_times_at_the_ends_of_the_calendar_are_no_fault_of_ours(car: Rig, kind: str, start: str | None) -> None:
    for recurrency in ("Daily", "Weekly") if kind == "Recurring" else (None,):
        for valid_from, valid_to in ((None, None), EXTREMES[:2], (EXTREMES[1], EXTREMES[0])):
            for duration in (None, 0, 2**31 - 1):
                body = profile([(0, 0.0), (2**31 - 1, 1e9)], startSchedule=start, duration=duration)
                body |= {"chargingProfileKind": kind, "recurrencyKind": recurrency}
                body |= {"validFrom": valid_from, "validTo": valid_to}
                assert post(car, body).status in {200, 409, 422}
                assert car.serve("status", "GET /assets/{asset}", asset="car-1").status == 200
                car.change("car-1", without_schedules)


@given(sent=st.dictionaries(st.sampled_from(["id", "created_at", "event_type", "payload", "version"]), ANYTHING))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_envelope_is_our_fault(car: Rig, sent: dict[str, Any]) -> None:
    before = state(car)
    for body in (sent, envelope(**sent)):
        reply = deliver(car, body)
        assert reply.status == 200 or 400 <= reply.status < 500
        if reply.status != 200:
            assert state(car) == before


@pytest.mark.parametrize("name", ["bare_profile", "set_charging_profile", "clear", "axle_webhook"])
def test_every_sample_event_is_accepted(rig: Rig, name: str) -> None:
    at = datetime(2026, 11, 22, 17, 42, 15, tzinfo=UTC)
    rig.clock.put(at)
    place(rig, plugged_in(a_twin(NOW), at - timedelta(hours=1)))
    event = sample(f"schedules_{name}")
    assert accepted(called("schedules", event))
    if "body" in event:
        assert limits(rig) == [0.0, 99999.0, 0.0]
        assert accepted(called("schedules", in_base64(event)))


def test_profiles_survive_the_table(car: Rig) -> None:
    recurring = {
        **profile(startSchedule="2026-01-01T00:30:00+02:00", chargingRateUnit="A"),
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Recurring",
        "recurrencyKind": "Weekly",
        "validFrom": "2026-01-01T00:00:00Z",
        "validTo": "2026-12-01T00:00:00.123456Z",
        "chargingProfileId": -7,
    }
    assert accepted(post(car, recurring))
    (one,) = held(car)
    expected: ChargingProfile = parse_charging_profile(recurring)
    assert one.profile == expected
