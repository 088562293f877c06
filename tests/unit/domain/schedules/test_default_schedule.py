from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driveway.domain.schedules.default_schedule import Interval, off_peak_intervals, spread_starts
from driveway.domain.twin import Tariff, Window

LONDON = ZoneInfo("Europe/London")
NIGHT = (Window(0, 330), Window(1410, 1440))
THREE_A_DAY = (Window(240, 420), Window(780, 960), Window(1320, 1440))
ZONES = ["Europe/London", "UTC", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"]


def tariff(windows: tuple[Window, ...] = NIGHT, timezone: str = "Europe/London") -> Tariff:
    return Tariff(windows, timezone, "dual_rate")


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def seconds(intervals: list[Interval]) -> float:
    return sum((until - since).total_seconds() for since, until in intervals)


@st.composite
def tariffs(draw: st.DrawFn) -> Tariff:
    edges = sorted(draw(st.sets(st.integers(0, 1440), min_size=2, max_size=8)))
    windows = tuple(Window(start, end) for start, end in zip(edges[::2], edges[1::2], strict=False))
    return tariff(windows, draw(st.sampled_from(ZONES)))


NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)
INSTANTS = st.integers(0, 365 * 86_400).map(lambda s: NEW_YEAR + timedelta(seconds=s))
SPANS = st.timedeltas(timedelta(seconds=1), timedelta(days=4))


def test_an_overnight_window_is_one_interval_in_utc() -> None:
    found = off_peak_intervals(tariff(), utc("2026-07-14T12:00"), utc("2026-07-15T12:00"))

    assert found == [(utc("2026-07-14T22:30"), utc("2026-07-15T04:30"))]


def test_a_meter_on_utc_keeps_its_times_in_summer() -> None:
    found = off_peak_intervals(tariff(timezone="UTC"), utc("2026-07-14T12:00"), utc("2026-07-15T12:00"))

    assert found == [(utc("2026-07-14T23:30"), utc("2026-07-15T05:30"))]


def test_intervals_are_cut_to_the_window() -> None:
    found = off_peak_intervals(tariff(), utc("2026-01-15T01:00"), utc("2026-01-15T23:45"))

    assert found == [
        (utc("2026-01-15T01:00"), utc("2026-01-15T05:30")),
        (utc("2026-01-15T23:30"), utc("2026-01-15T23:45")),
    ]


def test_three_windows_a_day_stay_three() -> None:
    found = off_peak_intervals(tariff(THREE_A_DAY), utc("2026-01-15T00:00"), utc("2026-01-16T00:00"))

    assert [(since.hour, until.hour) for since, until in found] == [(4, 7), (13, 16), (22, 0)]


@pytest.mark.parametrize(
    ("evening", "hours"),
    [("2026-03-27", 6), ("2026-03-28", 5), ("2026-03-29", 6), ("2026-10-24", 7), ("2026-10-25", 6)],
)
def test_a_night_over_a_clock_change_is_an_hour_shorter_or_longer(evening: str, hours: int) -> None:
    noon = datetime.combine(date.fromisoformat(evening), time(12), LONDON)
    next_noon = datetime.combine(date.fromisoformat(evening) + timedelta(days=1), time(12), LONDON)

    found = off_peak_intervals(tariff(), noon, next_noon)

    assert len(found) == 1
    assert seconds(found) == hours * 3600
    assert [edge.astimezone(LONDON).strftime("%H:%M") for edge in found[0]] == ["23:30", "05:30"]


def test_a_window_that_starts_in_the_hour_the_clock_skips_starts_at_the_skip() -> None:
    found = off_peak_intervals(tariff((Window(90, 300),)), utc("2026-03-29T00:00"), utc("2026-03-29T12:00"))

    assert found == [(utc("2026-03-29T01:00"), utc("2026-03-29T04:00"))]


def test_a_window_within_the_hour_the_clock_skips_does_not_exist_that_day() -> None:
    assert off_peak_intervals(tariff((Window(75, 105),)), utc("2026-03-29T00:00"), utc("2026-03-29T12:00")) == []


def test_an_empty_or_inverted_window_of_time_has_no_intervals() -> None:
    at = utc("2026-01-15T01:00")

    assert off_peak_intervals(tariff(), at, at) == []
    assert off_peak_intervals(tariff(), at, at - timedelta(hours=1)) == []


@given(given_tariff=tariffs(), start=INSTANTS, span=SPANS)
@settings(max_examples=100, deadline=None)
def test_intervals_are_ascending_apart_and_inside(given_tariff: Tariff, start: datetime, span: timedelta) -> None:
    found = off_peak_intervals(given_tariff, start, start + span)

    assert all(start <= since < until <= start + span for since, until in found)
    assert all(one[1] < other[0] for one, other in pairwise(found))


@given(given_tariff=tariffs(), start=INSTANTS, spans=st.tuples(SPANS, SPANS))
@settings(max_examples=100, deadline=None)
def test_two_halves_have_the_off_peak_time_of_the_whole(
    given_tariff: Tariff, start: datetime, spans: tuple[timedelta, timedelta]
) -> None:
    middle, end = start + spans[0], start + spans[0] + spans[1]
    halves = off_peak_intervals(given_tariff, start, middle) + off_peak_intervals(given_tariff, middle, end)

    assert seconds(halves) == pytest.approx(seconds(off_peak_intervals(given_tariff, start, end)))


@given(given_tariff=tariffs(), at=INSTANTS)
@settings(max_examples=150, deadline=None)
def test_away_from_clock_changes_the_wall_clock_alone_decides(given_tariff: Tariff, at: datetime) -> None:
    zone = ZoneInfo(given_tariff.timezone)
    nearby = {(at + timedelta(hours=hours)).astimezone(zone).utcoffset() for hours in (-30, 0, 30)}
    wall = at.astimezone(zone)
    minutes = wall.hour * 60 + wall.minute
    if len(nearby) == 1:
        expected = any(window.start_min <= minutes < window.end_min for window in given_tariff.off_peak)
        assert bool(off_peak_intervals(given_tariff, at, at + timedelta(microseconds=1))) is expected


def spread(intervals: list[Interval], asset: str = "car-1", spread_s: int = 600) -> list[Interval]:
    return spread_starts(intervals, asset=asset, spread_s=spread_s, timezone="Europe/London")


ONE_NIGHT = [(utc("2026-01-15T23:30"), utc("2026-01-16T05:30"))]


def test_without_a_spread_nothing_moves() -> None:
    assert spread(ONE_NIGHT, spread_s=0) == ONE_NIGHT


def test_the_spread_of_an_asset_and_edge_is_always_the_same_and_differs_between_assets() -> None:
    starts = {asset: spread(ONE_NIGHT, asset)[0][0] for asset in (f"car-{n}" for n in range(50))}

    assert starts == {asset: spread(ONE_NIGHT, asset)[0][0] for asset in starts}
    assert len(set(starts.values())) > 30


def test_the_spread_differs_from_night_to_night() -> None:
    nights = [(ONE_NIGHT[0][0] + timedelta(days=n), ONE_NIGHT[0][1] + timedelta(days=n)) for n in range(20)]
    delays = {moved[0] - given[0] for moved, given in zip(spread(nights), nights, strict=True)}

    assert len(delays) > 10


@given(given_tariff=tariffs(), start=INSTANTS, spread_s=st.integers(0, 600), asset=st.text(max_size=8))
@settings(max_examples=100, deadline=None)
def test_a_spread_delays_starts_by_at_most_itself_and_never_moves_an_end(
    given_tariff: Tariff, start: datetime, spread_s: int, asset: str
) -> None:
    intervals = off_peak_intervals(given_tariff, start, start + timedelta(days=3))
    moved = spread(intervals, asset, spread_s)

    assert [until for _, until in moved] == [until for _, until in intervals]
    for (since, until), (moved_since, _) in zip(intervals, moved, strict=True):
        assert since <= moved_since < until
        assert moved_since - since <= timedelta(seconds=spread_s)


@pytest.mark.parametrize("peak", ["2026-01-15T08:00", "2026-01-15T16:00"])
@pytest.mark.parametrize("before_s", [1, 30, 300])
def test_a_start_is_never_delayed_past_a_peak_edge(peak: str, before_s: int) -> None:
    since = utc(peak) - timedelta(seconds=before_s)

    for n in range(40):
        [(moved, _)] = spread([(since, since + timedelta(hours=3))], f"car-{n}")
        assert moved < utc(peak)


def test_at_the_weekend_there_is_no_peak_edge_to_mind() -> None:
    since = utc("2026-01-17T07:59:59")
    starts = [spread([(since, since + timedelta(hours=3))], f"car-{n}")[0][0] for n in range(40)]

    assert max(starts) > utc("2026-01-17T08:02")


@pytest.mark.parametrize("spread_s", [-1, 601])
def test_a_spread_beyond_ten_minutes_is_refused(spread_s: int) -> None:
    with pytest.raises(ValueError, match="0 to 600"):
        spread(ONE_NIGHT, spread_s=spread_s)
