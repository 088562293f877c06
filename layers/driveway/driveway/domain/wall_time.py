"""Wall time: zones, times of day as people write them, and the instants they stand for.

A wall time may not exist (the clock went forward over it) or exist twice (the clock went back). One rule serves
the whole project, see ``to_utc``.
"""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

DAY_MIN = 1440

_NOT_ZONES = frozenset({"localtime", "posixrules", "Factory", "factory"})
_TIME_OF_DAY = re.compile(
    r"(?P<hour>\d{1,2})(?:\s*[:.h]\s*(?P<minute>\d{2})(?::(?P<second>00))?)?(?P<h>h)?\s*(?P<half>[ap]\.?m\.?)?",
    re.ASCII | re.IGNORECASE,
)
_MILITARY = re.compile(r"(?P<hour>\d{2})(?P<minute>\d{2})", re.ASCII)


class UnknownZoneError(ValueError):
    """The text is not the name of a zone in the IANA time zone database."""


class TimeOfDayError(ValueError):
    """The text is not a time of day."""


def find_zone(name: str) -> ZoneInfo:
    """The IANA zone with this exact name, such as ``Europe/London`` or ``UTC``.

    Raises:
        UnknownZoneError: there is none, or the name depends on the machine (``localtime``) or counts leap seconds
            (``right/...``).
    """
    problem = UnknownZoneError(
        f"{name[:60]!r} is not an IANA time zone. Use a name such as 'Europe/London', or 'UTC' for a meter on UTC."
    )
    if name in _NOT_ZONES or name.startswith(("posix/", "right/")):
        raise problem
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise problem from error


def to_utc(local_date: date, minutes_after_midnight: int, zone: ZoneInfo) -> datetime:
    """The instant (aware UTC) at which the wall clock of ``zone`` shows this time on this date.

    Minutes count on the dial (0 to 1440, where 1440 is 00:00 of the next date), not as a duration since midnight. A
    time that exists twice means the earlier instant. A time that the clock skips means the moment of the skip: the end
    of the last real minute before the gap, so that whatever must happen by then has exactly the real time before it.
    The result never decreases as the wall time grows.
    """
    wall = datetime.combine(local_date, time()) + timedelta(minutes=minutes_after_midnight)
    instant = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) == wall:
        return instant
    return _transition(wall.replace(tzinfo=zone, fold=1).astimezone(UTC), instant, zone)


def _transition(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """The instant in ``(before, after]``, to the second, from which ``zone`` has the offset it has at ``after``."""
    new_offset = after.astimezone(zone).utcoffset()
    low, high = 0, int((after - before).total_seconds())
    while high - low > 1:
        middle = (low + high) // 2
        if (before + timedelta(seconds=middle)).astimezone(zone).utcoffset() == new_offset:
            high = middle
        else:
            low = middle
    return before + timedelta(seconds=high)


def parse_time_of_day(text: str) -> int:
    """Minutes after midnight, 0 to 1440 (24:00), of a time as people type it.

    Read are ``7:00``, ``07:00``, ``07:00:00``, ``7.30``, ``7h30``, ``7h``, ``0730``, ``7:30 am``, ``7pm``, ``noon`` and
    ``midnight`` (0).

    Raises:
        TimeOfDayError: anything else, with a sentence for the caller.
    """
    plain = text.strip()
    if plain.lower() in {"noon", "midday"}:
        return DAY_MIN // 2
    if plain.lower() == "midnight":
        return 0
    match = _MILITARY.fullmatch(plain) or _TIME_OF_DAY.fullmatch(plain)
    if match is None:
        raise TimeOfDayError(f"{plain[:40]!r} is not a time of day. Write hours and minutes, such as '23:30'.")
    parts = match.groupdict()
    if parts["minute"] is None and not parts.get("half") and not parts.get("h"):
        raise TimeOfDayError(f"{plain[:40]!r} lacks minutes. Write hours and minutes, such as '23:30'.")
    hour, minute = _hour(parts), int(parts["minute"] or 0)
    if hour is None or minute > 59 or hour * 60 + minute > DAY_MIN:
        raise TimeOfDayError(f"{plain[:40]!r} is not a possible time. Times go from '00:00' to '24:00'.")
    return hour * 60 + minute


def _hour(parts: Mapping[str, str | None]) -> int | None:
    """The hour of the day of the parts of a time; None where a clock face has none, or ``h`` and ``am`` meet."""
    hour, half = int(parts["hour"] or 0), (parts.get("half") or "").lower()
    if not half:
        return hour
    if parts.get("h") or not 1 <= hour <= 12:
        return None
    return hour % 12 + (12 if half.startswith("p") else 0)


def hhmm(minutes_after_midnight: int) -> str:
    """``HH:MM`` for minutes after midnight, 0 to 1440; 1440 is ``24:00``."""
    return f"{minutes_after_midnight // 60:02d}:{minutes_after_midnight % 60:02d}"
