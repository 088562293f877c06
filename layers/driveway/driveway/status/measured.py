"""What was measured in a session, and its off-peak times, for its picture."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import zip_longest
from typing import Any

from driveway.domain.instants import utc_text
from driveway.domain.metering.meter_kind import at_the_charger
from driveway.domain.metering.slot import Slot
from driveway.domain.schedules.default_schedule import Interval, off_peak_intervals
from driveway.domain.sessions.plan import Plan
from driveway.domain.twin import Tariff

MEASURED_EVERY_S = 300


def off_peak_spans(plans: Sequence[Plan], since: datetime, until: datetime) -> list[dict[str, str]]:
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
    return [{"start": utc_text(start), "end": utc_text(end)} for start, end in joined]


def measured_samples(
    slots: Iterable[Slot], since: datetime, until: datetime | None, battery_kwh: float | None
) -> list[dict[str, Any]]:
    """Power and state of charge as they were measured, the last of every five minutes, as long as samples are kept."""
    full_wh = at_the_charger(round(battery_kwh * 1000), "battery") if battery_kwh else None
    found: dict[tuple[int, bool], dict[str, Any]] = {}
    for sample in sorted((one for slot in slots for one in slot.samples), key=lambda one: (one.at, one.kind)):
        if sample.at < since or (until is not None and sample.at > until):
            continue
        row: dict[str, Any] = {"at": utc_text(sample.at), "power_kw": None, "soc_pct": None}
        if sample.kind in {"power", "stopped"}:
            row["power_kw"] = sample.value / 1000 if sample.kind == "power" else 0.0
        elif sample.kind == "soc" and full_wh:
            row["soc_pct"] = round(100 * sample.value / full_wh, 1)
        else:
            continue
        found[int(sample.at.timestamp()) // MEASURED_EVERY_S, sample.kind == "soc"] = row
    return sorted(found.values(), key=lambda row: (str(row["at"]), row["power_kw"] is None))
