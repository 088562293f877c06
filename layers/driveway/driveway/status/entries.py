"""An entry of the timeline from outside."""

from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType

from driveway.domain.twin import Entry
from driveway.runtime.answer_types import ConnectPath, EventCode, Instant, ReasonCode, Text, connect_path, utc


class TimelineEntry(Struct, frozen=True, kw_only=True):
    """Something that happened to an asset."""

    at: Annotated[Instant, Meta(description="When.")]
    event: EventCode
    reason: ReasonCode
    text: Text
    detail: dict[str, Any] | None
    connect: ConnectPath | UnsetType = UNSET


def entry_answer(entry: Entry, site: str) -> TimelineEntry:
    """The entry of an asset of a site as it is answered."""
    return TimelineEntry(
        at=utc(entry.at),
        event=entry.event,
        reason=entry.reason,
        text=entry.text,
        detail=entry.detail,
        connect=connect_path(site, entry.reason),
    )
