"""The sessions of an asset, night by night: the running one, those of the past, and nights without one."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

from driveway.domain.instants import utc_text
from driveway.domain.sessions.kept_session import KeptSession
from driveway.domain.sessions.night import SENTENCES, Night, night_at, night_of, why_no_session
from driveway.domain.twin import Twin
from driveway.runtime.context import Runtime
from driveway.runtime.http_api import Answer, Request
from driveway.runtime.problems import malformed, not_found
from driveway.status.kept_session import SessionView, session_body, session_view, summary_body
from driveway.status.schedule import query_instant

NIGHTS_ON_A_PAGE = 7
MOST_IN_A_NIGHT = 50
REPORTED_BEFORE = timedelta(days=8)


def sessions_body(request: Request, runtime: Runtime) -> dict[str, Any]:
    """The body of ``GET /assets/{asset}/sessions?from=&to=&before=``, newest first, a week of nights on a page.

    Raises:
        UnknownAssetError: there is no such asset.
        ProblemError: a parameter is malformed (400).
    """
    twin, now = runtime.table.twin(request.parameters["asset"]), runtime.now()
    zone = twin.link.timezone
    first_at = max(query_instant(request, "from") or twin.link.onboarded_at, twin.link.onboarded_at)
    last_at = min(query_instant(request, "to") or now, now)
    night, oldest = _newest(request, last_at, zone), night_at(first_at, zone)
    rows: list[dict[str, Any]] = []
    shown = 0
    while night.date >= oldest.date and shown < NIGHTS_ON_A_PAGE:
        rows += _night_rows(twin, night, first_at, last_at, runtime)
        night, shown = night_of(night.date - timedelta(days=1), zone), shown + 1
    more = night.date >= oldest.date
    return {"timezone": zone, "sessions": rows, "next": (night.date + timedelta(days=1)).isoformat() if more else None}


def _newest(request: Request, last_at: datetime, zone: str) -> Night:
    newest = night_at(last_at, zone)
    text = request.query.get("before")
    if text is None:
        return newest
    try:
        asked = date.fromisoformat(text) - timedelta(days=1)
    except (ValueError, OverflowError):
        raise malformed("'before' must be the 'next' of an earlier answer.") from None
    return night_of(min(asked, newest.date), zone)


def _night_rows(
    twin: Twin, night: Night, first_at: datetime, last_at: datetime, runtime: Runtime
) -> Iterator[dict[str, Any]]:
    asset, now = twin.link.asset, runtime.now()
    start, end = max(night.start, first_at - timedelta(days=1)), min(night.end, last_at)
    found = runtime.history.sessions(asset, night.start, night.end, MOST_IN_A_NIGHT)
    for kept in found:
        yield _row(session_view(twin, kept, runtime), night)
    earlier = runtime.history.sessions(asset, night.start - REPORTED_BEFORE, night.start, 1)
    still_open = bool(earlier) and (earlier[0].closed_at is None or earlier[0].closed_at > night.start)
    if found or start >= end:
        return
    if still_open:
        yield _row(session_view(twin, earlier[0], runtime), night)
        return
    plans = runtime.history.plans(asset, night.start, min(night.end, now))
    entries = runtime.records.entries(asset, night.start, min(night.end, now))
    why = why_no_session(night, plans, entries)
    yield {
        "night": night.date.isoformat(),
        "session": None,
        "plugged_in_at": None,
        "opened_at": None,
        "closed_at": None,
        "vehicle_id": None,
        "energy_kwh": None,
        "ready_by": None,
        "verdict": why.value,
        "text": SENTENCES[why],
    }


def _row(view: SessionView, night: Night) -> dict[str, Any]:
    return {"night": night.date.isoformat(), **summary_body(view, view.of_night(night))}


def session_answer(request: Request, runtime: Runtime) -> Answer:
    """The answer to ``GET /assets/{asset}/sessions/{session}?width=``, as SVG if that is what the caller accepts.

    Raises:
        UnknownAssetError: there is no such asset.
        ProblemError: it has no such session (404), or a parameter is malformed (400).
    """
    body = one_session_body(request, runtime)
    if "image/svg+xml" not in request.headers.get("accept", ""):
        return Answer(200, body)
    from driveway.status.picture.scale import WIDE, WIDTHS
    from driveway.status.picture.session import session_svg

    text = request.query.get("width", str(WIDE))
    if text not in map(str, WIDTHS):
        raise malformed(f"'width' must be a whole number from {WIDTHS.start} to {WIDTHS.stop - 1}.")
    return Answer(200, session_svg(body, int(text)), {"content-type": "image/svg+xml"})


def one_session_body(request: Request, runtime: Runtime) -> dict[str, Any]:
    """A session of an asset, whole.

    Raises:
        UnknownAssetError: there is no such asset.
        ProblemError: it has no such session (404).
    """
    twin, wanted = runtime.table.twin(request.parameters["asset"]), request.parameters["session"]
    view = session_view(twin, find_session(twin, wanted, runtime), runtime)
    asked = {"asset": twin.link.asset, "timezone": twin.link.timezone, "asked_at": utc_text(runtime.now())}
    return asked | session_body(view, twin.link.power_kw, twin.link.battery_kwh)


def find_session(twin: Twin, session: str, runtime: Runtime) -> KeptSession:
    """The kept session of an asset with this id. Raises ProblemError (404)."""
    since = twin.link.onboarded_at - timedelta(days=1)
    every = runtime.history.sessions(twin.link.asset, since, runtime.now(), None)
    kept = next((kept for kept in every if kept.id == session), None)
    if kept is None:
        raise not_found("session", session)
    return kept
