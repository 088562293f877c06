"""The half-hours of a plugged session without samples. Each follows from the one before it."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from driveway.domain.half_hours import HALF_HOUR
from driveway.domain.metering.slot import DOUBT_LASTS, GRACE, Slot


def successors(slot: Slot, *, now: datetime) -> list[datetime]:
    """The starts of the half-hours after a slot that ended plugged in, up to the half-hour of ``now``."""
    starts = []
    start = slot.end
    while slot.plugged_at_end and start <= now:
        starts.append(start)
        start += HALF_HOUR
    return starts


def next_to_make(latest: Slot, *, now: datetime, grace: timedelta = GRACE) -> Slot | None:
    """The half-hour that follows an asset's latest one; None while the drain must still claim the latest one."""
    awaits_claim = latest.due_at is not None and latest.state != "sent"
    following = [] if awaits_claim else successors(latest, now=now)
    return plugged_slot(latest, following[0], grace=grace) if following else None


def plugged_slot(after: Slot, start: datetime, *, grace: timedelta = GRACE) -> Slot:
    """A half-hour of a plugged session without samples yet.

    The car took nothing if it was idle before and its source reports every change. Otherwise the energy is unknown.
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
    """Slots in order, with the plugged-in ones that are missing between them and up to ``now``."""
    found: list[Slot] = []
    for number, slot in enumerate(slots):
        found.append(slot)
        following = slots[number + 1].start if number + 1 < len(slots) else None
        missing = successors(slot, now=now if following is None else following - HALF_HOUR)
        found += [plugged_slot(slot, start) for start in missing]
    return found
