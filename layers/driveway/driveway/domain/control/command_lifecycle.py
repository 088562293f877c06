"""The life of a start or stop: it is planned, then judged by observations of the car and by the time. Pure.

It ends confirmed, failed, superseded or expired. The module ``giving_up`` holds the rules for a command without effect.
"""

from datetime import datetime

from driveway.domain.control.budgets import day_of
from driveway.domain.control.command_states import HOPELESS, OPEN, TAKEN, command_detail, ended, repeated
from driveway.domain.control.desired import RELEASING, desired_in
from driveway.domain.control.giving_up import unconfirmed
from driveway.domain.control.held_back import HeldBack
from driveway.domain.control.late_stop import replaced_stop
from driveway.domain.control.protection import believes_full, guard
from driveway.domain.control.required_command import (
    RequiredCommand,
    is_full,
    is_held_by_command,
    is_instructed,
    is_satisfied,
    is_unseen,
    observed_state_matches,
    required_command,
    required_now,
    wanted_limit_kw,
)
from driveway.domain.control.settings import ControlRules
from driveway.domain.control.trial_start import trial_is_wanted
from driveway.domain.schedules.schedule_window import ScheduleWindow
from driveway.domain.twin import Command, CommandAction, CommandState, Entry, Twin
from driveway.domain.twin.events import Event
from driveway.domain.twin.reasons import Reason
from driveway.values import replace

_SHOWN: dict[CommandAction, str] = {
    "start": "The car shows that it is charging.",
    "stop": "The car shows that it has stopped.",
}

Ending = tuple[CommandState, Reason, str]


def planned(twin: Twin, now: datetime, rules: ControlRules, schedule: ScheduleWindow, *, new_id: str) -> Twin:
    """The twin with a new command if one is required, none is under way and no guard holds it back."""
    if twin.control.command is not None and twin.control.command.state in OPEN:
        return twin
    wanted = required_command(twin, now, rules, schedule)
    if wanted is None:
        return twin
    held_back = guard(twin, wanted, now, rules)
    if held_back is not None:
        return _report_spent_budget(twin, wanted, held_back, now)
    until = wanted.desired.until
    expires_at = wanted.not_before + rules.command_ttl
    command = Command(
        id=new_id,
        action=wanted.action,
        reason=_reason(wanted),
        state="planned",
        planned_at=now,
        not_before=wanted.not_before,
        expires_at=min(expires_at, until) if until and until > wanted.not_before else expires_at,
        confirm_by=wanted.not_before + rules.lost_after,
        limit_kw=wanted.limit_kw,
        edge_at=wanted.edge_at,
        release=wanted.release,
        trial=wanted.trial or ("full" if believes_full(twin, wanted.action) else None),
    )
    text = f"We release your car to charge. {wanted.desired.text}" if wanted.release else wanted.desired.text
    if wanted.trial == "unplugged":
        text = "Your car reports that it is unplugged. Our own stop may have caused that report, so we try one start."
    control = replace(twin.control, command=command, late_stop=replaced_stop(twin.control, rules))
    if wanted.release:
        control = replace(control, release_since=control.release_since or now)
    if twin.presence.needs_user is not None:
        control = replace(control, account_tried_at=wanted.not_before)
    return replace(twin, control=control).tell(
        Entry(now, Event.COMMAND_PLANNED, command.reason, text, command_detail(command))
    )


def _reason(wanted: RequiredCommand) -> Reason:
    if wanted.release:
        return Reason.RELEASED
    if wanted.trial == "unplugged" and wanted.desired.reason is not Reason.CHARGE_NOW:
        return Reason.TRIAL_START
    return wanted.desired.reason


def _report_spent_budget(twin: Twin, wanted: RequiredCommand, held_back: HeldBack, now: datetime) -> Twin:
    """The twin with a notice, once a UTC day, that the day's commands are used up and the car should charge."""
    spent = held_back.reason is Reason.DAILY_BUDGET_SPENT and held_back.until is not None
    if not spent or wanted.action != "start" or twin.control.budget_reported_on == day_of(now):
        return twin
    text = f"The car should charge. {held_back.text(twin.link.timezone)}"
    return replace(twin, control=replace(twin.control, budget_reported_on=day_of(now))).tell(
        Entry(now, Event.NEEDS_ATTENTION, Reason.DAILY_BUDGET_SPENT, text)
    )


def judged(
    twin: Twin, now: datetime, rules: ControlRules, schedule: ScheduleWindow, *, new_id: str, spread: float
) -> Twin:
    """The twin with the command under way judged by observations of the car and by the time."""
    command = twin.control.command
    if command is None or command.state not in OPEN:
        return twin
    if command.state == "sent" and command.outcome in HOPELESS:
        return unconfirmed(twin, command, now, rules, new_id=new_id, spread=spread)
    ending = ending_of(twin, command, now, rules, schedule)
    if ending is not None:
        return ended(twin, *ending, now=now)
    if command.confirm_by is None or now < command.confirm_by:
        return twin
    if command.state == "planned":
        return _announced_again(twin, command, now, rules)
    return unconfirmed(twin, command, now, rules, new_id=new_id, spread=spread)


def ending_of(
    twin: Twin, command: Command, now: datetime, rules: ControlRules, schedule: ScheduleWindow
) -> Ending | None:
    """How an open command ends, by observations of the car, the plan or the time; None if it goes on."""
    by_car = _ending_by_car(twin, command)
    if by_car is not None:
        return by_car
    outdated = not _is_wanted(twin, command, now, schedule)
    if outdated or _is_overtaken(twin, command, now, rules, schedule):
        return "superseded", Reason.COMMAND_SUPERSEDED, "The plan changed, so this command is out of date."
    if command.state == "sent":
        return None
    if command.attempts == 0 and _is_done_already(twin, command, now, rules):
        return "superseded", Reason.ALREADY_IN_STATE, "The car already does what the command asks."
    if now >= command.expires_at:
        return "expired", Reason.COMMAND_EXPIRED, "The command was not sent in time, so it has expired."
    return None


def _ending_by_car(twin: Twin, command: Command) -> Ending | None:
    if command.attempts > 0 and _is_confirmed(twin, command):
        return "confirmed", Reason.COMMAND_CONFIRMED, _SHOWN[command.action]
    if command.action == "start" and _is_filled(twin, command):
        over: CommandState = "confirmed" if command.attempts > 0 else "superseded"
        return over, Reason.BATTERY_FULL, "The battery is full, so there is nothing to start."
    return None


def _is_confirmed(twin: Twin, command: Command) -> bool:
    """Whether the car shows what was asked, and shows it because of the command or after it.

    If the car already showed it when the command was sent, the provider must also have accepted the command.
    """
    taken = command.outcome in TAKEN
    if twin.presence.session is None:
        return command.release and taken and command.trial is None
    return observed_state_matches(twin, command.action) and (taken or not command.already_in_state_when_sent)


def _is_filled(twin: Twin, command: Command) -> bool:
    """Whether the car was found full since the start was planned; a charger must still have accepted the start."""
    full = twin.presence.battery_full
    if full is None or not is_full(twin):
        return False
    if command.trial == "full":
        return command.sent_at is not None and full.at >= command.sent_at
    if is_instructed(twin):
        return command.attempts > 0 and command.outcome in TAKEN
    return not command.already_in_state_when_sent or (command.sent_at is not None and full.at >= command.sent_at)


def _is_wanted(twin: Twin, command: Command, now: datetime, schedule: ScheduleWindow) -> bool:
    if twin.link.vehicle is None or (command.state == "planned" and _may_be_gone(twin, command)):
        return False
    want = desired_in(twin, max(now, command.not_before), schedule)
    if command.trial == "unplugged" and twin.presence.session is None:
        return trial_is_wanted(twin, command, now, schedule, leaving=want.want == "leave" and want.reason in RELEASING)
    if command.release:
        return _release_is_wanted(twin, command, now, leaving=want.want == "leave")
    if want.want == "leave" or (want.want == "charge") != (command.action == "start"):
        return False
    return command.action == "stop" or command.limit_kw == wanted_limit_kw(twin, want)


def _is_overtaken(twin: Twin, command: Command, now: datetime, rules: ControlRules, schedule: ScheduleWindow) -> bool:
    """Whether a command is required before the planned one may be sent, such as a charge-now just before an edge."""
    if command.state == "sent" or command.not_before - now <= rules.lead:
        return False
    # It was planned because the car did what was desired until then; what confirmed that was in its place.
    kept = twin.control.last_acknowledged_action
    before = replace(command, state="confirmed", action=kept, ended_at=command.planned_at) if kept else command
    twin = replace(twin, control=replace(twin.control, command=before))
    sooner = required_now(twin, now, rules, schedule)
    return sooner is not None and guard(twin, sooner, now, rules) is None


def _may_be_gone(twin: Twin, command: Command) -> bool:
    """Whether the car may be away, or unplugged where that matters; then nothing is sent until that is settled."""
    presence = twin.presence
    return presence.doubt is not None or (command.action == "start" and presence.held_plug_out is not None)


def _release_is_wanted(twin: Twin, command: Command, now: datetime, *, leaving: bool) -> bool:
    if twin.presence.session is None:
        return leaving and is_instructed(twin) and (command.state == "sent" or is_held_by_command(twin, now))
    return leaving or command.reason == Reason.GAVE_UP_RELEASED


def _is_done_already(twin: Twin, command: Command, now: datetime, rules: ControlRules) -> bool:
    if command.trial == "unplugged" and twin.presence.session is None:
        return False
    if command.release:
        return not is_held_by_command(twin, now)
    if is_unseen(twin, command.action, command.trial):
        return False
    return is_satisfied(twin, command.action, command.limit_kw, now, rules)


def _announced_again(twin: Twin, command: Command, now: datetime, rules: ControlRules) -> Twin:
    """The twin that announces a planned command again: nobody sent it, or it waited for its provider."""
    again = repeated(command, now, rules)
    if command.waits_for_provider:
        return replace(twin, control=replace(twin.control, command=again))
    text = "The command was not sent yet; it is announced again."
    return replace(twin, control=replace(twin.control, command=again)).tell(
        Entry(now, Event.COMMAND_RETRIED, Reason.RETRY_WAIT, text, command_detail(again))
    )
