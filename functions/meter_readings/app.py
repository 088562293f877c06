"""Reports due half-hours to Axle until time runs short, and checks past days for completeness."""

from typing import Any

import msgspec

from driveway.axle.completeness_check import judge_days
from driveway.axle.readings import drain_of, tell_again
from driveway.runtime.context import current_runtime


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """How many rows were sent, accepted and rejected, and how many days of assets were checked.

    ``{"retell": asset}``, which an operator sends, makes an asset's rejected half-hours due for the next run instead.
    """
    runtime = current_runtime()
    if "retell" in event:
        return {"due": tell_again(str(event["retell"]), runtime)}

    def time_left() -> float:
        return float(context.get_remaining_time_in_millis()) / 1000

    report = drain_of(runtime, time_left).run()
    outcome: dict[str, Any] = {**msgspec.to_builtins(report), "days": judge_days(runtime, time_left)}
    runtime.logger.info("readings", extra={"report": outcome})
    return outcome
