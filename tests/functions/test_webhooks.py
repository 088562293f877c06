"""The car makers' webhooks: sample events, batches, accounts; each event is stored once."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from driveway.domain.twin import Command, Control, Vehicle
from driveway.values import replace
from tests.support.functions.assets import a_twin, called, in_base64, place, plugged_in, refuse, sample
from tests.support.functions.rig import Rig
from tests.support.functions.webhook_calls import AT, ENODE_ID, WEBHOOKS, enode, sessions, smartcar, update


@pytest.mark.parametrize("name", WEBHOOKS)
@pytest.mark.parametrize("form", [dict, in_base64])
def test_every_sample_webhook_is_taken_in_either_encoding(cars: Rig, name: str, form: Callable[[Any], Any]) -> None:
    event = sample(name)
    cars.clock.put(datetime.fromtimestamp(event["requestContext"]["timeEpoch"] / 1000, UTC))
    reply = called("vehicle_events", event if event.get("isBase64Encoded") else form(event))
    assert reply.status == 200
    assert all(isinstance(count, int) for count in reply.body.values()) or "challenge" in reply.body


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("enode_plug_in", [True, False, False]),
        ("enode_plug_in_2023_08_01", [True, False, False]),
        ("smartcar_plug_in", [False, True, False]),
        ("tesla_relay_plug_in", [False, False, True]),
        ("tesla_relay_batch", [False, False, True]),
        ("smartcar_verify", [False, False, False]),
        ("enode_plug_out", [False, False, False]),
    ],
)
def test_a_plug_in_at_home_opens_the_session_of_that_car(cars: Rig, name: str, expected: list[bool]) -> None:
    event = sample(name)
    cars.clock.put(datetime.fromtimestamp(event["requestContext"]["timeEpoch"] / 1000, UTC))
    assert called("vehicle_events", event).status == 200
    assert sessions(cars) == expected


def test_a_night_of_enodes_samples_is_one_session_that_ends_once_the_plug_out_is_believed(cars: Rig) -> None:
    for name in ("enode_plug_in", "enode_charging", "enode_plug_out"):
        event = sample(name)
        cars.clock.put(datetime.fromtimestamp(event["requestContext"]["timeEpoch"] / 1000, UTC))
        assert called("vehicle_events", event).body["stored"] == 1
    held = cars.twin("car-1").presence
    assert held.session is not None
    assert held.held_plug_out is not None
    cars.clock.put(held.held_plug_out.until)
    cars.look("control", "car-1")
    after = cars.twin("car-1").presence
    assert after.session is None
    assert after.last_session is not None
    assert after.last_session.closed_at == datetime(2026, 11, 23, 7, 14, 2, tzinfo=UTC)


def test_a_bad_item_of_a_batch_is_dropped_and_the_others_are_taken(cars: Rig) -> None:
    place(cars, a_twin(AT, asset="car-4", axle_asset_id="a4", vehicle=Vehicle("enode", "v4", user_id="other")))
    good, bad = update(), {"event": "user:vehicle:updated", "vehicle": None}
    reply = enode([7, bad, good, {"event": "system:heartbeat"}, update("v4"), update("nobody-has-this")])
    assert reply.body == {"dropped": 3, "stored": 2, "unknown": 1}
    assert cars.twin("car-1").presence.session is not None
    assert cars.twin("car-4").presence.plugged_in is not None


def test_enodes_mixed_batch_stores_what_is_about_our_cars_and_counts_the_rest(cars: Rig) -> None:
    cars.clock.put(datetime(2026, 11, 22, 23, 0, 42, tzinfo=UTC))
    reply = called("vehicle_events", sample("enode_mixed_batch"))
    assert reply.body == {"dropped": 4, "stored": 2, "unknown": 1}
    assert cars.twin("car-1").presence.needs_user == "The BMW account has to be connected again."


def test_events_of_cars_nobody_has_are_counted_and_not_stored(cars: Rig) -> None:
    before = cars.items()
    assert enode([update("nobody-has-this"), update("x" * 3000), update("\ud800")]).body["unknown"] == 3
    assert cars.items() == before


def test_invalidated_credentials_concern_every_car_of_the_account_and_are_reported_once(cars: Rig) -> None:
    place(cars, a_twin(AT, asset="car-4", axle_asset_id="a4", vehicle=Vehicle("enode", "v4", user_id="app-user-77")))
    place(cars, a_twin(AT, asset="car-5", axle_asset_id="a5", vehicle=Vehicle("enode", "v5", user_id="app-user-78")))
    event = {"event": "user:credentials:invalidated", "user": {"id": "app-user-77"}, "vendor": "BMW"}
    assert enode([event]).body["stored"] == 1
    for asset in ("car-1", "car-4"):
        twin = cars.twin(asset)
        assert twin.presence.needs_user == "The BMW account has to be connected again."
        (entry,) = twin.news
        assert (entry.event, entry.reason) == ("NeedsAttention", "PROVIDER_NEEDS_USER")
    assert cars.twin("car-5").presence.needs_user is None
    before = [cars.twin(asset) for asset in ("car-1", "car-4")]
    enode([{**event, "createdAt": AT.isoformat()}])
    assert [cars.twin(asset) for asset in ("car-1", "car-4")] == before


def test_the_account_of_one_make_leaves_the_cars_of_another_make_alone(cars: Rig) -> None:
    place(cars, a_twin(AT, asset="car-4", axle_asset_id="a4", vehicle=Vehicle("enode", "v4", user_id="app-user-77")))
    other = update("v4")
    other["vehicle"]["vendor"] = "TESLA"
    enode([update(), other])
    enode([{"event": "user:credentials:invalidated", "user": {"id": "app-user-77"}, "vendor": "TESLA"}])
    assert cars.twin("car-4").presence.needs_user == "The TESLA account has to be connected again."
    assert cars.twin("car-1").presence.needs_user is None


def test_a_car_that_reports_again_needs_no_user_any_more(cars: Rig) -> None:
    enode([{"event": "user:credentials:invalidated", "user": {"id": "app-user-77"}, "vendor": "BMW"}])
    enode([update()])
    assert cars.twin("car-1").presence.needs_user is None


def test_smartcars_account_errors_need_the_driver_in_smartcars_words(cars: Rig) -> None:
    assert called("vehicle_events", sample("smartcar_vehicle_error")).body["stored"] == 1
    assert cars.twin("car-2").presence.needs_user == "Please connect your car again."


def test_a_car_that_was_deleted_at_its_maker_needs_the_driver(cars: Rig) -> None:
    enode([{"event": "user:vehicle:deleted", "vehicle": {"id": ENODE_ID}}])
    assert cars.twin("car-1").presence.needs_user is not None
    assert [entry.event for entry in cars.twin("car-1").news] == ["NeedsAttention"]


def test_a_test_event_of_smartcars_moves_nothing(cars: Rig) -> None:
    event = json.loads(sample("smartcar_plug_in")["body"])
    event["meta"]["mode"] = "TEST"
    before = cars.items()
    assert smartcar(event).body["test"] == 1
    assert cars.items() == before
    cars.look("control", "car-2")
    assert cars.twin("car-2").control.command is None


@pytest.mark.parametrize("name", ["enode_plug_in", "smartcar_plug_in", "tesla_relay_plug_in"])
def test_a_repeated_event_writes_nothing(cars: Rig, name: str) -> None:
    assert called("vehicle_events", sample(name)).body["stored"] == 1
    before = cars.items()
    cars.clock.move(seconds=40)
    assert called("vehicle_events", sample(name)).body == {"dropped": 0, "repeated": 1}
    assert cars.items() == before


def test_an_event_is_known_again_when_a_retry_groups_it_otherwise(cars: Rig) -> None:
    first = update()
    enode([first])
    shuffled = dict(reversed(first.items()))
    assert enode([update("nobody-has-this"), shuffled]).body["repeated"] == 1


def test_an_event_with_nothing_new_writes_no_twin(cars: Rig) -> None:
    enode([update()])
    before = cars.twin("car-1")
    cars.clock.move(seconds=20)
    assert enode([update(at=cars.clock.now())]).body["stored"] == 1
    assert cars.twin("car-1") == before


@pytest.mark.parametrize("operation", ["update_item", "put_item", "query", "batch_get_item"])
@pytest.mark.parametrize("name", ["enode_plug_in", "smartcar_plug_in", "tesla_relay_plug_in"])
def test_what_cannot_be_stored_is_our_fault_and_its_repetition_is_stored_once(
    cars: Rig, monkeypatch: pytest.MonkeyPatch, name: str, operation: str
) -> None:
    event = sample(name)
    cars.clock.put(datetime.fromtimestamp(event["requestContext"]["timeEpoch"] / 1000, UTC))
    refuse(cars, monkeypatch, operation)
    reply = called("vehicle_events", event)
    assert (reply.status, reply.problem) == (500, "internal")
    assert called("vehicle_events", event).body["stored"] == 1
    assert sum(sessions(cars)) == 1
    before = cars.items()
    assert called("vehicle_events", event).body["repeated"] == 1
    assert cars.items() == before


def test_the_outcome_of_a_command_reaches_the_command(cars: Rig) -> None:
    cars.clock.put(datetime(2026, 11, 22, 23, 0, 42, tzinfo=UTC))
    now = cars.clock.now()
    command = Command(
        id="c1",
        action="start",
        reason="AXLE_SCHEDULE",
        state="sent",
        planned_at=now,
        not_before=now,
        expires_at=now + timedelta(hours=1),
        sent_at=now,
        provider_ref="a1",
    )
    cars.change(
        "car-1",
        lambda twin: replace(plugged_in(twin, now - timedelta(hours=5)), control=Control(command=command)),
    )
    action = {"id": "a1", "targetId": ENODE_ID, "targetType": "vehicle", "kind": "START"}
    failed = {**action, "state": "FAILED", "failureReason": {"type": "NOT_AT_HOME", "detail": "The car refused."}}
    assert enode([{"event": "user:vendor-action:updated", "vendorAction": failed}]).body["stored"] == 1
    after = cars.twin("car-1").control.command
    assert after is not None
    assert after.outcome is not None
    assert after != command


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
MEMBERS = ("event", "createdAt", "user", "vehicle", "id", "lastSeen", "chargeState", "isPluggedIn", "lastUpdated")


@given(
    paths=st.lists(
        st.tuples(
            st.sampled_from([(), ("vehicle",), ("vehicle", "chargeState"), ("vehicle", "location")]),
            st.sampled_from(MEMBERS) | st.text(max_size=3),
            JSON,
        ),
        max_size=4,
    )
)
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_signed_event_is_our_fault(cars: Rig, paths: list[tuple[tuple[str, ...], str, Any]]) -> None:
    event = update(chargeRate=7.2, batteryLevel=41)
    for path, name, value in paths:
        inner: Any = event
        for step in path:
            inner = inner.get(step) if isinstance(inner, dict) else None
        if isinstance(inner, dict):
            inner[name] = value
    assert enode([event]).status == 200
    assert cars.serve("status", "GET /assets/{asset}", asset="car-1").status == 200
