"""Reports the half-hours that are due to Axle, in gzip batches, until none is left or time runs short."""

from datetime import timedelta
from typing import Any

import msgspec

from driveway.axle.readings import Drain, send_readings
from driveway.runtime.context import runtime


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """What was sent, accepted and rejected, in rows."""
    current = runtime()
    report = Drain(
        slots=current.slots,
        send=send_readings(current.axle),
        now=current.now,
        time_left=lambda: context.get_remaining_time_in_millis() / 1000,
        claim_id=current.new_id(),
        rows_per_batch=int(current.settings.number("READINGS_BATCH_ROWS", 500)),
        grace=timedelta(seconds=current.settings.number("READINGS_GRACE_S", 600)),
    ).run()
    told: dict[str, Any] = msgspec.to_builtins(report)
    current.logger.info("readings", extra={"report": told})
    return told
