"""SQS: standard queues, with delays, visibility, retention and dead letters."""

import hashlib
import heapq
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from tests.world.aws.clock import after
from tests.world.aws.faults import Faults
from tests.world.aws.wire import JSON, AwsError

MOST_MESSAGE_BYTES = 262_144
LONGEST_DELAY_S = 900
MOST_IN_A_BATCH = 10
SAMPLED = 1000
"""A queue hands out some of its visible messages; it does not look at all of them."""
_ENTRY_ID = re.compile(r"[A-Za-z0-9_-]{1,80}")


@dataclass(frozen=True, slots=True)
class Message:
    """A message. ``received`` counts how often it was handed out; ``receipt`` is of the last time."""

    number: int
    id: str
    body: str
    sent_at: datetime
    visible_at: datetime
    received: int = 0
    first_received_at: datetime | None = None
    receipt: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _State:
    messages: dict[int, Message] = field(default_factory=dict)
    ready: dict[int, None] = field(default_factory=dict)
    waiting: list[tuple[datetime, int]] = field(default_factory=list)
    number: int = 0
    expired: int = 0


class Queue:
    """A standard queue. Its dead letters, if it has any, are a queue, too."""

    def __init__(self, logical_id: str, declared: Mapping[str, Any], arn: str, faults: Faults) -> None:
        self.logical_id, self.arn, self.faults = logical_id, arn, faults
        self.name: str = declared["QueueName"]
        self.visibility_s = float(declared.get("VisibilityTimeout", 30))
        self.delay_s = float(declared.get("DelaySeconds", 0))
        self.retention = timedelta(seconds=float(declared.get("MessageRetentionPeriod", 345_600)))
        redrive = declared.get("RedrivePolicy", {})
        self.most_received: int | None = int(redrive["maxReceiveCount"]) if redrive else None
        self.dead_letters: Queue | None = None
        self._state = _State()

    # Sending

    def send(self, body: str, now: datetime, delay_s: float | None = None, **attributes: str) -> str:
        """Put a message into the queue; its id. What the faults say happens to it on its way."""
        state, passage = self._state, self.faults.on_message(self.logical_id)
        state.number += 1
        message_id = f"{self.name}-{state.number}"
        if not passage.lost:
            visible_at = after(after(now, self.delay_s if delay_s is None else delay_s), passage.delay_s)
            message = Message(state.number, message_id, body, now, visible_at, attributes=attributes)
            self._add(message)
            for copy_s in passage.copies_s:
                state.number += 1
                self._add(replace(message, number=state.number, visible_at=after(visible_at, copy_s)))
        return message_id

    def take_over(self, message: Message, now: datetime) -> None:
        """Take a dead letter over. It keeps its id and its age."""
        self._state.number += 1
        self._add(replace(message, number=self._state.number, visible_at=now, received=0, receipt=""))

    def _add(self, message: Message) -> None:
        self._state.messages[message.number] = message
        heapq.heappush(self._state.waiting, (message.visible_at, message.number))

    # Receiving

    def show(self, now: datetime) -> None:
        """Make visible what has become so, and drop what is too old."""
        state = self._state
        while state.waiting and state.waiting[0][0] <= now:
            at, number = heapq.heappop(state.waiting)
            message = state.messages.get(number)
            if message is None or message.visible_at != at:
                continue
            if now - message.sent_at >= self.retention:
                del state.messages[number]
                state.expired += 1
            elif self.most_received is not None and message.received >= self.most_received and self.dead_letters:
                del state.messages[number]
                self.dead_letters.take_over(message, now)
            else:
                state.ready[number] = None

    def receive(self, most: int, now: datetime, visibility_s: float | None = None) -> list[Message]:
        """Hand out at most so many visible messages, which are invisible for a while then."""
        self.show(now)
        state = self._state
        chosen = list(self.faults.reordered([*islice(state.ready, SAMPLED)]))[:most]
        handed = []
        until = after(now, self.visibility_s if visibility_s is None else visibility_s)
        for number in chosen:
            del state.ready[number]
            message = state.messages[number]
            received = message.received + 1
            taken = replace(
                message,
                received=received,
                visible_at=until,
                first_received_at=message.first_received_at or now,
                receipt=f"{message.id}.{number}.{received}",
            )
            state.messages[number] = taken
            heapq.heappush(state.waiting, (until, number))
            handed.append(taken)
        return handed

    def delete(self, receipt: str) -> None:
        """Delete the message that was handed out with a receipt, unless it was handed out again since."""
        number = int(receipt.rsplit(".", 2)[1])
        message = self._state.messages.get(number)
        if message is not None and message.receipt == receipt:
            del self._state.messages[number]
            self._state.ready.pop(number, None)

    def hide(self, receipt: str, now: datetime, visibility_s: float) -> None:
        """Hide the message that was handed out with a receipt for so many seconds from now on."""
        number = int(receipt.rsplit(".", 2)[1])
        message = self._state.messages.get(number)
        if message is not None and message.receipt == receipt:
            until = after(now, visibility_s)
            self._state.messages[number] = replace(message, visible_at=until)
            heapq.heappush(self._state.waiting, (until, number))

    def next_at(self) -> datetime | None:
        """When the next message becomes visible; the distant past if one is visible already."""
        state = self._state
        if state.ready:
            # They became ready in the order of their visibility.
            return state.messages[next(iter(state.ready))].visible_at
        while state.waiting and self._is_stale(*state.waiting[0]):
            heapq.heappop(state.waiting)
        return state.waiting[0][0] if state.waiting else None

    def _is_stale(self, at: datetime, number: int) -> bool:
        message = self._state.messages.get(number)
        return message is None or message.visible_at != at

    @property
    def messages(self) -> list[Message]:
        """Every message, also those handed out or delayed, in the order in which they were sent."""
        return list(self._state.messages.values())

    @property
    def expired(self) -> int:
        """How many messages were dropped because of their age."""
        return self._state.expired

    def counts(self, now: datetime) -> JSON:
        """What GetQueueAttributes says of the number of messages."""
        self.show(now)
        state = self._state
        hidden = [message for message in state.messages.values() if message.number not in state.ready]
        in_flight = sum(1 for message in hidden if message.received)
        return {
            "ApproximateNumberOfMessages": str(len(state.ready)),
            "ApproximateNumberOfMessagesNotVisible": str(in_flight),
            "ApproximateNumberOfMessagesDelayed": str(len(hidden) - in_flight),
        }

    def snapshot(self) -> object:
        """The present state, for ``restore``."""
        held = self._state
        return _State(dict(held.messages), dict(held.ready), list(held.waiting), held.number, held.expired)

    def restore(self, snapshot: object) -> None:
        """Go back to a state; it may be restored again."""
        assert isinstance(snapshot, _State)
        self._state = snapshot
        self._state = self.snapshot()  # type: ignore[assignment]


def digest(body: str) -> str:
    """The MD5 that SQS gives of a body."""
    return hashlib.md5(body.encode(), usedforsecurity=False).hexdigest()


def sqs_error(code: str, message: str, query_code: str = "") -> AwsError:
    """An error of SQS."""
    return AwsError(code, message, query_code=query_code or f"AWS.SimpleQueueService.{code}")


def invalid_parameter(message: str) -> AwsError:
    """An InvalidParameterValue."""
    return sqs_error("InvalidParameterValueException", message, "InvalidParameterValue")


def entry_ids(entries: list[JSON]) -> None:
    """Check the entries of a batch request. Raises AwsError."""
    if not entries:
        raise sqs_error("EmptyBatchRequest", "There should be at least one entry in the request.")
    if len(entries) > MOST_IN_A_BATCH:
        raise sqs_error("TooManyEntriesInBatchRequest", f"Maximum number of entries per request are {MOST_IN_A_BATCH}.")
    ids = [entry["Id"] for entry in entries]
    if not all(_ENTRY_ID.fullmatch(one) for one in ids):
        raise sqs_error("InvalidBatchEntryId", "A batch entry id can only contain alphanumeric characters, - and _.")
    if len(set(ids)) < len(ids):
        raise sqs_error("BatchEntryIdsNotDistinct", "Two or more batch entries have the same Id in the request.")


OnQueue = Callable[[Queue, JSON], JSON]
