"""Every minute: queues what is due, and with its exact delay what will be due before the next minute."""

from typing import Any

from driveway.outbox.account_checks import queue_checks
from driveway.outbox.due_queue import queue_due
from driveway.runtime.context import current_runtime
from driveway.runtime.metrics import emit
from driveway.vehicles.registry import PROVIDERS


def handler(event: dict[str, Any], context: Any) -> dict[str, int]:
    """How many wake-ups and account checks were queued, and how many sites have been unfinished for too long."""
    runtime = current_runtime()
    queued = queue_due(runtime)
    now = runtime.now()
    accounts = queue_checks(runtime, runtime.accounts.due(now + runtime.wake_up_window), now)
    unfinished = sum(1 for _ in runtime.table.due("SitesUnfinished", now))
    emit({"SitesUnfinished": unfinished}, runtime)
    for service in runtime.breakers.not_closed(("axle", *PROVIDERS), now):
        emit({"BreakersOpen": 1}, runtime, provider=service)
    return {**queued, "accounts": accounts, "unfinished": unfinished}
