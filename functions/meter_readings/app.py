"""Reports due half-hours to Axle until time runs short, checks past days for completeness, and judges nights."""

from typing import Any

import msgspec

from driveway.axle.completeness_check import judge_days
from driveway.axle.readings import drain_of
from driveway.axle.refusals import Selection, report_again
from driveway.runtime.context import current_runtime
from driveway.runtime.metrics import emit
from driveway.status.fleet_nights import judge_nights


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """How many rows were sent, accepted and rejected, how many days were checked, and how many nights were judged.

    ``{"retell": {"asset": …, "day": …}}``, which an operator sends, makes refused half-hours due for the next run
    instead: those of an asset, of a local day, of both, or with ``{}`` all.
    """
    runtime = current_runtime()

    def time_left() -> float:
        return float(context.get_remaining_time_in_millis()) / 1000

    if "retell" in event:
        return report_again(Selection.of(event["retell"]), runtime, time_left)
    report = drain_of(runtime, time_left).run()
    days, nights = judge_days(runtime, time_left), judge_nights(runtime, time_left)
    outcome: dict[str, Any] = {**msgspec.to_builtins(report), "days": days, "nights": nights}
    emit({"ReadingsRefused": report.rejected}, runtime)
    runtime.logger.info("readings", extra={"report": outcome})
    return outcome
