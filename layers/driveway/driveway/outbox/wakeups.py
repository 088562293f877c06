"""Looks at assets, queued for the reconcilers with their exact delay."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from driveway.runtime.context import Runtime

LONGEST_DELAY_S = 900
MOST_IN_A_BATCH = 10

EARLY_S = 1.1
"""Delays are whole seconds and rounded down, so a look may come this much early."""


@dataclass(frozen=True, slots=True)
class WakeUp:
    """A look at an asset that is due at an instant (aware UTC)."""

    asset: str
    due: datetime


class QueueError(RuntimeError):
    """The queue did not take every message; the call is repeated as a whole, which does no harm."""


def queue_due(runtime: Runtime, queue_setting: str, wake_ups: Sequence[WakeUp], now: datetime) -> int:
    """Queue what is due or will be soon; gives how many looks were queued.

    What has been due for longer was queued before. While the queue holds as many messages as that, they are in it or
    behind it, and a backlog is not made longer by repeating it every minute.

    Raises:
        QueueError: the queue refused a message.
    """
    overdue = [reconcile for reconcile in wake_ups if reconcile.due <= now - runtime.wake_up_window]
    fresh = [reconcile for reconcile in wake_ups if reconcile.due > now - runtime.wake_up_window]
    wanted = fresh if overdue and _waiting(runtime, queue_setting) >= len(overdue) else [*overdue, *fresh]
    queue_wake_ups(runtime, queue_setting, wanted, now)
    return len(wanted)


def _waiting(runtime: Runtime, queue_setting: str) -> int:
    answer = runtime.queues.get_queue_attributes(
        QueueUrl=runtime.settings.text(queue_setting), AttributeNames=["ApproximateNumberOfMessages"]
    )
    return int(answer["Attributes"]["ApproximateNumberOfMessages"])


def queue_wake_ups(runtime: Runtime, queue_setting: str, wake_ups: Sequence[WakeUp], now: datetime) -> None:
    """Queue looks so that each arrives when it is due, at most a second early; what is due already goes at once.

    Whoever takes one waits out that second with ``await_due``: a look before its time finds nothing to do, and the next
    one may be a minute away.

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
                    "MessageBody": json.dumps({"asset": reconcile.asset, "due": reconcile.due.isoformat()}),
                    "DelaySeconds": min(LONGEST_DELAY_S, int(runtime.clock.real_s(reconcile.due - now))),
                }
                for number, reconcile in enumerate(group)
            ],
        )
        if answer.get("Failed"):
            raise QueueError(f"{len(answer['Failed'])} of {len(group)} looks were not queued.")


def await_due(reconcile: Mapping[str, Any], runtime: Runtime) -> None:
    """Wait until a queued look is due, if it came a little early; one without a due time is due at once."""
    due = datetime.fromisoformat(reconcile["due"]) if "due" in reconcile else runtime.now()
    if due - runtime.now() <= runtime.clock.real_time(EARLY_S):
        runtime.clock.sleep_until(due)
