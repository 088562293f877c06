"""The default schedule kept in the car or charger itself, so that it charges when nobody can reach it. Pure.

It is installed while the site is enrolled, replaced when the tariff, the offset from UTC, the home or the charger's
wiring changes, and removed on leaving and for as long as a snooze lasts. Its commands have a slot of their own, need no
session, are done when the provider takes them, and never stand in the way of a command to charge. They go one at a
time, so that the last one stands; one that was sent and not taken leaves it unsure what is kept, until one is.
"""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from driveway.domain.control.command_states import HOPELESS, OPEN, TAKEN, repeated, told
from driveway.domain.control.desired import disconnected_at
from driveway.domain.control.protection import allowance, commands_spent, day_of
from driveway.domain.control.settings import ControlRules
from driveway.domain.control.vehicle_schedules import BOUND_TO_PLACE, can_keep
from driveway.domain.twin import Command, CommandAction, CommandState, Entry, Twin
from driveway.domain.twin.reasons import Reason

LONGEST_PAUSE = timedelta(days=1)
_OFFSET_SEARCH_WEEKS = 40
_DONE: dict[CommandAction, tuple[Reason, str]] = {
    "install_default": (Reason.DEFAULT_SCHEDULE_CHANGED, "The default schedule is kept in the car or charger itself."),
    "remove_default": (Reason.DEFAULT_SCHEDULE_REMOVED, "The default schedule is gone from the car or charger."),
}


def default_schedule_wish(twin: Twin, now: datetime) -> str | None:
    """What should be installed at ``now`` (aware UTC), in short; None if nothing should be.

    It names the vehicle (of a charger the connector and phases too, where given), the off-peak windows, their zone and
    the offsets from UTC of that zone and of the home's: a charger knows only UTC, a car only the wall time where it is.
    Where schedules are bound to a place it tells one home from another, but not where it is.
    """
    link, tariff = twin.link, twin.tariff
    snoozed = link.snoozed_until is not None and now < link.snoozed_until
    if not link.enrolled or link.leaving or snoozed or not can_keep(twin) or link.vehicle is None:
        return None
    offsets = " ".join(f"{_offset(zone, now) // timedelta(minutes=1):+d}" for zone in (tariff.timezone, link.timezone))
    windows = ",".join(f"{window.start_min}-{window.end_min}" for window in tariff.off_peak)
    vehicle = f"{link.vehicle.provider}/{link.vehicle.vehicle_id}"
    if link.vehicle.connector_id is not None or link.vehicle.phases is not None:
        vehicle += f"/{link.vehicle.connector_id}/{link.vehicle.phases}"
    place = f" {_place(twin)}" if link.vehicle.provider in BOUND_TO_PLACE else ""
    return f"{vehicle} {windows} {tariff.timezone} {offsets}{place}"


def _place(twin: Twin) -> str:
    home = twin.link.home
    if home is None:
        return "nowhere"
    return hashlib.sha256(f"{twin.link.asset} {home.latitude} {home.longitude}".encode()).hexdigest()[:8]


def _offset(timezone: str, at: datetime) -> timedelta:
    return at.astimezone(ZoneInfo(timezone)).utcoffset() or timedelta(0)


def upkeep_is_wanted(twin: Twin, upkeep: Command, now: datetime) -> bool:
    """Whether what the command would bring about is still what should be."""
    return can_keep(twin) and upkeep.schedule == default_schedule_wish(twin, now)


def with_upkeep(twin: Twin, now: datetime, rules: ControlRules, *, new_id: str) -> Twin:
    """The twin with the upkeep of the default schedule carried on by what is wanted and by the time."""
    upkeep, stands = twin.control.upkeep, False
    if upkeep is not None:
        answer_by = _answer_awaited_until(twin, upkeep, now, rules)
        if answer_by is not None and now < answer_by:
            return twin
        stands = upkeep_is_wanted(twin, upkeep, now)
        if stands and upkeep.doubt_at is not None and now < upkeep.doubt_at:
            return twin
        if stands and upkeep.state == "planned" and now < upkeep.expires_at:
            again, held_until = repeated(upkeep, now, rules), upkeep_held_until(twin, now, rules)
            again = again if held_until is None else replace(again, doubt_at=held_until)
            return replace(twin, control=replace(twin.control, upkeep=again))
        if upkeep.state in OPEN:
            over: CommandState = "failed" if stands else "superseded"
            unsure = twin.control.schedule_unsure or upkeep.state == "sent"
            upkeep = replace(upkeep, state=over, ended_at=now, doubt_at=None)
            twin = replace(twin, control=replace(twin.control, upkeep=upkeep, schedule_unsure=unsure))
    wanted = default_schedule_wish(twin, now)
    if _is_kept(twin, wanted) or not can_keep(twin) or upkeep_held_until(twin, now, rules) is not None:
        return twin
    command = Command(
        id=new_id,
        action="remove_default" if wanted is None else "install_default",
        reason=Reason.DEFAULT_SCHEDULE_REMOVED if wanted is None else Reason.DEFAULT_SCHEDULE_CHANGED,
        state="planned",
        planned_at=now,
        not_before=now,
        expires_at=now + LONGEST_PAUSE,
        doubt_at=now + rules.lost_after,
        schedule=wanted,
        attempts=upkeep.attempts if upkeep is not None and stands and upkeep.state != "confirmed" else 0,
    )
    return replace(twin, control=replace(twin.control, upkeep=command))


def _is_kept(twin: Twin, wanted: str | None) -> bool:
    """Whether it is sure that what is wanted, or nothing, is kept."""
    return wanted == twin.control.default_schedule and not twin.control.schedule_unsure


def _answer_awaited_until(twin: Twin, upkeep: Command, now: datetime, rules: ControlRules) -> datetime | None:
    """Until when the answer to what is not wanted any more is waited for, as the next might overtake it on its way."""
    if upkeep.state != "sent" or upkeep.sent_at is None or upkeep_is_wanted(twin, upkeep, now):
        return None
    return upkeep.sent_at + rules.answer_within


def upkeep_held_until(twin: Twin, now: datetime, rules: ControlRules) -> datetime | None:
    """Until when upkeep waits: for a new day's commands, or for the account to be tried again."""
    if disconnected_at(twin, now):
        return twin.control.breaker_until or now + LONGEST_PAUSE
    if commands_spent(twin, now) >= allowance(twin, "install_default", rules):
        return datetime.fromisoformat(day_of(now)).replace(tzinfo=UTC) + timedelta(days=1)
    return None


def upkeep_answered(
    twin: Twin,
    upkeep: Command,
    outcome: str,
    detail: str,
    *,
    reason: Reason,
    now: datetime,
    rules: ControlRules,
    spread: float,
    wait: timedelta,
) -> Twin:
    """The twin with the provider's answer to the upkeep noted: done when it was taken, else repeated after a pause.

    ``reason`` is why a refused one waits.
    """
    if upkeep.state != "sent":
        return twin
    noted = replace(upkeep, outcome=outcome, detail=detail or None, ended_at=now)
    if outcome in TAKEN:
        done = replace(noted, state="confirmed", doubt_at=None)
        done_reason, text = _DONE[upkeep.action]
        control = replace(twin.control, upkeep=done, default_schedule=upkeep.schedule, schedule_unsure=False)
        return replace(twin, control=control).tell(Entry(now, "DefaultSchedule", done_reason, text, told(done)))
    pause = rules.upkeep_retry * 2 ** min(upkeep.attempts - 1, 8) * (0.5 + 0.5 * spread)
    pause = LONGEST_PAUSE if outcome in HOPELESS else min(max(pause, wait), LONGEST_PAUSE)
    failed = replace(noted, state="failed", doubt_at=now + pause)
    text = detail or "The default schedule could not be changed now."
    # A schedule may be several calls, the first of which may have been taken.
    unsure = twin.control.schedule_unsure or outcome not in HOPELESS
    return replace(twin, control=replace(twin.control, upkeep=failed, schedule_unsure=unsure)).tell(
        Entry(now, "CommandRefused", reason, text, {**told(failed), "outcome": outcome})
    )


def upkeep_due(twin: Twin, now: datetime, rules: ControlRules) -> datetime | None:
    """When the upkeep has something to do next (aware UTC); None when nothing is ahead."""
    upkeep = twin.control.upkeep
    if not can_keep(twin):
        return None
    answer_by = _answer_awaited_until(twin, upkeep, now, rules) if upkeep else None
    if answer_by is not None:
        return answer_by
    if _is_kept(twin, default_schedule_wish(twin, now)):
        if twin.control.default_schedule is None:
            return None
        changes = (offset_changes_at(zone, now) for zone in {twin.tariff.timezone, twin.link.timezone})
        return min((at for at in changes if at is not None), default=None)
    if upkeep is not None and upkeep.state in OPEN:
        return upkeep.doubt_at
    ahead = (upkeep.doubt_at if upkeep else None, upkeep_held_until(twin, now, rules))
    return max((at for at in ahead if at is not None), default=None)


def offset_changes_at(timezone: str, now: datetime) -> datetime | None:
    """When an IANA zone changes its offset from UTC next (aware UTC, to the minute); None if not in nine months."""
    before = now.astimezone(UTC).replace(second=0, microsecond=0)
    offset = _offset(timezone, before)
    weeks = (before + timedelta(weeks=week) for week in range(1, _OFFSET_SEARCH_WEEKS))
    after = next((at for at in weeks if _offset(timezone, at) != offset), None)
    if after is None:
        return None
    before = after - timedelta(weeks=1)
    while after - before > timedelta(minutes=1):
        middle = before + (after - before) // timedelta(minutes=2) * timedelta(minutes=1)
        if _offset(timezone, middle) == offset:
            before = middle
        else:
            after = middle
    return after
