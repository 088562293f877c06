"""Nights without a session, which are what people ask about, and why there was none. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from msgspec import Struct

from driveway.domain.sessions.plan import Plan, in_force
from driveway.domain.twin import Entry
from driveway.domain.twin.events import Event
from driveway.domain.twin.reasons import Reason
from driveway.domain.wall_time import to_utc

NOON_MIN = 12 * 60

_ENDS_PLUG = frozenset({Event.PLUGGED_OUT, Event.PLUGGED_IN})
"""What ends the plugged period of a car whose place was not known: the plug-out, or a session."""


class NoSession(StrEnum):
    """Why a night had no session. They are part of the HTTP API: add, never rename."""

    NOT_ENROLLED = "NO_SESSION_NOT_ENROLLED"
    RELEASED_BY_OPERATOR = "NO_SESSION_RELEASED_BY_OPERATOR"
    HOME_UNKNOWN = "NO_SESSION_HOME_UNKNOWN"
    NOT_AT_HOME = "NO_SESSION_NOT_AT_HOME"
    NOT_PLUGGED_IN = "NO_SESSION_NOT_PLUGGED_IN"


SENTENCES: dict[NoSession, str] = {
    NoSession.NOT_ENROLLED: "The site did not take part in smart charging, so the car charged as it liked.",
    NoSession.RELEASED_BY_OPERATOR: "Smart charging was switched off for everybody, so the car charged as it liked.",
    NoSession.HOME_UNKNOWN: "The car was plugged in, but nothing showed that it was at home. Let the car share its "
    "location with the app.",
    NoSession.NOT_AT_HOME: "The car was plugged in away from home, where we do nothing.",
    NoSession.NOT_PLUGGED_IN: "No report showed that the car was plugged in.",
}


class Night(Struct, frozen=True):
    """A night is named by the local date on which it begins, at noon; it ends at the noon after it (aware UTC)."""

    date: date
    start: datetime
    end: datetime


def night_of(day: date, timezone: str) -> Night:
    """The night that begins on a local day."""
    zone = ZoneInfo(timezone)
    return Night(day, to_utc(day, NOON_MIN, zone), to_utc(day + timedelta(days=1), NOON_MIN, zone))


def night_at(at: datetime, timezone: str) -> Night:
    """The night that an aware instant lies in."""
    local = at.astimezone(ZoneInfo(timezone))
    day = local.date() if local.time() >= time(12) else local.date() - timedelta(days=1)
    return night_of(day, timezone)


def why_no_session(night: Night, plans: Sequence[Plan], entries: Sequence[Entry]) -> NoSession:
    """Why a night had no session, from the plans and the timeline, both in order of time and from before it, too.

    What held for the longest part of the night leads, and then what was reported of the car's place.
    """
    lasted: defaultdict[Reason | None, timedelta] = defaultdict(timedelta)
    for part in in_force(plans, night.start, night.end):
        lasted[part.left_alone] += part.end - part.start
    longest = max(lasted, key=lambda reason: lasted[reason], default=None)
    if longest is Reason.NOT_ENROLLED:
        return NoSession.NOT_ENROLLED
    if longest is Reason.RELEASED_BY_OPERATOR:
        return NoSession.RELEASED_BY_OPERATOR
    place = _place_of_plugged(night, entries)
    if place is None:
        return NoSession.NOT_PLUGGED_IN
    return NoSession.NOT_AT_HOME if place == Reason.NOT_AT_HOME else NoSession.HOME_UNKNOWN


def _place_of_plugged(night: Night, entries: Iterable[Entry]) -> str | None:
    """What was reported of the place of a car that was plugged in during the night; None if no car was."""
    place: str | None = None
    for entry in entries:
        if entry.at >= night.end:
            break
        if entry.event == Event.NO_SESSION:
            place = entry.reason
        elif entry.event in _ENDS_PLUG and entry.at < night.start:
            place = None
    return place
