"""How much of an asset's recent energy Axle accepted, and what it rejected."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Annotated, get_args

from msgspec import Meta, Struct

from driveway.axle.refusals import Refusals, refusals
from driveway.domain.metering.completeness import Completeness, by_day, completeness, for_axle, local_day, starts_at
from driveway.domain.metering.registers import Flag
from driveway.domain.metering.slot import Label, ReportedValue, Slot
from driveway.domain.twin import Twin
from driveway.runtime.answer_types import Instant, Kwh, utc, utc_or_none
from driveway.runtime.context import Runtime

READING_DAYS = 3


LATELY = timedelta(days=1)


REJECTIONS = 10

Start = Annotated[Instant, Meta(description="When the half-hour begins.")]


FlagName = Annotated[str, Meta(extra_json_schema={"enum": [*get_args(Flag)]})]


class ReadingsFigure(Struct, frozen=True, kw_only=True):
    """How much of the energy of some half-hours Axle accepted."""

    completeness: Annotated[
        float, Meta(ge=0, le=1, description="Accepted over expected, 0 to 1; 1 when none is expected.")
    ]
    expected: Annotated[int, Meta(ge=0, description="Half-hours that are over and to be reported.")]
    accepted: Annotated[int, Meta(ge=0, description="Accepted by Axle.")]
    rejected: Annotated[int, Meta(ge=0, description="Rejected by Axle.")]
    unknown: Annotated[
        int,
        Meta(ge=0, description="Of which not all was measured: not reported as 0, and not counted as accepted."),
    ]


class DayOfReadings(ReadingsFigure, frozen=True, kw_only=True):
    """The figures of a local day."""

    day: Annotated[date, Meta(description="The date in the site's zone.")]
    half_hours: Annotated[
        int, Meta(ge=0, description="How many the day has: 48, in Britain 46 or 50 when the clocks change.")
    ]


class RefusedReadings(Struct, frozen=True, kw_only=True):
    """What Axle refuses and is not sent again by itself."""

    half_hours: Annotated[int, Meta(ge=0, description="How many half-hours Axle refuses now, however old.")]
    since: Annotated[Instant | None, Meta(description="Since when it refuses the longest refused one.")]
    words: Annotated[list[str], Meta(description="Axle's different words, five at most.")]


class RejectedReading(Struct, frozen=True, kw_only=True):
    """A value that Axle refuses."""

    start: Start
    label: Annotated[Label, Meta(description="Axle's label of the value.")]
    kwh: Annotated[Kwh, Meta(description="The value that was reported.")]
    detail: Annotated[
        str | None, Meta(description="Axle's own text. The half-hour is reported again when the value changes.")
    ]


class FlaggedHalfHour(Struct, frozen=True, kw_only=True):
    """What was noticed in a half-hour."""

    start: Start
    flags: Annotated[
        list[FlagName],
        Meta(
            description="Where energy may be missing: `gap` (no report for too long), `power_above_asset` (more power "
            "than the asset has), `outlier`, `refused_delta` (a register rose by more than power and time allow), "
            "`before_plug_in` (energy may have flowed before the car was seen plugged in, or after it was last seen at "
            "home), "
            "`restarted` (it fell), `not_reset` (a session's began where the last ended). `rolled_over`: from 0 again. "
            "`ambiguous_register`: two histories explain the register, and the one with less energy was counted."
        ),
    ]


class Readings(ReadingsFigure, frozen=True, kw_only=True):
    """What Axle has accepted of the half-hours of the last 24 hours, and by day."""

    refused: RefusedReadings
    rejections: Annotated[list[RejectedReading], Meta(description="The latest ten of these days, newest first.")]
    flags: Annotated[
        list[FlaggedHalfHour], Meta(description="What was noticed in the half-hours of the last 24 hours.")
    ]
    days: Annotated[list[DayOfReadings], Meta(description="By local day, the running one first.")]


def readings_summary(twin: Twin, now: datetime, runtime: Runtime) -> Readings:
    """What Axle accepted and refused lately. ``now`` is aware UTC."""
    zone, grace = twin.link.timezone, runtime.readings_grace
    today = local_day(now, zone)
    days = [today - timedelta(days=back) for back in range(READING_DAYS)]
    slots = runtime.slots.read_whole(twin.link.asset, starts_at(days[-1], zone), now=now)
    lately = [slot for slot in slots if slot.start >= now - LATELY]
    expected = for_axle(slots, twin.link)
    reported = by_day(expected, days, zone, now=now, grace=grace)
    recent = completeness(for_axle(lately, twin.link), now=now, grace=grace)
    return Readings(
        completeness=_share(recent),
        expected=recent.expected,
        accepted=recent.accepted,
        rejected=recent.rejected,
        unknown=recent.unknown,
        refused=_refused(refusals(runtime.slots, twin.link.asset)),
        rejections=[_rejection(*row) for row in _parked(reversed(expected))][:REJECTIONS],
        flags=[FlaggedHalfHour(start=utc(slot.start), flags=list(slot.flags)) for slot in lately if slot.flags],
        days=[
            DayOfReadings(
                day=one.day,
                half_hours=one.half_hours,
                completeness=_share(one.figure),
                expected=one.figure.expected,
                accepted=one.figure.accepted,
                rejected=one.figure.rejected,
                unknown=one.figure.unknown,
            )
            for one in reported
        ],
    )


def _share(figure: Completeness) -> float:
    return round(figure.ratio, 4)


def _refused(found: Sequence[Refusals]) -> RefusedReadings:
    """All half-hours that Axle refuses, however old."""
    return RefusedReadings(
        half_hours=sum(one.half_hours for one in found),
        since=utc_or_none(found[0].since) if found else None,
        words=[words for one in found for words in one.words],
    )


def _parked(slots: Iterable[Slot]) -> Iterator[tuple[Slot, Label, ReportedValue]]:
    return ((slot, label, reported) for slot in slots for label, reported in slot.parked)


def _rejection(slot: Slot, label: Label, reported: ReportedValue) -> RejectedReading:
    kwh = (reported.rejected_wh or 0) / 1000
    return RejectedReading(start=utc(slot.start), label=label, kwh=kwh, detail=reported.words)
