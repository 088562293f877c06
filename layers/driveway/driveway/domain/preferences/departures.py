"""The departures that an intent names, as instants: the car must be ready by then."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import get_args
from zoneinfo import ZoneInfo

from msgspec import Struct

from driveway.domain.twin import Intent, Weekday
from driveway.domain.wall_time import find_zone, parse_time_of_day, to_utc

WEEKDAYS: tuple[Weekday, ...] = get_args(Weekday)
"""In the order of ``date.weekday()``."""


class Departure(Struct, frozen=True):
    """One departure: the wall time the driver named (``HH:MM``), its local date, and the instant (aware UTC).

    On the night the clock goes forward over the named time, ``at`` is the moment of the change.
    """

    at: datetime
    local_time: str
    local_date: date


def next_departure(intent: Intent, timezone: str, now: datetime) -> Departure | None:
    """The first departure strictly after ``now`` (aware), or None if the intent names none.

    On a date among the intent's exceptions, the exception's time replaces the weekday's. ``wall_time.to_utc`` converts
    a wall time to an instant, also on the days on which the clocks change in ``timezone`` (IANA).

    Raises:
        UnknownZoneError: ``timezone`` is not a zone.
    """
    return next(_departures(intent, find_zone(timezone), now), None)


def intent_changes_at(intent: Intent, timezone: str, now: datetime) -> datetime | None:
    """The instant (aware UTC) after ``now`` from which Axle must know another ready-by time, if there is one.

    That is the first departure whose successor is at another wall time: Axle keeps the time and discards the date, so a
    departure followed by one at the same time changes nothing for it.

    Raises:
        UnknownZoneError: ``timezone`` is not a zone.
    """
    departures = _departures(intent, find_zone(timezone), now)
    return next((first.at for first, second in pairwise(departures) if first.local_time != second.local_time), None)


def _departures(intent: Intent, zone: ZoneInfo, now: datetime) -> Iterator[Departure]:
    """Departures after ``now`` in order, until a week after which nothing new can come."""
    for local_date in _dates(intent, now.astimezone(zone).date()):
        local_time = intent.exceptions.get(local_date.isoformat()) or intent.ready_by.get(
            WEEKDAYS[local_date.weekday()]
        )
        if local_time is None:
            continue
        at = to_utc(local_date, parse_time_of_day(local_time), zone)
        if at > now:
            yield Departure(at=at, local_time=local_time, local_date=local_date)


def _dates(intent: Intent, today: date) -> Iterator[date]:
    """The dates to examine: the coming fortnight, then each exception with a week on either side of it."""
    candidate, last = today, today + timedelta(days=14)
    while candidate <= last:
        yield candidate
        candidate += timedelta(days=1)
    for exception in sorted(map(date.fromisoformat, intent.exceptions)):
        candidate = max(candidate, exception - timedelta(days=7))
        while candidate <= exception + timedelta(days=7):
            yield candidate
            candidate += timedelta(days=1)
