"""Half-hours: the settlement periods energy is counted in. They start at :00 and :30 UTC and are half-open."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

HALF_HOUR = timedelta(minutes=30)


def half_hour_of(at: datetime) -> datetime:
    """The start (UTC) of the half-hour an aware instant lies in; an instant on a boundary starts its half-hour."""
    at = at.astimezone(UTC)
    return at.replace(minute=at.minute // 30 * 30, second=0, microsecond=0)


def half_hours_between(start: datetime, end: datetime) -> Iterator[datetime]:
    """The starts (UTC) of every half-hour that has time in common with ``[start, end)``, in order."""
    slot = half_hour_of(start)
    while slot < end:
        yield slot
        slot += HALF_HOUR


def local_day_half_hours(day: date, timezone: str) -> tuple[datetime, ...]:
    """The starts (UTC) of the half-hours of one local day: 48 of them, in Britain 46 or 50 when the clocks change."""
    zone = ZoneInfo(timezone)
    midnight = datetime.combine(day, time(), zone).astimezone(UTC)
    next_midnight = datetime.combine(day + timedelta(days=1), time(), zone).astimezone(UTC)
    return tuple(half_hours_between(midnight, next_midnight))
