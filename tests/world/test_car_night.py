"""What the judge takes for possible: schedules in force, commands that can have an effect, a car's own clock."""

import random
from typing import Any

import pytest

from tests.world.car_night import CarNight
from tests.world.homes import Home, Neighbourhood, home, neighbourhood
from tests.world.night import Night
from tests.world.stages import Stage
from tests.world.state import State
from tests.world.world import World, new_world

NEXT = {"default_profiles_apply": "next_transaction"}
UNNAMED = {"names_transactions": False}


def night_with(world: World, made: Home, **maker: Any) -> CarNight:
    """The night of one home, not played, with settings of its maker."""
    near = Neighbourhood((made,), makers={made.provider: maker})
    night = Night(world, near, random.Random(1))
    return CarNight(night, night.seen, made)


def test_the_schedules_of_an_asset_count_after_it_was_erased_at_axle() -> None:
    with new_world(1) as world:
        stage = Stage(world)
        one = night_with(world, home(1, "enode"))
        made = stage.held()
        arrived = CarNight(one.night, one.seen, made).allowance.arrived
        stage.app.ask("DELETE", f"/sites/{made.site}")
        stage.settles()
        assert State(world).axle_asset(made.asset) is None
        assert arrived
        assert CarNight(one.night, one.seen, made).allowance.arrived == arrived


@pytest.mark.parametrize(
    ("spec", "maker", "takes"),
    [
        ({}, {}, True),
        (NEXT, {}, True),
        (NEXT, UNNAMED, False),
        ({"takes_transaction_profiles": False}, UNNAMED, True),
        ({**NEXT, "takes_transaction_profiles": False}, {}, False),
    ],
)
def test_a_charger_takes_commands_by_its_defaults_or_by_a_profile_of_the_named_transaction(
    spec: dict[str, Any], maker: dict[str, Any], takes: bool
) -> None:
    with new_world(1) as world:
        assert night_with(world, home(1, "ocpp", **spec), **maker).takes_commands is takes


def test_a_car_whose_cloud_gives_up_before_it_obeys_takes_no_commands() -> None:
    with new_world(1) as world:
        late = home(1, "enode", command_delay_s=600)
        assert not night_with(world, late, action_timeout_s=300.0).takes_commands
        assert night_with(world, late, action_timeout_s=900.0).takes_commands


@pytest.mark.parametrize("zone", ["America/New_York", "Australia/Sydney"])
def test_a_drawn_car_keeps_its_schedules_by_the_clock_of_its_home(zone: str) -> None:
    homes = [one for seed in range(20) for one in neighbourhood(random.Random(seed), zone).homes]
    assert {one.spec["timezone"] for one in homes} == {zone}
