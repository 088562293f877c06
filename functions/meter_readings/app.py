"""Reports the half-hours that are due to Axle, in gzip batches, until none is left or time runs short."""

from typing import Any

import msgspec

from driveway.axle.readings import drain_of
from driveway.runtime.context import runtime


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """What was sent, accepted and rejected, in rows."""
    current = runtime()
    report = drain_of(current, lambda: context.get_remaining_time_in_millis() / 1000).run()
    told: dict[str, Any] = msgspec.to_builtins(report)
    current.logger.info("readings", extra={"report": told})
    return told
