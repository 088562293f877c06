"""Several cars at one charger: an intent of a car's own, and which car is plugged in."""

from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest

from tests.support.functions import preference_calls
from tests.support.functions.assets import a_twin, all_acknowledged, called, place, plugged_in, sample
from tests.support.functions.rig import NOW, Reply, Rig

ROUTE = "/assets/{asset}/vehicles/{vehicle_id}/intent"
LEAF = {"kwh": 12, "ready_by": "06:30"}


@pytest.fixture
def charger(rig: Rig) -> Rig:
    """A stage with a charger that nothing is plugged in to and of which Axle knows everything."""
    place(rig, a_twin(NOW - timedelta(days=30), type="charger", vehicle=None))
    rig.change("car-1", lambda twin: all_acknowledged(twin, NOW))
    return rig


def send(rig: Rig, body: Any = None, *, vehicle_id: str = "leaf", **call: Any) -> Reply:
    """The answer to a call about the intent of a car's own."""
    return preference_calls.send(rig, "vehicles/{vehicle_id}/intent", body, vehicle_id=vehicle_id, **call)


def observe(rig: Rig, **signals: Any) -> Reply:
    body = {"observations": [{"at": rig.clock.now().isoformat(), **signals}]}
    return rig.serve("vehicle_events", "POST /assets/{asset}/observations", body, asset="car-1")


def status(rig: Rig) -> Any:
    return rig.serve("status", "GET /assets/{asset}", asset="car-1").body


def in_force(rig: Rig) -> tuple[str, str | None]:
    counting = status(rig)["intent_in_force"]
    return counting["of"], counting["vehicle_id"]


def test_a_cars_intent_is_answered_normalised_and_waits_for_the_car(charger: Rig) -> None:
    reply = send(charger, {"target_soc_pct": 90, "battery_kwh": 40, "ready_by": "8:30"})
    assert reply.status == 202, reply.text
    assert (reply.body["target_soc_pct"], reply.body["battery_kwh"], reply.body["ready_by"]) == (90, 40, "08:30")
    assert (reply.body["axle"]["in_sync"], reply.body["axle"]["next_call"]) == (True, None)
    assert reply.headers["etag"] == f'"{charger.twin("car-1").revision}"'
    assert [entry.event for entry in charger.twin("car-1").news] == ["VehicleIntentSet"]


def test_the_intent_of_the_car_that_is_plugged_in_is_reported_with_the_plug_in_and_shown_with_its_reason(
    charger: Rig,
) -> None:
    send(charger, LEAF)
    assert in_force(charger) == ("asset", None)
    reply = observe(charger, plugged_in=True, at_home=True, vehicle_id="leaf")
    assert reply.status == 202, reply.text
    shown = status(charger)
    assert in_force(charger) == ("vehicle", "leaf")
    assert (shown["intent"]["kwh"], shown["intent_in_force"]["intent"]["kwh"]) == (30, 12)
    assert shown["vehicle_intents"] == {"leaf": shown["intent_in_force"]["intent"]}
    assert "leaf" in shown["intent_in_force"]["text"]
    call = shown["axle"]["next_call"]
    assert (call["call"], call["intent"]["energy_required_kwh"]) == ("plug-in", 12)


def test_another_car_named_in_the_session_is_one_call_to_axle(charger: Rig) -> None:
    send(charger, LEAF)
    observe(charger, plugged_in=True, at_home=True)
    charger.change("car-1", lambda twin: all_acknowledged(twin, charger.clock.now()))
    charger.clock.move(minutes=3)
    observe(charger, vehicle_id="leaf")
    axle = status(charger)["axle"]
    assert (axle["next_call"]["call"], axle["next_call"]["intent"]["energy_required_kwh"]) == ("intent", 12)
    charger.change("car-1", lambda twin: all_acknowledged(twin, charger.clock.now()))
    charger.clock.move(minutes=3)
    observe(charger, vehicle_id="leaf")
    assert status(charger)["axle"]["next_call"] is None


def test_a_cars_intent_put_while_it_is_plugged_in_is_reported_at_once_and_deleted_is_the_assets_again(
    charger: Rig,
) -> None:
    observe(charger, plugged_in=True, at_home=True, vehicle_id="leaf")
    charger.change("car-1", lambda twin: all_acknowledged(twin, NOW))
    put = send(charger, LEAF).body["axle"]["next_call"]
    assert (put["call"], put["intent"]["energy_required_kwh"]) == ("intent", 12)
    charger.change("car-1", lambda twin: all_acknowledged(twin, NOW))
    deleted = send(charger, method="DELETE")
    assert deleted.status == 202
    assert deleted.body["axle"]["next_call"]["intent"]["energy_required_kwh"] == 30
    assert [entry.event for entry in charger.twin("car-1").news] == ["VehicleIntentDeleted"]
    assert in_force(charger) == ("asset", "leaf")


def test_what_is_so_already_writes_nothing(charger: Rig) -> None:
    send(charger, LEAF)
    before = charger.items()
    assert send(charger, LEAF).status == 202
    assert send(charger, method="DELETE", vehicle_id="zoe").status == 202
    assert charger.items() == before


def test_if_match_and_idempotency_keys_are_honoured_per_car(charger: Rig) -> None:
    key = {"idempotency-key": "one"}
    first = send(charger, LEAF, headers=key)
    assert send(charger, LEAF, headers=key).headers["idempotent-replayed"] == "true"
    assert send(charger, LEAF, headers=key, vehicle_id="zoe").status == 202
    assert send(charger, {**LEAF, "kwh": 3}, headers=key).problem == "idempotency-key-reused"
    outdated = {"if-match": first.headers["etag"]}
    assert send(charger, {**LEAF, "kwh": 3}, headers=outdated).problem == "revision-mismatch"
    assert set(charger.twin("car-1").vehicle_intents) == {"leaf", "zoe"}


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"kwh": 12}, "/ready_by"),
        ({**LEAF, "hours": 3}, "/hours"),
        ({**LEAF, "battery_kwh": -1}, "/battery_kwh"),
        ({**LEAF, "vehicle_id": "leaf"}, "/vehicle_id"),
    ],
)
def test_what_cannot_be_accepted_is_refused_with_a_pointer_to_it(charger: Rig, body: Any, pointer: str) -> None:
    before = charger.items()
    reply = send(charger, body)
    assert (reply.status, [error["pointer"] for error in reply.body["errors"]]) == (422, [pointer])
    assert charger.items() == before


@pytest.mark.parametrize("vehicle_id", ["a b", "-", "x" * 65])
def test_a_word_that_is_no_vehicles_id_is_refused(charger: Rig, vehicle_id: str) -> None:
    before = charger.items()
    for method, body in (("PUT", LEAF), ("DELETE", None)):
        reply = send(charger, body, method=method, vehicle_id=vehicle_id)
        assert (reply.status, reply.problem) == (422, "invalid-body")
    observed = observe(charger, vehicle_id=vehicle_id)
    assert observed.body["errors"][0]["pointer"] == "/observations/0/vehicle_id"
    assert charger.items() == before


@pytest.mark.parametrize(("scope", "expected"), [("", 401), ("axle", 403)])
def test_only_the_app_may_say_what_a_cars_driver_wants(charger: Rig, scope: str, expected: int) -> None:
    assert send(charger, LEAF, scope=scope).status == expected
    assert send(charger, method="DELETE", scope=scope).status == expected


def test_a_car_that_leaves_takes_nothing_with_it_and_the_next_one_decides(charger: Rig) -> None:
    send(charger, LEAF)
    observe(charger, plugged_in=True, at_home=True, vehicle_id="leaf")
    charger.change("car-1", lambda twin: all_acknowledged(twin, NOW))
    charger.clock.move(hours=2)
    observe(charger, plugged_in=False)
    charger.clock.move(minutes=20)
    charger.look("control", "car-1")
    left = status(charger)["axle"]["next_call"]
    charger.change("car-1", lambda twin: all_acknowledged(twin, charger.clock.now()))
    observe(charger, plugged_in=True, at_home=True)
    came = status(charger)["axle"]["next_call"]
    assert (left["call"], came["call"], came["intent"]["energy_required_kwh"]) == ("plug-out", "plug-in", 30)
    assert in_force(charger) == ("asset", None)
    assert set(charger.twin("car-1").vehicle_intents) == {"leaf"}


def test_no_vehicles_id_is_logged(charger: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    logged = StringIO()
    monkeypatch.setattr(charger.runtime.logger.registered_handler, "stream", logged)
    send(charger, {"kwh": 12}, vehicle_id="5YJ30000000000001")
    assert '"asset":"car-1"' in logged.getvalue()
    assert "5YJ30000000000001" not in logged.getvalue()


@pytest.mark.parametrize("name", ["put_vehicle_intent", "delete_vehicle_intent"])
def test_every_sample_event_is_accepted(rig: Rig, name: str) -> None:
    rig.clock.put(datetime(2026, 11, 22, 17, 42, 15, tzinfo=UTC))
    place(rig, plugged_in(a_twin(NOW), NOW))
    reply = called("preferences", sample(f"preferences_{name}"))
    assert reply.status == 202, reply.text
