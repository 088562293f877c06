"""How much of an asset's recent energy Axle accepted, and what it rejected."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from driveway.axle.refusals import Refusals, refusals
from driveway.domain.instants import utc_text_or_none
from driveway.domain.metering.completeness import Completeness, by_day, completeness, for_axle, local_day, starts_at
from driveway.domain.metering.slot import Label, ReportedValue, Slot
from driveway.domain.twin import Twin
from driveway.runtime.context import Runtime

READING_DAYS = 3


LATELY = timedelta(days=1)


REJECTIONS = 10


def readings_summary(twin: Twin, now: datetime, runtime: Runtime) -> dict[str, Any]:
    zone, grace = twin.link.timezone, runtime.readings_grace
    today = local_day(now, zone)
    days = [today - timedelta(days=back) for back in range(READING_DAYS)]
    slots = runtime.slots.read_whole(twin.link.asset, starts_at(days[-1], zone), now=now)
    lately = [slot for slot in slots if slot.start >= now - LATELY]
    expected = for_axle(slots, twin.link)
    reported = by_day(expected, days, zone, now=now, grace=grace)
    return {
        **_figure(completeness(for_axle(lately, twin.link), now=now, grace=grace)),
        "refused": _refused(refusals(runtime.slots, twin.link.asset)),
        "rejections": [_rejection(*row) for row in _parked(reversed(expected))][:REJECTIONS],
        "flags": [{"start": utc_text_or_none(slot.start), "flags": list(slot.flags)} for slot in lately if slot.flags],
        "days": [{"day": d.day.isoformat(), "half_hours": d.half_hours, **_figure(d.figure)} for d in reported],
    }


def _refused(found: Sequence[Refusals]) -> dict[str, Any]:
    """All half-hours that Axle refuses, however old."""
    half_hours, since = sum(one.half_hours for one in found), found[0].since if found else None
    words = [words for one in found for words in one.words]
    return {"half_hours": half_hours, "since": utc_text_or_none(since), "words": words}


def _parked(slots: Iterable[Slot]) -> Iterator[tuple[Slot, Label, ReportedValue]]:
    return ((slot, label, reported) for slot in slots for label, reported in slot.parked)


def _rejection(slot: Slot, label: Label, reported: ReportedValue) -> dict[str, Any]:
    return {
        "start": utc_text_or_none(slot.start),
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
        "unknown": figure.unknown,
    }
