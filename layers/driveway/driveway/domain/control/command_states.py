"""The states of a command, the meaning of a provider's answer for it, and its end. Pure."""

from datetime import datetime, timedelta

from driveway.domain.control.required_command import observed_state_matches
from driveway.domain.control.settings import ControlRules
from driveway.domain.twin import Command, CommandState, Control, Entry, OutcomeKind, Twin
from driveway.domain.twin.events import Event
from driveway.domain.twin.reasons import Reason
from driveway.values import replace

OPEN: frozenset[CommandState] = frozenset({"planned", "sent"})
TAKEN = frozenset({OutcomeKind.ACCEPTED, OutcomeKind.CONFIRMED, OutcomeKind.ALREADY_IN_STATE})
HOPELESS = frozenset({OutcomeKind.UNSUPPORTED, OutcomeKind.NEEDS_USER, OutcomeKind.NEEDS_OPERATOR})
HOPELESS_REASONS: dict[OutcomeKind | None, Reason] = {
    OutcomeKind.UNSUPPORTED: Reason.PROVIDER_UNSUPPORTED,
    OutcomeKind.NEEDS_USER: Reason.PROVIDER_NEEDS_USER,
    OutcomeKind.NEEDS_OPERATOR: Reason.PROVIDER_NEEDS_OPERATOR,
}
REFUSED = HOPELESS | {OutcomeKind.FAILED}


def ended(twin: Twin, state: CommandState, reason: Reason, text: str, *, now: datetime) -> Twin:
    """The twin with its command in a final state."""
    command, control = twin.control.command, twin.control
    if command is None:
        return twin
    over = replace(command, state=state, ended_at=now, confirm_by=None)
    if state == "confirmed" and not command.release:
        # A release does not show whether the car follows the plan, so the breaker stays as it is.
        control = replace(control, failures=0, breaker_until=None)
    if state == "confirmed" and command.outcome not in TAKEN and not command.already_in_state_when_sent:
        control = replace(control, last_acknowledged_action=command.action, last_acknowledged_at=now)
    charges = observed_state_matches(twin, "start") or reason is Reason.BATTERY_FULL
    if state == "confirmed" and command.action == "start" and charges:
        control = replace(control, last_start_confirmed_at=now)
    control = with_pair(control, over) if state == "confirmed" else replace(control, command=over)
    return replace(twin, control=control).tell(
        Entry(now, Event(f"Command{state.title()}"), reason, text, command_detail(command))
    )


def with_pair(control: Control, command: Command) -> Control:
    """The control group with this command; a command that stopped the car counts once as a pair of its session."""
    if command.action != "stop" or command.paired or command.already_in_state_when_sent:
        return replace(control, command=command)
    return replace(control, command=replace(command, paired=True), pairs=control.pairs + 1)


def repeated(command: Command, now: datetime, rules: ControlRules) -> Command:
    """A planned command that is announced again.

    It keeps its id, so a late message is still valid and the first one to arrive is carried out. The waits double, so
    that repetitions do not fill a queue that cannot keep up.
    """
    if command.waits_for_provider:
        return replace(command, not_before=now, confirm_by=now + rules.lost_after)
    return replace(command, confirm_by=now + max(rules.lost_after, now - command.not_before))


def command_detail(command: Command) -> dict[str, str | int | float | None]:
    """The details of a command in a timeline entry, beside its text."""
    return {
        "command_id": command.id,
        "action": command.action,
        "limit_kw": command.limit_kw,
        "attempts": command.attempts,
        "edge_at": command.edge_at.isoformat() if command.edge_at else None,
        "outcome": command.outcome,
    }


def time_to_show(command: Command, rules: ControlRules) -> timedelta:
    """How long after the command was sent the car may take to show its effect."""
    if command.trial == "unplugged":
        return rules.trial_doubt
    return rules.confirm_start_within if command.action == "start" else rules.confirm_stop_within
