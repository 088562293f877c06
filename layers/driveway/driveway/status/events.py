"""The events that the app's webhook was sent, for an app that missed some."""

import re
from datetime import timedelta
from typing import Annotated, Any

from msgspec import Meta, Struct

from driveway.outbox.app_events import AppEvent, app_event, are_kept
from driveway.runtime.context import Runtime
from driveway.runtime.http_api import Answer, Request
from driveway.runtime.problems import ProblemError, busy, malformed
from driveway.status.schedule import query_instant
from driveway.store.app_events import PLACE, SETTLED, UnreadError
from driveway.store.items import stamp

MOST = 100
USUAL_REACH = timedelta(days=1)
CURSOR = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z~evt_[0-9a-f]{32}")


class AppEvents(Struct, frozen=True, kw_only=True):
    """Events that the app was sent."""

    events: Annotated[list[AppEvent], Meta(description="In the order in which they were recorded.")]
    next: Annotated[str, Meta(description="Give it as `after` to read on, now or later.")]
    more: Annotated[bool, Meta(description="Whether there may be more behind these already.")]


def events_answer(request: Request, runtime: Runtime) -> Answer:
    """The events of all sites that the app's webhook was sent, as they were recorded.

    ``GET /events?after=&limit=``: at most ``MOST`` at once.

    Raises:
        ProblemError: there is no webhook, so no events are kept; or a parameter cannot be read.
    """
    if not are_kept(runtime):
        detail = "No events are kept here, because AppWebhookUrl is not set."
        raise ProblemError(404, "not-found", "Not found", detail)
    text = request.query.get("limit", str(MOST))
    if not re.fullmatch(r"[0-9]{1,3}", text) or not 1 <= int(text) <= MOST:
        raise malformed(f"'limit' must be a number from 1 to {MOST}.")
    limit, after, now = int(text), _place(request, runtime), runtime.now()
    try:
        rows = runtime.app_events.after(after, now - SETTLED, limit)
    except UnreadError:
        raise busy("The events could not be read. Repeat the call.", retry_after_s=1) from None
    events = [_event(row) for row in rows]
    following = rows[-1][PLACE] if rows else after
    return Answer(200, AppEvents(events=events, next=following, more=len(rows) == limit))


def _place(request: Request, runtime: Runtime) -> str:
    given = request.query.get("after")
    if given is not None and CURSOR.fullmatch(given):
        return given
    return stamp(query_instant(request, "after") or runtime.now() - USUAL_REACH)


def _event(row: dict[str, Any]) -> AppEvent:
    kind, _, name = row["pk"].partition("#")
    asset, event_id = name if kind == "ASSET" else None, row[PLACE].partition("~")[2]
    return app_event({**row, "asset": asset, "id": event_id})
