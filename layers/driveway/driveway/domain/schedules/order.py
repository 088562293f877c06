"""The order of Axle's schedules: which of two for one place is the newer, however they come.

Axle delivers at least once and in any order, and repeats an envelope for 24 hours. An envelope says when it was
created. A bare profile and a clear say nothing, so they count as made when they arrive. Nothing older than what was
received for a place may change it, also after that was replaced, cleared or left out because it was over.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from driveway.domain.twin import InstalledProfile, ScheduleMark, Twin

MOST_AHEAD = timedelta(minutes=5)
"""A schedule dated further ahead of our clock than this has no usable date: it counts as made when it arrives."""

MARKS_KEPT = timedelta(days=2)
"""Axle gives up an envelope 24 hours after it was created."""

MOST_MARKS = 32

Place = tuple[str, int]
"""The purpose and the stack level: a profile replaces the one at its place (OCPP 1.6 §3.13.2)."""


def place_of(held: InstalledProfile) -> Place:
    """The place of a profile that is held."""
    return held.profile.purpose, held.profile.stack_level


def usable_date(created_at: datetime | None, now: datetime) -> datetime | None:
    """When a schedule that arrives ``now`` was made, as its sender dated it; None where its arrival counts."""
    return None if created_at is None or created_at > now + MOST_AHEAD else created_at


def made_at(held: InstalledProfile) -> datetime:
    """How new a profile is that is held."""
    return held.created_at or held.received_at


def newest_at(twin: Twin, place: Place | None) -> datetime | None:
    """How new the newest schedule is that was received for a place (None: for any); None if there was none."""
    instants = [made_at(held) for held in twin.profiles if place in {None, place_of(held)}]
    instants += [mark.at for mark in twin.schedule_marks if place is None or _is_about(mark, place)]
    return max(instants, default=None)


def is_stale(twin: Twin, new: InstalledProfile) -> bool:
    """Whether a newer schedule was received for the same place, so that this one changes nothing however late it is."""
    newest = newest_at(twin, place_of(new))
    return new.created_at is not None and newest is not None and new.created_at < newest


def marks_after(twin: Twin, new: InstalledProfile, gone: Iterable[InstalledProfile]) -> tuple[ScheduleMark, ...]:
    """The twin's marks once a profile is installed and those that are ``gone`` are not held any more.

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
    """The twin without Axle's schedules. What was made before is not taken any more, however late it comes."""
    newest = newest_at(twin, None)
    mark = ScheduleMark(now if newest is None else max(now, newest))
    return replace(twin, profiles=(), schedule_marks=(mark,))


def _is_about(mark: ScheduleMark, place: Place) -> bool:
    return mark.purpose is None or (mark.purpose, mark.stack_level) == place
