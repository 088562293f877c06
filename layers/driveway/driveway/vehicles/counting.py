"""What came through a provider's door and was not stored, and who was turned away, counted for the operator."""

from collections import Counter
from collections.abc import Mapping

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


def not_stored(inbound: Inbound, taken: Mapping[str, int]) -> Counter[str]:
    """How many events of a request were unknown, unused, dropped, repeated or of a test, given what was taken."""
    unreadable = len(inbound.dropped) - inbound.unused
    return Counter({**taken, "dropped": unreadable, "unused": inbound.unused})


def count_not_stored(provider: str, counts: Mapping[str, int], current: Runtime) -> None:
    """Report these counts as metrics of a provider; nothing is written when there is nothing to count."""
    told = {metric: counts[name] for name, metric in METRICS.items() if counts.get(name)}
    if told:
        from driveway.runtime.metrics import emit

        emit(told, current, provider=provider)
