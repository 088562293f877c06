"""Every minute: queues what is due, and what will be within the coming minute with its exact delay."""

from typing import Any

from driveway.runtime.context import runtime
from driveway.runtime.looks import Look, queue_looks


def handler(event: dict[str, Any], context: Any) -> dict[str, int]:
    """How many looks were queued for each reconciler."""
    current = runtime()
    now = current.now()
    until = now + current.look_ahead
    axle = [Look(asset, due) for asset, due in current.table.due("AxleDue", until)]
    control = [Look(asset, due) for asset, due in current.table.due("ControlDue", until)]
    queue_looks(current, "AXLE_SYNC_QUEUE_URL", axle, now)
    queue_looks(current, "CHARGE_CONTROL_QUEUE_URL", control, now)
    return {"axle": len(axle), "control": len(control)}
