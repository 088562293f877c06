"""Sending a command. It is claimed on the twin first, so that only one call sends it. Pure."""

from datetime import datetime

from driveway.domain.control.budgets import budget_spent, with_command_counted
from driveway.domain.control.command_lifecycle import ending_of
from driveway.domain.control.command_states import command_detail, time_to_show
from driveway.domain.control.default_schedule_sync import schedule_command_is_wanted
from driveway.domain.control.required_command import last_sent_action, observed_state_matches, schedule_window
from driveway.domain.control.settings import ControlRules
from driveway.domain.control.standing_limit import claimed_limit
from driveway.domain.control.trial_start import with_reopening, without_answer
from driveway.domain.twin import Command, CommandAction, Control, Entry, Twin
from driveway.domain.twin.events import Event
from driveway.domain.twin.reasons import Reason
from driveway.values import replace

_ASKED: dict[CommandAction, str] = {
    "start": "Asked the car to charge.",
    "stop": "Asked the car to stop charging.",
    "install_default": "Asked to keep the default schedule in the car or charger itself.",
    "remove_default": "Asked to remove the default schedule from the car or charger.",
    "restore_current": "Asked the car to use its driver's own charging current again.",
}

_PUT_OFF: dict[Reason, str] = {
    Reason.PROVIDER_BREAKER_OPEN: "The car maker's service does not answer, so the command waits until it is back.",
    Reason.REQUEST_RATE_REACHED: "The car maker allows only so many requests at once, so the command waits.",
    Reason.MONTHLY_BUDGET_SPENT: "The rest of this month's requests is kept for starting cars, so the command waits.",
}


def claimed(
    twin: Twin, command_id: str, now: datetime, rules: ControlRules, *, sender: str = "", requests: int = 1
) -> Twin | None:
    """The twin with the command of that id marked as being sent at ``now`` (aware UTC) by the call ``sender``.

    It counts as one of the day's commands, and its ``requests`` to the provider, the most that it may make, as those of
    the month; ``answered`` corrects the latter.

    A command that another call claimed is claimed again once that call has surely ended without an outcome. That call
    died, and may or may not have sent the command.

    None when the command must not be sent (any more): another one has replaced it, it was sent, it has expired, the
    plan has changed, or a budget is used up. The id may be that of a start or stop, or of a command for the
    default schedule.
    """
    schedule_command, command = twin.control.schedule_command, twin.control.command
    if schedule_command is not None and schedule_command.id == command_id:
        return _schedule_command_claimed(twin, schedule_command, now, rules, sender, requests)
    if command is None or command.id != command_id or not _may_be_claimed(command, now, rules):
        return None
    if ending_of(twin, command, now, rules, schedule_window(twin, now, rules)) is not None:
        return None
    if budget_spent(twin, command.action, now, rules) is not None:
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
        requests=requests,
    )
    counted = with_command_counted(_sent(twin, command, now), requests, now)
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
    twin: Twin, schedule_command: Command, now: datetime, rules: ControlRules, sender: str, requests: int
) -> Twin | None:
    if not _may_be_claimed(schedule_command, now, rules) or twin.presence.doubt is not None:
        return None
    if not schedule_command_is_wanted(twin, schedule_command, now):
        return None
    if budget_spent(twin, schedule_command.action, now, rules) is not None:
        return None
    sent = replace(
        schedule_command,
        state="sent",
        sent_by=sender,
        sent_at=now,
        attempts=schedule_command.attempts + 1,
        confirm_by=now + rules.confirm_start_within,
        provider_retry_at=None,
        requests=requests,
    )
    return replace(
        twin, control=replace(with_command_counted(twin.control, requests, now), schedule_command=sent)
    ).tell(Entry(now, Event.COMMAND_SENT, Reason.COMMAND_SENT, _ASKED[schedule_command.action], command_detail(sent)))


def put_off(
    twin: Twin,
    command_id: str,
    *,
    until: datetime,
    now: datetime,
    rules: ControlRules,
    reason: Reason = Reason.PROVIDER_BREAKER_OPEN,
    queued: bool = False,
) -> Twin | None:
    """The twin whose planned command of that id waits until ``until`` (aware UTC).

    Its provider is out of service, or must not be sent more requests now. The command was not sent, so it counts
    neither as an attempt nor in a budget. None when it must not be sent any more. With ``queued`` its message waits for
    that time, so it is not announced again.
    """
    schedule_command, command = twin.control.schedule_command, twin.control.command
    if schedule_command is not None and schedule_command.id == command_id and schedule_command.state == "planned":
        before, later = schedule_command, _waiting(schedule_command, until, reason, rules, queued=queued)
        control = replace(twin.control, schedule_command=later)
    elif command is not None and command.id == command_id and command.state == "planned":
        if ending_of(twin, command, now, rules, schedule_window(twin, now, rules)) is not None:
            return None
        expires_at = max(command.expires_at, until + rules.command_ttl)
        before = command
        later = _waiting(replace(command, expires_at=expires_at), until, reason, rules, queued=queued)
        control = replace(twin.control, command=later)
        control = without_answer(control, now) if command.trial == "unplugged" else control
    else:
        return None
    after = replace(twin, control=control)
    if before.provider_retry_at is not None and before.put_off_for == reason:
        return after
    return after.tell(Entry(now, Event.COMMAND_PUT_OFF, reason, _PUT_OFF[reason], command_detail(later)))


def _waiting(command: Command, until: datetime, reason: Reason, rules: ControlRules, *, queued: bool) -> Command:
    confirm_by = until + rules.lost_after if queued else until
    return replace(command, confirm_by=confirm_by, provider_retry_at=until, put_off_for=reason)


def not_sent(before: Twin, claimed: Twin, twin: Twin) -> Twin | None:
    """The twin with a claim taken back, because the provider refused the call for its rate; None if it has changed.

    Args:
        before: the twin before the claim.
        claimed: the twin with the claim.
        twin: the twin as it is now.
    """
    return replace(twin, control=before.control) if twin.control == claimed.control else None


def _sent(twin: Twin, command: Command, now: datetime) -> Control:
    """The control group once the command was sent; it counts the restarts of a car that stops by itself."""
    control, session, first = twin.control, twin.presence.session, command.attempts == 0
    if session is None and command.trial == "unplugged":
        # If the trial works, the last session is reopened, and its stops still count.
        session = twin.presence.last_session
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
