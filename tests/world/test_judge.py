"""The judge is a judge of its own: it knows nothing of charge control, and notices a control that is late."""

import ast
import random
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from simulators.common import Fault
from tests.world.car_night import CarNight
from tests.world.chaos import play
from tests.world.homes import drawn_home
from tests.world.late_reports import energy_of_late_reports
from tests.world.leaving import still_held
from tests.world.one_account import refreshed_by_two
from tests.world.one_car import claimed_by_two
from tests.world.planted import an_hour_late
from tests.world.seen import Seen
from tests.world.stages import Stage
from tests.world.state import State
from tests.world.world import new_world

APART = ("plans", "seen", "car_night", "judge")


@pytest.mark.parametrize("name", APART)
def test_the_judge_imports_nothing_of_charge_control(name: str) -> None:
    tree = ast.parse((Path(__file__).parent / f"{name}.py").read_text())
    imported = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    imported += [one.name for node in ast.walk(tree) if isinstance(node, ast.Import) for one in node.names]
    assert not [one for one in imported if one.startswith("driveway.")]


def test_a_control_that_starts_cars_an_hour_late_is_noticed() -> None:
    with an_hour_late():
        wrong = play(1).wrong
    assert any(one.startswith("charges: ") for one in wrong), wrong


def test_of_two_homes_that_onboard_one_car_at_once_one_has_it() -> None:
    assert not claimed_by_two()


def test_two_cars_of_one_account_use_a_refresh_token_once() -> None:
    assert not refreshed_by_two()


def test_a_held_car_whose_home_leaves_is_able_to_charge() -> None:
    assert not still_held()


def test_reports_that_come_late_and_out_of_order_change_no_energy() -> None:
    assert not energy_of_late_reports()


def test_a_stop_of_ours_holds_a_car_until_its_driver_stops_it_too() -> None:
    with new_world(1) as world:
        seen, stage = Seen(world), Stage(world)
        home = stage.held()
        car = State(world).car(home.vehicle_id)
        assert seen.is_stopped_by_command(car)
        stage.passes(minutes=1)
        seen.by_hand(home.vehicle_id)
        world.move(home.vehicle_id, "driver-stop")
        assert not seen.is_stopped_by_command(car)


def test_a_car_that_stops_by_itself_is_not_held_by_our_schedule_in_it() -> None:
    with new_world(1) as world:
        seen, stage = Seen(world), Stage(world)
        home = stage.onboarded("tesla", auto_start=True, pauses_after_s=600)
        car = State(world).car(home.vehicle_id)
        assert any(one["obeyed_at"] for one in car.commands), "it keeps our schedule"
        with world.cars.world.present() as now:
            car.plug_in(now)
            car.command(now, "start")
            car.advance(now + timedelta(minutes=15))
        assert (car.mode, car.charging) == ("stop", False)
        kept_at = now + timedelta(minutes=20)
        car.commands.append({"command": "add_charge_schedule", "obeyed_at": kept_at.isoformat()})
        assert not seen.is_stopped_by_command(car)


def test_a_home_that_joins_again_before_axle_learned_that_it_had_left_is_back() -> None:
    with new_world(1) as world:
        seen, stage = Seen(world), Stage(world)
        home = stage.held()
        world.axle.faults.add(Fault(status=503))
        left_at = world.clock.now()
        stage.app.ask("POST", f"/sites/{home.site}/unenrol")
        stage.passes(minutes=20)
        assert all(at < left_at for at, _ in seen.enrolled[home.asset])
        stage.app.ask("POST", f"/sites/{home.site}/enrol", {"rejoin": True})
        world.axle.faults.clear()
        stage.settles()
        night: Any = SimpleNamespace(app=stage.app, world=world)
        one = CarNight(night, seen, home)
        assert (one.has_left(left_at + timedelta(minutes=15)), one.has_left(world.clock.now())) == (True, False)
        assert not one.takes_no_part(world.clock.now())


def test_a_simulated_car_keeps_the_time_of_its_home() -> None:
    assert drawn_home(1, "tesla", random.Random(1), "Australia/Sydney").spec["timezone"] == "Australia/Sydney"
