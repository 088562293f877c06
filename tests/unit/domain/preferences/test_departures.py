from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from driveway.domain.preferences.departures import WEEKDAYS, intent_changes_at, next_departure
from driveway.domain.twin import Intent
from driveway.domain.wall_time import UnknownZoneError

LONDON, BERLIN, LORD_HOWE, KOLKATA = "Europe/London", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kolkata"
MINUTE = timedelta(minutes=1)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def daily(local_time: str, **exceptions: str) -> Intent:
    dates = {key.removeprefix("on_").replace("_", "-"): value for key, value in exceptions.items()}
    return Intent(ready_by=dict.fromkeys(WEEKDAYS, local_time), exceptions=dates)


@pytest.mark.parametrize(
    ("intent", "timezone", "now", "expected"),
    [
        (daily("07:00"), LONDON, "2026-01-15T06:59:59", "2026-01-15T07:00"),
        (daily("07:00"), LONDON, "2026-01-15T07:00:00", "2026-01-16T07:00"),
        (daily("07:00"), LONDON, "2026-07-15T05:59:59", "2026-07-15T06:00"),
        (daily("07:00"), LONDON, "2026-07-15T06:00:00", "2026-07-16T06:00"),
        (daily("00:00"), LONDON, "2026-07-15T22:59:59", "2026-07-15T23:00"),
        # 2026-01-15 is a Thursday.
        (Intent(ready_by={"thu": "07:00", "sat": "09:30"}), LONDON, "2026-01-15T07:00", "2026-01-17T09:30"),
        (Intent(ready_by={"thu": "07:00"}), LONDON, "2026-01-15T07:00", "2026-01-22T07:00"),
        # In Kolkata it is Friday already.
        (Intent(ready_by={"fri": "07:00"}), KOLKATA, "2026-01-15T20:00", "2026-01-16T01:30"),
        # An exception replaces its date's departure, earlier or later, and adds one to a day without.
        (daily("07:00", on_2026_12_25="11:00"), LONDON, "2026-12-25T06:00", "2026-12-25T11:00"),
        (daily("07:00", on_2026_12_25="11:00"), LONDON, "2026-12-25T11:00", "2026-12-26T07:00"),
        (daily("07:00", on_2026_12_25="05:00"), LONDON, "2026-12-25T06:00", "2026-12-26T07:00"),
        (Intent({"mon": "07:00"}, exceptions={"2026-12-25": "11:00"}), LONDON, "2026-12-24T12:00", "2026-12-25T11:00"),
        (Intent({}, exceptions={"2027-12-25": "11:00"}), LONDON, "2026-12-24T12:00", "2027-12-25T11:00"),
        # London, clocks forward: 01:00 to 02:00 does not exist.
        (daily("01:30"), LONDON, "2026-03-28T12:00", "2026-03-29T01:00"),
        (daily("01:30"), LONDON, "2026-03-29T01:00", "2026-03-30T00:30"),
        (daily("07:00"), LONDON, "2026-03-28T12:00", "2026-03-29T06:00"),
        # London, clocks back: 01:00 to 02:00 exists twice.
        (daily("01:30"), LONDON, "2026-10-24T12:00", "2026-10-25T00:30"),
        (daily("01:30"), LONDON, "2026-10-25T00:30", "2026-10-26T01:30"),
        (daily("01:30"), LONDON, "2026-10-25T01:15", "2026-10-26T01:30"),
        (daily("07:00"), LONDON, "2026-10-24T12:00", "2026-10-25T07:00"),
        (daily("02:30"), BERLIN, "2026-03-28T12:00", "2026-03-29T01:00"),
        (daily("02:30"), BERLIN, "2026-10-24T12:00", "2026-10-25T00:30"),
        (daily("07:00"), BERLIN, "2026-10-24T12:00", "2026-10-25T06:00"),
        # Lord Howe changes by half an hour.
        (daily("02:15"), LORD_HOWE, "2026-10-03T12:00", "2026-10-03T15:30"),
        (daily("01:45"), LORD_HOWE, "2026-04-04T12:00", "2026-04-04T14:45"),
        (daily("01:45"), LORD_HOWE, "2026-04-04T15:05", "2026-04-05T15:15"),
        # A zone without changes.
        (daily("01:30"), KOLKATA, "2026-03-28T12:00", "2026-03-28T20:00"),
        (daily("01:30"), "UTC", "2026-03-28T12:00", "2026-03-29T01:30"),
    ],
)
def test_the_next_departure_is_the_first_after_now(intent: Intent, timezone: str, now: str, expected: str) -> None:
    departure = next_departure(intent, timezone, utc(now))
    assert departure is not None
    assert departure.at == utc(expected)


def test_a_departure_names_the_wall_time_and_the_date_the_driver_meant() -> None:
    departure = next_departure(daily("01:30"), LONDON, utc("2026-03-28T12:00"))
    assert departure is not None
    assert (departure.local_time, departure.local_date) == ("01:30", date(2026, 3, 29))


def test_an_intent_with_no_day_left_has_no_departure() -> None:
    past = Intent({}, exceptions={"2026-12-25": "11:00"})
    assert next_departure(past, LONDON, utc("2026-12-25T11:00")) is None
    assert intent_changes_at(past, LONDON, utc("2026-12-25T11:00")) is None


def test_an_unknown_zone_raises_its_error() -> None:
    with pytest.raises(UnknownZoneError):
        next_departure(daily("07:00"), "Mars/Base", utc("2026-01-15T00:00"))


@pytest.mark.parametrize(
    ("intent", "now", "expected"),
    [
        (daily("07:00"), "2026-01-15T06:00", None),
        (Intent(ready_by={"mon": "07:00"}), "2026-01-15T06:00", None),
        # Thursday 07:00, Friday 07:00, then Saturday 09:30: Friday's departure brings the change.
        (Intent(dict.fromkeys(WEEKDAYS, "07:00") | {"sat": "09:30"}), "2026-01-15T06:00", "2026-01-16T07:00"),
        (Intent(dict.fromkeys(WEEKDAYS, "07:00") | {"sat": "09:30"}), "2026-01-16T07:00", "2026-01-17T09:30"),
        (daily("07:00", on_2026_12_25="11:00"), "2026-01-15T06:00", "2026-12-24T07:00"),
        (daily("07:00", on_2026_12_25="11:00"), "2026-12-24T07:00", "2026-12-25T11:00"),
        (daily("07:00", on_2026_12_25="11:00"), "2026-12-25T11:00", None),
        (daily("07:00", on_2026_12_25="07:00"), "2026-01-15T06:00", None),
        (daily("07:00", on_2026_12_25="11:00", on_2026_12_26="11:00"), "2026-12-24T08:00", "2026-12-26T11:00"),
        (Intent({"mon": "07:00"}, exceptions={"2026-12-25": "11:00"}), "2026-01-15T06:00", "2026-12-21T07:00"),
    ],
)
def test_another_time_is_reported_to_axle_when_the_last_departure_at_this_one_has_passed(
    intent: Intent, now: str, expected: str | None
) -> None:
    assert intent_changes_at(intent, LONDON, utc(now)) == (None if expected is None else utc(expected))


TIMES = st.tuples(st.integers(0, 23), st.integers(0, 59)).map(lambda time: f"{time[0]:02d}:{time[1]:02d}")
WEEKS = st.dictionaries(st.sampled_from(WEEKDAYS), TIMES, min_size=1)
INSTANTS = st.datetimes(datetime(2026, 1, 1), datetime(2036, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis adds the zone
ANY_ZONE = st.sampled_from(sorted(name for name in available_timezones() if name not in {"Factory", "localtime"}))
CHANGING = (LONDON, BERLIN, LORD_HOWE, "Africa/Cairo", "Africa/Casablanca", "America/Havana", "America/Nuuk")


@cache
def changes(timezone: str) -> tuple[datetime, ...]:
    """The UTC midnights after which the zone's offset changes within a day, from 2026 to 2036."""
    zone, midnights = (
        ZoneInfo(timezone),
        [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=day) for day in range(4000)],
    )
    return tuple(
        midnight
        for midnight in midnights
        if midnight.astimezone(zone).utcoffset() != (midnight + timedelta(days=1)).astimezone(zone).utcoffset()
    )


@st.composite
def near_a_change(draw: st.DrawFn) -> tuple[str, datetime]:
    timezone = draw(st.sampled_from(CHANGING))
    return timezone, draw(st.sampled_from(changes(timezone))) + draw(st.timedeltas(-timedelta(1), timedelta(days=1)))


def by_the_clock_on_the_wall(intent: Intent, timezone: str, now: datetime) -> datetime:
    """The first departure after ``now``, found by watching the wall clock minute by minute.

    A departure comes when the clock shows its time, or a later one, for the first time.
    """
    furthest, instant = None, now.replace(second=0, microsecond=0) - timedelta(hours=4)
    for shown in wall_clock(timezone, instant):
        if furthest is not None and shown > furthest and instant > now and any(times_between(intent, furthest, shown)):
            return instant
        furthest = shown if furthest is None else max(shown, furthest)
        instant += MINUTE
    raise AssertionError


def wall_clock(timezone: str, instant: datetime) -> Iterator[datetime]:
    zone = ZoneInfo(timezone)
    while True:
        yield instant.astimezone(zone).replace(tzinfo=None)
        instant += MINUTE


def times_between(intent: Intent, after: datetime, until: datetime) -> Iterator[str]:
    """Departures in ``(after, until]`` by wall time; usually a single minute, at a gap many."""
    while after < until:
        after += MINUTE
        named = intent.exceptions.get(after.date().isoformat()) or intent.ready_by.get(WEEKDAYS[after.weekday()])
        if named == after.strftime("%H:%M"):
            yield named


@settings(max_examples=40, deadline=None)
@given(WEEKS, ANY_ZONE, INSTANTS)
@example({"sun": "01:30"}, LONDON, utc("2026-03-29T00:59:59.999999"))
@example({"sun": "01:30"}, LONDON, utc("2026-10-25T00:29:59.999999"))
def test_in_every_zone_the_departure_is_the_first_that_the_wall_clock_reaches(
    ready_by: dict[str, str], timezone: str, now: datetime
) -> None:
    intent = Intent(ready_by=ready_by)
    departure = next_departure(intent, timezone, now)
    assert departure is not None
    assert departure.at == by_the_clock_on_the_wall(intent, timezone, now)


@settings(max_examples=80, deadline=None)
@given(near_a_change(), st.integers(0, 3), TIMES)
def test_it_is_the_first_on_nights_of_a_clock_change_too(near: tuple[str, datetime], hour: int, other: str) -> None:
    timezone, now = near
    intent = Intent(
        ready_by=dict.fromkeys(WEEKDAYS, f"{hour:02d}:{now.minute:02d}"),
        exceptions={(now.astimezone(ZoneInfo(timezone)).date() + timedelta(days=1)).isoformat(): other},
    )
    departure = next_departure(intent, timezone, now)
    assert departure is not None
    assert departure.at == by_the_clock_on_the_wall(intent, timezone, now)


@settings(max_examples=100, deadline=None)
@given(WEEKS, st.dictionaries(st.dates(date(2026, 1, 1), date(2027, 12, 31)).map(str), TIMES, max_size=4), INSTANTS)
def test_until_the_intent_changes_every_departure_is_at_the_same_wall_time(
    ready_by: dict[str, str], exceptions: dict[str, str], now: datetime
) -> None:
    intent = Intent(ready_by=ready_by, exceptions=exceptions)
    first = next_departure(intent, LONDON, now)
    change_at = intent_changes_at(intent, LONDON, now)
    seen, departure = 0, first
    while departure is not None and departure.at != change_at and seen < 120:
        following = next_departure(intent, LONDON, departure.at)
        assert following is not None
        assert first is not None
        assert following.local_time == first.local_time
        seen, departure = seen + 1, following
    if change_at is not None and departure is not None and departure.at == change_at:
        following = next_departure(intent, LONDON, change_at)
        assert following is not None
        assert following.local_time != departure.local_time
