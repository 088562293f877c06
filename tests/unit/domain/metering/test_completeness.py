"""Completeness by local day: the half-hours of a day, and when it is judged."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driveway.domain.half_hours import HALF_HOUR, half_hour_of, local_day_half_hours
from driveway.domain.metering.completeness import by_day, day_judged_at, judged_at, local_day, starts_at
from driveway.domain.metering.slot import GRACE, ReportedValue, Slot

LONDON = "Europe/London"
EPOCH = datetime(2024, 1, 1, tzinfo=UTC)
ZONES = [LONDON, "UTC", "Europe/Dublin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"]
days = st.dates(date(2024, 1, 1), date(2030, 12, 31))


def accepted(start: datetime, energy_wh: int = 3600) -> Slot:
    reported = ReportedValue(sent_wh=energy_wh, accepted_wh=energy_wh)
    return Slot("car-1", "axle-1", start, plugged=True, energy_wh=energy_wh, reported=reported, state="accepted")


@pytest.mark.parametrize(
    ("day", "half_hours", "first"),
    [
        (date(2026, 1, 15), 48, datetime(2026, 1, 15, tzinfo=UTC)),
        (date(2026, 3, 29), 46, datetime(2026, 3, 29, tzinfo=UTC)),
        (date(2026, 7, 1), 48, datetime(2026, 6, 30, 23, tzinfo=UTC)),
        (date(2026, 10, 25), 50, datetime(2026, 10, 24, 23, tzinfo=UTC)),
    ],
)
def test_a_car_plugged_in_all_day_is_complete_when_every_half_hour_of_the_local_day_is_accepted(
    day: date, half_hours: int, first: datetime
) -> None:
    around = [accepted(first + number * HALF_HOUR) for number in range(-4, half_hours + 4)]
    (reported,) = by_day(around, [day], LONDON, now=first + timedelta(days=3), grace=GRACE)
    assert (reported.half_hours, reported.figure.expected, reported.figure.accepted, reported.figure.ratio) == (
        half_hours,
        half_hours,
        half_hours,
        1.0,
    )


@given(days, st.integers(0, 49))
def test_a_missing_half_hour_counts_against_its_own_day_only(day: date, number: int) -> None:
    three = [day - timedelta(days=1), day, day + timedelta(days=1)]
    starts = [start for one in three for start in local_day_half_hours(one, LONDON)]
    own = local_day_half_hours(day, LONDON)
    missing = own[number % len(own)]
    slots = [
        Slot("car-1", "axle-1", start, plugged=True, energy_wh=1) if start == missing else accepted(start)
        for start in starts
    ]
    reported = by_day(slots, three, LONDON, now=starts[-1] + timedelta(days=1), grace=GRACE)
    assert [one.figure.expected - one.figure.accepted for one in reported] == [0, 1, 0]
    assert sum(one.figure.expected for one in reported) == len(starts)


def test_only_finished_half_hours_of_the_running_day_count() -> None:
    day = date(2026, 1, 15)
    slots = [accepted(start) for start in local_day_half_hours(day, LONDON)]
    now = datetime(2026, 1, 15, 6, 10, tzinfo=UTC)
    (reported,) = by_day(slots, [day], LONDON, now=now, grace=GRACE)
    assert reported.figure.expected == 12


@given(days, st.sampled_from(ZONES))
def test_every_day_is_judged_once_half_a_day_after_its_end(day: date, zone: str) -> None:
    at = judged_at(day, zone)
    assert day_judged_at(at, zone) == day
    assert (
        at - timedelta(hours=12) == half_hour_of(at - timedelta(hours=12)) == starts_at(day + timedelta(days=1), zone)
    )
    assert judged_at(day + timedelta(days=1), zone) - at in {
        timedelta(hours=hours) for hours in (23, 23.5, 24, 24.5, 25)
    }


@given(
    st.integers(0, 6 * 366 * 24 * 60).map(lambda minute: EPOCH + timedelta(minutes=minute)),
    st.sampled_from([LONDON, "UTC"]),
)
def test_an_instant_lies_in_its_local_day(at: datetime, zone: str) -> None:
    day = local_day(at, zone)
    assert starts_at(day, zone) <= at < starts_at(day + timedelta(days=1), zone)
