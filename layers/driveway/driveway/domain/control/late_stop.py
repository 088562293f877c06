"""A stop that another command replaced before its provider answered: it may reach the car last. Pure.

A sender may hold its call open for minutes. Meanwhile the plan changes, and the start that replaces the stop can reach
the car before it. So the stop counts as sent when it is answered, or when its sender has surely ended: then the car is
started once more. Until then a car that leaves is not released.
"""

from datetime import datetime

from driveway.domain.control.command_states import OPEN, REFUSED, ended
from driveway.domain.control.settings import ControlRules
from driveway.domain.twin import Command, Control, LateStop, OutcomeKind, Twin
from driveway.domain.twin.reasons import Reason
from driveway.values import replace


def replaced_stop(control: Control, rules: ControlRules) -> LateStop | None:
    """The stop that may reach the car after the command that replaces the present one; None where none can."""
    command = control.command
    if command is None or command.action != "stop" or command.sent_at is None or command.outcome is not None:
        return control.late_stop
    return LateStop(command.id, command.sent_at + rules.answer_within)


def late_stop_answered(twin: Twin, command_id: str, outcome: OutcomeKind, now: datetime) -> Twin:
    """The twin once a late stop was answered at ``now`` (aware UTC); the same twin if the answer is another's."""
    late = twin.control.late_stop
    if late is None or late.id != command_id:
        return twin
    if outcome in REFUSED or outcome is OutcomeKind.NOT_PLUGGED_IN:
        return replace(twin, control=replace(twin.control, late_stop=None))
    return _obeyed(twin, now)


def with_late_stop_over(twin: Twin, now: datetime) -> Twin:
    """The twin once the sender of a late stop has surely ended; the car may have obeyed the stop up to then."""
    late = twin.control.late_stop
    return twin if late is None or now < late.until else _obeyed(twin, now)


def came_before_stop(command: Command, control: Control) -> bool:
    """Whether a command was sent before a stop that may have reached the car after it."""
    stopped_at = control.last_stop_at
    return command.sent_at is not None and stopped_at is not None and command.sent_at < stopped_at


def _obeyed(twin: Twin, now: datetime) -> Twin:
    control = replace(twin.control, late_stop=None, last_stop_at=now)
    after = replace(twin, control=replace(control, last_acknowledged_action="stop", last_acknowledged_at=now))
    command = after.control.command
    if command is None or command.state not in OPEN or command.action != "start" or command.sent_at is None:
        return after
    text = "An earlier command to stop may have reached the car after it."
    return ended(after, "superseded", Reason.COMMAND_SUPERSEDED, text, now=now)
