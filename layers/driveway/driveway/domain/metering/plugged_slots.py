"""The half-hours of a plugged session in which nothing was reported: each follows the one before it."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from driveway.domain.half_hours import HALF_HOUR
from driveway.domain.metering.slot import DOUBT_LASTS, GRACE, Slot


def successors(slot: Slot, *, now: datetime) -> list[datetime]:
    """The starts of the half-hours that follow a slot which ended plugged in, up to the one ``now`` lies in."""
    starts = []
    start = slot.end
    while slot.plugged_at_end and start <= now:
        starts.append(start)
        start += HALF_HOUR
    return starts


def next_to_make(latest: Slot, *, now: datetime, grace: timedelta = GRACE) -> Slot | None:
    """The half-hour that has to follow an asset's latest one at once; None while that one is to be claimed first."""
    to_be_claimed = latest.due_at is not None and latest.state != "sent"
    following = [] if to_be_claimed else successors(latest, now=now)
    return plugged_slot(latest, following[0], grace=grace) if following else None


def plugged_slot(after: Slot, start: datetime, *, grace: timedelta = GRACE) -> Slot:
    """A half-hour of a plugged session of which nothing was reported yet.

    The car is known to have taken nothing if it was idle before and would have reported a change; else it is unknown.
    """
    since = after.doubted_since
    held_until = None if since is None else since + DOUBT_LASTS
    due_at = start + HALF_HOUR + grace
    return Slot(
        after.asset,
        after.axle_asset_id,
        start,
        plugged=True,
        plugged_at_end=True,
        quality="power" if after.idle_at_end else None,
        unknown_ms=0 if after.idle_at_end else HALF_HOUR // timedelta(milliseconds=1),
        idle_at_end=after.idle_at_end,
        doubted_since=since,
        held_until=held_until,
        due_at=due_at if held_until is None else max(due_at, held_until),
    )


def without_holes(slots: Sequence[Slot], *, now: datetime) -> list[Slot]:
    """Slots in order, and those between them and up to ``now`` that are missing although the car was plugged in."""
    found: list[Slot] = []
    for number, slot in enumerate(slots):
        found.append(slot)
        following = slots[number + 1].start if number + 1 < len(slots) else None
        missing = successors(slot, now=now if following is None else following - HALF_HOUR)
        found += [plugged_slot(slot, start) for start in missing]
    return found
