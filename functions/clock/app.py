"""Every minute: queues what is due, and with its exact delay what will be due before the next minute."""

from typing import Any

from driveway.outbox.account_checks import queue_checks
from driveway.outbox.wakeups import WakeUp, queue_due, queue_wake_ups, switched_lately
from driveway.runtime.context import current_runtime
from driveway.runtime.metrics import emit


def handler(event: dict[str, Any], context: Any) -> dict[str, int]:
    """How many wake-ups and account checks were queued, and how many sites have been unfinished for too long."""
    runtime = current_runtime()
    now = runtime.now()
    until = now + runtime.wake_up_window
    axle = [WakeUp(name, due) for name, due in runtime.table.due("AxleDue", until)]
    unfinished = sum(1 for _ in runtime.table.due("SitesUnfinished", now))
    control = [WakeUp(asset, due) for asset, due in runtime.table.due("ControlDue", until)]
    everybody = switched_lately(runtime, now)
    queue_wake_ups(runtime, "CHARGE_CONTROL_QUEUE_URL", everybody, now)
    queued = {
        "axle": queue_due(runtime, "AXLE_SYNC_QUEUE_URL", axle, now),
        "control": queue_due(runtime, "CHARGE_CONTROL_QUEUE_URL", control, now),
        "accounts": queue_checks(runtime, runtime.accounts.due(until), now),
    }
    emit({"SitesUnfinished": unfinished}, runtime)
    return {**queued, "unfinished": unfinished}
