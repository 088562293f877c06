"""The sessions of an asset, night by night: the running one, those of the past, and nights without one."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from msgspec import to_builtins

from driveway.domain.sessions.kept_session import KeptSession
from driveway.domain.sessions.night import SENTENCES, Night, NoSession, night_at, night_of, why_no_session
from driveway.domain.twin import Twin
from driveway.runtime.context import Runtime
from driveway.runtime.http_api import Answer, Request
from driveway.runtime.problems import malformed, not_found
from driveway.status.kept_session import SessionView, session_summary, session_view, whole_session
from driveway.status.schedule import query_instant
from driveway.status.session_answers import NightOfAsset, Session, Sessions

NIGHTS_ON_A_PAGE = 7
MOST_IN_A_NIGHT = 50
REPORTED_BEFORE = timedelta(days=8)
"""How far before a night without a session its timeline is read: the car may have been plugged in by then."""


def sessions_body(request: Request, runtime: Runtime) -> Sessions:
    """The answer to ``GET /assets/{asset}/sessions?from=&to=&before=``, newest first, a week of nights on a page.

    Raises:
        UnknownAssetError: there is no such asset.
        ProblemError: a parameter is malformed (400).
    """
    twin, now = runtime.table.twin(request.parameters["asset"]), runtime.now()
    zone = twin.link.timezone
    first_at = max(query_instant(request, "from") or twin.link.onboarded_at, twin.link.onboarded_at)
    last_at = min(query_instant(request, "to") or now, now)
    night, oldest = _newest(request, last_at, zone), night_at(first_at, zone)
    nights: list[Night] = []
    while night.date >= oldest.date and len(nights) < NIGHTS_ON_A_PAGE:
        nights.append(night)
        night = night_of(night.date - timedelta(days=1), zone)
    rows = _rows(twin, nights, first_at, last_at, runtime)
    more = night.date >= oldest.date
    return Sessions(timezone=zone, sessions=rows, next=nights[-1].date if more else None)


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


def _rows(
    twin: Twin, nights: Sequence[Night], first_at: datetime, last_at: datetime, runtime: Runtime
) -> list[NightOfAsset]:
    """The rows of some nights: of each its sessions, newest first, or the reason why it had none."""
    views = {night: _views(twin, night, runtime) for night in nights}
    empty = [
        night
        for night in nights
        if not views[night] and max(night.start, first_at - timedelta(days=1)) < min(night.end, last_at)
    ]
    reasons = _reasons(twin, empty, runtime)
    rows: list[NightOfAsset] = []
    for night in nights:
        rows += [session_summary(view, view.of_night(night), night) for view in views[night]]
        rows += [_empty_row(night, reasons[night])] if night in reasons else []
    return rows


def _views(twin: Twin, night: Night, runtime: Runtime) -> list[SessionView]:
    """The sessions that began in a night; without one, the session that still ran in it."""
    asset = twin.link.asset
    found = runtime.history.sessions(asset, night.start, night.end, MOST_IN_A_NIGHT)
    if not found:
        earlier = runtime.history.sessions(asset, _earliest(twin), night.start, 1)
        found = [kept for kept in earlier if kept.closed_at is None or kept.closed_at > night.start]
    return [session_view(twin, kept, runtime, night) for kept in found]


def _reasons(twin: Twin, nights: Sequence[Night], runtime: Runtime) -> dict[Night, NoSession]:
    """Why each of some nights, newest first, had no session."""
    if not nights:
        return {}
    asset, end = twin.link.asset, min(nights[0].end, runtime.now())
    plans = runtime.history.plans(asset, nights[-1].start, end)
    entries = runtime.records.entries(asset, nights[-1].start - REPORTED_BEFORE, end)
    return {night: why_no_session(night, plans, entries) for night in nights}


def _empty_row(night: Night, why: NoSession) -> NightOfAsset:
    return NightOfAsset(
        night=night.date,
        session=None,
        plugged_in_at=None,
        opened_at=None,
        closed_at=None,
        vehicle_id=None,
        energy_kwh=None,
        ready_by=None,
        verdict=why.value,
        text=SENTENCES[why],
    )


def _earliest(twin: Twin) -> datetime:
    """No session of the asset began before this: a car may have been plugged in when it was onboarded."""
    return twin.link.onboarded_at - timedelta(days=1)


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
    return Answer(200, session_svg(to_builtins(body), int(text)), {"content-type": "image/svg+xml"})


def one_session_body(request: Request, runtime: Runtime) -> Session:
    """A session of an asset, whole.

    Raises:
        UnknownAssetError: there is no such asset.
        ProblemError: it has no such session (404).
    """
    twin, wanted = runtime.table.twin(request.parameters["asset"]), request.parameters["session"]
    view = session_view(twin, find_session(twin, wanted, runtime), runtime)
    return whole_session(view, twin, runtime.now())


def find_session(twin: Twin, session: str, runtime: Runtime) -> KeptSession:
    """The kept session of an asset with this id. Raises ProblemError (404)."""
    every = runtime.history.sessions(twin.link.asset, _earliest(twin), runtime.now(), None)
    kept = next((kept for kept in every if kept.id == session), None)
    if kept is None:
        raise not_found("session", session)
    return kept
