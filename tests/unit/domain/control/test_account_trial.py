"""A car whose account is out of order is tried at start edges and, for a day, each hour: the account may recover."""

from datetime import timedelta

import pytest

from driveway.domain.control.account_trial import next_hourly_trial
from driveway.domain.control.command_answers import answered
from driveway.domain.control.settings import ControlRules
from driveway.domain.reports.account_connection import NEEDS_USER_REPORTED_EVERY, disconnected
from driveway.domain.twin import Command, Twin
from driveway.domain.twin.reasons import Reason
from driveway.values import replace
from tests.support.domain.control_car import START, new_twin
from tests.support.domain.control_car_life import MINUTE
from tests.support.domain.control_rig import OFF_PEAK_STARTS, Rig, plugged

HOUR = timedelta(hours=1)


def disconnected_at_five(provider: str = "enode") -> Rig:
    """Our stop at 16:30; the account is reported out of order at 17:00, and the car is silent from then on."""
    rig = plugged(provider)
    rig.run(START + 30 * MINUTE - rig.now)
    rig.silent = True
    rig.fault = "needs_user"
    rig.change(lambda twin: disconnected(twin, "The account has to be connected again.", rig.now))
    return rig


def starts(rig: Rig) -> list[str]:
    return [f"{at:%H:%M}" for at, command in rig.sent if command.action == "start"]


@pytest.mark.parametrize("provider", ["enode", "smartcar"])
def test_an_account_that_works_again_without_a_report_is_found_at_the_start_edge(provider: str) -> None:
    rig = disconnected_at_five(provider)
    rig.run(HOUR)
    rig.fault = None
    rig.run(OFF_PEAK_STARTS + MINUTE - rig.now)
    assert rig.car.charging
    assert starts(rig) == ["23:30"]
    assert rig.twin.presence.needs_user is None


def test_an_account_that_is_out_of_order_is_tried_at_the_edge_and_each_hour_for_a_day() -> None:
    rig = disconnected_at_five()
    rig.run(OFF_PEAK_STARTS + 6 * HOUR - rig.now)
    assert starts(rig) == ["23:30", "00:30", "01:30", "02:30", "03:30", "04:30"]
    rig.run(3 * 24 * HOUR)
    later = [at for at, command in rig.sent if command.action == "start" and at > START + 25 * HOUR]
    assert [f"{at:%d %H:%M}" for at in later] == ["25 23:30", "26 23:30", "27 23:30"]


def test_a_refused_trial_is_no_failure_and_gives_the_driver_no_new_notice() -> None:
    rig = disconnected_at_five()
    rig.run(OFF_PEAK_STARTS + 6 * HOUR - rig.now)
    assert (rig.twin.control.failures, rig.twin.control.breaker_until) == (0, None)
    assert [entry.reason for entry in rig.entries_of("NeedsAttention")] == [Reason.PROVIDER_NEEDS_USER]


def test_a_car_that_needs_no_command_gets_no_trial() -> None:
    rig = disconnected_at_five()
    rig.run(OFF_PEAK_STARTS - MINUTE - rig.now)
    assert starts(rig) == []


def test_a_car_is_released_once_the_account_works_again() -> None:
    rig = disconnected_at_five()
    rig.link(enrolled=False)
    rig.run(4 * HOUR)
    assert rig.car.held
    rig.fault = None
    rig.run(70 * MINUTE)
    assert not rig.car.held


def answer_after_the_loss(sent_after: timedelta, command_id: str = "command-1") -> Twin:
    """The twin once a stop was accepted that was sent so long after the account's loss; the answer came 30 s later."""
    sent_at = START + sent_after
    sent = Command("command-1", "stop", "AXLE_SCHEDULE", "sent", sent_at, sent_at, START + HOUR, sent_at=sent_at)
    twin = disconnected(new_twin(), "Connect again.", START)
    twin = replace(twin, control=replace(twin.control, command=sent), news=())
    return answered(
        twin,
        command_id,
        outcome="ACCEPTED",
        detail="",
        now=sent_at + timedelta(seconds=30),
        rules=ControlRules(),
        spread=0.5,
    )


def test_an_accepted_command_shows_that_the_account_works() -> None:
    after = answer_after_the_loss(timedelta(seconds=1))
    assert after.presence.needs_user is None
    assert [entry.event for entry in after.news if entry.event == "Reconnected"] == ["Reconnected"]


@pytest.mark.parametrize(
    ("sent_after", "command_id"),
    [(timedelta(seconds=-1), "command-1"), (timedelta(seconds=1), "a command that was replaced")],
)
def test_the_late_answer_to_a_command_from_before_the_loss_shows_nothing_of_the_account(
    sent_after: timedelta, command_id: str
) -> None:
    after = answer_after_the_loss(sent_after, command_id)
    assert after.presence.needs_user == "Connect again."
    assert not [entry for entry in after.news if entry.event == "Reconnected"]


def notices_at(reports: list[tuple[float, str]]) -> list[float]:
    """The hours at which the driver gets a notice; the account works again between these reports of a loss."""
    twin, noticed = new_twin(), []
    for hours, why in reports:
        now = START + hours * HOUR
        after: Twin = disconnected(replace(twin, news=()), why, now)
        noticed += [hours] * len(after.news)
        twin = replace(after, presence=replace(after.presence, needs_user=None, needs_user_at=None))
    return noticed


def test_the_driver_gets_the_same_notice_once_a_day() -> None:
    assert notices_at([(hours / 2, "Connect again.") for hours in range(12)]) == [0]
    day = NEEDS_USER_REPORTED_EVERY / HOUR
    assert notices_at([(0, "Connect again."), (1, "Another reason."), (day + 2, "Another reason.")]) == [0, 1, day + 2]


def test_a_second_reason_during_the_first_gives_no_notice() -> None:
    twin = disconnected(new_twin(), "Connect again.", START)
    assert disconnected(twin, "Another reason.", START + HOUR) is twin


def test_hourly_trials_end_a_day_after_the_account_broke() -> None:
    twin = disconnected(new_twin(), "Connect again.", START)
    assert next_hourly_trial(twin) == START + HOUR
    tried = replace(twin, control=replace(twin.control, account_tried_at=START + 23.5 * HOUR))
    assert next_hourly_trial(tried) is None
