"""Reports due half-hours to Axle until time runs short, judges nights, and checks past days for completeness."""

from typing import Any

import msgspec

from driveway.axle.completeness_check import judge_days
from driveway.axle.readings import drain_of
from driveway.axle.refusals import Selection, report_again
from driveway.runtime.context import current_runtime
from driveway.runtime.metrics import emit
from driveway.status.fleet_nights import judge_nights


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """How many rows were sent, accepted and rejected, how many nights were judged, and how many days checked.

    ``{"retell": {"asset": …, "day": …}}``, which an operator sends, makes refused half-hours due for the next run
    instead: those of an asset, of a local day, of both, or with ``{}`` all.
    """
    runtime = current_runtime()

    def time_left() -> float:
        return float(context.get_remaining_time_in_millis()) / 1000

    if "retell" in event:
        return report_again(Selection.of(event["retell"]), runtime, time_left)
    report = drain_of(runtime, time_left).run()
    nights = judge_nights(runtime, time_left)
    days = judge_days(((row.name, row.due) for row in nights.noons), runtime, time_left)
    outcome: dict[str, Any] = {**msgspec.to_builtins(report), "days": days, "nights": nights.judged}
    emit({"ReadingsRefused": report.rejected}, runtime)
    runtime.logger.info("readings", extra={"report": outcome})
    return outcome
