"""Wake-ups for the reconcilers, queued with their exact delay."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct

from driveway.runtime.context import Runtime
from driveway.store.items import site_key

LONGEST_DELAY_S = 900
MOST_IN_A_BATCH = 10

SITE_KEY = site_key("")

EARLY_S = 1.1
"""Delays are rounded down to whole seconds, so a wake-up may arrive this much early."""


class WakeUp(Struct, frozen=True):
    """A reconciler has to run for an asset (or a site, by its key) at an instant (aware UTC)."""

    asset: str
    due: datetime

    @property
    def message(self) -> dict[str, str]:
        """The body of its message."""
        site = self.asset.removeprefix(SITE_KEY) if self.asset.startswith(SITE_KEY) else None
        return ({"site": site} if site is not None else {"asset": self.asset}) | {"due": self.due.isoformat()}


class QueueError(RuntimeError):
    """The queue refused a message. The whole call is repeated, which does no harm."""


def queue_wake_ups(runtime: Runtime, queue_setting: str, wake_ups: Sequence[WakeUp], now: datetime) -> None:
    """Queue wake-ups so that each arrives when it is due, at most a second early. Overdue ones go at once.

    The receiver waits out that second with ``await_due``: before its due time a reconciler finds nothing to do, and the
    next wake-up may be a minute away.

    Raises:
        QueueError: the queue refused a message.
    """
    url = runtime.settings.text(queue_setting)
    for first in range(0, len(wake_ups), MOST_IN_A_BATCH):
        group = wake_ups[first : first + MOST_IN_A_BATCH]
        answer = runtime.queues.send_message_batch(
            QueueUrl=url,
            Entries=[
                {
                    "Id": str(number),
                    "MessageBody": json.dumps(reconcile.message),
                    "DelaySeconds": min(LONGEST_DELAY_S, int(runtime.clock.real_s(reconcile.due - now))),
                }
                for number, reconcile in enumerate(group)
            ],
        )
        if answer.get("Failed"):
            raise QueueError(f"{len(answer['Failed'])} of {len(group)} wake-ups were not queued.")


def await_due(reconcile: Mapping[str, Any], runtime: Runtime) -> None:
    """Wait until a queued wake-up is due, if it came a little early. One without a due time is due at once."""
    due = datetime.fromisoformat(reconcile["due"]) if "due" in reconcile else runtime.now()
    if due - runtime.now() <= runtime.clock.real_time(EARLY_S):
        runtime.clock.sleep_until(due)
