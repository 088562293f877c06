"""Every minute: queues what is due, and what will be before the next tick with its exact delay."""

from typing import Any

from driveway.outbox.wakeups import Look, queue_due
from driveway.runtime.context import runtime
from driveway.runtime.metrics import emit

SITE = "SITE#"


def handler(event: dict[str, Any], context: Any) -> dict[str, int]:
    """How many looks were queued for each reconciler, and how many onboardings were begun and never finished."""
    current = runtime()
    now = current.now()
    until = now + current.look_ahead
    rows = list(current.table.due("AxleDue", until))
    axle = [Look(name, due) for name, due in rows if not name.startswith(SITE)]
    unfinished = sum(name.startswith(SITE) and due <= now for name, due in rows)
    control = [Look(asset, due) for asset, due in current.table.due("ControlDue", until)]
    queued = {
        "axle": queue_due(current, "AXLE_SYNC_QUEUE_URL", axle, now),
        "control": queue_due(current, "CHARGE_CONTROL_QUEUE_URL", control, now),
    }
    emit({"OnboardingUnfinished": unfinished}, current)
    return {**queued, "unfinished": unfinished}
