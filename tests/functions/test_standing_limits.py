"""A limit of ours in a car that keeps it: never above the driver's own current, and given back to the car."""

from datetime import timedelta

import pytest

from driveway.domain.twin import StandingLimit
from driveway.values import replace
from tests.support.functions.rig import NOW
from tests.support.functions.schedule_calls import ROUTE, profile
from tests.support.functions.stage import Stage


def charge_now(stage: Stage) -> None:
    body = {"for_minutes": 600}
    assert stage.rig.serve("preferences", "PUT /assets/{asset}/charge-now", body, asset="car-1").status < 300
    stage.settle()


def limit(stage: Stage, limit_kw: float) -> None:
    """Let Axle's schedule charge the car at a limit from now on."""
    limited = profile([(0, limit_kw * 1000)], startSchedule=stage.rig.clock.now().isoformat())
    answer = stage.rig.serve("schedules", f"POST {ROUTE}", limited, scope="axle", axle_asset_id="axle-car-1")
    assert answer.status == 200
    stage.settle()


def amps_set(stage: Stage) -> list[float]:
    """The charging currents that were commanded, refused ones too."""
    commands = stage.truth()["commands"]
    return [one["params"]["charging_amps"] for one in commands if one["command"] == "set_charging_amps"]


def amps(stage: Stage) -> float:
    """The current that the car is set to."""
    return float(stage.truth()["amps"])


def standing(stage: Stage) -> StandingLimit | None:
    return stage.rig.twin("car-1").control.standing_limit


def leave(stage: Stage, how: str) -> None:
    """The site opts out, is erased, or pauses."""
    match how:
        case "unenrolled":
            stage.link(enrolled=False)
        case "leaving":
            stage.link(leaving=True, leaving_since=NOW)
        case _:
            stage.link(snoozed_until=NOW + timedelta(days=2))


def unplug(stage: Stage) -> None:
    """The cable comes out, and that is believed."""
    stage.run(1)
    stage.cars.do("plug-out", "5YJ30000000000001")
    stage.see()
    stage.run(15)


def test_a_tesla_that_was_never_limited_keeps_the_current_that_its_driver_chose(stage: Stage) -> None:
    stage.park("tesla", auto_start=False)
    stage.break_service("tesla/.*/charge_start", status=540)
    charge_now(stage)
    stage.run(3)
    stage.break_nothing()
    stage.run(5)
    assert stage.truth()["charging"]
    assert [one["command"] for one in stage.truth()["commands"]].count("charge_start") > 0
    assert amps_set(stage) == []


def test_a_limit_is_taken_back_from_a_tesla_once(stage: Stage) -> None:
    stage.park("tesla", auto_start=False, driver_amps=24)
    limit(stage, 3.68)
    assert amps_set(stage) == [16]
    stage.see()
    charge_now(stage)
    stage.run(30)
    assert amps_set(stage) == [16, 24]
    assert standing(stage) is None


def test_a_limit_of_a_start_that_the_car_did_not_answer_is_taken_back_from_a_tesla(stage: Stage) -> None:
    stage.park("tesla", auto_start=False, driver_amps=24)
    stage.break_service("tesla/.*/charge_start", status=540)
    limit(stage, 3.68)
    assert amps_set(stage) == [16]
    stage.break_nothing()
    charge_now(stage)
    assert amps_set(stage) == [16, 24]


def test_a_limit_never_raises_the_current_that_a_driver_chose_for_a_weak_circuit(stage: Stage) -> None:
    stage.park("tesla", auto_start=False, driver_amps=8)
    limit(stage, 3.0)
    stage.see()
    assert stage.truth()["charging"]
    assert (amps_set(stage), amps(stage)) == ([], 8)
    leave(stage, "unenrolled")
    stage.run(10)
    assert (amps_set(stage), amps(stage)) == ([], 8)


@pytest.mark.parametrize("how", ["unenrolled", "leaving", "snoozed"])
@pytest.mark.parametrize("plugged", [True, False])
def test_a_released_car_has_its_drivers_own_current_back_at_once(stage: Stage, how: str, plugged: bool) -> None:
    stage.park("tesla", auto_start=False, driver_amps=16)
    limit(stage, 3.0)
    stage.see()
    assert amps(stage) == 13
    if not plugged:
        stage.break_service("tesla", status=408)
        unplug(stage)
        stage.break_nothing()
        assert amps(stage) == 13
    leave(stage, how)
    stage.run(2 if plugged else 60)
    assert (amps(stage), standing(stage)) == (16, None)


def test_an_unplugged_car_has_its_drivers_own_current_back(stage: Stage) -> None:
    stage.park("tesla", auto_start=False, driver_amps=16)
    limit(stage, 3.0)
    stage.see()
    unplug(stage)
    assert (amps_set(stage), standing(stage)) == ([13, 16], None)


def test_a_car_that_sleeps_has_its_current_back_once_it_is_seen(stage: Stage) -> None:
    stage.park("tesla", auto_start=False, driver_amps=16)
    limit(stage, 3.0)
    stage.see()
    stage.cars.change("5YJ30000000000001", reachable=False)
    stage.rig.runtime.__dict__["control_rules"] = replace(stage.rig.runtime.control_rules, daily_wakes=0)
    unplug(stage)
    stage.run(60)
    asked = len(stage.truth()["commands"])
    assert amps(stage) == 13
    stage.cars.change("5YJ30000000000001", reachable=True)
    stage.see()
    stage.run(30)
    assert (amps(stage), standing(stage)) == (16, None)
    assert asked < 10, "a car that sleeps is left in peace"


def test_a_limit_that_was_set_by_a_call_that_died_is_known_and_taken_back(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.park("tesla", auto_start=False, driver_amps=16)

    def dies(*_: object, **__: object) -> None:
        raise SystemExit("the function died before it noted the answer")

    with monkeypatch.context() as patch:
        patch.setattr("driveway.commands.dispatch._note", dies)
        with pytest.raises(SystemExit):
            limit(stage, 3.0)
    assert (amps(stage), standing(stage)) == (13, StandingLimit(3.0, NOW, driver_amps=16, our_amps=(13,)))
    leave(stage, "unenrolled")
    stage.run(30)
    assert (amps(stage), standing(stage)) == (16, None)


def test_a_current_that_the_driver_changed_since_is_left_as_it_is(stage: Stage) -> None:
    stage.park("tesla", auto_start=False, driver_amps=16)
    limit(stage, 3.0)
    stage.see()
    stage.cars.change("5YJ30000000000001", driver_amps=10)
    leave(stage, "unenrolled")
    stage.run(5)
    assert (amps_set(stage), amps(stage), standing(stage)) == ([13], 10, None)


def test_a_car_that_does_not_take_its_current_back_is_asked_again(stage: Stage) -> None:
    stage.park("tesla", auto_start=False, driver_amps=16)
    limit(stage, 3.0)
    stage.see()
    stage.cars.change("5YJ30000000000001", ignores_amps=True)
    leave(stage, "unenrolled")
    stage.run(5)
    assert (amps(stage), standing(stage)) == (13, StandingLimit(3.0, NOW, driver_amps=16, our_amps=(13,)))
    stage.cars.change("5YJ30000000000001", ignores_amps=False)
    stage.run(60)
    assert (amps(stage), standing(stage)) == (16, None)
    assert stage.reasons("ChargingCurrent") == ["CURRENT_RESTORED"]


def test_a_car_that_does_not_say_its_current_is_started_without_a_limit(stage: Stage) -> None:
    stage.park("tesla", auto_start=False, driver_amps=16)
    stage.break_service("tesla/.*/vehicle_data", status=403)
    limit(stage, 3.0)
    assert stage.truth()["charging"]
    assert amps_set(stage) == []


def test_a_sleeping_car_is_woken_before_its_current_is_read_and_set(stage: Stage) -> None:
    stage.cars.configure("tesla", wake_s=0)
    stage.park("tesla", auto_start=False, driver_amps=16)
    stage.cars.do("sleep", "5YJ30000000000001")
    limit(stage, 3.0)
    stage.run(3)
    assert stage.truth()["charging"]
    assert (amps_set(stage), amps(stage)) == ([13], 13)
