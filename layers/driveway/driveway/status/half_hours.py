"""The half-hours of an asset, as JSON or CSV: what it took, how that is known, and what Axle answered."""

import csv
import io
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from driveway.domain.half_hours import HALF_HOUR, half_hour_of
from driveway.domain.instants import utc_text, utc_text_or_none
from driveway.domain.metering.slot import Slot
from driveway.runtime.context import Runtime
from driveway.runtime.http_api import Answer, Request
from driveway.runtime.problems import malformed
from driveway.status.schedule import FIRST_YEAR, LAST_YEAR, query_instant

DEFAULT_SPAN = timedelta(days=1)
MOST_ON_A_PAGE = 1488
"""A month of half-hours."""

LONGEST_LIMIT = 4

COLUMNS = (
    "start",
    "end",
    "timezone",
    "kwh",
    "known",
    "quality",
    "source",
    "flags",
    "report",
    "accepted_kwh",
    "answer",
)


def half_hours_answer(request: Request, runtime: Runtime) -> Answer:
    """The answer to ``GET /assets/{asset}/readings?from=&to=&limit=``, as CSV if that is what the caller accepts.

    A page is a stretch of time, so it may have fewer rows than ``limit``. ``next`` is the ``from`` of the next page.
    """
    twin, now = runtime.table.twin(request.parameters["asset"]), runtime.now()
    end = query_instant(request, "to") or now
    start = query_instant(request, "from") or half_hour_of(end - DEFAULT_SPAN)
    if not FIRST_YEAR <= start.year <= end.year <= LAST_YEAR or start >= end:
        raise malformed(f"'to' must be after 'from', and both lie between the years {FIRST_YEAR} and {LAST_YEAR}.")
    page_end = min(end, half_hour_of(start) + _limit(request) * HALF_HOUR)
    slots = runtime.slots.read_whole(twin.link.asset, start, page_end, now=now)
    rows = [half_hour_row(slot) for slot in slots if slot.reportable]
    following = utc_text(page_end) if page_end < end else None
    zone = twin.link.timezone
    if "text/csv" in request.headers.get("accept", ""):
        headers = {"content-type": "text/csv; charset=utf-8"}
        if following is not None:
            headers["link"] = f'<?from={following}&to={utc_text(end)}>; rel="next"'
        return Answer(200, as_csv(rows, zone), headers)
    span = {"from": utc_text(start), "to": utc_text(end), "timezone": zone}
    return Answer(200, {"asset": twin.link.asset, **span, "half_hours": rows, "next": following})


def half_hour_row(slot: Slot) -> dict[str, Any]:
    """A half-hour as JSON. Energy that is not known is null, which is not the same as 0."""
    return {
        "start": utc_text(slot.start),
        "end": utc_text(slot.end),
        "kwh": _kwh(slot.value_wh),
        "known": slot.is_known,
        "quality": slot.quality,
        "source": slot.measuring_point,
        "flags": list(slot.flags),
        "report": {
            "state": slot.state,
            "accepted_kwh": _kwh(slot.reported.accepted_wh),
            "accepted_at": utc_text_or_none(slot.first_accepted_at),
            "answer": slot.reported.words,
        },
    }


def as_csv(rows: Iterable[Mapping[str, Any]], timezone: str) -> str:
    """The rows as CSV with a header line."""
    written = io.StringIO()
    writer = csv.DictWriter(written, COLUMNS)
    writer.writeheader()
    writer.writerows(csv_row(row, timezone) for row in rows)
    return written.getvalue()


def csv_row(row: Mapping[str, Any], timezone: str) -> dict[str, Any]:
    """A row by the names of its columns. What is null is empty."""
    report = row["report"]
    return {
        **{name: row[name] for name in ("start", "end", "quality", "source")},
        "timezone": timezone,
        "kwh": _text(row["kwh"]),
        "known": "true" if row["known"] else "false",
        "flags": " ".join(row["flags"]),
        "report": report["state"],
        "accepted_kwh": _text(report["accepted_kwh"]),
        "answer": report["answer"],
    }


def _kwh(energy_wh: int | None) -> float | None:
    return None if energy_wh is None else energy_wh / 1000


def _text(energy_kwh: float | None) -> str:
    return "" if energy_kwh is None else f"{energy_kwh:.3f}"


def _limit(request: Request) -> int:
    text = request.query.get("limit", str(MOST_ON_A_PAGE))
    if not (text.isascii() and text.isdigit() and len(text) <= LONGEST_LIMIT) or not 1 <= int(text) <= MOST_ON_A_PAGE:
        raise malformed(f"'limit' must be a number from 1 to {MOST_ON_A_PAGE}.")
    return int(text)
