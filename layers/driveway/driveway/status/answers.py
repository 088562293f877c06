"""What sites and assets look like from outside: answers to "what does it do, and why?"."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from driveway.domain.control.protection import explain
from driveway.domain.metering.completeness import Completeness, by_day, completeness, local_day, starts_at
from driveway.domain.metering.slot import Label, ReportedValue, Slot
from driveway.domain.preferences.intent import intent_body
from driveway.domain.preferences.tariff import tariff_body
from driveway.domain.preferences.vehicle_intent import intent_in_force, vehicle_intent_body
from driveway.domain.schedules.default_schedule import off_peak_intervals
from driveway.domain.schedules.effective_schedule import Stretch, effective_schedule
from driveway.domain.twin import Observed, Twin
from driveway.runtime.context import Runtime
from driveway.runtime.http_api import Answer, Request
from driveway.runtime.problems import malformed, not_found
from driveway.status.axle_state import axle_sync_status
from driveway.store.table import UnknownAssetError

LONGEST_SCHEDULE = timedelta(days=8)
DEFAULT_SCHEDULE = timedelta(hours=36)
ENTRIES = 100
FIRST_YEAR, LAST_YEAR = 2000, 2200
LONGEST_CURSOR = 100
READING_DAYS = 3
LATELY = timedelta(days=1)
REJECTIONS = 10


def site_body(site: str, runtime: Runtime) -> dict[str, Any]:
    """The body of ``GET /sites/{site}``. Raises ProblemError (404)."""
    record, now = runtime.sites.get(site), runtime.now()
    if record is None:
        raise not_found("site", site)
    snoozed = record.snoozed_until is not None and now < record.snoozed_until
    begun_at = record.begun_at
    text = "A PUT of this site was begun and is not finished. Repeat it; that does no harm."
    return {
        "site": record.site,
        "state": record.state,
        "axle_site_id": record.axle_site_id,
        "enrolment": record.enrolment,
        "timezone": record.timezone,
        "consent_at": _instant(record.consent_at),
        "snoozed_until": _instant(record.snoozed_until) if snoozed else None,
        "warnings": list(record.warnings),
        "assets": [_asset_line(asset, site, runtime) for asset in record.known_assets],
        "unfinished": {"begun_at": _instant(begun_at), "text": text} if begun_at else None,
    }


def _asset_line(asset: str, site: str, runtime: Runtime) -> dict[str, Any]:
    try:
        twin = runtime.table.twin(asset)
    except UnknownAssetError:
        return {"asset": asset, "state": "unfinished"}
    link = twin.link
    if link.site != site:
        return {"asset": asset, "state": "unfinished"}
    return {
        "asset": asset,
        "axle_asset_id": link.axle_asset_id,
        "type": link.type,
        "state": "leaving" if link.leaving else "active" if link.enrolled else "unenrolled",
        "enrolled": link.enrolled,
        "plugged_in": twin.presence.session is not None,
        "in_sync": axle_sync_status(twin, runtime.now())["axle"]["in_sync"],
    }


def asset_body(twin: Twin, runtime: Runtime) -> dict[str, Any]:
    """The body of ``GET /assets/{asset}``."""
    now, link, presence = runtime.now(), twin.link, twin.presence
    want, held_back = explain(twin, now, runtime.control_rules)
    session = presence.session
    return {
        "asset": link.asset,
        "site": link.site,
        "type": link.type,
        "axle_asset_id": link.axle_asset_id,
        "enrolled": link.enrolled,
        "plugged_in": _value(presence.plugged_in),
        "at_home": _value(presence.at_home),
        "charging": _value(presence.charging),
        "power_kw": _value(presence.power_kw),
        "soc_pct": _value(presence.soc_pct),
        "session": {"id": session.id, "opened_at": _instant(session.opened_at)} if session else None,
        "tariff": tariff_body(twin.tariff),
        "intent": intent_body(twin.intent),
        "vehicle_intents": {name: vehicle_intent_body(own) for name, own in sorted(twin.vehicle_intents.items())},
        "intent_in_force": _intent_in_force(twin),
        "charge_now": msgspec.to_builtins(twin.charge_now),
        "desired": {
            "charge": want.want == "charge",
            "limit_kw": _limit(twin, want.want, want.limit_kw),
            "source": want.source,
            "reason": want.reason.value,
            "text": want.text,
        },
        "held_back": None
        if held_back is None
        else {
            "reason": held_back.reason.value,
            "text": held_back.text(link.timezone),
            "until": _instant(held_back.until),
        },
        "next_edge": _next_edge(twin, now, runtime),
        "command": _command(twin),
        **axle_sync_status(twin, now),
        "readings": _readings(twin, now, runtime),
        "needs_user": presence.needs_user,
        "snoozed_until": _instant(link.snoozed_until),
        "revision": twin.revision,
    }


def _intent_in_force(twin: Twin) -> dict[str, Any]:
    counting = intent_in_force(twin)
    return {
        "of": "vehicle" if counting.of_vehicle else "asset",
        "vehicle_id": counting.vehicle_id,
        "intent": intent_body(counting.intent),
        "text": counting.text,
    }


def _limit(twin: Twin, want: str, limit_kw: float | None) -> float | None:
    if want == "leave":
        return None
    return twin.link.power_kw if want == "charge" and limit_kw is None else limit_kw


def _value(observed: Observed | None) -> bool | float | None:
    return None if observed is None else observed.value


def _instant(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _next_edge(twin: Twin, now: datetime, runtime: Runtime) -> dict[str, Any] | None:
    spread_s = runtime.control_rules.default_spread_s
    first, *later = effective_schedule(twin, now, now + DEFAULT_SCHEDULE, spread_s=spread_s)
    edge = next((stretch for stretch in later if stretch.limit_kw != first.limit_kw), None)
    return {"at": _instant(edge.start), "charge": edge.limit_kw > 0} if edge else None


def _command(twin: Twin) -> dict[str, Any] | None:
    command = twin.control.command
    if command is None:
        return None
    at = command.ended_at or command.sent_at or command.planned_at
    return {
        "state": command.state,
        "action": command.action,
        "at": _instant(at),
        "reason": command.reason,
        "attempts": command.attempts,
        "detail": command.detail,
    }


def _readings(twin: Twin, now: datetime, runtime: Runtime) -> dict[str, Any]:
    zone, grace = twin.link.timezone, runtime.readings_grace
    today = local_day(now, zone)
    days = [today - timedelta(days=back) for back in range(READING_DAYS)]
    slots = runtime.slots.read_whole(twin.link.asset, starts_at(days[-1], zone), now=now)
    lately = [slot for slot in slots if slot.start >= now - LATELY]
    reported = by_day(slots, days, zone, now=now, grace=grace)
    return {
        **_figure(completeness(lately, now=now, grace=grace)),
        "rejections": [_rejection(*row) for row in _parked(reversed(slots))][:REJECTIONS],
        "flags": [{"start": _instant(slot.start), "flags": list(slot.flags)} for slot in lately if slot.flags],
        "days": [{"day": d.day.isoformat(), "half_hours": d.half_hours, **_figure(d.figure)} for d in reported],
    }


def _parked(slots: Iterable[Slot]) -> Iterator[tuple[Slot, Label, ReportedValue]]:
    return ((slot, label, reported) for slot in slots for label, reported in slot.parked)


def _rejection(slot: Slot, label: Label, reported: ReportedValue) -> dict[str, Any]:
    return {
        "start": _instant(slot.start),
        "label": label,
        "kwh": (reported.rejected_wh or 0) / 1000,
        "detail": reported.words,
    }


def _figure(figure: Completeness) -> dict[str, Any]:
    return {
        "completeness": round(figure.ratio, 4),
        "expected": figure.expected,
        "accepted": figure.accepted,
        "rejected": figure.rejected,
    }


def schedule_answer(request: Request, runtime: Runtime) -> Answer:
    """The answer to ``GET /assets/{asset}/schedule?from=&to=``, as SVG if that is what the caller accepts."""
    twin, now = runtime.table.twin(request.parameters["asset"]), runtime.now()
    start = _query_instant(request, "from") or now.replace(second=0, microsecond=0)
    if not FIRST_YEAR <= start.year <= LAST_YEAR:
        raise malformed(f"'from' must lie between the years {FIRST_YEAR} and {LAST_YEAR}.")
    end = _query_instant(request, "to") or start + DEFAULT_SCHEDULE
    if not start < end <= start + LONGEST_SCHEDULE:
        raise malformed("'to' must be after 'from', by at most eight days.")
    stretches = effective_schedule(twin, start, end, spread_s=runtime.control_rules.default_spread_s)
    if "image/svg+xml" in request.headers.get("accept", ""):
        return _picture(twin, stretches, start, end, now)
    body = {"from": _instant(start), "to": _instant(end), "stretches": [_stretch_body(s) for s in stretches]}
    return Answer(200, body)


def _stretch_body(stretch: Stretch) -> dict[str, Any]:
    return {
        "start": _instant(stretch.start),
        "end": _instant(stretch.end),
        "limit_kw": stretch.limit_kw,
        "source": stretch.source,
        "reason": stretch.reason.value,
    }


def _picture(twin: Twin, stretches: list[Stretch], start: datetime, end: datetime, now: datetime) -> Answer:
    from driveway.domain.schedules.svg import schedule_svg

    picture = schedule_svg(
        stretches,
        off_peak_intervals(twin.tariff, start, end),
        now=now,
        timezone=twin.link.timezone,
        power_kw=twin.link.power_kw,
        title=f"Schedule of {twin.link.asset}",
    )
    return Answer(200, picture, {"content-type": "image/svg+xml"})


def _query_instant(request: Request, name: str) -> datetime | None:
    text = request.query.get(name)
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text.replace(" ", "+"))
        if at.tzinfo is None:
            raise ValueError("it has no offset")
        return at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise malformed(f"'{name}' must be an instant with offset, for example 2026-01-15T22:00:00Z.") from None


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
