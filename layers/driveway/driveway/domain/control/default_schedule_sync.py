"""Settings in the car or charger itself: the default schedule and the driver's own charging current. Pure.

The schedule lets the car charge while we cannot reach it. It is installed while the site is enrolled, replaced when the
tariff, the offset from UTC, the home or the charger's wiring changes, and removed on leaving and for as long as a
snooze lasts. A current of ours that is no longer needed is replaced by the driver's own before all other commands.

These commands have a place of their own in the twin and need no session. They are done when the provider accepts them,
and they never delay a start or stop. They are sent one at a time, so that the last one holds. After one that was sent
and not accepted, the installed schedule is unknown until the provider accepts the next one.
"""

import hashlib
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from driveway.domain.control.budgets import RELEASES, budget_spent
from driveway.domain.control.command_states import HOPELESS, OPEN, TAKEN, command_detail, repeated
from driveway.domain.control.desired import disconnected_at
from driveway.domain.control.longest_pauses import LONGEST_PAUSE, longest_pause
from driveway.domain.control.settings import ControlRules
from driveway.domain.control.standing_limit import must_restore_limit
from driveway.domain.control.vehicle_schedules import can_keep, former_schedule
from driveway.domain.twin import Command, CommandAction, Control, Entry, OutcomeKind, Twin
from driveway.domain.twin.events import Event
from driveway.domain.twin.reasons import Reason
from driveway.values import replace

_OFFSET_SEARCH_WEEKS = 40
_DONE: dict[CommandAction, tuple[Event, Reason, str]] = {
    "install_default": (
        Event.DEFAULT_SCHEDULE,
        Reason.DEFAULT_SCHEDULE_CHANGED,
        "The default schedule is kept in the car or charger itself.",
    ),
    "remove_default": (
        Event.DEFAULT_SCHEDULE,
        Reason.DEFAULT_SCHEDULE_REMOVED,
        "The default schedule is gone from the car or charger.",
    ),
    "restore_current": (
        Event.CHARGING_CURRENT,
        Reason.CURRENT_RESTORED,
        "The car charges with the current that its driver chose.",
    ),
}
_NOT_DONE = {"restore_current": "The car could not be given its own charging current back now."}


def required_default_schedule(twin: Twin, now: datetime) -> str | None:
    """The schedule that should be installed at ``now`` (aware UTC), in short; None if there should be none.

    It names the vehicle (of a charger the connector, phases, unit and stack level too, where given), the off-peak
    windows, their zone, and the offsets from UTC of that zone and of the home's: a charger knows only UTC, a car only
    its local wall time. Where schedules belong to a place, the text distinguishes homes without giving their positions.
    """
    link, tariff = twin.link, twin.tariff
    snoozed = link.snoozed_until is not None and now < link.snoozed_until
    released = not link.enrolled or link.leaving or snoozed or twin.control.released_by_operator_at is not None
    if released or not can_keep(twin) or link.vehicle is None:
        return None
    offsets = " ".join(f"{_offset(zone, now) // timedelta(minutes=1):+d}" for zone in (tariff.timezone, link.timezone))
    windows = ",".join(f"{window.start_min}-{window.end_min}" for window in tariff.off_peak)
    vehicle = f"{link.vehicle.provider}/{link.vehicle.vehicle_id}"
    wiring = (link.vehicle.connector_id, link.vehicle.phases)
    profile = (link.vehicle.rate_unit, link.vehicle.stack_level)
    for pair in (wiring, profile):
        vehicle += f"/{pair[0]}/{pair[1]}" if any(value is not None for value in pair) else ""
    place = f" {_place(twin)}" if link.vehicle.capabilities.schedules_act_at_home_only else ""
    return f"{vehicle} {windows} {tariff.timezone} {offsets}{place}"


def _place(twin: Twin) -> str:
    home = twin.link.home
    if home is None:
        return "nowhere"
    return hashlib.sha256(f"{twin.link.asset} {home.latitude} {home.longitude}".encode()).hexdigest()[:8]


def _offset(timezone: str, at: datetime) -> timedelta:
    return at.astimezone(ZoneInfo(timezone)).utcoffset() or timedelta(0)


def next_task(twin: Twin, now: datetime) -> tuple[CommandAction, str | None] | None:
    """The next command and its schedule; None when the car or charger keeps what it should."""
    if must_restore_limit(twin, now):
        return "restore_current", None
    wanted = required_default_schedule(twin, now)
    if not can_keep(twin) or _is_kept(twin, wanted):
        return None
    return "remove_default" if wanted is None else "install_default", wanted


def schedule_command_is_wanted(twin: Twin, schedule_command: Command, now: datetime) -> bool:
    """Whether the command is still the next one to send."""
    return next_task(twin, now) == (schedule_command.action, schedule_command.schedule)


def with_default_schedule_sync(twin: Twin, now: datetime, rules: ControlRules, *, new_id: str) -> Twin:
    """The twin with these commands advanced to what the car or charger should keep, and by the time."""
    command = twin.control.schedule_command
    if command is None:
        return _with_next(twin, now, rules, attempts=0, new_id=new_id)
    waits_until = _waits_until(twin, command, now, rules)
    if waits_until is not None and now < waits_until:
        return twin
    wanted = schedule_command_is_wanted(twin, command, now)
    if wanted and command.state == "planned" and now < command.expires_at:
        return _announced_again(twin, command, now, rules)
    attempts = command.attempts if wanted and command.state != "confirmed" else 0
    return _with_next(_closed(twin, command, now, wanted=wanted), now, rules, attempts=attempts, new_id=new_id)


def _waits_until(twin: Twin, command: Command, now: datetime, rules: ControlRules) -> datetime | None:
    """When the latest of these commands needs the next step; None if it needs one now.

    An outdated command's answer comes first: otherwise the next command could overtake it.
    """
    if not schedule_command_is_wanted(twin, command, now):
        sent_at = command.sent_at if command.state == "sent" else None
        return sent_at + rules.answer_within if sent_at is not None else None
    if command.until_seen and command.ended_at is not None and not _is_seen_again(twin, command):
        return command.ended_at + LONGEST_PAUSE
    return command.confirm_by


def _announced_again(twin: Twin, command: Command, now: datetime, rules: ControlRules) -> Twin:
    again, held_until = repeated(command, now, rules), default_schedule_held_until(twin, now, rules, command.action)
    if held_until is not None:
        again = replace(again, confirm_by=held_until)
    elif command.action in RELEASES and again.confirm_by is not None:
        again = replace(again, confirm_by=min(again.confirm_by, now + longest_pause(twin, command.action)))
    return replace(twin, control=replace(twin.control, schedule_command=again))


def _closed(twin: Twin, command: Command, now: datetime, *, wanted: bool) -> Twin:
    """The twin once an open command ended, because it was not answered in time or is outdated."""
    if command.state not in OPEN:
        return twin
    unknown = twin.control.installed_schedule_unknown or (command.state == "sent" and _changes_schedules(command))
    over = replace(command, state="failed" if wanted else "superseded", ended_at=now, confirm_by=None)
    return replace(twin, control=replace(twin.control, schedule_command=over, installed_schedule_unknown=unknown))


def _with_next(twin: Twin, now: datetime, rules: ControlRules, *, attempts: int, new_id: str) -> Twin:
    """The twin with the next of these commands planned, if one is required and no guard holds it back."""
    task = next_task(twin, now)
    if task is None or default_schedule_held_until(twin, now, rules, task[0]) is not None:
        return twin
    action, schedule = task
    command = Command(
        id=new_id,
        action=action,
        reason=_DONE[action][1],
        state="planned",
        planned_at=now,
        not_before=now,
        expires_at=now + LONGEST_PAUSE,
        confirm_by=now + rules.lost_after,
        schedule=schedule,
        attempts=attempts,
    )
    return replace(twin, control=replace(twin.control, schedule_command=command))


def _changes_schedules(command: Command) -> bool:
    return command.action != "restore_current"


def _is_kept(twin: Twin, wanted: str | None) -> bool:
    """Whether the car surely keeps the wanted schedule, or surely keeps none."""
    return wanted == twin.control.default_schedule and not twin.control.installed_schedule_unknown


def _is_seen_again(twin: Twin, schedule_command: Command) -> bool:
    """Whether a car that could not be reached for the default schedule was observed since."""
    if not schedule_command.until_seen or schedule_command.ended_at is None:
        return False
    presence = twin.presence
    reachable = presence.reachable if presence.reachable is not None and presence.reachable.value else None
    signals = (presence.plugged_in, presence.at_home, presence.charging, presence.soc_pct, reachable)
    return any(signal is not None and signal.at > schedule_command.ended_at for signal in signals)


def default_schedule_held_until(
    twin: Twin, now: datetime, rules: ControlRules, action: CommandAction
) -> datetime | None:
    """When a command of this kind may be sent: the next day or month, at the next account trial, or after a doubt."""
    doubt = twin.presence.doubt
    if doubt is not None:
        return doubt.until
    if disconnected_at(twin, now):
        return now + LONGEST_PAUSE
    spent = budget_spent(twin, action, now, rules)
    return spent.until if spent is not None else None


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
    left_asleep: bool = False,
) -> Twin:
    """The twin with the provider's answer to such a command: it is done when accepted, else sent again after a pause.

    ``reason`` says why a refused one waits. A car that was found asleep and not woken (``left_asleep``) gets the
    command again when it is next observed.
    """
    if schedule_command.state != "sent":
        return twin
    noted = replace(schedule_command, outcome=outcome, detail=detail or None, ended_at=now)
    if outcome in TAKEN:
        done = replace(noted, state="confirmed", confirm_by=None)
        event, done_reason, text = _DONE[schedule_command.action]
        return replace(twin, control=_with_done(twin, done)).tell(
            Entry(now, event, done_reason, text, command_detail(done))
        )
    pause = _pause(twin, schedule_command, outcome, rules, spread=spread, wait=wait)
    failed = replace(noted, state="failed", confirm_by=now + pause, until_seen=left_asleep)
    text = detail or _NOT_DONE.get(schedule_command.action, "The default schedule could not be changed now.")
    # A schedule may need several calls, and the provider may have accepted the first of them.
    may_be_in_part = _changes_schedules(schedule_command) and outcome not in HOPELESS
    unsure = twin.control.installed_schedule_unknown or may_be_in_part
    return replace(
        twin, control=replace(twin.control, schedule_command=failed, installed_schedule_unknown=unsure)
    ).tell(Entry(now, Event.COMMAND_REFUSED, reason, text, {**command_detail(failed), "outcome": outcome}))


def _with_done(twin: Twin, done: Command) -> Control:
    """The control group once the provider accepted such a command."""
    control = twin.control
    if done.action == "restore_current":
        return replace(control, schedule_command=done, standing_limit=None, last_limit_kw=None)
    return replace(
        control,
        schedule_command=done,
        default_schedule=done.schedule,
        installed_schedule_unknown=False,
        former_schedule=former_schedule(twin),
    )


def _pause(
    twin: Twin, command: Command, outcome: OutcomeKind, rules: ControlRules, *, spread: float, wait: timedelta
) -> timedelta:
    """The pause after such a command was not accepted: ten minutes at first, doubling up to the longest."""
    longest = longest_pause(twin, command.action)
    if outcome in HOPELESS:
        return longest if outcome == "NEEDS_USER" else LONGEST_PAUSE
    pause = rules.default_schedule_retry * float(2 ** min(command.attempts - 1, 8)) * (0.5 + 0.5 * spread)
    return min(max(min(pause, longest), wait), LONGEST_PAUSE)


def default_schedule_due(twin: Twin, now: datetime, rules: ControlRules) -> datetime | None:
    """When these commands need the next reconcile (aware UTC); None when none is ahead."""
    command, task = twin.control.schedule_command, next_task(twin, now)
    waits_until = _waits_until(twin, command, now, rules) if command is not None else None
    if task is None:
        return waits_until if command is not None and command.state in OPEN else _outdated_at(twin, now)
    if command is not None and command.state in OPEN:
        return waits_until
    held_until = default_schedule_held_until(twin, now, rules, task[0])
    return max((at for at in (waits_until, held_until) if at is not None), default=None)


def _outdated_at(twin: Twin, now: datetime) -> datetime | None:
    """When the installed schedule becomes outdated because a clock changes its offset from UTC."""
    if twin.control.default_schedule is None or not can_keep(twin):
        return None
    changes = (offset_changes_at(zone, now) for zone in {twin.tariff.timezone, twin.link.timezone})
    return min((at for at in changes if at is not None), default=None)


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
