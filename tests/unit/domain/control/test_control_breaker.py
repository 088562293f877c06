"""A car that did not follow is left alone for a time, and its driver gets a notice of the cause."""

from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from driveway.domain.control.giving_up import BREAKER_JITTER, LONGEST_BREAKER_PAUSE
from driveway.domain.control.protection import explain
from driveway.domain.reports.account_connection import disconnected
from driveway.domain.twin.reasons import Reason
from driveway.values import replace
from tests.support.domain.control_car import new_twin
from tests.support.domain.control_car_life import MINUTE
from tests.support.domain.control_rig import OFF_PEAK_STARTS, PROVIDER_FAULTS, RULES, Rig, plugged

HOUR = timedelta(hours=1)
LONGEST = LONGEST_BREAKER_PAUSE * (1 + BREAKER_JITTER)


def left_alone(fault: str = "asleep", provider: str = "enode", *, lasting: timedelta = HOUR / 2) -> Rig:
    """A held car whose start was given up."""
    rig = plugged(provider)
    rig.sighting_every = None
    rig.run(OFF_PEAK_STARTS - MINUTE - rig.now)
    rig.fault = fault
    rig.run(lasting)
    assert rig.twin.control.breaker_until is not None
    assert rig.twin.control.breaker_until > rig.now
    return rig


def attention(rig: Rig) -> list[str]:
    return [entry.reason for entry in rig.entries_of("NeedsAttention")]


# How long


def test_a_car_is_left_alone_for_an_hour_at_most() -> None:
    rig = left_alone()
    rig.run(5 * HOUR)
    starts = [at for at, command in rig.sent if command.action == "start"]
    assert max(later - earlier for earlier, later in pairwise(starts)) <= LONGEST + MINUTE
    assert LONGEST_BREAKER_PAUSE <= HOUR


def test_a_car_that_slept_for_most_of_the_night_still_charges_before_it_is_over() -> None:
    rig = left_alone(lasting=4 * HOUR)
    rig.fault = None
    rig.run(LONGEST + MINUTE)
    assert rig.car.charging


@pytest.mark.parametrize("provider", ["enode", "ocpp"])
def test_a_car_or_charger_that_ignored_its_start_is_tried_again_after_the_pause(provider: str) -> None:
    rig = left_alone("ignored", provider, lasting=HOUR + HOUR / 4)
    rig.sighting_every = 5 * MINUTE
    rig.fault = None
    rig.run(HOUR)
    assert rig.car.charging


def test_a_charger_whose_car_turns_out_to_be_full_is_not_started_again() -> None:
    rig = left_alone("ignored", "ocpp", lasting=HOUR + HOUR / 4)
    rig.fault, rig.car.full = None, True
    rig.observe(plugged_in=True, charging=False, battery_full=True)
    before = len(rig.sent)
    rig.run(2 * HOUR)
    assert rig.sent[before:] == []


def test_a_charger_that_ignored_its_start_is_held_as_soon_as_the_plan_holds_it() -> None:
    rig = Rig(twin=new_twin("ocpp"))
    rig.plug_in()
    rig.run(10 * MINUTE)
    rig.fault = "ignored"
    rig.schedule((4 * 60, 7.4), (4 * 60, 0.0))
    rig.run(4 * HOUR - 2 * MINUTE)
    assert rig.twin.control.breaker_until is not None
    assert rig.twin.control.breaker_until > rig.now + 2 * MINUTE
    rig.fault = None
    rig.run(3 * MINUTE)
    assert rig.sent[-1][1].action == "stop"


def test_a_charger_that_was_released_because_its_stop_failed_is_not_stopped_before_the_pause_is_over() -> None:
    rig = Rig(twin=new_twin("ocpp"))
    rig.plug_in()
    rig.schedule((30, 0.0), (4 * 60, 7.4))
    rig.fault = "retryable"
    rig.run(8 * MINUTE)
    rig.fault = None
    rig.run(21 * MINUTE)
    assert rig.actions()[-1] == "start"
    assert rig.twin.control.breaker_until is not None
    assert rig.twin.control.breaker_until > rig.now + 2 * MINUTE
    rig.run(2 * MINUTE)
    assert rig.car.charging


def test_a_charger_whose_release_failed_too_is_held_before_the_pause_is_over() -> None:
    rig = Rig(twin=new_twin("ocpp"))
    rig.plug_in()
    rig.schedule((60, 0.0), (4 * 60, 7.4))
    rig.fault = "retryable"
    rig.run(35 * MINUTE)
    rig.fault = None
    rig.run(15 * MINUTE)
    assert not rig.car.charging
    rig.run(11 * MINUTE)
    assert rig.car.charging


@pytest.mark.parametrize(("fault", "tries"), [("refused", [1]), ("retryable", [1]), ("ignored", [1, 2])])
def test_after_a_pause_a_car_that_refuses_is_tried_once_and_one_that_does_not_follow_twice(
    fault: str, tries: list[int]
) -> None:
    rig = plugged()
    rig.run(OFF_PEAK_STARTS - MINUTE - rig.now)
    rig.fault = fault
    rig.run(5 * HOUR)
    attempts = [command.attempts for _, command in rig.sent if command.action == "start"]
    assert attempts[:4] == [1, 2, 3, 4]
    later = attempts[4:]
    assert later == (tries * len(later))[: len(later)]
    assert len(later) > 1


@pytest.mark.parametrize("fault", sorted({*PROVIDER_FAULTS} - {"lying", "partly", "event_lost", "out"}))
def test_no_fault_of_a_whole_day_uses_up_the_commands_that_the_car_needs_once_it_is_over(fault: str) -> None:
    rig = Rig()
    rig.fault = fault
    rig.plug_in()
    rig.run(47 * HOUR)
    assert max(rig.per_day.values()) < RULES.daily_commands - 2
    rig.fault = None
    rig.run(LONGEST + 30 * MINUTE)
    held_back = explain(rig.twin, rig.now, rig.rules)[1]
    assert not rig.car.charging or (held_back is not None and held_back.reason is Reason.PAIR_CAP_REACHED)


def test_the_driver_gets_one_notice_about_a_car_that_never_follows() -> None:
    rig = left_alone(lasting=6 * HOUR)
    assert attention(rig) == [Reason.GAVE_UP_RELEASED]
    assert len(rig.entries_of("CommandFailed")) > 3


# A car that can be reached again


def test_a_car_that_can_be_reached_again_is_tried_at_once() -> None:
    rig = left_alone()
    rig.observe(reachable=False)
    rig.fault = None
    rig.run(MINUTE)
    assert not rig.car.charging
    rig.observe(reachable=True)
    rig.run(MINUTE)
    assert rig.car.charging


def test_a_car_that_was_given_up_out_of_reach_is_tried_at_once_when_it_can_be_reached() -> None:
    rig = plugged()
    rig.run(OFF_PEAK_STARTS - MINUTE - rig.now)
    rig.observe(reachable=False)
    rig.fault = "asleep"
    rig.run(HOUR / 2)
    assert rig.twin.control.breaker_until is not None
    rig.fault = None
    rig.observe(reachable=True)
    rig.run(MINUTE)
    assert rig.car.charging


def test_a_car_that_could_be_reached_all_along_is_left_alone() -> None:
    rig = left_alone("refused")
    sent = len(rig.sent)
    for _ in range(3):
        rig.observe(reachable=True)
        rig.run(3 * MINUTE)
    assert len(rig.sent) == sent


def test_a_car_whose_account_is_out_of_order_is_not_tried_because_it_can_be_reached() -> None:
    rig = left_alone("refused")
    rig.change(lambda twin: disconnected(twin, "credentials invalidated", rig.now))
    sent = len(rig.sent)
    rig.observe(reachable=False)
    rig.run(MINUTE)
    rig.observe(reachable=True)
    rig.run(MINUTE)
    assert len(rig.sent) == sent


# The day's commands


def spent(rig: Rig) -> None:
    day = rig.now.date().isoformat()
    rig.change(
        lambda twin: replace(
            twin, control=replace(twin.control, budget_day=day, commands_today=rig.rules.daily_commands)
        )
    )


def test_the_driver_gets_one_notice_a_day_when_the_daily_budget_holds_back_a_charge_now() -> None:
    rig = plugged()
    rig.run(OFF_PEAK_STARTS - 60 * MINUTE - rig.now)
    spent(rig)
    rig.charge_now(20)
    rig.run(40 * MINUTE)
    rig.charge_now(20)
    rig.run(10 * MINUTE)
    assert not rig.car.charging
    assert attention(rig) == [Reason.DAILY_BUDGET_SPENT]
    rig.run(45 * MINUTE)
    assert rig.car.charging, "a new day has commands again"
    rig.set_charging(False)
    spent(rig)
    rig.charge_now(20)
    rig.run(10 * MINUTE)
    assert attention(rig) == [Reason.DAILY_BUDGET_SPENT] * 2


def test_the_driver_gets_a_notice_when_the_daily_budget_holds_back_a_planned_start() -> None:
    rig = plugged()
    spent(rig)
    rig.run(OFF_PEAK_STARTS + MINUTE - rig.now)
    assert attention(rig) == [Reason.DAILY_BUDGET_SPENT]
    (entry,) = rig.entries_of("NeedsAttention")
    assert "00:00" in entry.text
    assert entry.at == OFF_PEAK_STARTS - RULES.ahead("car-1")


def test_the_notice_about_a_start_that_cannot_be_repeated_today_names_the_budget() -> None:
    rig = plugged()
    rig.run(OFF_PEAK_STARTS - MINUTE - rig.now)
    rig.fault = "retryable"
    rig.change(lambda twin: replace(twin, control=replace(twin.control, commands_today=rig.rules.daily_commands - 2)))
    rig.run(10 * MINUTE)
    assert attention(rig) == [Reason.DAILY_BUDGET_SPENT]


def test_the_driver_gets_no_notice_when_the_daily_budget_holds_back_a_stop() -> None:
    rig = Rig(twin=new_twin())
    spent(rig)
    rig.plug_in()
    rig.run(HOUR)
    assert rig.car.charging
    assert attention(rig) == []


def test_the_days_of_the_budget_are_those_of_utc() -> None:
    rig = plugged()
    spent(rig)
    rig.run(datetime.fromisoformat("2026-11-25T00:00:30+00:00") - rig.now)
    assert rig.car.charging
