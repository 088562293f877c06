"""A stop that is under way when the plan changes, and reaches the car after the start that replaced it."""

from datetime import timedelta

import pytest

from driveway.domain.control.released import is_released
from tests.support.domain.control_car import new_twin
from tests.support.domain.control_car_life import MINUTE
from tests.support.domain.control_rig import Rig

PROVIDERS = ("enode", "smartcar", "tesla", "ocpp")


def stop_under_way(provider: str, travels: timedelta, *, sender_dies: bool = False) -> Rig:
    """A car at peak whose stop has left, and will arrive."""
    rig = Rig(twin=new_twin(provider), stops_travel=travels, senders_of_stops_die=sender_dies)
    rig.plug_in()
    rig.run(timedelta(seconds=30))
    assert rig.actions() == ["stop"]
    return rig


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("sender_dies", [False, True])
def test_a_car_that_leaves_can_charge_although_the_stop_arrives_last(provider: str, sender_dies: bool) -> None:
    rig = stop_under_way(provider, 3 * MINUTE, sender_dies=sender_dies)
    rig.link(leaving=True, enrolled=False)
    rig.run(2 * MINUTE)
    assert not is_released(rig.twin, rig.now), "the stop may still arrive"
    rig.run(10 * MINUTE)
    assert is_released(rig.twin, rig.now)
    assert not rig.car.held
    assert rig.actions() == ["stop", "start", "start"]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_charge_now_holds_although_a_stop_arrives_after_its_start(provider: str) -> None:
    rig = stop_under_way(provider, 2 * MINUTE)
    rig.charge_now(120)
    rig.run(6 * MINUTE)
    assert not rig.car.held
    assert rig.car.charging


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_late_stop_that_was_refused_costs_no_further_start(provider: str) -> None:
    rig = stop_under_way(provider, 3 * MINUTE)
    rig.link(leaving=True, enrolled=False)
    rig.run(2 * MINUTE)
    rig.fault = "refused"
    rig.run(2 * MINUTE)
    rig.fault = None
    rig.run(10 * MINUTE)
    assert is_released(rig.twin, rig.now)
    assert rig.actions() == ["stop", "start"]
