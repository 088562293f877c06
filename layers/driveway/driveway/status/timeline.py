"""What happened to an asset, newest first, with reasons."""

from datetime import datetime
from typing import Any

from driveway.domain.twin import Twin
from driveway.runtime.context import Runtime
from driveway.runtime.http_api import Request
from driveway.runtime.problems import malformed
from driveway.status.kept_session import AFTER
from driveway.status.schedule import query_instant
from driveway.status.sessions import find_session

ENTRIES = 100


LONGEST_CURSOR = 100
LONGEST_LIMIT = 3


def timeline_body(request: Request, runtime: Runtime) -> dict[str, Any]:
    """The body of ``GET /assets/{asset}/timeline?limit=&before=&from=&to=&session=``.

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
    shown = ("at", "event", "reason", "text", "detail")
    return {"entries": [{name: row.get(name) for name in shown} for row in rows], "next": cursor}


def _span(request: Request, twin: Twin, runtime: Runtime) -> tuple[datetime | None, datetime | None]:
    """The times that are asked for: those of a session, or ``from`` and ``to``."""
    session = request.query.get("session")
    if session is None:
        return query_instant(request, "from"), query_instant(request, "to")
    kept = find_session(twin, session, runtime)
    end = None if kept.closed_at is None else kept.closed_at + AFTER
    return kept.begun_at, end
