"""Sending a command. It is claimed on the twin first, so that only one call sends it. Pure."""

from dataclasses import replace
from datetime import datetime

from driveway.domain.control.command_lifecycle import ending_of
from driveway.domain.control.command_states import command_detail, time_to_show
from driveway.domain.control.default_schedule_sync import schedule_command_is_wanted
from driveway.domain.control.protection import allowance, commands_spent, day_of
from driveway.domain.control.required_command import last_sent_action, observed_state_matches, schedule_window
from driveway.domain.control.settings import ControlRules
from driveway.domain.control.standing_limit import claimed_limit
from driveway.domain.control.trial_start import with_reopening, without_answer
from driveway.domain.twin import Command, CommandAction, Control, Entry, Twin
from driveway.domain.twin.events import Event
from driveway.domain.twin.reasons import Reason

_ASKED: dict[CommandAction, str] = {
    "start": "Asked the car to charge.",
    "stop": "Asked the car to stop charging.",
    "install_default": "Asked to keep the default schedule in the car or charger itself.",
    "remove_default": "Asked to remove the default schedule from the car or charger.",
    "restore_current": "Asked the car to use its driver's own charging current again.",
}


def claimed(twin: Twin, command_id: str, now: datetime, rules: ControlRules, *, sender: str = "") -> Twin | None:
    """The twin with the command of that id marked as being sent at ``now`` (aware UTC) by the call ``sender``.

    A command that another call claimed is claimed again once that call has surely ended without an outcome. That call
    died, and may or may not have sent the command.

    None when the command must not be sent (any more): another one has replaced it, it was sent, it has expired, the
    plan has changed, or the day's commands are used up. The id may be that of a start or stop, or of a command for the
    default schedule.
    """
    schedule_command, command = twin.control.schedule_command, twin.control.command
    if schedule_command is not None and schedule_command.id == command_id:
        return _schedule_command_claimed(twin, schedule_command, now, rules, sender)
    if command is None or command.id != command_id or not _may_be_claimed(command, now, rules):
        return None
    if ending_of(twin, command, now, rules, schedule_window(twin, now, rules)) is not None:
        return None
    if commands_spent(twin, now) >= allowance(twin, command.action, rules):
        return None
    doubt = time_to_show(command, rules)
    sent = replace(
        command,
        state="sent",
        sent_by=sender,
        sent_at=now,
        first_sent_at=command.first_sent_at or now,
        attempts=command.attempts + 1,
        confirm_by=now + (max(doubt, rules.answer_within) if _holds_calls_open(twin) else doubt),
        already_in_state_when_sent=observed_state_matches(twin, command.action),
        provider_ref=None,
        provider_retry_at=None,
    )
    counted = _counted(_sent(twin, command, now), now)
    counted = replace(counted, standing_limit=claimed_limit(twin.control, command, now))
    after = replace(twin, control=replace(counted, command=sent))
    if command.trial == "unplugged" and twin.presence.session is None:
        after = with_reopening(after, now)
    return after.tell(Entry(now, Event.COMMAND_SENT, Reason.COMMAND_SENT, _ASKED[command.action], command_detail(sent)))


def _holds_calls_open(twin: Twin) -> bool:
    return twin.link.vehicle is not None and twin.link.vehicle.capabilities.holds_calls_open


def _may_be_claimed(command: Command, now: datetime, rules: ControlRules) -> bool:
    """Whether no call has claimed it, or that call's function has passed its time-out without an outcome."""
    if command.state != "sent":
        return command.state == "planned"
    return command.outcome is None and command.sent_at is not None and now >= command.sent_at + rules.answer_within


def _schedule_command_claimed(
    twin: Twin, schedule_command: Command, now: datetime, rules: ControlRules, sender: str
) -> Twin | None:
    if not _may_be_claimed(schedule_command, now, rules) or twin.presence.doubt is not None:
        return None
    if not schedule_command_is_wanted(twin, schedule_command, now):
        return None
    if commands_spent(twin, now) >= allowance(twin, schedule_command.action, rules):
        return None
    sent = replace(
        schedule_command,
        state="sent",
        sent_by=sender,
        sent_at=now,
        attempts=schedule_command.attempts + 1,
        confirm_by=now + rules.confirm_start_within,
        provider_retry_at=None,
    )
    return replace(twin, control=replace(_counted(twin.control, now), schedule_command=sent)).tell(
        Entry(now, Event.COMMAND_SENT, Reason.COMMAND_SENT, _ASKED[schedule_command.action], command_detail(sent))
    )


def put_off(twin: Twin, command_id: str, *, until: datetime, now: datetime, rules: ControlRules) -> Twin | None:
    """The twin whose planned command of that id waits until ``until`` (aware UTC), as its provider is out of service.

    It was not sent, so it counts neither as an attempt nor as one of the day's commands. None when it must not be sent
    any more.
    """
    schedule_command, command = twin.control.schedule_command, twin.control.command
    if schedule_command is not None and schedule_command.id == command_id and schedule_command.state == "planned":
        later = replace(schedule_command, confirm_by=until, provider_retry_at=until)
        control, first = replace(twin.control, schedule_command=later), schedule_command.provider_retry_at is None
    elif command is not None and command.id == command_id and command.state == "planned":
        if ending_of(twin, command, now, rules, schedule_window(twin, now, rules)) is not None:
            return None
        expires_at = max(command.expires_at, until + rules.command_ttl)
        later = replace(command, confirm_by=until, provider_retry_at=until, expires_at=expires_at)
        control, first = replace(twin.control, command=later), command.provider_retry_at is None
        control = without_answer(control, now) if command.trial == "unplugged" else control
    else:
        return None
    after = replace(twin, control=control)
    if not first:
        return after
    text = "The car maker's service does not answer, so the command waits until it is back."
    return after.tell(Entry(now, Event.COMMAND_PUT_OFF, Reason.PROVIDER_BREAKER_OPEN, text, command_detail(later)))


def _counted(control: Control, now: datetime) -> Control:
    same_day = control.budget_day == day_of(now)
    return replace(
        control,
        budget_day=day_of(now),
        commands_today=(control.commands_today if same_day else 0) + 1,
        wakes_today=control.wakes_today if same_day else 0,
    )


def _sent(twin: Twin, command: Command, now: datetime) -> Control:
    """The control group once the command was sent; it counts the restarts of a car that stops by itself."""
    control, session, first = twin.control, twin.presence.session, command.attempts == 0
    session_id = session.id if session else None
    same_session = control.pairs_session_id == session_id
    pairs, restarts = (control.pairs, control.restarts) if same_session else (0, 0)
    if command.action == "stop":
        return replace(
            control,
            pairs_session_id=session_id,
            pairs=pairs,
            restarts=0,
            last_stop_at=now,
            unanswered_since=None,
            unanswered_s=0.0,
        )
    again = first and last_sent_action(control, session) == "start" and not observed_state_matches(twin, "start")
    return replace(control, pairs_session_id=session_id, pairs=pairs, restarts=restarts + again, last_start_at=now)
