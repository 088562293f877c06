"""What goes wrong in the cloud: decided by a policy, from a seed or from a script. The default is that nothing does."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

T = TypeVar("T")

CallFault = Literal["none", "throttled", "unavailable", "conflict", "answer lost"]
"""What happens to one request.

- throttled, unavailable: it is not carried out, and the service says so; botocore repeats it.
- conflict: a transaction of somebody else is in the way (DynamoDB's writes).
- answer lost: it is carried out and the client gets a time-out. botocore repeats it, so a conditional write finds its
  own first attempt and fails.
"""


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it reached the cloud: ``dynamodb``, ``PutItem`` and its JSON body."""

    service: str
    operation: str
    body: dict[str, Any]

    @property
    def writes(self) -> bool:
        """Whether it changes anything."""
        return not self.operation.startswith(("Get", "BatchGet", "Query", "Scan", "List", "Describe"))


@dataclass(frozen=True, slots=True)
class Passage:
    """How a message, an event or a tick gets through: after how many seconds, in how many copies (0: it is lost).

    Attributes:
        delay_s: seconds on its way.
        copies_s: seconds after the first at which it arrives once more, for each further copy.
        lost: it never arrives.
    """

    delay_s: float = 0.0
    copies_s: tuple[float, ...] = ()
    lost: bool = False


AT_ONCE = Passage()


class Faults:
    """No faults. A policy overrides the questions that it answers otherwise; each is put once per occasion."""

    def on_request(self, request: Request) -> CallFault:
        """What happens to a request."""
        return "none"

    def refused_entries(self, request: Request, count: int) -> frozenset[int]:
        """Which entries of a batch request (PutEvents, SendMessageBatch, BatchWriteItem, ...) are not carried out."""
        return frozenset()

    def index_lag_s(self) -> float:
        """Seconds until a write shows in the indexes."""
        return 0.0

    def read_lag_s(self) -> float:
        """Seconds until a write shows in reads that are not strongly consistent."""
        return 0.0

    def stream_lag_s(self) -> float:
        """Seconds until a write shows in the table's stream."""
        return 0.0

    def batch_repeated(self, source: str) -> bool:
        """Whether a batch of a stream that was processed is delivered again."""
        return False

    def on_message(self, queue: str) -> Passage:
        """How a message gets into a queue (logical id)."""
        return AT_ONCE

    def on_event(self, rule: str) -> Passage:
        """How an event gets from the bus to the target of a rule (logical id)."""
        return AT_ONCE

    def target_refuses(self, rule: str) -> bool:
        """Whether the target of a rule refuses this attempt; the bus repeats it."""
        return False

    def on_tick(self, schedule: str) -> Passage:
        """How a tick of a schedule (logical id) gets to its function."""
        return AT_ONCE

    def reordered(self, messages: Sequence[T]) -> Sequence[T]:
        """The order in which a standard queue gives its visible messages."""
        return messages

    def batch_size(self, most: int) -> int:
        """How many of at most ``most`` records come in one batch."""
        return most


NO_FAULTS = Faults()


@dataclass(frozen=True, slots=True)
class Rates:
    """How often what goes wrong, as probabilities per occasion, and the longest delays in seconds."""

    throttled: float = 0.0
    unavailable: float = 0.0
    conflict: float = 0.0
    answer_lost: float = 0.0
    entry_refused: float = 0.0
    index_lag_s: float = 0.0
    read_lag_s: float = 0.0
    stream_lag_s: float = 0.0
    batch_repeated: float = 0.0
    message_lost: float = 0.0
    message_doubled: float = 0.0
    message_late_s: float = 0.0
    event_lost: float = 0.0
    event_doubled: float = 0.0
    event_late_s: float = 0.0
    target_refuses: float = 0.0
    tick_missed: float = 0.0
    tick_doubled: float = 0.0
    tick_late_s: float = 0.0
    shuffled: bool = False
    longest_copy_s: float = 30.0


@dataclass
class RandomFaults(Faults):
    """Faults drawn from a seeded generator. ``count`` says how many of each kind were drawn."""

    rng: random.Random
    rates: Rates = field(default_factory=Rates)
    count: dict[str, int] = field(default_factory=dict)

    def _drawn(self, kind: str, rate: float) -> bool:
        drawn = rate > 0 and self.rng.random() < rate
        if drawn:
            self.count[kind] = self.count.get(kind, 0) + 1
        return drawn

    def on_request(self, request: Request) -> CallFault:
        """What happens to a request."""
        rates = self.rates
        if self._drawn("throttled", rates.throttled):
            return "throttled"
        if self._drawn("unavailable", rates.unavailable):
            return "unavailable"
        if request.writes and request.service == "dynamodb" and self._drawn("conflict", rates.conflict):
            return "conflict"
        return "answer lost" if self._drawn("answer lost", rates.answer_lost) else "none"

    def refused_entries(self, request: Request, count: int) -> frozenset[int]:
        """Which entries of a batch request are not carried out."""
        rate = self.rates.entry_refused
        return frozenset(number for number in range(count) if self._drawn("entry refused", rate))

    def _lag(self, longest_s: float) -> float:
        return self.rng.uniform(0.0, longest_s) if longest_s > 0 else 0.0

    def index_lag_s(self) -> float:
        """Seconds until a write shows in the indexes."""
        return self._lag(self.rates.index_lag_s)

    def read_lag_s(self) -> float:
        """Seconds until a write shows in reads that are not strongly consistent."""
        return self._lag(self.rates.read_lag_s)

    def stream_lag_s(self) -> float:
        """Seconds until a write shows in the table's stream."""
        return self._lag(self.rates.stream_lag_s)

    def batch_repeated(self, source: str) -> bool:
        """Whether a batch of a stream is delivered again."""
        return self._drawn("batch repeated", self.rates.batch_repeated)

    def _passage(self, kind: str, lost: float, doubled: float, late_s: float) -> Passage:
        if self._drawn(f"{kind} lost", lost):
            return Passage(lost=True)
        copies = (self.rng.uniform(0.0, self.rates.longest_copy_s),) if self._drawn(f"{kind} doubled", doubled) else ()
        return Passage(self._lag(late_s), copies)

    def on_message(self, queue: str) -> Passage:
        """How a message gets into a queue."""
        rates = self.rates
        return self._passage("message", rates.message_lost, rates.message_doubled, rates.message_late_s)

    def on_event(self, rule: str) -> Passage:
        """How an event gets from the bus to a target."""
        rates = self.rates
        return self._passage("event", rates.event_lost, rates.event_doubled, rates.event_late_s)

    def target_refuses(self, rule: str) -> bool:
        """Whether a target refuses an attempt."""
        return self._drawn("target refuses", self.rates.target_refuses)

    def on_tick(self, schedule: str) -> Passage:
        """How a tick gets to its function."""
        rates = self.rates
        return self._passage("tick", rates.tick_missed, rates.tick_doubled, rates.tick_late_s)

    def reordered(self, messages: Sequence[T]) -> Sequence[T]:
        """The messages, shuffled if the rates say so."""
        return self.rng.sample(messages, len(messages)) if self.rates.shuffled else messages

    def batch_size(self, most: int) -> int:
        """A batch of any size up to the most, if the rates shuffle."""
        return self.rng.randint(1, most) if self.rates.shuffled else most


Intercept = Callable[[Request, Callable[[], Any]], Any]
"""Stands in front of every request: gets it and the function that carries it out, and gives its answer."""
