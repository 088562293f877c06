"""Counted for the operator: what came through a provider's door and was not stored, and what became of commands."""

from collections import Counter
from collections.abc import Mapping

from driveway.domain.control.outcome import Outcome
from driveway.domain.twin import OutcomeKind
from driveway.runtime.context import Runtime
from driveway.vehicles.provider import Inbound

METRICS: Mapping[str, str] = {
    "unknown": "EventsOfUnknownVehicles",
    "unused": "EventsUnused",
    "dropped": "EventsDropped",
    "repeated": "EventsRepeated",
    "test": "EventsOfTests",
    "refused": "BadSignatures",
}

COMMANDS: Mapping[OutcomeKind, str] = {
    OutcomeKind.ACCEPTED: "CommandsAccepted",
    OutcomeKind.CONFIRMED: "CommandsConfirmed",
    OutcomeKind.ALREADY_IN_STATE: "CommandsAlreadyInState",
    OutcomeKind.RETRYABLE: "CommandsToRetry",
    OutcomeKind.NEEDS_USER: "CommandsNeedingUser",
    OutcomeKind.UNSUPPORTED: "CommandsUnsupported",
    OutcomeKind.FAILED: "CommandsFailed",
    OutcomeKind.NEEDS_OPERATOR: "CommandsNeedingOperator",
    OutcomeKind.NOT_PLUGGED_IN: "CommandsNotPluggedIn",
}
UNAVAILABLE = "CommandsUnavailable"
"""Of commands that their provider could not take, or that were put off because it cannot. It is in the alarms."""


def not_stored(inbound: Inbound, taken: Mapping[str, int]) -> Counter[str]:
    """How many events of a request were unknown, unused, dropped, repeated or of a test, given what was taken."""
    unreadable = len(inbound.dropped) - inbound.unused
    return Counter({**taken, "dropped": unreadable, "unused": inbound.unused})


def count_not_stored(provider: str, counts: Mapping[str, int], runtime: Runtime) -> None:
    """Report these counts as metrics of a provider; nothing is written when there is nothing to count."""
    values = {metric: counts[name] for name, metric in METRICS.items() if counts.get(name)}
    if values:
        from driveway.runtime.metrics import emit

        emit(values, runtime, provider=provider)


def count_command(provider: str, outcome: Outcome | None, runtime: Runtime) -> None:
    """Report what became of a command; None: it was put off because its provider is out of service."""
    from driveway.runtime.metrics import emit

    name = UNAVAILABLE if outcome is None or outcome.unavailable else COMMANDS[outcome.kind]
    emit({name: 1}, runtime, provider=provider)
