"""An entry of the timeline from outside."""

from typing import Annotated, Any

from msgspec import Meta, Struct

from driveway.domain.twin import Entry
from driveway.runtime.answer_types import EventCode, Instant, ReasonCode, Text, utc


class TimelineEntry(Struct, frozen=True, kw_only=True):
    """Something that happened to an asset."""

    at: Annotated[Instant, Meta(description="When.")]
    event: EventCode
    reason: ReasonCode
    text: Text
    detail: dict[str, Any] | None


def entry_answer(entry: Entry) -> TimelineEntry:
    """The entry as it is answered."""
    return TimelineEntry(at=utc(entry.at), event=entry.event, reason=entry.reason, text=entry.text, detail=entry.detail)
