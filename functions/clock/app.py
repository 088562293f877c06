"""Every minute: queues what is due, and with its exact delay what will be due before the next minute."""

from typing import Any

from driveway.outbox.account_checks import queue_checks
from driveway.outbox.wakeups import WakeUp, queue_due
from driveway.runtime.context import current_runtime
from driveway.runtime.metrics import emit

SITE = "SITE#"


def handler(event: dict[str, Any], context: Any) -> dict[str, int]:
    """How many wake-ups and account checks were queued, and how many onboardings did not finish."""
    runtime = current_runtime()
    now = runtime.now()
    until = now + runtime.wake_up_window
    rows = list(runtime.table.due("AxleDue", until))
    axle = [WakeUp(name, due) for name, due in rows if not name.startswith(SITE)]
    unfinished = sum(name.startswith(SITE) and due <= now for name, due in rows)
    control = [WakeUp(asset, due) for asset, due in runtime.table.due("ControlDue", until)]
    queued = {
        "axle": queue_due(runtime, "AXLE_SYNC_QUEUE_URL", axle, now),
        "control": queue_due(runtime, "CHARGE_CONTROL_QUEUE_URL", control, now),
        "accounts": queue_checks(runtime, runtime.accounts.due(until), now),
    }
    emit({"OnboardingUnfinished": unfinished}, runtime)
    return {**queued, "unfinished": unfinished}
