"""Taking Axle's schedules into the twin: order, replacement, refusal. Pure."""

from dataclasses import replace
from datetime import datetime

from driveway.domain.charging_profiles import ChargingProfile, anchored, is_over
from driveway.domain.twin import Entry, InstalledProfile, Twin
from driveway.domain.twin.reasons import Reason


class ScheduleRefusedError(Exception):
    """The schedule cannot be taken, and repeating it will not help. ``kind`` names the problem."""

    def __init__(self, kind: str, message: str, errors: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.errors = errors


class NotEnrolledError(Exception):
    """The site does not take part, so none of its schedules can be taken."""


def installed(
    twin: Twin, profile: ChargingProfile, *, created_at: datetime | None, now: datetime, keep_unplugged: bool
) -> Twin:
    """The twin with the profile in place of the one at its purpose and stack level (OCPP 1.6 §3.13.2).

    An older schedule than the one held (by ``created_at``, else by arrival) changes nothing. With ``keep_unplugged`` a
    schedule for a car that is not plugged in at home is kept for the session that opens within it.

    Raises:
        NotEnrolledError: the site is not enrolled, or leaves.
        ScheduleRefusedError: the schedule is over, or the car is not plugged in at home.
    """
    if not twin.link.enrolled or twin.link.leaving:
        raise NotEnrolledError("The site is not enrolled any more; send no schedules for it.")
    if is_over(anchored(profile, now), now):
        pointer = "/chargingSchedule/duration"
        raise ScheduleRefusedError(
            "schedule-over", "The schedule lies wholly in the past.", ((pointer, "It ends before it arrived."),)
        )
    session = twin.presence.session
    if session is None and not keep_unplugged:
        raise ScheduleRefusedError("not-plugged-in", "The car is not plugged in at home.")
    place = (profile.purpose, profile.stack_level)
    held = next((p for p in twin.profiles if (p.profile.purpose, p.profile.stack_level) == place), None)
    if held is not None and _is_newer(held, created_at):
        return twin
    new = InstalledProfile(
        profile=profile, received_at=now, created_at=created_at, session_id=session.id if session else None
    )
    if held is not None and replace(held, received_at=now, created_at=created_at) == new and _is_fixed(profile):
        return twin
    others = tuple(p for p in twin.profiles if p is not held and not _is_spent(p, twin, now))
    text = "Axle sent a schedule." if held is None else "Axle sent a new schedule in place of the last."
    detail = {"stack_level": profile.stack_level, "purpose": profile.purpose}
    return replace(twin, profiles=(*others, new)).tell(
        Entry(now, "ScheduleReceived", Reason.SCHEDULE_RECEIVED, text, detail)
    )


def _is_newer(held: InstalledProfile, created_at: datetime | None) -> bool:
    return held.created_at is not None and created_at is not None and held.created_at > created_at


def _is_fixed(profile: ChargingProfile) -> bool:
    """Whether the profile means the same whenever it is received."""
    return profile.start_schedule is not None or profile.valid_from is not None


def _is_spent(held: InstalledProfile, twin: Twin, now: datetime) -> bool:
    session = twin.presence.session
    of_a_past_session = (
        held.profile.purpose == "TxProfile"
        and held.session_id is not None
        and (session is None or session.id != held.session_id)
    )
    return of_a_past_session or is_over(anchored(held.profile, held.received_at), now)


def cleared(twin: Twin, now: datetime) -> Twin:
    """The twin without Axle's profiles (OCPP 1.6 §5.3): the default schedule holds."""
    if not twin.profiles:
        return twin
    text = "Axle cleared its schedule; off-peak charging goes on."
    return replace(twin, profiles=()).tell(Entry(now, "ScheduleCleared", Reason.SCHEDULE_CLEARED, text))
