"""Lambda behind a queue: batches, concurrency, and partial batch answers."""

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from tests.world.aws.clock import after
from tests.world.aws.delivery import Delivery, failures
from tests.world.aws.patterns import matches
from tests.world.aws.queues import Message, Queue, digest
from tests.world.aws.stack import REGION
from tests.world.aws.wire import JSON, as_sent, decoded


class QueueMapping:
    """Polls a queue for a function. What fails becomes visible again when its visibility time-out is over."""

    def __init__(
        self, logical_id: str, declared: Mapping[str, Any], queue: Queue, function: str, timeout_s: float
    ) -> None:
        self.logical_id, self.queue, self.function, self.timeout_s = logical_id, queue, function, timeout_s
        self.batch_size = int(declared.get("BatchSize", 10))
        self.reports_items = "ReportBatchItemFailures" in declared.get("FunctionResponseTypes", [])
        self.most_at_once: float = declared.get("ScalingConfig", {}).get("MaximumConcurrency", math.inf)
        self.filters = [decoded(one["Pattern"]) for one in declared.get("FilterCriteria", {}).get("Filters", [])]
        self.window_s = float(declared.get("MaximumBatchingWindowInSeconds", 0))
        self._running: dict[int, datetime] = {}
        self._number = 0

    def next_at(self) -> datetime | None:
        """When a batch can be handed out next; None when the queue is empty."""
        at = self.queue.next_at()
        if at is None:
            return None
        at = after(at, self.window_s)
        return max(at, min(self._running.values())) if len(self._running) >= self.most_at_once else at

    def due(self, now: datetime) -> list[Delivery]:
        """The batches that can be handed out now."""
        self._running = {number: until for number, until in self._running.items() if until > now}
        found = []
        while len(self._running) < self.most_at_once and (at := self.queue.next_at()) is not None:
            if after(at, self.window_s) > now:
                break
            size = self.queue.faults.batch_size(self.batch_size)
            messages = [one for one in self.queue.receive(size, now) if self._wanted(one)]
            if messages:
                found.append(self._delivery(messages, now))
        return found

    def _wanted(self, message: Message) -> bool:
        if not self.filters:
            return True
        body = decoded(message.body)
        wanted = any(matches(pattern, {"body": body}) for pattern in self.filters)
        if not wanted:
            self.queue.delete(message.receipt)
        return wanted

    def _delivery(self, messages: list[Message], now: datetime) -> Delivery:
        self._number += 1
        number = self._number
        self._running[number] = after(now, self.timeout_s)

        def end(returned: bool, answer: Any) -> None:
            self._running.pop(number, None)
            failed = failures(answer, [one.id for one in messages]) if returned and self.reports_items else []
            if not returned or failed is None:
                return
            for message in messages:
                if message.id not in failed:
                    self.queue.delete(message.receipt)

        event = as_sent({"Records": [self._record(message) for message in messages]})
        return Delivery(self.function, event, self.timeout_s, None, self.logical_id, now, end)

    def _record(self, message: Message) -> JSON:
        first = message.first_received_at or message.sent_at
        return {
            "messageId": message.id,
            "receiptHandle": message.receipt,
            "body": message.body,
            "attributes": {
                "ApproximateReceiveCount": str(message.received),
                "SentTimestamp": str(int(message.sent_at.timestamp() * 1000)),
                "SenderId": "in-memory",
                "ApproximateFirstReceiveTimestamp": str(int(first.timestamp() * 1000)),
            },
            "messageAttributes": {},
            "md5OfBody": digest(message.body),
            "eventSource": "aws:sqs",
            "eventSourceARN": self.queue.arn,
            "awsRegion": REGION,
        }

    def snapshot(self) -> object:
        """The present state, for ``restore``."""
        return dict(self._running), self._number

    def restore(self, snapshot: Any) -> None:
        """Go back to a state."""
        self._running, self._number = dict(snapshot[0]), snapshot[1]
