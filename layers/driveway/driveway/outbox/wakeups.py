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
class Look:
    """A look at an asset that is due at an instant (aware UTC)."""

    asset: str
    due: datetime


class QueueError(RuntimeError):
    """The queue did not take every message; the call is repeated as a whole, which does no harm."""


def queue_due(current: Runtime, queue_setting: str, looks: Sequence[Look], now: datetime) -> int:
    """Queue what is due or will be soon; gives how many looks were queued.

    What has been due for longer was queued before. While the queue holds as many messages as that, they are in it or
    behind it, and a backlog is not made longer by repeating it every minute.

    Raises:
        QueueError: the queue refused a message.
    """
    overdue = [look for look in looks if look.due <= now - current.look_ahead]
    fresh = [look for look in looks if look.due > now - current.look_ahead]
    wanted = fresh if overdue and _waiting(current, queue_setting) >= len(overdue) else [*overdue, *fresh]
    queue_looks(current, queue_setting, wanted, now)
    return len(wanted)


def _waiting(current: Runtime, queue_setting: str) -> int:
    answer = current.queues.get_queue_attributes(
        QueueUrl=current.settings.text(queue_setting), AttributeNames=["ApproximateNumberOfMessages"]
    )
    return int(answer["Attributes"]["ApproximateNumberOfMessages"])


def queue_looks(current: Runtime, queue_setting: str, looks: Sequence[Look], now: datetime) -> None:
    """Queue looks so that each arrives when it is due, at most a second early; what is due already goes at once.

    Whoever takes one waits out that second with ``await_due``: a look before its time finds nothing to do, and the next
    one may be a minute away.

    Raises:
        QueueError: the queue refused a message.
    """
    url = current.settings.text(queue_setting)
    for first in range(0, len(looks), MOST_IN_A_BATCH):
        group = looks[first : first + MOST_IN_A_BATCH]
        answer = current.queues.send_message_batch(
            QueueUrl=url,
            Entries=[
                {
                    "Id": str(number),
                    "MessageBody": json.dumps({"asset": look.asset, "due": look.due.isoformat()}),
                    "DelaySeconds": min(LONGEST_DELAY_S, int(current.clock.real_s(look.due - now))),
                }
                for number, look in enumerate(group)
            ],
        )
        if answer.get("Failed"):
            raise QueueError(f"{len(answer['Failed'])} of {len(group)} looks were not queued.")


def await_due(look: Mapping[str, Any], current: Runtime) -> None:
    """Wait until a queued look is due, if it came a little early; one without a due time is due at once."""
    due = datetime.fromisoformat(look["due"]) if "due" in look else current.now()
    if due - current.now() <= current.clock.machine(EARLY_S):
        current.clock.sleep_until(due)
