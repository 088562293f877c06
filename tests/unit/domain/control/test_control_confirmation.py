"""Proofs that a command was followed, and reports that prove nothing."""

from datetime import timedelta

import pytest

from driveway.domain.control.command_answers import answered
from driveway.domain.control.required_command import is_full
from driveway.domain.presence.rules import PresenceRules
from driveway.domain.twin.reasons import Reason
from driveway.values import replace
from tests.support.domain.control_car import new_twin
from tests.support.domain.control_car_life import MINUTE
from tests.support.domain.control_rig import OFF_PEAK_STARTS, RULES, Rig, plugged

SECOND = timedelta(seconds=1)


def before_a_start(provider: str = "enode", *, changes_only: bool = False) -> Rig:
    """A held car, a second before its start for six hours."""
    rig = plugged(provider)
    if changes_only:
        rig.sighting_every = None
    rig.schedule((10, 0.0), (360, 7.4))
    rig.run(10 * MINUTE - SECOND)
    return rig


def attention(rig: Rig) -> list[str]:
    return [entry.reason for entry in rig.entries_of("NeedsAttention")]


# A stop that is given up


def test_a_stop_that_may_have_been_obeyed_before_it_was_refused_is_followed_by_a_release() -> None:
    rig = Rig()
    rig.fault = "answer_lost"
    rig.plug_in()
    rig.silent = True
    rig.run(2 * MINUTE)
    assert rig.car.held
    rig.fault = "refused"
    rig.run(12 * MINUTE)
    rig.fault = None
    rig.run(30 * MINUTE)
    assert rig.car.charging
    assert (rig.command.action, rig.command.reason) == ("start", Reason.GAVE_UP_RELEASED)


def test_a_stop_that_was_refused_each_time_needs_no_release() -> None:
    rig = Rig()
    rig.fault = "refused"
    rig.plug_in()
    rig.silent = True
    rig.run(29 * MINUTE)
    assert rig.actions() == ["stop"] * 4
    assert rig.command.state == "failed"


# A provider that reports that the car already does it


@pytest.mark.parametrize("changes_only", [False, True])
def test_a_false_report_of_success_is_found_within_minutes_by_a_state_read(changes_only: bool) -> None:
    rig = before_a_start("tesla", changes_only=changes_only)
    rig.fault = "lying"
    rig.run(30 * SECOND)
    assert (rig.command.state, rig.command.outcome) == ("sent", "ALREADY_IN_STATE")
    rig.fault = None
    rig.run(2 * MINUTE)
    assert rig.car.charging
    assert rig.command.state == "confirmed"


def test_a_car_with_false_reports_of_success_is_given_up_once_state_reads_contradict_them() -> None:
    rig = before_a_start("tesla", changes_only=True)
    rig.fault = "lying"
    rig.run(20 * MINUTE)
    assert rig.actions() == ["stop", *["start"] * 4]
    assert attention(rig) == [Reason.GAVE_UP_RELEASED]


@pytest.mark.parametrize("refresh_s", [0, 120])
def test_a_car_that_already_does_it_is_not_given_up_without_an_observation(refresh_s: int) -> None:
    rig = before_a_start("smartcar", changes_only=True)
    rig.presence_rules = PresenceRules(refresh_s=refresh_s)
    rig.silent = True
    rig.car.held, rig.car.charging = False, True
    rig.fault = "lying"
    rig.run(timedelta(hours=2))
    assert attention(rig) == []
    assert (rig.command.state, rig.twin.control.failures) == ("confirmed", 0)
    assert rig.entries_of("CommandConfirmed")[-1].reason == Reason.ALREADY_IN_STATE
    assert rig.actions().count("start") == RULES.max_attempts


def test_a_car_that_was_already_known_to_do_it_confirms_at_once_whatever_the_age_of_what_is_known() -> None:
    rig = before_a_start("tesla", changes_only=True)
    rig.fault = "answer_lost"
    rig.run(3 * SECOND)
    assert rig.command.state == "sent"
    rig.silent = True
    rig.run(10 * MINUTE)
    shown = replace(rig.twin.presence, charging=replace(rig.twin.presence.charging, value=True))  # type: ignore[type-var]
    rig.change(lambda twin: replace(twin, presence=shown))
    assert rig.command.sent_at is not None
    assert shown.charging is not None
    assert shown.charging.at < rig.command.sent_at
    rig.change(
        lambda twin: answered(
            twin, rig.command.id, outcome="ALREADY_IN_STATE", detail="", now=rig.now, rules=RULES, spread=0.5
        )
    )
    rig.run(SECOND)
    assert rig.command.state == "confirmed"


# A car that is full


@pytest.mark.parametrize("provider", ["enode", "tesla", "ocpp"])
@pytest.mark.parametrize("changes_only", [False, True])
def test_a_car_that_turns_out_to_be_full_ends_the_start_without_any_fuss(provider: str, changes_only: bool) -> None:
    rig = before_a_start(provider, changes_only=changes_only)
    rig.car.full = True
    rig.run(timedelta(hours=5))
    assert rig.actions().count("start") <= 2
    assert rig.entries_of("CommandConfirmed")[-1].reason == Reason.BATTERY_FULL
    assert attention(rig) == []
    assert (rig.twin.control.failures, rig.twin.control.breaker_until) == (0, None)


def test_a_car_that_answers_that_it_is_full_is_started_once() -> None:
    rig = before_a_start("tesla", changes_only=True)
    rig.car.full = True
    rig.fault = "complete"
    rig.run(timedelta(hours=5))
    assert rig.actions() == ["stop", "start"]
    assert rig.entries_of("CommandConfirmed")[-1].reason == Reason.BATTERY_FULL


def test_a_full_car_is_charged_again_after_the_next_plug_in() -> None:
    rig = before_a_start()
    rig.car.full = True
    rig.run(timedelta(hours=1))
    rig.plug_out()
    rig.run(15 * MINUTE)
    rig.plug_in()
    rig.set_charging(False)
    rig.run(timedelta(hours=1))
    assert rig.car.charging


def test_a_car_that_was_full_and_charged_again_does_not_count_as_full() -> None:
    rig = before_a_start()
    rig.observe(plugged_in=True, charging=False, battery_full=True)
    assert is_full(rig.twin)
    rig.run(MINUTE)
    rig.observe(charging=True)
    rig.run(MINUTE)
    rig.observe(charging=False)
    assert not is_full(rig.twin)


def test_a_start_that_waits_to_be_sent_is_dropped_when_the_car_is_seen_to_be_full() -> None:
    rig = before_a_start()
    rig.observe(plugged_in=True, charging=False, battery_full=True)
    rig.run(MINUTE)
    assert rig.actions() == ["stop"]
    assert rig.entries_of("CommandSuperseded")[-1].reason == Reason.BATTERY_FULL


def test_a_held_charger_with_a_full_car_is_still_started_at_the_next_edge() -> None:
    rig = plugged("ocpp")
    rig.observe(plugged_in=True, charging=False, battery_full=True)
    assert not is_full(rig.twin), "a charger that holds may report full for any car"
    rig.run(OFF_PEAK_STARTS + MINUTE - rig.now)
    assert rig.car.charging


def test_a_car_that_takes_no_more_may_begin_by_itself_later() -> None:
    rig = before_a_start("ocpp")
    rig.car.full = True
    rig.run(timedelta(hours=1))
    rig.car.full = False
    rig.set_charging(True)
    rig.run(timedelta(hours=1))
    assert rig.car.charging
    assert rig.actions() == ["stop", "start"]
    rig.run(timedelta(hours=4, minutes=10))
    assert rig.actions() == ["stop", "start", "stop"]


# A provider that holds its calls open


def held_open(provider: str, answers_after: timedelta) -> Rig:
    rig = Rig(twin=new_twin(provider), answers_after=answers_after)
    rig.car.obeys_after = answers_after
    rig.plug_in()
    return rig


def test_a_command_whose_call_is_held_open_is_not_sent_again_before_it_is_answered() -> None:
    rig = held_open("smartcar", timedelta(seconds=302))
    rig.run(20 * MINUTE)
    assert rig.actions() == ["stop"]
    assert rig.command.state == "confirmed"


def test_a_call_that_is_never_answered_is_doubted_when_the_function_that_made_it_is_over() -> None:
    rig = held_open("smartcar", timedelta(hours=1))
    rig.run(RULES.answer_within - SECOND)
    assert rig.actions() == ["stop"]
    rig.run(2 * SECOND)
    assert rig.actions() == ["stop", "stop"]


def test_a_call_that_was_answered_is_doubted_as_any_other() -> None:
    rig = Rig(twin=new_twin("smartcar"))
    rig.fault = "ignored"
    rig.plug_in()
    rig.run(RULES.confirm_stop_within + 50 * SECOND)
    assert rig.actions() == ["stop", "stop"]


# A car that reports neither a state nor a power


def test_a_car_that_never_reports_charging_gets_one_command_an_edge_and_its_driver_one_notice() -> None:
    rig = Rig(sighting_every=None)
    rig.observe(plugged_in=True)
    rig.silent = True
    rig.car.plugged = True
    rig.run(timedelta(hours=16))
    assert rig.actions() == ["stop", "start", "stop"]
    assert attention(rig) == [Reason.CHARGING_UNKNOWN]
    assert (rig.entries_of("CommandFailed"), rig.twin.control.failures) == ([], 0)
