"""What happened to an asset, newest first, with reasons."""

from typing import Any

from driveway.runtime.context import Runtime
from driveway.runtime.http_api import Request
from driveway.runtime.problems import malformed

ENTRIES = 100


LONGEST_CURSOR = 100


def timeline_body(request: Request, runtime: Runtime) -> dict[str, Any]:
    """The body of ``GET /assets/{asset}/timeline?limit=&before=``. Raises UnknownAssetError or ProblemError."""
    asset = request.parameters["asset"]
    runtime.table.twin(asset)
    text = request.query.get("limit", str(ENTRIES))
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text) <= ENTRIES:
        raise malformed(f"'limit' must be a number from 1 to {ENTRIES}.")
    before = request.query.get("before")
    if before is not None and not (before.startswith("LOG#") and before.isascii() and len(before) <= LONGEST_CURSOR):
        raise malformed("'before' must be the 'next' of an earlier answer.")
    rows, cursor = runtime.records.timeline(asset, before=before, limit=int(text))
    shown = ("at", "event", "reason", "text", "detail")
    return {"entries": [{name: row.get(name) for name in shown} for row in rows], "next": cursor}
