"""The operator's switch: every car is released, and controlled again afterwards."""

from datetime import timedelta

import pytest

from driveway.domain.control.operator_switch import with_switch
from driveway.domain.control.reconcile import control_due
from driveway.domain.control.released import is_released
from driveway.domain.twin.reasons import Reason
from tests.support.domain.control_car import new_twin
from tests.support.domain.control_car_life import MINUTE
from tests.support.domain.control_rig import RULES, Rig

PROVIDERS = ("enode", "smartcar", "tesla", "ocpp")


def switch(rig: Rig, *, released: bool) -> None:
    change_switch(rig, released=released)
    rig.run(2 * MINUTE)


def change_switch(rig: Rig, *, released: bool) -> None:
    rig.change(lambda twin: with_switch(twin, rig.now, released=released, since=rig.now))


def held(provider: str) -> Rig:
    rig = Rig(twin=new_twin(provider))
    rig.plug_in()
    rig.run(20 * MINUTE)
    assert rig.car.held
    return rig


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_held_car_is_released_and_keeps_nothing_of_ours(provider: str) -> None:
    rig = held(provider)
    switch(rig, released=True)
    assert not rig.car.held
    assert not rig.car.kept_schedule
    assert is_released(rig.twin, rig.now)
    rig.charge_now(60)
    rig.schedule((60, 0.0))
    sent = len(rig.sent)
    rig.run(timedelta(hours=12))
    assert len(rig.sent) == sent, "all control has ended"


@pytest.mark.parametrize("provider", PROVIDERS)
def test_once_it_is_switched_on_again_the_car_is_held_as_before(provider: str) -> None:
    rig = held(provider)
    switch(rig, released=True)
    switch(rig, released=False)
    rig.run(10 * MINUTE)
    assert rig.car.held
    assert [entry.reason for entry in rig.entries_of("ControlResumed")] == [Reason.RESUMED_BY_OPERATOR]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_car_that_was_released_and_is_held_again_does_not_count_as_started_by_somebody_else(
    provider: str,
) -> None:
    """The stop before the release is never answered; the start's effect is reported after the next hold."""
    rig = Rig(twin=new_twin(provider), senders_of_stops_die=True)
    rig.plug_in()
    rig.charge_now(30)
    rig.run(32 * MINUTE)
    assert rig.car.held
    rig.be_silent(True)
    switch(rig, released=True)
    charged_at = rig.now
    assert rig.car.charging
    late_stop = rig.twin.control.late_stop
    assert late_stop is not None
    rig.run(late_stop.until - rig.now - timedelta(milliseconds=100))
    change_switch(rig, released=False)
    rig.run(timedelta(milliseconds=150))
    rig.silent = False
    rig.observe_at(charged_at, plugged_in=True, charging=True)
    rig.run(30 * MINUTE)
    assert rig.entries_of("NeedsAttention") == []
    assert rig.car.held


def test_a_released_twin_is_reconciled_again_within_the_hour() -> None:
    rig = Rig(twin=new_twin())
    switch(rig, released=True)
    due = control_due(rig.twin, rig.now, RULES)
    assert due is not None
    assert due <= rig.now + timedelta(hours=1)


def test_a_twin_that_has_the_switch_already_is_left_as_it_is() -> None:
    twin = new_twin()
    assert with_switch(twin, RULES_AT, released=False, since=None) is twin


def test_an_instance_that_believes_only_an_older_switch_changes_nothing() -> None:
    at, later = RULES_AT, RULES_AT + MINUTE
    released = with_switch(new_twin(), at, released=True, since=at)
    assert with_switch(released, later, released=False, since=None) is released
    missed = with_switch(new_twin(), later, released=False, since=later)
    assert with_switch(missed, later, released=True, since=at) is missed, "it knows the newer one without a change"
    resumed = with_switch(released, later, released=False, since=later)
    assert with_switch(resumed, later, released=True, since=at) is resumed


RULES_AT = Rig(twin=new_twin()).now
