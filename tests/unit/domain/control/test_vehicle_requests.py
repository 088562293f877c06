"""State reads of unknown or silent cars, and the cancelling of trial starts."""

from datetime import timedelta

import pytest

from driveway.domain.control.reconcile import control_due, step
from driveway.domain.control.vehicle_requests import (
    LOOKED_AT_BEFORE,
    LOOKS_SPREAD_OVER,
    MOST_ATTEMPTS,
    last_report_at,
    look_due,
    vehicle_request_done,
)
from driveway.domain.twin import Observed, Twin
from driveway.values import replace
from tests.support.domain.control_car import START, new_twin
from tests.support.domain.control_car_life import MINUTE
from tests.support.domain.control_rig import OFF_PEAK_STARTS, RULES, Rig

HOUR = timedelta(hours=1)


def reported(hours_before_the_window: float, *, plugged_in: bool = False) -> Twin:
    """A car that was last reported on so many hours before the off-peak window of 23:30."""
    twin = new_twin()
    at = OFF_PEAK_STARTS - hours_before_the_window * HOUR
    return replace(twin, presence=replace(twin.presence, plugged_in=Observed(plugged_in, at)))


def test_onboarding_reads_the_state_of_a_car_without_a_reported_plug() -> None:
    after = step(new_twin(), START, RULES, new_id="look")
    assert after.control.request is not None
    assert after.control.request.kind == "look"
    assert after.control.looked_at == START
    answered = vehicle_request_done(after, after.control.request.id)
    assert answered.control.request is None
    assert step(replace(answered, news=()), START + MINUTE, RULES).control.request is None


def test_the_state_of_a_car_silent_for_twelve_hours_is_read_before_the_off_peak_window() -> None:
    due = look_due(reported(14), START)
    assert due is not None
    assert OFF_PEAK_STARTS - LOOKED_AT_BEFORE - LOOKS_SPREAD_OVER <= due <= OFF_PEAK_STARTS - LOOKED_AT_BEFORE
    assert control_due(reported(14), START, RULES) == due


def test_a_car_with_a_report_in_the_last_twelve_hours_has_no_state_read_before_the_window() -> None:
    due = look_due(reported(12), START)
    assert due is not None
    assert due > OFF_PEAK_STARTS + 22 * HOUR


def test_a_silent_car_has_one_state_read_for_each_window() -> None:
    rig = Rig(twin=reported(20), sighting_every=None)
    rig.silent = True
    rig.run(OFF_PEAK_STARTS - rig.now + 3 * 24 * HOUR - HOUR)
    assert [at.day for at, _ in rig.requests] == [24, 25, 26]
    assert all(at.hour == 22 or (at.hour, at.minute) < (23, 21) for at, _ in rig.requests)


def test_a_fleet_of_silent_cars_is_spread_over_the_time_before_the_window() -> None:
    twins = [replace(reported(20), link=replace(new_twin().link, asset=f"car-{number}")) for number in range(500)]
    minutes = [look_due(twin, START) for twin in twins]
    counts = dict.fromkeys(range(60), 0)
    for due in minutes:
        assert due is not None
        counts[int((OFF_PEAK_STARTS - due) / MINUTE)] += 1
    assert max(counts.values()) < 25
    assert sum(count > 0 for count in counts.values()) >= 45


def test_a_state_read_without_an_answer_is_repeated_a_few_times_and_then_dropped() -> None:
    twin, now, ids = new_twin(), START, []
    for _ in range(20):
        twin = replace(step(twin, now, RULES, new_id=f"look-{len(ids)}"), news=())
        request = twin.control.request
        if request is None:
            break
        ids.append(request.id)
        now = request.retry_at
    assert len(ids) == len(set(ids)) == MOST_ATTEMPTS
    assert twin.control.request is None


@pytest.mark.parametrize("why", ["unenrolled", "leaving", "no vehicle", "account"])
def test_a_car_that_we_do_not_manage_has_no_state_read(why: str) -> None:
    twin = reported(20)
    match why:
        case "unenrolled":
            twin = replace(twin, link=replace(twin.link, enrolled=False))
        case "leaving":
            twin = replace(twin, link=replace(twin.link, leaving=True))
        case "no vehicle":
            twin = replace(twin, link=replace(twin.link, vehicle=None))
        case _:
            twin = replace(twin, presence=replace(twin.presence, needs_user="Connect again."))
    assert look_due(twin, START) is None


def test_any_signal_counts_as_a_report() -> None:
    twin = reported(20)
    presence = replace(twin.presence, soc_pct=Observed(40, START))
    assert last_report_at(presence) == START
    assert last_report_at(new_twin().presence) is None
