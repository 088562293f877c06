"""The order of Axle's schedules: the newer one of two for one place, in whatever order they arrive.

Axle delivers at least once and in any order, and repeats an envelope for 24 hours. An envelope gives its time of
creation. A bare profile and a clear give none, so they count as made when they arrive. A schedule that is older than
the newest one received for its place changes nothing, also after that one was replaced, cleared or dropped because it
was over.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from driveway.domain.twin import InstalledProfile, ScheduleMark, Twin
from driveway.values import replace

MOST_AHEAD = timedelta(minutes=5)
"""A schedule dated further ahead of our clock than this has no usable date: it counts as made when it arrives."""

MARKS_KEPT = timedelta(days=2)
"""Axle gives up an envelope 24 hours after it was created."""

MOST_MARKS = 32

Place = tuple[str, int]
"""The purpose and the stack level: a profile replaces the one at its place (OCPP 1.6 §3.13.2)."""


def place_of(held: InstalledProfile) -> Place:
    """The place of an installed profile."""
    return held.profile.purpose, held.profile.stack_level


def usable_date(created_at: datetime | None, now: datetime) -> datetime | None:
    """The sender's date of a schedule that arrives ``now``; None where its arrival counts."""
    return None if created_at is None or created_at > now + MOST_AHEAD else created_at


def made_at(held: InstalledProfile) -> datetime:
    """The date of an installed profile (aware UTC)."""
    return held.created_at or held.received_at


def newest_at(twin: Twin, place: Place | None) -> datetime | None:
    """The date of the newest schedule received for a place (None: for any); None if there was none."""
    instants = [made_at(held) for held in twin.profiles if place in {None, place_of(held)}]
    instants += [mark.at for mark in twin.schedule_marks if place is None or _is_about(mark, place)]
    return max(instants, default=None)


def is_stale(twin: Twin, new: InstalledProfile) -> bool:
    """Whether a newer schedule was received for the same place, so that this one changes nothing however late it is."""
    newest = newest_at(twin, place_of(new))
    return new.created_at is not None and newest is not None and new.created_at < newest


def marks_after(twin: Twin, new: InstalledProfile, gone: Iterable[InstalledProfile]) -> tuple[ScheduleMark, ...]:
    """The twin's marks once a profile is installed and the ``gone`` ones are removed.

    Marks that are too old to matter, or that the new profile makes needless, are left out.
    """
    further = (ScheduleMark(made_at(held), held.profile.purpose, held.profile.stack_level) for held in gone)
    newest: dict[tuple[str | None, int | None], ScheduleMark] = {}
    for mark in sorted((*twin.schedule_marks, *further), key=lambda mark: mark.at):
        newest[mark.purpose, mark.stack_level] = mark
    known = newest.get(place_of(new))
    if known is not None and known.at <= made_at(new):
        del newest[place_of(new)]
    recent = [mark for mark in newest.values() if mark.at > new.received_at - MARKS_KEPT]
    return tuple(sorted(recent, key=lambda mark: mark.at)[-MOST_MARKS:])


def without_schedules(twin: Twin, now: datetime) -> Twin:
    """The twin without Axle's schedules. Schedules that were made before are refused, however late they arrive."""
    newest = newest_at(twin, None)
    mark = ScheduleMark(now if newest is None else max(now, newest))
    return replace(twin, profiles=(), schedule_marks=(mark,))


def _is_about(mark: ScheduleMark, place: Place) -> bool:
    return mark.purpose is None or (mark.purpose, mark.stack_level) == place
