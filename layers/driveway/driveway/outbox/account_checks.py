"""Checks of drivers' accounts, queued for the function that may call their provider."""

import json
from collections.abc import Iterable
from datetime import datetime

from driveway.outbox.wakeups import LONGEST_DELAY_S, MOST_IN_A_BATCH, QueueError
from driveway.runtime.context import Runtime

MOST_AT_ONCE = 500
"""So many checks are queued in a minute at most; what has been due longest goes first."""


def queue_checks(
    runtime: Runtime, due: Iterable[tuple[str, datetime]], now: datetime, *, onboarded: str | None = None
) -> int:
    """Queue checks of accounts, by the keys of their records, so that each arrives when it is due; how many.

    Args:
        onboarded: the site that was just onboarded with them, if that is why.

    Raises:
        QueueError: a queue refused a message.
    """
    queues: dict[str, list[tuple[str, datetime]]] = {}
    for key, at in sorted(due, key=lambda one: one[1])[:MOST_AT_ONCE]:
        queues.setdefault(key.split("#")[1], []).append((key, at))
    for provider, checks in queues.items():
        url = runtime.settings.text(f"{provider.upper()}_COMMANDS_QUEUE_URL")
        for first in range(0, len(checks), MOST_IN_A_BATCH):
            _send(runtime, url, checks[first : first + MOST_IN_A_BATCH], now, onboarded)
    return sum(len(checks) for checks in queues.values())


def _send(runtime: Runtime, url: str, checks: list[tuple[str, datetime]], now: datetime, site: str | None) -> None:
    answer = runtime.queues.send_message_batch(
        QueueUrl=url,
        Entries=[
            {
                "Id": str(number),
                "MessageBody": json.dumps({"account": key, "due": at.isoformat(), "site": site}),
                "DelaySeconds": min(LONGEST_DELAY_S, int(runtime.clock.real_s(at - now))),
            }
            for number, (key, at) in enumerate(checks)
        ],
    )
    if answer.get("Failed"):
        raise QueueError(f"{len(answer['Failed'])} of {len(checks)} checks were not queued.")
