"""What the judge asks of a home that leaves: only what was accepted, and only what a command can reach."""

import random
from datetime import timedelta
from typing import Any

import pytest

from simulators.common import Fault
from tests.world import app
from tests.world.car_night import CarNight
from tests.world.ends import a_car_that_left_can_charge, every_request_is_answered
from tests.world.homes import Home, Neighbourhood
from tests.world.night import Night
from tests.world.stages import Stage
from tests.world.state import State
from tests.world.world import World, new_world

KEEPS_ITS_PROFILES = {"default_profiles_apply": "next_transaction", "takes_transaction_profiles": False}
OBEYS_AT_ONCE = {"takes_transaction_profiles": False}


def watched(world: World) -> tuple[Stage, Night]:
    """A stage, and a night that sees what happens on it."""
    night = Night(world, Neighbourhood(()), random.Random(1))
    stage = Stage(world)
    stage.app = night.app
    return stage, night


def joined(night: Night, made: Home) -> CarNight:
    night.neighbourhood = Neighbourhood((made,))
    return CarNight(night, night.seen, made)


def test_an_app_asks_until_axle_is_back_and_not_every_five_seconds() -> None:
    with new_world(1) as world:
        stage, night = watched(world)
        made = stage.onboarded()
        outage = world.axle.faults.add(Fault(status=503)).id
        asked = stage.app.ask("DELETE", f"/sites/{made.site}")
        stage.passes(minutes=60)
        assert [*every_request_is_answered(night, State(world))]
        world.axle.faults.clear(outage)
        stage.passes(minutes=2)
        assert (asked.status, asked.tries < 80) == (204, True)
        assert not [*every_request_is_answered(night, State(world))]
        assert world.violations == []


def test_an_app_that_never_gets_an_answer_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "MOST_TRIES", 15)
    with new_world(1) as world:
        stage, _ = watched(world)
        made = stage.onboarded()
        world.axle.faults.add(Fault(status=503))
        stage.app.ask("DELETE", f"/sites/{made.site}")
        stage.passes(minutes=8)
        assert world.violations == [f"DELETE /sites/{made.site} is never answered (503)"]


def test_a_home_has_left_once_its_erasure_was_accepted_and_may_have_since_it_was_asked_for() -> None:
    with new_world(1) as world:
        stage, night = watched(world)
        one = joined(night, stage.held())
        outage = world.axle.faults.add(Fault(status=503)).id
        asked_at = world.clock.now()
        asked = stage.app.ask("DELETE", f"/sites/{one.home.site}")
        stage.passes(minutes=10)
        before = world.clock.now()
        assert (one.takes_no_part(asked_at), one.has_left(before)) == (True, False)
        world.axle.faults.clear(outage)
        stage.passes(minutes=2)
        assert asked.answered_at is not None
        assert not one.has_left(asked.answered_at - timedelta(seconds=1))
        assert one.has_left(asked.answered_at)


def test_a_request_that_was_refused_changes_nothing() -> None:
    with new_world(1) as world:
        stage, night = watched(world)
        one = joined(night, stage.held())
        until = (world.clock.now() - timedelta(hours=1)).isoformat()
        path = f"/sites/{one.home.site}"
        assert stage.app.ask("POST", f"{path}/snooze", {"until": until}, expected=frozenset({422})).status == 422
        refused = stage.app.ask("POST", f"{path}/unenrol", {"no": "such field"}, expected=frozenset({400, 422}))
        stage.passes(minutes=1)
        now = world.clock.now()
        assert (refused.is_refused, one.takes_no_part(now), one.has_left(now)) == (True, False, False)


def test_a_home_that_is_back_may_be_held_from_that_moment_on() -> None:
    with new_world(1) as world:
        stage, night = watched(world)
        one = joined(night, stage.held())
        stage.app.ask("POST", f"/sites/{one.home.site}/unenrol")
        stage.passes(minutes=10)
        assert one.has_left(world.clock.now())
        back = stage.app.ask("POST", f"/sites/{one.home.site}/enrol", {"rejoin": True})
        assert back.answered_at is not None
        assert not one.has_left(back.answered_at)


@pytest.mark.parametrize("spec", [KEEPS_ITS_PROFILES, OBEYS_AT_ONCE])
def test_a_running_transaction_that_nothing_can_free_counts_as_free_once_no_hold_is_left_in_the_charger(
    spec: dict[str, Any],
) -> None:
    with new_world(1) as world:
        stage, night = watched(world)
        one = joined(night, stage.held("ocpp", **spec))
        car = State(world).car(one.home.vehicle_id)
        stage.app.ask("POST", f"/sites/{one.home.site}/unenrol")
        assert [*a_car_that_left_can_charge(night, State(world))], "the hold is still in it"
        stage.passes(minutes=15)
        assert not [*a_car_that_left_can_charge(night, State(world))]
        assert car.charging is (spec is OBEYS_AT_ONCE)
        for move in ("plug-out", "plug-in"):
            world.move(one.home.vehicle_id, move)
            stage.passes(minutes=5)
        assert car.charging


@pytest.mark.parametrize("reachable", [False, True])
def test_a_charger_that_no_erasure_could_reach_in_its_hour_may_hold_the_next_car(reachable: bool) -> None:
    with new_world(1) as world:
        stage, night = watched(world)
        one = joined(night, stage.onboarded("ocpp", auto_start=True))
        world.simulated("POST", f"/cars/{one.home.vehicle_id}/set", {"reachable": reachable})
        stage.app.ask("DELETE", f"/sites/{one.home.site}")
        stage.passes(minutes=65)
        world.simulated("POST", f"/cars/{one.home.vehicle_id}/set", {"reachable": True})
        world.move(one.home.vehicle_id, "plug-in")
        stage.passes(minutes=1)
        assert one.is_erased_unreached(world.clock.now()) is not reachable
        assert State(world).car(one.home.vehicle_id).charging is reachable
        assert not [*a_car_that_left_can_charge(night, State(world))]
