"""The half-hours of an asset, as JSON or CSV: what it took, how that is known, and what Axle answered."""

import csv
import io
from collections.abc import Iterable
from datetime import timedelta
from typing import Annotated, Any

from msgspec import Meta, Struct, field

from driveway.domain.half_hours import HALF_HOUR, half_hour_of
from driveway.domain.instants import utc_text
from driveway.domain.metering.pieces import Quality
from driveway.domain.metering.slot import ReportState, Slot
from driveway.domain.presence.observation import MeasuringPoint
from driveway.runtime.answer_types import AppId, Instant, Kwh, utc, utc_or_none
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


class HalfHourReport(Struct, frozen=True, kw_only=True):
    """What was reported to Axle of a half-hour, and what it answered."""

    state: Annotated[ReportState, Meta(description="`withheld`: the home did not take part.")]
    accepted_kwh: Annotated[Kwh | None, Meta(description="What Axle accepted last.")]
    accepted_at: Annotated[Instant | None, Meta(description="When Axle first accepted an energy of this half-hour.")]
    answer: Annotated[str | None, Meta(description="Axle's words, of a refusal.")]


class HalfHour(Struct, frozen=True, kw_only=True):
    """The energy of a half-hour. What is not known is null, which is not the same as 0."""

    start: Instant
    end: Instant
    kwh: Annotated[Kwh | None, Meta(description="Null where it is not known whether anything flowed.")]
    known: Annotated[bool, Meta(description="Whether all of it is measured, but for seconds.")]
    quality: Quality | None
    source: Annotated[MeasuringPoint, Meta(description="Where it was measured.")]
    flags: Annotated[list[str], Meta(description="What was noticed about the samples.")]
    report: HalfHourReport


class HalfHours(Struct, frozen=True, kw_only=True):
    """A page of the half-hours of an asset."""

    asset: AppId
    start: Instant = field(name="from")
    end: Instant = field(name="to")
    timezone: Annotated[str, Meta(description="The site's IANA zone. All instants are UTC.")]
    half_hours: Annotated[list[HalfHour], Meta(description="Oldest first.")]
    next: Annotated[Instant | None, Meta(description="Give it as `from` for the next page; null at the end.")]


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
    following = page_end if page_end < end else None
    zone = twin.link.timezone
    if "text/csv" in request.headers.get("accept", ""):
        headers = {"content-type": "text/csv; charset=utf-8"}
        if following is not None:
            headers["link"] = f'<?from={utc_text(following)}&to={utc_text(end)}>; rel="next"'
        return Answer(200, as_csv(rows, zone), headers)
    page = HalfHours(
        asset=twin.link.asset,
        start=utc(start),
        end=utc(end),
        timezone=zone,
        half_hours=rows,
        next=utc_or_none(following),
    )
    return Answer(200, page)


def half_hour_row(slot: Slot) -> HalfHour:
    """A half-hour as it is answered."""
    return HalfHour(
        start=utc(slot.start),
        end=utc(slot.end),
        kwh=_kwh(slot.value_wh),
        known=slot.is_known,
        quality=slot.quality,
        source=slot.measuring_point,
        flags=list(slot.flags),
        report=HalfHourReport(
            state=slot.state,
            accepted_kwh=_kwh(slot.reported.accepted_wh),
            accepted_at=utc_or_none(slot.first_accepted_at),
            answer=slot.reported.words,
        ),
    )


def as_csv(rows: Iterable[HalfHour], timezone: str) -> str:
    """The rows as CSV with a header line."""
    written = io.StringIO()
    writer = csv.DictWriter(written, COLUMNS)
    writer.writeheader()
    writer.writerows(csv_row(row, timezone) for row in rows)
    return written.getvalue()


def csv_row(row: HalfHour, timezone: str) -> dict[str, Any]:
    """A row by the names of its columns. What is null is empty."""
    return {
        "start": utc_text(row.start),
        "end": utc_text(row.end),
        "quality": row.quality,
        "source": row.source,
        "timezone": timezone,
        "kwh": _text(row.kwh),
        "known": "true" if row.known else "false",
        "flags": " ".join(row.flags),
        "report": row.report.state,
        "accepted_kwh": _text(row.report.accepted_kwh),
        "answer": row.report.answer,
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
