"""The names that answers carry, with the sentence of each: events and reason codes."""

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from driveway.domain.twin import events, reasons

_Name = TypeVar("_Name", bound=StrEnum)

EVENTS: dict[str, str] = {
    event.value: sentence for event, sentence in events.SENTENCES.items() if event not in events.INTERNAL
}
"""The events of the timeline."""

REASONS: dict[str, str] = {reason.value: sentence for reason, sentence in reasons.SENTENCES.items()}


def for_the_app(event: str) -> bool:
    """Whether the app's webhook receives this event."""
    return event in events.FOR_THE_APP


def named(sentences: Mapping[_Name, str]) -> dict[str, str]:
    """Sentences by the values of an enum's members."""
    return {name.value: sentence for name, sentence in sentences.items()}


def as_list(sentences: Mapping[str, str]) -> str:
    """Names and sentences as a Markdown list, for a schema's description."""
    return "\n".join(f"- `{name}`: {sentence}" for name, sentence in sentences.items())
