"""Charge control while a car maker's service is out, and when a sleeping car may not be woken any more."""

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from driveway.domain.control.command_answers import answered
from driveway.domain.control.command_dispatch import claimed, put_off
from driveway.domain.control.protection import explain
from driveway.domain.control.reconcile import control_due, step
from driveway.domain.twin.reasons import Reason
from driveway.values import replace
from tests.support.domain.control_car import new_twin
from tests.support.domain.control_car_life import MINUTE
from tests.support.domain.control_rig import OFF_PEAK_STARTS, RULES, Rig, plugged


def through_an_outage(lasting: timedelta, *, before: timedelta = timedelta(minutes=5)) -> Rig:
    """A held car with a start in the middle of an outage, at the end of that outage."""
    rig = plugged()
    rig.run(OFF_PEAK_STARTS - before - rig.now)
    rig.fault = "out"
    rig.run(lasting)
    rig.fault = None
    return rig


def test_a_command_that_waits_for_its_provider_costs_neither_an_attempt_nor_a_command_of_the_day() -> None:
    rig = through_an_outage(timedelta(hours=3))
    assert (rig.actions(), rig.twin.control.commands_today, rig.command.attempts) == (["stop"], 1, 0)
    assert rig.twin.control.failures == 0
    assert not rig.entries_of("CommandFailed")


def test_the_car_charges_within_minutes_of_the_end_of_an_outage() -> None:
    rig = through_an_outage(timedelta(hours=3))
    rig.run(3 * MINUTE)
    assert rig.car.charging
    assert rig.command.state == "confirmed"


def test_an_outage_has_one_timeline_entry_and_is_shown_while_it_lasts() -> None:
    rig = through_an_outage(timedelta(hours=3))
    (entry,) = rig.entries_of("CommandPutOff")
    assert entry.reason == Reason.PROVIDER_BREAKER_OPEN
    _, held_back = explain(rig.twin, rig.now, RULES)
    assert held_back is not None
    assert held_back.reason is Reason.PROVIDER_BREAKER_OPEN
    rig.run(3 * MINUTE)
    assert explain(rig.twin, rig.now, RULES)[1] is None


def test_a_command_put_off_that_is_not_wanted_any_more_is_superseded() -> None:
    rig = through_an_outage(timedelta(minutes=10))
    rig.link(enrolled=False)
    rig.run(timedelta(hours=1))
    (over,) = rig.entries_of("CommandSuperseded")
    assert over.detail["action"] == "start"
    assert not rig.car.held, "the car was released although its provider was out"


def test_the_default_schedule_waits_for_its_provider_too_and_says_so_once() -> None:
    rig = Rig(twin=new_twin("tesla"))
    rig.fault = "out"
    rig.run(timedelta(hours=2))
    assert (rig.sent, len(rig.entries_of("CommandPutOff"))) == ([], 1)
    rig.fault = None
    rig.run(3 * MINUTE)
    assert rig.car.kept_schedule


def test_only_a_planned_command_is_put_off() -> None:
    rig = plugged()
    until = rig.now + MINUTE
    for command_id in ("another", rig.command.id):
        assert put_off(rig.twin, command_id, until=until, now=rig.now, rules=RULES) is None


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 6 * 60), st.integers(0, 120))
def test_an_outage_of_any_length_strands_nobody(minutes: int, before: int) -> None:
    rig = through_an_outage(minutes * MINUTE, before=before * MINUTE)
    rig.run(max(OFF_PEAK_STARTS - rig.now, timedelta(0)) + 10 * MINUTE)
    assert rig.car.charging == (rig.now < OFF_PEAK_STARTS + timedelta(hours=6))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 600))
def test_a_command_put_off_has_a_time_that_leaves_it(seconds: int) -> None:
    rig = plugged()
    now = OFF_PEAK_STARTS
    planned = replace(step(replace(rig.twin, news=()), now, RULES, new_id="start-1"), news=())
    until = now + timedelta(seconds=seconds)
    waiting = put_off(planned, "start-1", until=until, now=now, rules=RULES)
    assert waiting is not None
    assert control_due(waiting, now, RULES) == until
    again = step(replace(waiting, news=()), until, RULES)
    assert again.news == ()
    assert claimed(again, "start-1", until, RULES) is not None


def asleep(rig: Rig, wakes_today: int, *, woken: bool = False) -> Reason:
    """The reason in the timeline for a start that found the car asleep."""
    now = OFF_PEAK_STARTS
    planned = step(replace(rig.twin, news=()), now, RULES, new_id="start-1")
    sent = claimed(planned, "start-1", now, RULES)
    assert sent is not None
    spent = replace(sent, control=replace(sent.control, wakes_today=wakes_today), news=())
    after = answered(
        spent,
        "start-1",
        outcome="RETRYABLE",
        detail="asleep",
        now=now,
        rules=RULES,
        spread=0.5,
        asleep=True,
        woken=woken,
    )
    return Reason(after.news[-1].reason)


def test_a_start_names_the_wake_budget_when_a_sleeping_car_cannot_be_woken_today() -> None:
    rig = plugged("tesla")
    assert asleep(rig, RULES.daily_wakes) is Reason.WAKE_BUDGET_SPENT
    assert asleep(rig, RULES.daily_wakes - 1) is Reason.RETRY_WAIT
    assert asleep(rig, RULES.daily_wakes - 1, woken=True) is Reason.RETRY_WAIT
