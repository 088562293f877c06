"""Reports the half-hours that are due to Axle until time runs short, and judges the days that are over."""

from typing import Any

import msgspec

from driveway.axle.days import judge_days
from driveway.axle.readings import drain_of, tell_again
from driveway.runtime.context import runtime


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """What was sent, accepted and rejected, in rows, and how many days of assets were judged.

    ``{"retell": asset}``, which an operator sends, makes an asset's rejected half-hours due for the next run instead.
    """
    current = runtime()
    if "retell" in event:
        return {"due": tell_again(str(event["retell"]), current)}

    def time_left() -> float:
        return float(context.get_remaining_time_in_millis()) / 1000

    report = drain_of(current, time_left).run()
    told: dict[str, Any] = {**msgspec.to_builtins(report), "days": judge_days(current, time_left)}
    current.logger.info("readings", extra={"report": told})
    return told
