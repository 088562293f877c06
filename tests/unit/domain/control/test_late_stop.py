"""A stop that is under way when the plan changes, and reaches the car after the start that replaced it."""

from datetime import UTC, datetime, timedelta

import pytest

from driveway.domain.control.late_stop import late_stop_answered, with_late_stop_over
from driveway.domain.control.released import is_released
from driveway.domain.twin import Command, LateStop, OutcomeKind
from driveway.values import replace
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


@pytest.mark.parametrize(
    ("action", "state", "is_sent", "then"),
    [
        ("start", "sent", True, "superseded"),
        ("start", "planned", False, "planned"),
        ("start", "confirmed", True, "confirmed"),
        ("stop", "sent", True, "sent"),
    ],
)
@pytest.mark.parametrize("is_answered", [True, False])
def test_a_late_stop_that_the_car_may_have_obeyed_supersedes_a_start_that_was_sent_before_it(
    action: str, state: str, then: str, *, is_sent: bool, is_answered: bool
) -> None:
    now = datetime(2026, 1, 15, 18, tzinfo=UTC)
    command = Command("two", action, "AXLE_SCHEDULE", state, now, now, now + timedelta(days=1))  # type: ignore[arg-type]
    command = replace(command, sent_at=now if is_sent else None)
    twin = new_twin()
    twin = replace(twin, control=replace(twin.control, command=command, late_stop=LateStop("one", now + MINUTE)))
    if is_answered:
        after = late_stop_answered(twin, "one", OutcomeKind.ACCEPTED, now + MINUTE)
    else:
        after = with_late_stop_over(twin, now + MINUTE)
    assert after.control.command is not None
    assert after.control.command.state == then
    assert after.control.late_stop is None
    assert after.control.last_stop_at == now + MINUTE
