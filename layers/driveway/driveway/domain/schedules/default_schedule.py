"""The default schedule: charge in the off-peak times of the tariff, also while Axle or the network is down.

Off-peak times are wall time in the tariff's own zone, which need not be the home's: a British meter may stay on UTC
all year. Instants are aware UTC and intervals half-open.
"""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from driveway.domain.twin import Tariff
from driveway.domain.wall_time import to_utc

Interval = tuple[datetime, datetime]

MOST_SPREAD_S = 600
"""The longest random delay of the Electric Vehicles (Smart Charge Points) Regulations 2021, regulation 11."""

_PEAK_STARTS_MIN = (8 * 60, 16 * 60)
_SATURDAY = 5


def off_peak_intervals(tariff: Tariff, start: datetime, end: datetime) -> list[Interval]:
    """When it is off-peak within ``[start, end)`` (aware): ascending, merged, clipped, aware UTC.

    An edge at a wall time that exists twice is at the earlier instant; at one the clock skips, it is at the skip
    (``wall_time.to_utc``). So a window over a clock change is an hour longer or shorter than on other days.
    """
    if start >= end:
        return []
    start, end = start.astimezone(UTC), end.astimezone(UTC)
    zone = ZoneInfo(tariff.timezone)
    first, last = start.astimezone(zone).date(), end.astimezone(zone).date()
    days = (first + timedelta(days=day) for day in range((last - first).days + 1))
    windows = (
        (to_utc(day, window.start_min, zone), to_utc(day, window.end_min, zone))
        for day in days
        for window in tariff.off_peak
    )
    clipped = ((max(since, start), min(until, end)) for since, until in windows)
    return _merged((since, until) for since, until in clipped if since < until)


def _merged(intervals: Iterable[Interval]) -> list[Interval]:
    merged: list[Interval] = []
    for since, until in sorted(intervals):
        if merged and since <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], until))
        else:
            merged.append((since, until))
    return merged


def spread_starts(intervals: Sequence[Interval], *, asset: str, spread_s: int, timezone: str) -> list[Interval]:
    """The intervals with every start delayed by 0 to ``spread_s`` seconds, so that not all cars start at once.

    The delay depends on the asset and the edge alone, so it is always the same for both. Ends never move, so charging
    never runs on into peak. A start never moves past a British peak edge (08:00 and 16:00 on weekdays by the wall clock
    of ``timezone``), and never over more than half of the time up to that edge or the interval's end.

    Raises:
        ValueError: ``spread_s`` is not within 0 to 600.
    """
    if not 0 <= spread_s <= MOST_SPREAD_S:
        raise ValueError(f"The spread must be 0 to {MOST_SPREAD_S} seconds, not {spread_s}.")
    if spread_s == 0:
        return list(intervals)
    zone = ZoneInfo(timezone)
    return [(since + _delay(asset, since, until, spread_s, zone), until) for since, until in intervals]


def _delay(asset: str, since: datetime, until: datetime, spread_s: int, zone: ZoneInfo) -> timedelta:
    room_s = int((_first_peak_start(since, until, zone) - since).total_seconds()) // 2
    digest = hashlib.sha256(f"{asset}|{since.astimezone(UTC).isoformat()}".encode()).digest()
    return timedelta(seconds=int.from_bytes(digest[:8]) % (min(spread_s, room_s) + 1))


def _first_peak_start(since: datetime, until: datetime, zone: ZoneInfo) -> datetime:
    """The first British peak start after ``since``, or ``until`` if that comes first."""
    local_date = since.astimezone(zone).date()
    if local_date.weekday() >= _SATURDAY:
        return until
    edges = (to_utc(local_date, minutes, zone) for minutes in _PEAK_STARTS_MIN)
    return min([until, *(edge for edge in edges if edge > since)])
