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

from driveway.domain.control.command_states import HOPELESS, OPEN, TAKEN, command_detail, repeated
from driveway.domain.control.desired import disconnected_at
from driveway.domain.control.protection import allowance, commands_spent, day_of
from driveway.domain.control.settings import ControlRules
from driveway.domain.control.vehicle_schedules import can_keep
from driveway.domain.twin import Command, CommandAction, CommandState, Entry, OutcomeKind, Twin
from driveway.domain.twin.events import Event
from driveway.domain.twin.reasons import Reason

LONGEST_PAUSE = timedelta(days=1)
_OFFSET_SEARCH_WEEKS = 40
_DONE: dict[CommandAction, tuple[Reason, str]] = {
    "install_default": (Reason.DEFAULT_SCHEDULE_CHANGED, "The default schedule is kept in the car or charger itself."),
    "remove_default": (Reason.DEFAULT_SCHEDULE_REMOVED, "The default schedule is gone from the car or charger."),
}


def required_default_schedule(twin: Twin, now: datetime) -> str | None:
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
    place = f" {_place(twin)}" if link.vehicle.capabilities.schedules_act_at_home_only else ""
    return f"{vehicle} {windows} {tariff.timezone} {offsets}{place}"


def _place(twin: Twin) -> str:
    home = twin.link.home
    if home is None:
        return "nowhere"
    return hashlib.sha256(f"{twin.link.asset} {home.latitude} {home.longitude}".encode()).hexdigest()[:8]


def _offset(timezone: str, at: datetime) -> timedelta:
    return at.astimezone(ZoneInfo(timezone)).utcoffset() or timedelta(0)


def schedule_command_is_wanted(twin: Twin, schedule_command: Command, now: datetime) -> bool:
    """Whether what the command would bring about is still what should be."""
    return can_keep(twin) and schedule_command.schedule == required_default_schedule(twin, now)


def with_default_schedule_sync(twin: Twin, now: datetime, rules: ControlRules, *, new_id: str) -> Twin:
    """The twin with the upkeep of the default schedule carried on by what is wanted and by the time."""
    schedule_command, stands = twin.control.schedule_command, False
    if schedule_command is not None:
        answer_by = _answer_awaited_until(twin, schedule_command, now, rules)
        if answer_by is not None and now < answer_by:
            return twin
        stands = schedule_command_is_wanted(twin, schedule_command, now)
        if stands and schedule_command.confirm_by is not None and now < schedule_command.confirm_by:
            return twin
        if stands and schedule_command.state == "planned" and now < schedule_command.expires_at:
            again, held_until = repeated(schedule_command, now, rules), default_schedule_held_until(twin, now, rules)
            again = again if held_until is None else replace(again, confirm_by=held_until)
            return replace(twin, control=replace(twin.control, schedule_command=again))
        if schedule_command.state in OPEN:
            over: CommandState = "failed" if stands else "superseded"
            unsure = twin.control.installed_schedule_unknown or schedule_command.state == "sent"
            schedule_command = replace(schedule_command, state=over, ended_at=now, confirm_by=None)
            twin = replace(
                twin,
                control=replace(twin.control, schedule_command=schedule_command, installed_schedule_unknown=unsure),
            )
    wanted = required_default_schedule(twin, now)
    if _is_kept(twin, wanted) or not can_keep(twin) or default_schedule_held_until(twin, now, rules) is not None:
        return twin
    command = Command(
        id=new_id,
        action="remove_default" if wanted is None else "install_default",
        reason=Reason.DEFAULT_SCHEDULE_REMOVED if wanted is None else Reason.DEFAULT_SCHEDULE_CHANGED,
        state="planned",
        planned_at=now,
        not_before=now,
        expires_at=now + LONGEST_PAUSE,
        confirm_by=now + rules.lost_after,
        schedule=wanted,
        attempts=schedule_command.attempts
        if schedule_command is not None and stands and schedule_command.state != "confirmed"
        else 0,
    )
    return replace(twin, control=replace(twin.control, schedule_command=command))


def _is_kept(twin: Twin, wanted: str | None) -> bool:
    """Whether it is sure that what is wanted, or nothing, is kept."""
    return wanted == twin.control.default_schedule and not twin.control.installed_schedule_unknown


def _answer_awaited_until(twin: Twin, schedule_command: Command, now: datetime, rules: ControlRules) -> datetime | None:
    """Until when the answer to what is not wanted any more is waited for, as the next might overtake it on its way."""
    if (
        schedule_command.state != "sent"
        or schedule_command.sent_at is None
        or schedule_command_is_wanted(twin, schedule_command, now)
    ):
        return None
    return schedule_command.sent_at + rules.answer_within


def default_schedule_held_until(twin: Twin, now: datetime, rules: ControlRules) -> datetime | None:
    """Until when upkeep waits: for a new day's commands, for the account to be tried again, or for a doubt to end."""
    doubt = twin.presence.doubt
    if doubt is not None:
        return doubt.until
    if disconnected_at(twin, now):
        return twin.control.breaker_until or now + LONGEST_PAUSE
    if commands_spent(twin, now) >= allowance(twin, "install_default", rules):
        return datetime.fromisoformat(day_of(now)).replace(tzinfo=UTC) + timedelta(days=1)
    return None


def schedule_command_answered(
    twin: Twin,
    schedule_command: Command,
    outcome: OutcomeKind,
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
    if schedule_command.state != "sent":
        return twin
    noted = replace(schedule_command, outcome=outcome, detail=detail or None, ended_at=now)
    if outcome in TAKEN:
        done = replace(noted, state="confirmed", confirm_by=None)
        done_reason, text = _DONE[schedule_command.action]
        control = replace(
            twin.control,
            schedule_command=done,
            default_schedule=schedule_command.schedule,
            installed_schedule_unknown=False,
        )
        return replace(twin, control=control).tell(
            Entry(now, Event.DEFAULT_SCHEDULE, done_reason, text, command_detail(done))
        )
    pause = rules.default_schedule_retry * 2 ** min(schedule_command.attempts - 1, 8) * (0.5 + 0.5 * spread)
    pause = LONGEST_PAUSE if outcome in HOPELESS else min(max(pause, wait), LONGEST_PAUSE)
    failed = replace(noted, state="failed", confirm_by=now + pause)
    text = detail or "The default schedule could not be changed now."
    # A schedule may be several calls, the first of which may have been taken.
    unsure = twin.control.installed_schedule_unknown or outcome not in HOPELESS
    return replace(
        twin, control=replace(twin.control, schedule_command=failed, installed_schedule_unknown=unsure)
    ).tell(Entry(now, Event.COMMAND_REFUSED, reason, text, {**command_detail(failed), "outcome": outcome}))


def default_schedule_due(twin: Twin, now: datetime, rules: ControlRules) -> datetime | None:
    """When the upkeep has something to do next (aware UTC); None when nothing is ahead."""
    schedule_command = twin.control.schedule_command
    if not can_keep(twin):
        return None
    answer_by = _answer_awaited_until(twin, schedule_command, now, rules) if schedule_command else None
    if answer_by is not None:
        return answer_by
    if _is_kept(twin, required_default_schedule(twin, now)):
        if twin.control.default_schedule is None:
            return None
        changes = (offset_changes_at(zone, now) for zone in {twin.tariff.timezone, twin.link.timezone})
        return min((at for at in changes if at is not None), default=None)
    if schedule_command is not None and schedule_command.state in OPEN:
        return schedule_command.confirm_by
    schedule = (
        schedule_command.confirm_by if schedule_command else None,
        default_schedule_held_until(twin, now, rules),
    )
    return max((at for at in schedule if at is not None), default=None)


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
