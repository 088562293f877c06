"""Looks at assets, queued for the reconcilers with their exact delay."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from driveway.runtime.context import Runtime

LONGEST_DELAY_S = 900
MOST_IN_A_BATCH = 10


@dataclass(frozen=True, slots=True)
class Look:
    """A look at an asset that is due at an instant (aware UTC)."""

    asset: str
    due: datetime


class QueueError(RuntimeError):
    """The queue did not take every message; the call is repeated as a whole, which does no harm."""


def queue_looks(current: Runtime, queue_setting: str, looks: Sequence[Look], now: datetime) -> None:
    """Queue looks so that each arrives when it is due, at most a second early; what is due already goes at once.

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
                    "MessageBody": json.dumps({"asset": look.asset}),
                    "DelaySeconds": min(LONGEST_DELAY_S, int(current.clock.real_s(look.due - now))),
                }
                for number, look in enumerate(group)
            ],
        )
        if answer.get("Failed"):
            raise QueueError(f"{len(answer['Failed'])} of {len(group)} looks were not queued.")
