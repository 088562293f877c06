from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driveway.domain.wall_time import (
    DAY_MIN,
    TimeOfDayError,
    UnknownZoneError,
    find_zone,
    hhmm,
    parse_time_of_day,
    to_utc,
)

LONDON, BERLIN, LORD_HOWE = ZoneInfo("Europe/London"), ZoneInfo("Europe/Berlin"), ZoneInfo("Australia/Lord_Howe")
KOLKATA, CAIRO, AZORES = ZoneInfo("Asia/Kolkata"), ZoneInfo("Africa/Cairo"), ZoneInfo("Atlantic/Azores")

ZONES = st.sampled_from(sorted(name for name in available_timezones() if name not in {"Factory", "localtime"})).map(
    ZoneInfo
)
DATES = st.dates(min_value=date(2026, 1, 1), max_value=date(2036, 12, 31))
MINUTES = st.integers(min_value=0, max_value=DAY_MIN)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "local_date", "wall", "expected"),
    [
        (LONDON, "2026-01-15", "07:00", "2026-01-15T07:00"),
        (LONDON, "2026-07-15", "07:00", "2026-07-15T06:00"),
        # London goes forward 01:00 -> 02:00 at 01:00 UTC.
        (LONDON, "2026-03-29", "00:59", "2026-03-29T00:59"),
        (LONDON, "2026-03-29", "01:00", "2026-03-29T01:00"),
        (LONDON, "2026-03-29", "01:30", "2026-03-29T01:00"),
        (LONDON, "2026-03-29", "01:59", "2026-03-29T01:00"),
        (LONDON, "2026-03-29", "02:00", "2026-03-29T01:00"),
        (LONDON, "2026-03-29", "07:00", "2026-03-29T06:00"),
        # London goes back 02:00 -> 01:00 at 01:00 UTC.
        (LONDON, "2026-10-25", "00:59", "2026-10-24T23:59"),
        (LONDON, "2026-10-25", "01:00", "2026-10-25T00:00"),
        (LONDON, "2026-10-25", "01:30", "2026-10-25T00:30"),
        (LONDON, "2026-10-25", "02:00", "2026-10-25T02:00"),
        # Berlin goes forward 02:00 -> 03:00 and back 03:00 -> 02:00, both at 01:00 UTC.
        (BERLIN, "2026-03-29", "01:59", "2026-03-29T00:59"),
        (BERLIN, "2026-03-29", "02:30", "2026-03-29T01:00"),
        (BERLIN, "2026-03-29", "03:00", "2026-03-29T01:00"),
        (BERLIN, "2026-10-25", "02:30", "2026-10-25T00:30"),
        (BERLIN, "2026-10-25", "03:00", "2026-10-25T02:00"),
        # Lord Howe moves by half an hour: 02:00 -> 02:30 (+10:30 -> +11) and 02:00 -> 01:30.
        (LORD_HOWE, "2026-10-04", "01:59", "2026-10-03T15:29"),
        (LORD_HOWE, "2026-10-04", "02:10", "2026-10-03T15:30"),
        (LORD_HOWE, "2026-10-04", "02:30", "2026-10-03T15:30"),
        (LORD_HOWE, "2026-04-05", "01:45", "2026-04-04T14:45"),
        (LORD_HOWE, "2026-04-05", "02:00", "2026-04-04T15:30"),
        # Cairo skips the hour after midnight and repeats the hour before it.
        (CAIRO, "2026-04-24", "00:00", "2026-04-23T22:00"),
        (CAIRO, "2026-04-24", "00:30", "2026-04-23T22:00"),
        (CAIRO, "2026-10-29", "23:30", "2026-10-29T20:30"),
        (CAIRO, "2026-10-29", "24:00", "2026-10-29T22:00"),
        (KOLKATA, "2026-03-29", "01:30", "2026-03-28T20:00"),
        (KOLKATA, "2026-12-31", "24:00", "2026-12-31T18:30"),
        (ZoneInfo("UTC"), "2026-03-29", "01:30", "2026-03-29T01:30"),
    ],
)
def test_a_wall_time_stands_for_one_instant(zone: ZoneInfo, local_date: str, wall: str, expected: str) -> None:
    assert to_utc(date.fromisoformat(local_date), parse_time_of_day(wall), zone) == utc(expected)


@settings(max_examples=300, deadline=None)
@given(ZONES, DATES, MINUTES)
def test_an_instant_shows_its_wall_time_or_is_where_the_clock_skips_it(zone: ZoneInfo, day: date, minutes: int) -> None:
    wall = datetime(day.year, day.month, day.day) + timedelta(minutes=minutes)  # noqa: DTZ001 - a wall time has no zone
    instant = to_utc(day, minutes, zone)
    shown = instant.astimezone(zone).replace(tzinfo=None)
    a_second_before = (instant - timedelta(seconds=1)).astimezone(zone).replace(tzinfo=None)
    assert instant.utcoffset() == timedelta(0)
    assert shown == wall or a_second_before < wall < shown


@settings(max_examples=300, deadline=None)
@given(ZONES, DATES, MINUTES)
def test_no_earlier_instant_shows_the_same_wall_time(zone: ZoneInfo, day: date, minutes: int) -> None:
    instant = to_utc(day, minutes, zone)
    shown = instant.astimezone(zone).replace(tzinfo=None)
    for back_min in (30, 60, 120):
        assert (instant - timedelta(minutes=back_min)).astimezone(zone).replace(tzinfo=None) != shown


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([LONDON, BERLIN, LORD_HOWE, CAIRO, AZORES]), DATES, MINUTES, MINUTES)
def test_later_wall_times_are_never_earlier_instants(zone: ZoneInfo, day: date, first: int, second: int) -> None:
    low, high = sorted((first, second))
    assert to_utc(day, low, zone) <= to_utc(day, high, zone) <= to_utc(day + timedelta(days=1), 0, zone)


@pytest.mark.parametrize("name", ["Europe/London", "Australia/Lord_Howe", "UTC", "Etc/GMT+1", "Asia/Kolkata"])
def test_iana_names_are_found(name: str) -> None:
    assert find_zone(name).key == name


@pytest.mark.parametrize(
    "name",
    [
        *("", " ", "BST", "Europe", "Europe/Londn", "Europe/London ", "+01:00", "Factory", "localtime"),
        *(
            "right/Europe/London",
            "posix/UTC",
            "../etc/passwd",
            "/etc/localtime",
            "Europe/London\0",
            "ü" * 300,
            "\ud800",
        ),
    ],
)
def test_other_names_are_refused_with_an_example(name: str) -> None:
    with pytest.raises(UnknownZoneError, match="such as 'Europe/London'"):
        find_zone(name)


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        *(("00:00", 0), ("7:00", 420), ("07:00", 420), (" 07:00 ", 420), ("23:59", 1439), ("24:00", 1440)),
        *(("07:30:00", 450), ("7.30", 450), ("7h30", 450), ("23h", 1380), ("7H", 420), ("0730", 450), ("2400", 1440)),
        *(("7am", 420), ("7:30 PM", 1170), ("11.30 p.m.", 1410), ("12am", 0), ("12:30am", 30), ("12pm", 720)),
        *(("noon", 720), ("Midnight", 0)),
    ],
)
def test_a_time_of_day_is_read_as_people_type_it(text: str, minutes: int) -> None:
    assert parse_time_of_day(text) == minutes


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        *((text, "not a possible time") for text in ("24:01", "25:00", "12:60", "13pm", "0am", "9999", "7h am")),
        *((text, "lacks minutes") for text in ("7", "23", "00")),
        *((text, "not a time of day") for text in ("", "soon", "7:0", "7:00:30", "-1:00", "07:00Z", "07:00+01:00")),
        *((text, "not a time of day") for text in ("123:00", "٠٧:٠٠", "07:00 07:00", "730", "1e1:00", "7:00\n8:00")),
    ],
)
def test_other_times_of_day_are_refused_with_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(TimeOfDayError, match=sentence):
        parse_time_of_day(text)


@given(MINUTES)
def test_a_written_time_of_day_reads_back(minutes: int) -> None:
    assert parse_time_of_day(hhmm(minutes)) == minutes
