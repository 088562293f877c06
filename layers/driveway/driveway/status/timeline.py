"""What happened to an asset, newest first, with reasons."""

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from driveway.domain.twin import Twin
from driveway.runtime.answer_types import connect_path, utc
from driveway.runtime.context import Runtime
from driveway.runtime.http_api import Request
from driveway.runtime.problems import malformed
from driveway.status.entries import TimelineEntry
from driveway.status.kept_session import AFTER
from driveway.status.schedule import query_instant
from driveway.status.sessions import find_session

ENTRIES = 100


LONGEST_CURSOR = 100
LONGEST_LIMIT = 3


class Timeline(Struct, frozen=True, kw_only=True):
    """A page of what happened to an asset."""

    entries: Annotated[list[TimelineEntry], Meta(description="Newest first.")]
    next: Annotated[str | None, Meta(description="Give it as `before` for the next page; null at the end.")]


def timeline_body(request: Request, runtime: Runtime) -> Timeline:
    """The answer to ``GET /assets/{asset}/timeline?limit=&before=&from=&to=&session=``.

    Raises UnknownAssetError or ProblemError.
    """
    asset = request.parameters["asset"]
    twin = runtime.table.twin(asset)
    text = request.query.get("limit", str(ENTRIES))
    if not (text.isascii() and text.isdigit() and len(text) <= LONGEST_LIMIT) or not 1 <= int(text) <= ENTRIES:
        raise malformed(f"'limit' must be a number from 1 to {ENTRIES}.")
    before = request.query.get("before")
    if before is not None and not (before.startswith("LOG#") and before.isascii() and len(before) <= LONGEST_CURSOR):
        raise malformed("'before' must be the 'next' of an earlier answer.")
    since, until = _span(request, twin, runtime)
    rows, cursor = runtime.records.timeline(asset, before=before, limit=int(text), since=since, until=until)
    entries = [
        TimelineEntry(
            at=utc(datetime.fromisoformat(row["at"])),
            event=row["event"],
            reason=row["reason"],
            text=row["text"],
            detail=row.get("detail"),
            connect=connect_path(twin.link.site, row["reason"]),
        )
        for row in rows
    ]
    return Timeline(entries=entries, next=cursor)


def _span(request: Request, twin: Twin, runtime: Runtime) -> tuple[datetime | None, datetime | None]:
    """The times that are asked for: those of a session, or ``from`` and ``to``."""
    session = request.query.get("session")
    if session is None:
        return query_instant(request, "from"), query_instant(request, "to")
    kept = find_session(twin, session, runtime)
    end = None if kept.closed_at is None else kept.closed_at + AFTER
    return kept.begun_at, end
