"""Reading ``off_peak_times``: daily wall-time ranges in the canonical form that Axle documents."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

_RANGE = re.compile(r"([0-9]{2}):([0-9]{2})-([0-9]{2}):([0-9]{2})")
_MINUTES_PER_DAY = 24 * 60


class InvalidTariffError(ValueError):
    """The tariff is refused; the text says why."""


@dataclass(frozen=True, slots=True)
class DailyRange:
    """Minutes after local midnight, ``0 <= start_min < end_min <= 1440``."""

    start_min: int
    end_min: int


def parse_off_peak_times(text: str) -> tuple[DailyRange, ...]:
    """The ranges of e.g. ``00:00-05:30, 23:30-24:00``.

    Only the canonical form passes: no selectors, split at midnight, sorted, neighbours merged. Axle itself may take
    more of the OSM opening-hours syntax; an integrator has no need to rely on that.

    Raises:
        InvalidTariffError: anything else.
    """
    ranges: list[DailyRange] = []
    for part in text.split(","):
        match = _RANGE.fullmatch(part.strip())
        if match is None:
            raise InvalidTariffError(f"off_peak_times: {part.strip()!r} is not a time range HH:MM-HH:MM")
        start_hour, start_minute, end_hour, end_minute = (int(group) for group in match.groups())
        found = DailyRange(start_hour * 60 + start_minute, end_hour * 60 + end_minute)
        if max(start_minute, end_minute) > 59 or found.end_min > _MINUTES_PER_DAY:
            raise InvalidTariffError(f"off_peak_times: {part.strip()!r} is not a time of day")
        if found.start_min >= found.end_min:
            raise InvalidTariffError(f"off_peak_times: {part.strip()!r} must end after it starts; split it at midnight")
        if ranges and found.start_min <= ranges[-1].end_min:
            raise InvalidTariffError(f"off_peak_times: {part.strip()!r} is not after the range before it")
        ranges.append(found)
    return tuple(ranges)


def zone(name: str) -> ZoneInfo:
    """The IANA time zone of that name.

    Raises:
        InvalidTariffError: no such zone.
    """
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError) as error:
        raise InvalidTariffError(f"timezone: {name!r} is not a known time zone") from error


def instant(day: date, wall: time, tz: tzinfo) -> datetime:
    """The UTC instant of a wall time: the earlier one if it occurs twice, the moment of the jump if it never does."""
    earlier = datetime.combine(day, wall, tz).astimezone(UTC)
    if earlier.astimezone(tz).replace(tzinfo=None) == datetime.combine(day, wall):
        return earlier
    before, after = earlier - timedelta(days=1), earlier
    jump_from = before.astimezone(tz).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) / 2
        if middle.astimezone(tz).utcoffset() == jump_from:
            before = middle
        else:
            after = middle
    return after.replace(microsecond=0)


def off_peak_stretches(
    ranges: tuple[DailyRange, ...], tz: tzinfo, start: datetime, end: datetime
) -> list[tuple[datetime, datetime]]:
    """The off-peak stretches of ``[start, end)`` as UTC instants: sorted, apart, clipped to the window."""
    stretches: list[tuple[datetime, datetime]] = []
    day = start.astimezone(tz).date() - timedelta(days=1)
    last_day = end.astimezone(tz).date()
    while day <= last_day:
        for daily in ranges:
            begins = max(_at_minute(day, daily.start_min, tz), start)
            ends = min(_at_minute(day, daily.end_min, tz), end)
            if begins >= ends:
                continue
            if stretches and begins <= stretches[-1][1]:
                stretches[-1] = (stretches[-1][0], max(ends, stretches[-1][1]))
            else:
                stretches.append((begins, ends))
        day += timedelta(days=1)
    return stretches


def _at_minute(day: date, minute: int, tz: tzinfo) -> datetime:
    days, minute_of_day = divmod(minute, _MINUTES_PER_DAY)
    return instant(day + timedelta(days=days), time(minute_of_day // 60, minute_of_day % 60), tz)
