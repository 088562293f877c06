"""How a sent command goes on after the provider's answer, by the kind of the answer. Pure."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct

from driveway.domain.control.budgets import may_wake, with_wake_counted
from driveway.domain.control.command_states import HOPELESS_REASONS, TAKEN, command_detail, time_to_show, with_pair
from driveway.domain.control.default_schedule_sync import schedule_command_answered
from driveway.domain.control.late_stop import late_stop_answered
from driveway.domain.control.required_command import observed_state_matches
from driveway.domain.control.settings import ControlRules
from driveway.domain.control.standing_limit import answered_limit
from driveway.domain.control.trial_answers import is_trial, plug_out_confirmed, trial_answered, trial_refused
from driveway.domain.reports.account_connection import disconnected, reconnected
from driveway.domain.twin import Command, CommandAction, Entry, OutcomeKind, Twin
from driveway.domain.twin.events import Event
from driveway.domain.twin.reasons import Reason
from driveway.values import replace

LONGEST_PAUSE = timedelta(hours=1)
"""The longest time that a command waits because its provider asked for a pause."""


class _Answer(Struct, frozen=True):
    """The provider's answer to a sent command, and its time (aware UTC)."""

    outcome: OutcomeKind
    detail: str
    at: datetime
    spread: float
    provider_ref: str | None
    asked_pause: timedelta
    left_asleep: bool
    unavailable: bool


def answered(
    twin: Twin,
    command_id: str,
    *,
    outcome: OutcomeKind,
    detail: str,
    now: datetime,
    rules: ControlRules,
    spread: float,
    retry_after_s: float | None = None,
    provider_ref: str | None = None,
    asleep: bool = False,
    woken: bool = False,
    unavailable: bool = False,
) -> Twin:
    """The twin with the provider's answer to a sent command noted at ``now`` (aware UTC).

    Args:
        outcome: an OutcomeKind.
        detail: the provider's words.
        spread: jitter for pauses, evenly in [0, 1).
        retry_after_s: how long the provider asked to wait.
        provider_ref: the provider's own name for the command.
        asleep: whether the car was found asleep.
        woken: whether the car was woken for it.
        unavailable: whether the provider itself, and not this car, could not answer.
    """
    asked_pause = timedelta(seconds=retry_after_s or 0)
    answer = _Answer(outcome, detail, now, spread, provider_ref, asked_pause, asleep and not woken, unavailable)
    twin = replace(twin, control=with_wake_counted(twin.control, now)) if woken else twin
    twin = late_stop_answered(twin, command_id, outcome, now)
    command = _of_id(twin, command_id)
    if answer.outcome in TAKEN and _was_sent_since_the_loss(twin, command):
        twin = reconnected(twin, answer.at)
    twin = _with_answer(twin, command, answer, rules)
    return disconnected(twin, answer.detail, answer.at) if outcome == OutcomeKind.NEEDS_USER else twin


def _of_id(twin: Twin, command_id: str) -> Command | None:
    """The command or schedule command that was answered; None if another one replaced it meanwhile."""
    known = (twin.control.schedule_command, twin.control.command)
    return next((command for command in known if command is not None and command.id == command_id), None)


def _with_answer(twin: Twin, command: Command | None, answer: _Answer, rules: ControlRules) -> Twin:
    if command is None:
        return twin
    if command is twin.control.schedule_command:
        return _schedule_command_answered(twin, command, answer, rules)
    if command.state != "sent":
        return twin
    if is_trial(twin, command) and answer.outcome != OutcomeKind.NOT_PLUGGED_IN:
        return _trial_answered(twin, command, answer, rules)
    return _TRANSITIONS[answer.outcome](twin, command, answer, rules)


def _trial_answered(twin: Twin, command: Command, answer: _Answer, rules: ControlRules) -> Twin:
    twin = trial_answered(twin, command, answer.outcome, answer.at, is_asleep=answer.left_asleep)
    settled = twin.control.tried_stop_at == twin.control.last_stop_at
    if settled and answer.outcome not in TAKEN:
        return trial_refused(twin, answer.at)
    return _TRANSITIONS[answer.outcome](twin, command, answer, rules)


def _was_sent_since_the_loss(twin: Twin, command: Command | None) -> bool:
    """Whether an accepted command shows that the account works again. Of one that was replaced, that is not known."""
    if command is None or command.sent_at is None:
        return False
    return twin.presence.needs_user_at is None or command.sent_at >= twin.presence.needs_user_at


def _schedule_command_answered(twin: Twin, schedule_command: Command, answer: _Answer, rules: ControlRules) -> Twin:
    return schedule_command_answered(
        twin,
        schedule_command,
        answer.outcome,
        answer.detail,
        reason=_reason_to_wait(twin, schedule_command.action, answer, rules),
        now=answer.at,
        rules=rules,
        spread=answer.spread,
        wait=answer.asked_pause,
        left_asleep=answer.left_asleep,
    )


def _taken(twin: Twin, command: Command, answer: _Answer, rules: ControlRules) -> Twin:
    """The provider accepted the command; an observation of the car will confirm it."""
    return _noted_taken(twin, command, answer, _unconfirmed_at(command, answer, rules))


def _already_in_state(twin: Twin, command: Command, answer: _Answer, rules: ControlRules) -> Twin:
    """The provider reports that the car already does it. If the car shows otherwise, its state is read soon."""
    if observed_state_matches(twin, command.action):
        return _taken(twin, command, answer, rules)
    return _noted_taken(twin, command, answer, answer.at + _short_pause(command, answer, rules))


def _refused_for_now(twin: Twin, command: Command, answer: _Answer, rules: ControlRules) -> Twin:
    """The provider could not carry it out. It is sent again after a pause, or after the one the provider asked for."""
    pause = max(_short_pause(command, answer, rules), min(answer.asked_pause, LONGEST_PAUSE))
    return _noted_refused(twin, command, answer, rules, again_at=answer.at + pause)


def _refused_for_good(twin: Twin, command: Command, answer: _Answer, rules: ControlRules) -> Twin:
    """Sending it again would not help, so it is given up at once."""
    return _noted_refused(twin, command, answer, rules, again_at=answer.at)


def _not_plugged_in(twin: Twin, command: Command, answer: _Answer, rules: ControlRules) -> Twin:
    """The provider confirmed that the car is not plugged in: there is nothing to command."""
    del command, rules
    return plug_out_confirmed(twin, answer.at)


_TRANSITIONS: dict[OutcomeKind, Callable[[Twin, Command, _Answer, ControlRules], Twin]] = {
    OutcomeKind.ACCEPTED: _taken,
    OutcomeKind.CONFIRMED: _taken,
    OutcomeKind.ALREADY_IN_STATE: _already_in_state,
    OutcomeKind.RETRYABLE: _refused_for_now,
    OutcomeKind.FAILED: _refused_for_now,
    OutcomeKind.NOT_PLUGGED_IN: _not_plugged_in,
    OutcomeKind.UNSUPPORTED: _refused_for_good,
    OutcomeKind.NEEDS_USER: _refused_for_good,
    OutcomeKind.NEEDS_OPERATOR: _refused_for_good,
}
"""The rule for each kind of answer."""


def _noted(command: Command, answer: _Answer, confirm_by: datetime) -> Command:
    return replace(
        command,
        outcome=answer.outcome,
        detail=answer.detail or None,
        provider_ref=answer.provider_ref,
        confirm_by=confirm_by,
    )


def _noted_taken(twin: Twin, command: Command, answer: _Answer, confirm_by: datetime) -> Twin:
    limit_kw = command.limit_kw if command.action == "start" else twin.control.last_limit_kw
    control = replace(
        twin.control,
        last_acknowledged_action=command.action,
        last_acknowledged_at=answer.at,
        last_limit_kw=limit_kw,
        standing_limit=answered_limit(twin, command, answer.outcome),
    )
    return replace(twin, control=with_pair(control, _noted(command, answer, confirm_by)))


def _noted_refused(twin: Twin, command: Command, answer: _Answer, rules: ControlRules, *, again_at: datetime) -> Twin:
    noted = _noted(command, answer, again_at)
    reason = _reason_to_wait(twin, command.action, answer, rules)
    text = f"The car maker answered: {answer.detail}" if answer.detail else "The car maker could not carry it out now."
    if reason is Reason.WAKE_BUDGET_SPENT:
        text = "The car sleeps, and the day's wake-ups are used up."
    standing = answered_limit(twin, command, answer.outcome)
    return replace(twin, control=replace(twin.control, command=noted, standing_limit=standing)).tell(
        Entry(answer.at, Event.COMMAND_REFUSED, reason, text, _refusal_detail(noted, answer))
    )


def _refusal_detail(noted: Command, answer: _Answer) -> dict[str, Any]:
    return {**command_detail(noted), "asleep": answer.left_asleep, "unavailable": answer.unavailable}


def _reason_to_wait(twin: Twin, action: CommandAction, answer: _Answer, rules: ControlRules) -> Reason:
    """The reason for which a refused command waits, or is not sent again."""
    if answer.outcome in HOPELESS_REASONS:
        return HOPELESS_REASONS[answer.outcome]
    too_often_woken = answer.left_asleep and not may_wake(twin, action, answer.at, rules)
    return Reason.WAKE_BUDGET_SPENT if too_often_woken else Reason.RETRY_WAIT


def _pause(command: Command, rules: ControlRules) -> timedelta:
    """The pause after a passing failure: it doubles with every attempt."""
    return rules.first_retry * float(2 ** min(command.attempts - 1, 6))


def _short_pause(command: Command, answer: _Answer, rules: ControlRules) -> timedelta:
    return _pause(command, rules) * (0.5 + 0.5 * answer.spread)


def _unconfirmed_at(command: Command, answer: _Answer, rules: ControlRules) -> datetime:
    """When an accepted command counts as unconfirmed, from its answer on; each further attempt allows more time."""
    if command.outcome in TAKEN:
        return max(command.confirm_by or answer.at, answer.at)
    if command.trial == "unplugged":
        return (command.sent_at or answer.at) + time_to_show(command, rules)
    return answer.at + time_to_show(command, rules) + _pause(command, rules) * answer.spread
