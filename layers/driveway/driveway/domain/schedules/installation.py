"""The twin after a new schedule of Axle's or a clear: order, replacement, bounds and refusal. Pure."""

from datetime import datetime

from driveway.domain.charging_profiles import ChargingProfile, anchored, is_over, trimmed
from driveway.domain.enrolment import check_takes_part
from driveway.domain.schedules.order import (
    MOST_AHEAD,
    is_stale,
    made_at,
    marks_after,
    place_of,
    usable_date,
    without_schedules,
)
from driveway.domain.twin import Entry, InstalledProfile, Twin
from driveway.domain.twin.events import Event
from driveway.domain.twin.reasons import Reason
from driveway.values import replace

MOST_PERIODS_HELD = 8064
"""Bounds for all schedules of one asset together. They keep the twin well below the 400 KB of a DynamoDB item."""

MOST_SCHEDULES_HELD = 16


class ScheduleRefusedError(Exception):
    """The schedule cannot be accepted, and repeating it will not help. ``kind`` names the problem."""

    def __init__(self, kind: str, message: str, errors: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.errors = errors


def installed(
    twin: Twin, profile: ChargingProfile, *, created_at: datetime | None, now: datetime, keep_unplugged: bool
) -> Twin:
    """The twin with the profile in place of the one at its purpose and stack level (OCPP 1.6 §3.13.2).

    A schedule that is older than what was received for its place changes nothing (see ``order``). Periods that are
    over, of this profile and of the others, are not kept.

    Args:
        twin: the asset.
        profile: the profile as it was sent.
        created_at: when its sender made it (aware); None if the sender gave no time.
        now: the time of its arrival (aware UTC).
        keep_unplugged: whether a schedule for a car that is not plugged in at home is kept for its next session.

    Raises:
        NotEnrolledError: the site is not enrolled, or leaves.
        ScheduleRefusedError: the schedule is over, the car is not plugged in at home, or the asset has too many periods
            or schedules.
    """
    _check_takes_part(twin, profile, now=now, keep_unplugged=keep_unplugged)
    created_at, session = usable_date(created_at, now), twin.presence.session
    new = InstalledProfile(
        profile=trimmed(profile, now, received_at=now),
        received_at=now,
        created_at=created_at,
        session_id=session.id if session else None,
    )
    if is_stale(twin, new):
        return twin
    held = next((one for one in twin.profiles if place_of(one) == place_of(new)), None)
    if held is not None and _is_the_same(held, new):
        return _dated_again(twin, held, new)
    return _with_profile(twin, new, held)


def _check_takes_part(twin: Twin, profile: ChargingProfile, *, now: datetime, keep_unplugged: bool) -> None:
    check_takes_part(twin.link, "The site is not enrolled any more; send no schedules for it.")
    if is_over(anchored(profile, now), now):
        pointer = "/chargingSchedule/duration"
        raise ScheduleRefusedError(
            "schedule-over", "The schedule lies wholly in the past.", ((pointer, "It ends before it arrived."),)
        )
    if twin.presence.session is None and not keep_unplugged:
        raise ScheduleRefusedError("not-plugged-in", "The car is not plugged in at home.")


def _is_the_same(held: InstalledProfile, new: InstalledProfile) -> bool:
    """Whether a profile equals the one that is held, for the same session, and does not depend on its receipt."""
    is_fixed = new.profile.start_schedule is not None or new.profile.valid_from is not None
    present = trimmed(held.profile, new.received_at, received_at=held.received_at)
    return is_fixed and (present, held.session_id) == (new.profile, new.session_id)


def _dated_again(twin: Twin, held: InstalledProfile, new: InstalledProfile) -> Twin:
    """The twin after a schedule that it holds arrived again: only the date of the schedule changes.

    A bare profile that arrives again within five minutes counts as the same delivery.
    """
    now = new.received_at
    if new.created_at is None and now - made_at(held) <= MOST_AHEAD:
        return twin
    again = replace(held, profile=new.profile, created_at=new.created_at or now)
    return replace(twin, profiles=tuple(again if one is held else one for one in twin.profiles))


def _with_profile(twin: Twin, new: InstalledProfile, held: InstalledProfile | None) -> Twin:
    now, others = new.received_at, [one for one in twin.profiles if one is not held]
    lasting = [
        replace(one, profile=trimmed(one.profile, now, received_at=one.received_at))
        for one in others
        if not _is_spent(one, twin, now)
    ]
    _check_bounds([*lasting, new])
    gone = [one for one in others if _is_spent(one, twin, now)] + ([held] if held is not None else [])
    text = "Axle sent a schedule." if held is None else "Axle sent a new schedule in place of the last."
    detail = {"stack_level": new.profile.stack_level, "purpose": new.profile.purpose}
    after = replace(twin, profiles=(*lasting, new), schedule_marks=marks_after(twin, new, gone))
    return after.tell(Entry(now, Event.SCHEDULE_RECEIVED, Reason.SCHEDULE_RECEIVED, text, detail))


def _check_bounds(profiles: list[InstalledProfile]) -> None:
    count = sum(len(one.profile.periods) for one in profiles)
    if len(profiles) <= MOST_SCHEDULES_HELD and count <= MOST_PERIODS_HELD:
        return
    message = (
        f"An asset has at most {MOST_SCHEDULES_HELD} schedules with {MOST_PERIODS_HELD} periods that are not over; "
        f"with this one it would have {len(profiles)} with {count}."
    )
    pointer = "/chargingSchedule/chargingSchedulePeriod"
    raise ScheduleRefusedError("too-many-periods", message, ((pointer, message),))


def _is_spent(held: InstalledProfile, twin: Twin, now: datetime) -> bool:
    session = twin.presence.session
    of_a_past_session = (
        held.profile.purpose == "TxProfile"
        and held.session_id is not None
        and (session is None or session.id != held.session_id)
    )
    return of_a_past_session or is_over(anchored(held.profile, held.received_at), now)


def cleared(twin: Twin, now: datetime) -> Twin:
    """The twin without Axle's profiles (OCPP 1.6 §5.3): the default schedule holds.

    A clear counts from its arrival: a schedule that was made before it and arrives later changes nothing.
    """
    after = without_schedules(twin, now)
    if not twin.profiles:
        return after
    text = "Axle cleared its schedule. Off-peak charging goes on."
    return after.tell(Entry(now, Event.SCHEDULE_CLEARED, Reason.SCHEDULE_CLEARED, text))
