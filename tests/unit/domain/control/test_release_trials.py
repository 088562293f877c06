"""A release without effect is tried each hour for a day; then the driver is informed once."""

from datetime import timedelta

import pytest

from driveway.domain.control.protection import explain
from driveway.domain.reports.account_connection import disconnected
from driveway.domain.twin.reasons import Reason
from tests.support.domain.control_rig import MINUTE, START, Rig, plugged

HOUR = timedelta(hours=1)
LEFT_AT = START + 40 * MINUTE


def unenrolled(fault: str, *, reachable: bool = True) -> Rig:
    """Our stop at 16:30, then silence; from 17:10 on the site takes no part and no command has an effect."""
    rig = plugged()
    rig.run(LEFT_AT - rig.now)
    rig.silent, rig.fault = True, fault
    if fault == "needs_user":
        rig.change(lambda twin: disconnected(twin, "The account has to be connected again.", rig.now))
    if not reachable:
        rig.observe(reachable=False)
    rig.link(enrolled=False)
    return rig


def trials(rig: Rig) -> list[float]:
    """The hours after the opt-out at which a release was sent."""
    return [(at - LEFT_AT) / HOUR for at, command in rig.sent if command.release]


def given_up(rig: Rig) -> list[str]:
    return [one.text for one in rig.entries_of("NeedsAttention") if one.reason == Reason.RELEASE_GIVEN_UP]


@pytest.mark.parametrize("fault", ["needs_user", "refused", "retryable"])
def test_a_release_is_tried_each_hour_for_a_day_and_given_up_with_one_notice(fault: str) -> None:
    rig = unenrolled(fault)
    rig.run(4 * 24 * HOUR)
    tried = trials(rig)
    assert 24 <= max(tried) <= 25.2, "the last one is the first after the day"
    hours = sorted({int(hour) for hour in tried})
    assert len(hours) >= 21, "there is a trial in nearly every hour of the day: a pause is an hour and some minutes"
    assert len(given_up(rig)) == 1
    assert "start it in the car" in given_up(rig)[0]
    _, held_back = explain(rig.twin, rig.now, rig.rules)
    assert held_back is not None
    assert held_back.reason is Reason.RELEASE_GIVEN_UP


def test_a_release_that_was_given_up_is_tried_again_once_the_account_works() -> None:
    rig = unenrolled("needs_user")
    rig.run(2 * 24 * HOUR)
    assert rig.car.held
    rig.fault, rig.silent = None, False
    rig.observe(plugged_in=True, charging=False)
    rig.run(MINUTE)
    assert not rig.car.held
    assert len(given_up(rig)) == 1


def test_a_release_that_was_given_up_is_tried_again_once_the_car_can_be_reached() -> None:
    rig = unenrolled("retryable", reachable=False)
    rig.run(2 * 24 * HOUR)
    assert rig.car.held
    rig.fault = None
    rig.run(2 * HOUR)
    assert rig.car.held, "nothing shows that it can be reached"
    rig.observe(reachable=True)
    rig.run(MINUTE)
    assert not rig.car.held


def test_the_next_release_has_a_day_of_its_own() -> None:
    rig = unenrolled("refused")
    rig.run(2 * 24 * HOUR)
    before = len(trials(rig))
    rig.link(enrolled=True)
    rig.run(HOUR)
    rig.link(enrolled=False)
    rig.run(HOUR)
    assert len(trials(rig)) > before


def test_a_release_that_works_gives_no_notice_and_no_further_trial() -> None:
    rig = unenrolled("retryable")
    rig.run(3 * HOUR)
    rig.fault, rig.silent = None, False
    rig.run(2 * HOUR)
    released = len(trials(rig))
    rig.run(2 * 24 * HOUR)
    assert not rig.car.held
    assert given_up(rig) == []
    assert len(trials(rig)) == released


def test_a_release_that_waits_for_its_provider_gives_the_notice_and_is_sent_once_the_provider_is_back() -> None:
    rig = unenrolled("out")
    rig.run(2 * 24 * HOUR)
    assert len(given_up(rig)) == 1
    rig.fault, rig.silent = None, False
    rig.run(10 * MINUTE)
    assert not rig.car.held


def test_a_release_that_its_provider_calls_unsupported_is_tried_again_after_a_day_and_then_given_up() -> None:
    rig = unenrolled("unsupported")
    rig.run(4 * 24 * HOUR)
    assert [round(hours) for hours in trials(rig)] == [0, 24]
    assert len(given_up(rig)) == 1
