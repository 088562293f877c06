"""Charge control by example: one command, from plan to proof."""

from datetime import timedelta
from itertools import pairwise

import pytest

from driveway.domain.control.command_answers import answered
from driveway.domain.control.command_dispatch import claimed
from driveway.domain.control.reconcile import control_due, step
from driveway.domain.control.vehicle_requests import look_due
from driveway.domain.twin import Observed
from driveway.domain.twin.reasons import Reason
from driveway.values import replace
from tests.support.domain.control_car import START
from tests.support.domain.control_car_life import MINUTE
from tests.support.domain.control_rig import OFF_PEAK_ENDS, OFF_PEAK_STARTS, RULES, Rig, plugged


def test_a_car_that_charges_when_plugged_in_at_peak_is_stopped_once() -> None:
    rig = plugged()
    rig.run(timedelta(hours=3))
    assert rig.actions() == ["stop"]
    assert not rig.car.charging
    assert rig.command.state == "confirmed"
    assert [entry.event for entry in rig.news if entry.event.startswith("Command")] == [
        "CommandPlanned",
        "CommandSent",
        "CommandConfirmed",
    ]


def test_edges_are_met_to_the_second_and_planned_a_minute_or_two_before() -> None:
    rig = plugged()
    rig.run(timedelta(hours=14))
    (_, _), (started_at, start), (stopped_at, stop) = rig.sent
    assert started_at == OFF_PEAK_STARTS
    assert stopped_at == OFF_PEAK_ENDS
    assert (start.planned_at, start.edge_at) == (OFF_PEAK_STARTS - RULES.ahead("car-1"), OFF_PEAK_STARTS)
    assert stop.reason == Reason.DEFAULT_PEAK


def test_a_car_that_follows_the_plan_gets_no_command() -> None:
    rig = Rig(now=OFF_PEAK_STARTS + MINUTE)
    rig.plug_in()
    rig.run(timedelta(hours=2))
    assert rig.car.charging
    assert rig.sent == []


def test_an_accepted_command_is_confirmed_only_by_what_the_car_shows() -> None:
    rig = plugged()
    rig.car.obeys_after = timedelta(minutes=3)
    rig.run(OFF_PEAK_STARTS + 2 * MINUTE - rig.now)
    assert (rig.command.state, rig.command.outcome) == ("sent", "ACCEPTED")
    rig.run(2 * MINUTE)
    assert rig.command.state == "confirmed"


def test_a_sleeping_car_is_tried_again_after_pauses_that_grow_until_it_charges() -> None:
    rig = plugged()
    rig.fault = "asleep"
    rig.run(OFF_PEAK_STARTS + 3 * MINUTE - rig.now)
    rig.fault = None
    rig.run(5 * MINUTE)
    times = [at for at, command in rig.sent if command.action == "start"]
    pauses = [later - earlier for earlier, later in pairwise(times)]
    assert rig.car.charging
    assert pauses == sorted(pauses)
    assert len(times) == 4


def test_a_stop_without_effect_is_given_up_and_the_retry_pauses_grow_to_an_hour() -> None:
    rig = Rig(sighting_every=timedelta(minutes=2))
    rig.fault = "ignored"
    rig.plug_in()
    rig.run(timedelta(hours=6))
    given_up = [entry.at for entry in rig.entries_of("CommandFailed")]
    gaps = [later - earlier for earlier, later in pairwise(given_up)]
    assert rig.actions()[:4] == ["stop"] * 4
    assert set(rig.actions()) == {"stop"}, "a car that charges needs no release"
    (entry,) = rig.entries_of("NeedsAttention")
    assert entry.reason == Reason.GAVE_UP_RELEASED
    assert entry.text.startswith("Your car did not follow our commands, and we try again later.")
    assert gaps == sorted(gaps)
    assert len(gaps) >= 3


def test_a_car_that_may_have_been_stopped_is_released_when_the_stop_is_given_up() -> None:
    rig = Rig()
    rig.plug_in()
    rig.silent = True
    rig.run(timedelta(minutes=40))
    assert rig.actions()[:5] == ["stop", "stop", "stop", "stop", "start"]
    assert rig.sent[4][1].reason == Reason.GAVE_UP_RELEASED
    assert rig.car.charging


def test_a_confirmed_release_does_not_close_the_breaker() -> None:
    rig = Rig(sighting_every=timedelta(days=1))
    rig.car.obeys_after = timedelta(minutes=4)
    rig.presence_rules = replace(rig.presence_rules, refresh_s=0)
    rig.plug_in()
    rig.silent = True
    rig.run(timedelta(minutes=40))
    rig.silent = False
    rig.run(timedelta(minutes=1))
    rig.set_charging(True)
    rig.run(timedelta(minutes=1))
    assert rig.twin.control.breaker_until is not None
    assert rig.twin.control.failures == 1


def test_a_command_whose_event_was_lost_is_announced_again_and_sent_once() -> None:
    rig = Rig()
    rig.fault = "event_lost"
    rig.plug_in()
    rig.run(MINUTE)
    lost_id = rig.command.id
    rig.fault = None
    rig.run(3 * MINUTE)
    assert rig.command.id == lost_id
    assert rig.command.attempts == 1
    assert not rig.car.charging


def test_commands_behind_many_others_in_a_queue_are_sent_late_but_once() -> None:
    rig = Rig()
    rig.backlog = 6 * MINUTE
    rig.plug_in()
    rig.run(7 * MINUTE)
    assert rig.command.attempts == 1
    assert not rig.car.charging
    rig.run(10 * MINUTE)
    assert [command.attempts for _, command in rig.sent] == [1]


def test_a_command_that_nobody_sends_expires_and_is_planned_again() -> None:
    rig = Rig()
    rig.fault = "event_lost"
    rig.plug_in()
    rig.run(11 * MINUTE)
    assert len(rig.entries_of("CommandExpired")) == 1
    assert rig.command.state == "planned"


def test_a_command_is_claimed_only_once() -> None:
    rig = Rig()
    rig.fault = "event_lost"
    rig.plug_in()
    rig.run(MINUTE)
    sent = claimed(rig.twin, rig.command.id, rig.now, RULES)
    assert sent is not None
    assert claimed(sent, rig.command.id, rig.now, RULES) is None


def test_a_command_that_charge_now_made_wrong_is_not_sent() -> None:
    rig = Rig()
    rig.fault = "event_lost"
    rig.plug_in()
    rig.run(MINUTE)
    stop_id = rig.command.id
    rig.charge_now(60)
    assert claimed(rig.twin, stop_id, rig.now, RULES) is None
    rig.run(MINUTE)
    assert rig.entries_of("CommandSuperseded")
    assert rig.car.charging


def test_an_expired_command_is_not_sent() -> None:
    rig = Rig()
    rig.fault = "event_lost"
    rig.plug_in()
    rig.run(MINUTE)
    assert claimed(rig.twin, rig.command.id, rig.command.expires_at, RULES) is None


def test_a_command_is_not_sent_once_the_car_shows_it_by_itself() -> None:
    rig = Rig()
    rig.fault = "event_lost"
    rig.plug_in()
    rig.run(MINUTE)
    rig.set_charging(False)
    rig.run(MINUTE)
    assert rig.sent == []
    assert rig.entries_of("CommandSuperseded")[0].reason == Reason.ALREADY_IN_STATE


def test_an_answer_to_another_command_changes_nothing() -> None:
    rig = plugged()
    after = answered(rig.twin, "somebody-elses", outcome="FAILED", detail="no", now=rig.now, rules=RULES, spread=0.5)
    assert after == rig.twin


def test_a_command_waits_as_long_as_the_provider_asks() -> None:
    rig = Rig()
    rig.fault = "answer_lost"
    rig.plug_in()
    rig.run(timedelta(seconds=2))
    sent_id = rig.command.id
    after = answered(
        rig.twin,
        sent_id,
        outcome="RETRYABLE",
        detail="rate limited",
        now=rig.now,
        rules=RULES,
        spread=0.0,
        retry_after_s=600,
    )
    assert after.control.command is not None
    assert after.control.command.confirm_by == rig.now + timedelta(seconds=600)


def test_a_car_has_the_whole_time_to_show_the_effect_of_a_command_from_its_answer_on() -> None:
    rig = Rig()
    rig.fault = "answer_lost"
    rig.plug_in()
    rig.silent = True
    rig.run(timedelta(seconds=2))
    answered_at = rig.now + 5 * MINUTE
    after = answered(rig.twin, rig.command.id, outcome="ACCEPTED", detail="", now=answered_at, rules=RULES, spread=0.0)
    assert after.control.command is not None
    assert after.control.command.confirm_by == answered_at + RULES.confirm_stop_within


def test_the_pauses_between_restarts_of_a_car_that_stops_by_itself_grow() -> None:
    rig = plugged()
    for _ in range(78):
        rig.run(10 * MINUTE)
        if rig.car.charging and rig.now > OFF_PEAK_STARTS:
            rig.set_charging(False)
    times = [at for at, command in rig.sent if command.action == "start" and at < OFF_PEAK_ENDS]
    waits = [later - earlier for earlier, later in pairwise(times)]
    assert [round(wait / MINUTE) for wait in waits] == [30, 60, 120]


def test_a_full_car_is_tried_once_in_the_off_peak_window_and_nothing_fails() -> None:
    rig = plugged()
    rig.fill()
    rig.run(timedelta(hours=14))
    assert rig.actions() == ["stop", "start"]
    assert rig.sent[-1][0] == OFF_PEAK_STARTS
    assert rig.entries_of("CommandConfirmed")[-1].reason == Reason.BATTERY_FULL
    assert (rig.entries_of("CommandFailed"), rig.entries_of("NeedsAttention")) == ([], [])


@pytest.mark.parametrize("fault", ["refused", "retryable", "asleep", "answer_lost", "needs_user"])
def test_no_fault_of_a_provider_costs_more_than_the_daily_budget_or_outlives_the_breaker(fault: str) -> None:
    rig = Rig()
    rig.fault = fault
    rig.plug_in()
    rig.run(timedelta(hours=20))
    rig.fault = None
    rig.run(timedelta(hours=5))
    want_charge = OFF_PEAK_STARTS + timedelta(days=1) <= rig.now
    assert rig.car.charging == want_charge
    assert max(rig.per_day.values()) <= RULES.daily_commands


def test_unsupported_commands_are_not_repeated_before_the_breaker_closes() -> None:
    rig = Rig()
    rig.fault = "answer_lost"
    rig.plug_in()
    rig.run(timedelta(seconds=2))
    refused = answered(
        rig.twin, rig.command.id, outcome="UNSUPPORTED", detail="cannot", now=rig.now, rules=RULES, spread=0.5
    )
    after = step(replace(refused, news=()), rig.now, RULES, new_id="next")
    assert after.control.command is not None
    assert after.control.command.state == "failed"
    assert [entry.reason for entry in after.news if entry.event == "NeedsAttention"] == [Reason.PROVIDER_UNSUPPORTED]
    assert after.control.breaker_until is not None
    assert step(replace(after, news=()), rig.now + MINUTE, RULES).control.command == after.control.command


def test_an_unplugged_car_has_nothing_due_but_a_state_read_when_silent() -> None:
    rig = Rig()
    rig.run(MINUTE)
    due = control_due(rig.twin, rig.now, RULES)
    assert due == look_due(rig.twin, rig.now)
    assert due is not None
    assert OFF_PEAK_STARTS + timedelta(hours=23) <= due < OFF_PEAK_STARTS + timedelta(days=1)


def test_a_reconcile_that_changes_nothing_returns_the_same_twin() -> None:
    rig = plugged()
    assert step(rig.twin, rig.now, RULES) is rig.twin


def test_charging_to_the_minimum_starts_at_once_at_peak_and_ends_when_it_is_seen() -> None:
    rig = plugged()
    intent = replace(rig.twin.intent, minimum_soc_pct=20.0)
    low = replace(rig.twin.presence, soc_pct=Observed(10.0, rig.now))
    rig.change(lambda twin: replace(twin, intent=intent, presence=low))
    rig.run(MINUTE)
    assert rig.car.charging
    assert rig.command.reason == Reason.MINIMUM_SOC
    rig.run(10 * MINUTE)
    reached = replace(rig.twin.presence, soc_pct=Observed(20.0, rig.now))
    rig.change(lambda twin: replace(twin, presence=reached))
    rig.run(MINUTE)
    assert not rig.car.charging


def test_commands_planned_in_one_reconcile_wait_for_the_edge_even_when_the_lead_is_long() -> None:
    rig = plugged(rules=replace(RULES, lead=timedelta(minutes=10)))
    rig.run(OFF_PEAK_STARTS - MINUTE - rig.now)
    assert rig.command.state == "planned"
    assert not rig.car.charging
    rig.run(2 * MINUTE)
    assert rig.car.charging
    assert rig.sent[-1][0] == OFF_PEAK_STARTS


def test_a_plug_out_ends_an_open_command_and_nothing_is_sent_any_more() -> None:
    rig = Rig(now=START)
    rig.fault = "event_lost"
    rig.plug_in()
    rig.run(MINUTE)
    rig.plug_out()
    rig.fault = None
    rig.run(timedelta(hours=12))
    assert rig.command.state in {"superseded", "expired"}
    assert rig.sent == []
