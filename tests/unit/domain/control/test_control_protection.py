"""Charge control by example: the driver's wishes, the car's protection, and the release."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from driveway.domain.control.budgets import RESERVED_FOR_STARTS, RESERVED_WAKES, day_of, may_wake
from driveway.domain.control.command_answers import answered
from driveway.domain.control.protection import explain, guard, peak_starts
from driveway.domain.control.required_command import required_command
from driveway.domain.control.settings import ControlRules
from driveway.domain.reports.account_connection import clear_needs_user_after_observation, disconnected, reconnected
from driveway.domain.twin import Observed
from driveway.domain.twin.reasons import Reason
from driveway.values import replace
from tests.support.domain.control_car import START, new_twin
from tests.support.domain.control_car_life import MINUTE
from tests.support.domain.control_rig import OFF_PEAK_ENDS, OFF_PEAK_STARTS, RULES, Rig, plugged


def held_back(rig: Rig) -> Reason | None:
    found = explain(rig.twin, rig.now, rig.rules)[1]
    return found.reason if found else None


# The driver


def test_charge_now_starts_a_held_car_at_once_whatever_the_dwell_and_ends_with_a_stop() -> None:
    rig = plugged()
    rig.charge_now(30)
    rig.run(timedelta(seconds=10))
    assert rig.car.charging
    rig.run(31 * MINUTE)
    assert not rig.car.charging
    assert rig.twin.charge_now is None
    assert rig.entries_of("ChargeNowEnded")


def test_charge_now_ends_with_the_plug_out() -> None:
    rig = plugged()
    rig.charge_now(600)
    rig.run(10 * MINUTE)
    rig.plug_out()
    rig.run(21 * MINUTE)
    rig.plug_in()
    rig.run(2 * MINUTE)
    assert rig.twin.charge_now is None
    assert not rig.car.charging


def test_charge_now_is_tried_once_though_the_breaker_is_open() -> None:
    rig = Rig()
    rig.fault = "ignored"
    rig.plug_in()
    rig.run(30 * MINUTE)
    rig.set_charging(False)
    assert rig.twin.control.breaker_until is not None
    rig.fault = "refused"
    sent = len(rig.sent)
    rig.charge_now(600)
    rig.run(timedelta(hours=2))
    assert rig.actions()[sent:][:4] == ["start"] * 4
    assert rig.twin.control.failures >= 2


def test_charge_now_goes_before_a_snooze() -> None:
    rig = plugged()
    rig.link(snoozed_min=600)
    rig.run(MINUTE)
    rig.set_charging(False)
    rig.charge_now(60)
    rig.run(40 * MINUTE)
    assert rig.car.charging


def test_a_car_that_stops_by_itself_during_charge_now_is_not_started_over_and_over() -> None:
    rig = plugged()
    rig.charge_now(240)
    for _ in range(23):
        rig.run(10 * MINUTE)
        rig.set_charging(False)
    assert rig.actions().count("start") == 4


def test_a_charge_now_sends_a_charger_the_start_again() -> None:
    rig = plugged("ocpp")
    rig.run(OFF_PEAK_STARTS + MINUTE - rig.now)
    rig.run(timedelta(hours=1))
    rig.set_charging(False)
    rig.run(timedelta(hours=1))
    assert not rig.car.charging
    rig.charge_now(60)
    rig.run(MINUTE)
    assert rig.car.charging


def test_charging_that_somebody_else_started_is_flagged_and_respected_until_the_plug_out() -> None:
    rig = plugged()
    rig.run(timedelta(hours=1))
    rig.self_start()
    rig.run(timedelta(hours=2))
    assert rig.car.charging
    assert rig.actions() == ["stop"]
    assert [entry.reason for entry in rig.entries_of("NeedsAttention")] == [Reason.THIRD_PARTY_INTERFERENCE]
    assert explain(rig.twin, rig.now, RULES)[0].reason is Reason.THIRD_PARTY_INTERFERENCE
    rig.plug_out()
    rig.run(10 * MINUTE)
    rig.plug_in()
    rig.run(2 * MINUTE)
    assert rig.actions() == ["stop", "stop"]


def test_charging_started_by_somebody_else_is_seen_of_a_charger_that_stood_idle_before_our_stop() -> None:
    rig = Rig(twin=new_twin("ocpp"), sighting_every=None)
    rig.car.held = True
    rig.plug_in()
    rig.run(timedelta(hours=1))
    assert rig.actions() == ["stop"]
    rig.self_start()
    rig.run(timedelta(hours=1))
    assert rig.car.charging
    assert [entry.reason for entry in rig.entries_of("NeedsAttention")] == [Reason.THIRD_PARTY_INTERFERENCE]


def test_charging_started_by_somebody_else_is_seen_even_if_we_never_sent_a_stop() -> None:
    rig = Rig()
    rig.car.held = True
    rig.car.plugged = True
    rig.run(timedelta(hours=1))
    assert rig.sent == []
    rig.self_start()
    rig.run(timedelta(hours=1))
    assert rig.sent == []
    assert [entry.reason for entry in rig.entries_of("NeedsAttention")] == [Reason.THIRD_PARTY_INTERFERENCE]


def test_a_start_a_little_after_the_plug_in_does_not_count_as_interference() -> None:
    rig = Rig()
    rig.car.held = True
    rig.car.plugged = True
    rig.run(10 * MINUTE)
    rig.self_start()
    rig.run(2 * MINUTE)
    assert rig.actions() == ["stop"]
    assert not rig.entries_of("NeedsAttention")


def test_a_late_effect_of_our_start_does_not_count_as_interference() -> None:
    rig = plugged()
    rig.run(timedelta(hours=1))
    rig.car.obeys_after = timedelta(minutes=12)
    rig.charge_now(10)
    rig.run(11 * MINUTE)
    rig.car.obeys_after = timedelta(seconds=5)
    rig.run(3 * MINUTE)
    assert rig.actions() == ["stop", "start", "stop"]
    assert not rig.car.charging
    assert not rig.entries_of("NeedsAttention")


def test_the_next_schedule_of_axles_ends_the_respect_for_interference() -> None:
    rig = plugged()
    rig.run(timedelta(hours=1))
    rig.self_start()
    rig.run(timedelta(hours=1))
    rig.schedule((120, 0.0))
    rig.run(2 * MINUTE)
    assert not rig.car.charging
    assert rig.actions() == ["stop", "stop"]


def test_a_respected_car_is_still_charged_when_the_plan_says_so() -> None:
    rig = plugged()
    rig.run(timedelta(hours=1))
    rig.self_start()
    rig.run(timedelta(hours=1))
    rig.set_charging(False)
    rig.run(OFF_PEAK_STARTS + MINUTE - rig.now)
    assert rig.car.charging


def test_interference_is_stopped_where_the_setting_says_so() -> None:
    rig = plugged(rules=replace(RULES, respect_interference=False))
    rig.run(timedelta(hours=1))
    rig.self_start()
    rig.run(MINUTE)
    assert rig.actions() == ["stop", "stop"]
    assert not rig.car.charging


# The car


def test_a_start_waits_for_the_minimum_dwell_after_a_stop() -> None:
    rig = plugged()
    rig.schedule((60, 7.4))
    rig.run(MINUTE)
    assert held_back(rig) is Reason.MINIMUM_DWELL
    rig.run(3 * MINUTE)
    (stopped_at, _), (started_at, _) = rig.sent
    assert started_at - stopped_at >= RULES.min_dwell
    assert rig.car.charging


def test_a_stop_waits_for_the_minimum_dwell_after_a_start() -> None:
    rig = plugged()
    rig.run(OFF_PEAK_STARTS + MINUTE - rig.now)
    rig.schedule((60, 0.0))
    rig.run(MINUTE)
    assert held_back(rig) is Reason.MINIMUM_DWELL
    rig.run(4 * MINUTE)
    assert not rig.car.charging


def test_a_stop_at_a_peak_edge_does_not_wait_for_the_dwell() -> None:
    rig = plugged()
    rig.run(OFF_PEAK_STARTS + timedelta(hours=1) - rig.now)
    rig.schedule((298, 0.0), (60, 7.4))
    rig.run(OFF_PEAK_ENDS - timedelta(minutes=2) - rig.now)
    rig.schedule((2, 7.4), (600, 0.0))
    rig.run(4 * MINUTE)
    assert rig.sent[-1][1].action == "stop"
    assert rig.sent[-1][0] == OFF_PEAK_ENDS
    assert rig.sent[-1][0] - rig.sent[-2][0] < RULES.min_dwell


def test_peak_begins_with_the_end_of_off_peak_and_with_british_weekday_peaks() -> None:
    day = datetime(2026, 11, 25, tzinfo=UTC)
    found = peak_starts(new_twin(), day, day + timedelta(days=1))
    assert [(at.hour, at.minute) for at in found] == [(5, 30), (8, 0), (16, 0)]
    saturday = datetime(2026, 11, 28, tzinfo=UTC)
    assert [at.hour for at in peak_starts(new_twin(), saturday, saturday + timedelta(days=1))] == [5]


def test_after_the_last_pair_the_rest_of_the_session_is_one_stretch() -> None:
    rig = plugged(rules=replace(RULES, max_pairs=3))
    rig.schedule(*[(10, 7.4), (10, 0.0)] * 6)
    rig.run(timedelta(hours=2, minutes=30))
    assert rig.actions().count("stop") == 3
    assert rig.car.charging
    assert held_back(rig) is Reason.PAIR_CAP_REACHED


def test_the_last_commands_of_the_day_are_kept_for_letting_it_charge() -> None:
    rules = replace(RULES, daily_commands=6, max_pairs=99)
    rig = plugged(rules=rules)
    rig.schedule(*[(10, 7.4), (10, 0.0)] * 9)
    rig.run(timedelta(hours=3))
    assert rig.per_day["2026-11-24"] <= rules.daily_commands
    assert rig.actions().count("stop") <= rules.daily_commands - RESERVED_FOR_STARTS
    assert rig.car.charging
    assert held_back(rig) in {Reason.DAILY_BUDGET_SPENT, None}


def test_a_start_waits_until_a_reported_plug_out_is_cleared_up() -> None:
    rig = plugged()
    rig.run(OFF_PEAK_STARTS - timedelta(seconds=20) - rig.now)
    rig.observe(plugged_in=False)
    rig.run(timedelta(seconds=30))
    assert rig.actions() == ["stop"]
    assert held_back(rig) is Reason.PLUG_OUT_HELD
    rig.observe(plugged_in=True)
    rig.run(10 * timedelta(seconds=1))
    assert rig.car.charging


def test_wakes_are_counted_by_the_day() -> None:
    rig = plugged()
    after = rig.twin
    for _ in range(RULES.daily_wakes):
        assert may_wake(after, "start", rig.now, RULES)
        after = answered(after, "any", outcome="RETRYABLE", detail="", now=rig.now, rules=RULES, spread=0.5, woken=True)
    assert not may_wake(after, "start", rig.now, RULES)
    assert may_wake(after, "start", rig.now + timedelta(days=1), RULES)


def test_the_last_wakes_of_the_day_are_kept_for_charging() -> None:
    rig = plugged()
    control = replace(rig.twin.control, budget_day=day_of(rig.now), wakes_today=RULES.daily_wakes - RESERVED_WAKES)
    after = replace(rig.twin, control=control)
    assert not may_wake(after, "install_default", rig.now, RULES)
    assert may_wake(after, "stop", rig.now, RULES)


# Limits and chargers


def test_a_partial_limit_is_sent_where_the_car_can_keep_it_and_changed_when_it_changes() -> None:
    rig = Rig(twin=new_twin("tesla"), now=OFF_PEAK_STARTS + MINUTE)
    rig.plug_in()
    rig.schedule((20, 3.0), (20, 5.0), (60, 7.4))
    rig.run(timedelta(hours=1))
    starts = [command.limit_kw for _, command in rig.sent if command.action == "start"]
    assert starts == [3.0, 5.0, None]
    assert rig.command.state == "confirmed"


def test_a_partial_limit_is_all_or_nothing_where_the_car_cannot_keep_it() -> None:
    rig = Rig(twin=new_twin("enode"), now=OFF_PEAK_STARTS + MINUTE)
    rig.plug_in()
    rig.schedule((20, 3.0), (20, 5.0))
    rig.run(timedelta(hours=1))
    assert rig.sent == []


def test_a_released_car_gets_its_full_power_back() -> None:
    rig = Rig(twin=new_twin("tesla"), now=OFF_PEAK_STARTS + MINUTE)
    rig.plug_in()
    rig.schedule((120, 3.0))
    rig.run(30 * MINUTE)
    assert rig.car.limit_kw == 3.0
    rig.link(enrolled=False)
    rig.run(MINUTE)
    assert rig.car.limit_kw is None


def test_a_charger_gets_the_hold_before_any_car_asks_for_power() -> None:
    rig = Rig(twin=new_twin("ocpp"))
    rig.car.plugged = True
    rig.run(MINUTE)
    assert rig.actions() == ["stop"]
    assert rig.command.state == "confirmed"


def test_a_charger_gets_its_command_again_before_it_forgets() -> None:
    rig = Rig(twin=new_twin("ocpp"))
    rig.plug_in()
    rig.run(MINUTE)
    rig.schedule((60 * 36, 0.0))
    rig.run(timedelta(hours=23))
    stops = [at for at, command in rig.sent if command.action == "stop"]
    assert len(stops) == 3
    assert max(later - earlier for earlier, later in pairwise(stops)) < timedelta(hours=12)


def test_a_charger_that_refused_a_start_gets_it_again_once_the_breaker_closes() -> None:
    rig = plugged("ocpp")
    rig.run(OFF_PEAK_STARTS - MINUTE - rig.now)
    rig.fault = "refused"
    rig.run(30 * MINUTE)
    rig.fault = None
    rig.run(timedelta(hours=1))
    assert rig.car.charging


# The release


@pytest.mark.parametrize("how", ["unenrolled", "leaving", "snoozed"])
def test_a_car_that_we_hold_is_released_when_control_ends(how: str) -> None:
    rig = plugged()
    if how == "snoozed":
        rig.link(snoozed_min=600)
    else:
        rig.link(enrolled=how != "unenrolled", leaving=how == "leaving")
    rig.run(2 * MINUTE)
    assert rig.actions() == ["stop", "start"]
    assert rig.sent[-1][1].reason == Reason.RELEASED
    assert rig.car.charging
    assert rig.command.state == "confirmed"


def test_a_car_that_we_do_not_hold_gets_no_command_when_control_ends() -> None:
    rig = Rig()
    rig.car.plugged = True
    rig.run(MINUTE)
    rig.link(enrolled=False)
    rig.run(timedelta(hours=12))
    assert rig.sent == []


def test_a_charger_is_released_though_nothing_is_plugged_in() -> None:
    rig = plugged("ocpp")
    rig.plug_out()
    rig.run(15 * MINUTE)
    rig.link(enrolled=False)
    rig.run(MINUTE)
    assert not rig.car.held
    assert rig.command.state == "confirmed"


def test_a_release_that_failed_is_tried_again_after_the_breaker() -> None:
    rig = plugged()
    rig.fault = "refused"
    rig.link(enrolled=False)
    rig.run(20 * MINUTE)
    assert rig.command.state == "failed"
    assert held_back(rig) is Reason.BREAKER_OPEN
    rig.fault = None
    rig.run(timedelta(hours=1))
    assert rig.car.charging


def test_a_release_is_dropped_when_the_site_joins_again() -> None:
    rig = plugged()
    rig.fault = "event_lost"
    rig.link(enrolled=False)
    rig.run(MINUTE)
    assert rig.command.release
    rig.link(enrolled=True)
    rig.run(MINUTE)
    assert rig.command.state == "superseded"
    assert rig.actions() == ["stop"]


def test_after_a_snooze_the_plan_goes_on() -> None:
    rig = plugged()
    rig.link(snoozed_min=60)
    rig.run(59 * MINUTE)
    assert rig.car.charging
    rig.run(3 * MINUTE)
    assert not rig.car.charging
    assert rig.entries_of("SnoozeEnded")


# The account


def test_a_refusal_for_the_account_asks_the_driver_once_and_is_tried_again_after_a_pause() -> None:
    rig = Rig()
    rig.fault = "needs_user"
    rig.plug_in()
    rig.run(25 * MINUTE)
    assert len(rig.sent) == 1
    assert rig.twin.presence.needs_user is not None
    assert explain(rig.twin, rig.now, RULES)[0].reason is Reason.PROVIDER_NEEDS_USER
    rig.fault = None
    rig.run(20 * MINUTE)
    assert rig.twin.presence.needs_user is None
    assert not rig.car.charging
    assert [entry.reason for entry in rig.entries_of("NeedsAttention")] == [Reason.PROVIDER_NEEDS_USER]


def test_a_charge_now_tries_the_account_once_more() -> None:
    rig = Rig()
    rig.fault = "needs_user"
    rig.plug_in()
    rig.run(10 * MINUTE)
    rig.set_charging(False)
    sent = len(rig.sent)
    rig.charge_now(60)
    rig.run(10 * MINUTE)
    assert len(rig.sent) == sent + 1
    rig.fault = None
    rig.charge_now(60)
    rig.run(10 * MINUTE)
    assert rig.car.charging
    assert rig.twin.presence.needs_user is None


def test_an_observation_shows_that_the_account_works_unless_it_refused_commands() -> None:
    rig = plugged()
    lost = disconnected(rig.twin, "credentials invalidated", rig.now)
    assert clear_needs_user_after_observation(lost, rig.now).presence.needs_user is None
    paused = replace(lost, control=replace(lost.control, breaker_until=rig.now + MINUTE))
    assert clear_needs_user_after_observation(paused, rig.now) is paused
    assert clear_needs_user_after_observation(paused, rig.now + MINUTE).presence.needs_user is None
    assert reconnected(rig.twin, rig.now) is rig.twin


def test_a_full_battery_holds_back_a_start_only_if_it_was_full_in_this_session() -> None:
    rig = plugged()
    at = OFF_PEAK_STARTS + MINUTE
    wanted = required_command(rig.twin, at, ControlRules())
    assert wanted is not None
    yesterday = replace(rig.twin.presence, battery_full=Observed(True, START - timedelta(days=1)))
    assert guard(replace(rig.twin, presence=yesterday), wanted, at, RULES) is None
    today = replace(rig.twin.presence, battery_full=Observed(True, at))
    tried = replace(rig.twin.control, last_start_at=OFF_PEAK_STARTS)
    found = guard(replace(rig.twin, presence=today, control=tried), wanted, at, RULES)
    assert found is not None
    assert found.reason is Reason.BATTERY_FULL
