"""The operator's switch through its route: every car is released, also those that it reaches later."""

from datetime import timedelta

import pytest

from driveway.runtime.settings import SettingsError
from driveway.store.control_switch import ControlSwitch
from tests.support.functions.rig import Rig, function
from tests.support.functions.stage import Stage

KINDS = ("enode", "smartcar", "tesla", "ocpp")
ALL = len(KINDS)
PUT, GET = "PUT /control", "GET /control"


def switch(stage: Stage, state: str) -> None:
    answer = stage.rig.serve("operator", PUT, {"state": state}, scope="operator")
    assert (answer.status, answer.body["state"]) == (202, state)
    stage.run(2)


def held(stage: Stage) -> int:
    return int(stage.rig.serve("operator", GET, scope="operator").body["cars_held"]["held"])


def parked(stage: Stage) -> None:
    """Cars of several kinds, held at peak."""
    for number, provider in enumerate(KINDS, start=1):
        stage.park(provider, number=number)
        stage.rig.clock.move(minutes=1)
        stage.see(number)
    stage.run(3)
    for number in range(1, ALL + 1):
        stage.see(number)


def wake_for_all(stage: Stage) -> None:
    """Charge control wakes for every car with anything ahead; then each car reports itself."""
    for number in range(1, ALL + 1):
        stage.rig.look("control", f"car-{number}")
    stage.settle()
    stage.run(1)
    for number in range(1, ALL + 1):
        stage.see(number)


def charging(stage: Stage) -> list[bool]:
    return [stage.truth(number)["charging"] for number in range(1, ALL + 1)]


def test_every_car_is_released_and_held_again_afterwards(stage: Stage) -> None:
    parked(stage)
    assert (charging(stage), held(stage)) == ([False] * ALL, ALL)
    switch(stage, "released")
    wake_for_all(stage)
    stage.run(2)
    assert (charging(stage), held(stage)) == ([True] * ALL, 0)
    assert stage.shown()["desired"]["reason"] == "RELEASED_BY_OPERATOR"
    switch(stage, "running")
    wake_for_all(stage)
    stage.run(10)
    assert charging(stage) == [False] * ALL


def test_the_route_wakes_charge_control_for_every_car_at_once(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    parked(stage)
    queued: list[str] = []
    monkeypatch.setattr(
        "driveway.outbox.wakeups.queue_wake_ups",
        lambda runtime, queue, wake_ups, now: queued.extend(one.asset for one in wake_ups),
    )
    monkeypatch.setattr(
        function("operator"), "queue_wake_ups", lambda *given: queued.extend(one.asset for one in given[2])
    )
    assert stage.rig.serve("operator", PUT, {"state": "released"}, scope="operator").status == 202
    assert sorted(queued) == [f"car-{number}" for number in range(1, ALL + 1)]


def test_a_command_that_was_planned_before_is_not_sent_by_who_knows_of_the_switch(stage: Stage) -> None:
    stage.park("enode")
    stage.rig.look("control", "car-1")
    stage.rig.runtime.control_switch.put(stage.rig.clock.now(), released=True)
    stage.settle()
    assert stage.truth()["charging"]


@pytest.mark.parametrize("scope", ["app", "axle", ""])
@pytest.mark.parametrize("route", [PUT, GET])
def test_only_the_operator_may_switch(rig: Rig, scope: str, route: str) -> None:
    body = {"state": "released"} if route == PUT else None
    assert rig.serve("operator", route, body, scope=scope).status == (403 if scope else 401)


@pytest.mark.parametrize("body", [{}, {"state": "off"}, {"state": None}, {"state": "released", "by": "me"}])
def test_any_other_body_is_refused(rig: Rig, body: dict[str, object]) -> None:
    answer = rig.serve("operator", PUT, body, scope="operator")
    assert (answer.status, answer.problem) == (422, "invalid-body")
    assert not rig.runtime.control_switch.read(rig.clock.now()).released


def test_the_switch_is_read_again_after_some_seconds(rig: Rig) -> None:
    mine, other = ControlSwitch(rig.runtime.records), ControlSwitch(rig.runtime.records)
    assert not mine.read(rig.clock.now()).released
    other.put(rig.clock.now(), released=True)
    assert not mine.read(rig.clock.now()).released
    rig.clock.move(seconds=6)
    assert mine.read(rig.clock.now()).released


def test_an_instance_that_believes_an_older_switch_sends_and_changes_nothing(stage: Stage) -> None:
    """One instance knows that control is on again; another still believes that it is off."""
    parked(stage)
    runtime = stage.rig.runtime
    stale = ControlSwitch(runtime.records, believed=timedelta(hours=1))
    stale.put(stage.rig.clock.now(), released=True)
    newer = ControlSwitch(runtime.records)
    newer.put(stage.rig.clock.now(), released=False)
    runtime.__dict__["control_switch"] = newer
    stage.rig.look("control", "car-1")
    stage.settle()
    runtime.__dict__["control_switch"] = stale
    stage.rig.look("control", "car-1")
    stage.settle()
    assert stage.rig.twin("car-1").control.released_by_operator_at is None
    assert not stage.truth(1)["charging"]


def test_a_switch_is_later_than_the_one_before_whatever_the_clock_of_its_instance_shows(rig: Rig) -> None:
    at = rig.clock.now()
    first = rig.runtime.control_switch.put(at, released=True)
    second = rig.runtime.control_switch.put(at - timedelta(seconds=2), released=False)
    assert first.since is not None
    assert second.since is not None
    assert second.since > first.since
    assert ControlSwitch(rig.runtime.records).read(at) == second


def test_a_respect_for_stops_that_is_none_is_refused(rig: Rig) -> None:
    rig.runtime.settings = type(rig.runtime.settings)({**rig.runtime.settings.environ, "RESPECT_STOPS": "third"})
    rig.runtime.__dict__.pop("control_rules", None)
    with pytest.raises(SettingsError, match="RESPECT_STOPS"):
        _ = rig.runtime.control_rules
