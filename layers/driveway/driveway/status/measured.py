"""What was measured in a session, and its off-peak times, for its picture."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import zip_longest
from typing import Annotated

from msgspec import Meta, Struct

from driveway.domain.metering.meter_kind import at_the_charger
from driveway.domain.metering.slot import Slot
from driveway.domain.schedules.default_schedule import Interval, off_peak_intervals
from driveway.domain.sessions.plan import Plan
from driveway.domain.twin import Tariff
from driveway.runtime.answer_types import Instant, utc

MEASURED_EVERY_S = 300


class OffPeakSpan(Struct, frozen=True, kw_only=True):
    """An off-peak time."""

    start: Annotated[Instant, Meta(description="Inclusive.")]
    end: Annotated[Instant, Meta(description="Exclusive.")]


class MeasuredSample(Struct, frozen=True, kw_only=True):
    """A power or a state of charge as it was measured."""

    at: Annotated[Instant, Meta(description="When it was measured.")]
    power_kw: Annotated[Annotated[float, Meta(ge=0)] | None, Meta(description="The power, at the charger's side.")]
    soc_pct: Annotated[float | None, Meta(description="The state of charge.")]


def off_peak_spans(plans: Sequence[Plan], since: datetime, until: datetime) -> list[OffPeakSpan]:
    """The off-peak times between two instants (aware UTC), by the tariff of each time."""
    spans: list[Interval] = []
    for plan, following in zip_longest(plans, plans[1:]):
        start, end = max(plan.at, since), until if following is None else following.at
        spans += off_peak_intervals(Tariff(plan.off_peak, plan.tariff_timezone), start, end) if start < end else []
    joined: list[Interval] = []
    for span in spans:
        if joined and joined[-1][1] == span[0]:
            joined[-1] = (joined[-1][0], span[1])
        else:
            joined.append(span)
    return [OffPeakSpan(start=utc(start), end=utc(end)) for start, end in joined]


def measured_samples(
    slots: Iterable[Slot], since: datetime, until: datetime | None, battery_kwh: float | None
) -> list[MeasuredSample]:
    """Power and state of charge as they were measured, the last of every five minutes, as long as samples are kept."""
    full_wh = at_the_charger(round(battery_kwh * 1000), "battery") if battery_kwh else None
    found: dict[tuple[int, bool], MeasuredSample] = {}
    for sample in sorted((one for slot in slots for one in slot.samples), key=lambda one: (one.at, one.kind)):
        if sample.at < since or (until is not None and sample.at > until):
            continue
        if sample.kind in {"power", "stopped"}:
            power_kw = sample.value / 1000 if sample.kind == "power" else 0.0
            row = MeasuredSample(at=utc(sample.at), power_kw=power_kw, soc_pct=None)
        elif sample.kind == "soc" and full_wh:
            soc_pct = round(100 * sample.value / full_wh, 1)
            row = MeasuredSample(at=utc(sample.at), power_kw=None, soc_pct=soc_pct)
        else:
            continue
        found[int(sample.at.timestamp()) // MEASURED_EVERY_S, sample.kind == "soc"] = row
    return sorted(found.values(), key=lambda row: (row.at, row.power_kw is None))
