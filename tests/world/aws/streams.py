"""Lambda behind a stream (DynamoDB's or Kinesis): order per lane, repetition, bisecting, filters, giving up.

A shard has as many lanes as ``ParallelizationFactor`` says. An item (DynamoDB) or a partition key (Kinesis) stays in
one lane, so its records keep their order. Each lane has one batch at a time; it repeats, splits and gives up by itself.
"""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from zlib import crc32

from tests.world.aws.clock import Clock, after
from tests.world.aws.delivery import Delivery, failures
from tests.world.aws.faults import Faults
from tests.world.aws.patterns import matches
from tests.world.aws.queues import Queue
from tests.world.aws.wire import JSON, as_sent, decoded, encoded

FIRST_NUMBER = 10**20
LONGEST_PAUSE_S = 60.0


@dataclass(frozen=True, slots=True)
class Record:
    """A record: its sequence number, when the stream had it, when it can be read, and as the function gets it."""

    number: str
    at: datetime
    visible_at: datetime
    content: JSON


@dataclass(frozen=True, slots=True)
class Batch:
    """Records that are, or will be, handed out together, and how often they failed."""

    records: tuple[Record, ...]
    attempts: int = 0
    repeats: bool = False


@dataclass(slots=True)
class _Lane:
    records: deque[Record] = field(default_factory=deque)
    batches: deque[Batch] = field(default_factory=deque)
    """What was split off or failed; it goes before the records."""
    not_before: datetime | None = None
    running: int | None = None
    number: int = 0

    def copy(self) -> "_Lane":
        return _Lane(deque(self.records), deque(self.batches), self.not_before, self.running, self.number)


class StreamMapping:
    """Reads a stream for a function, one batch of a lane at a time."""

    def __init__(
        self,
        logical_id: str,
        declared: Mapping[str, Any],
        function: str,
        timeout_s: float,
        *,
        clock: Clock,
        faults: Faults,
        shards: int,
    ) -> None:
        self.logical_id, self.function, self.timeout_s = logical_id, function, timeout_s
        self.clock, self.faults = clock, faults
        self.arn: str = declared["EventSourceArn"]
        self.batch_size = int(declared.get("BatchSize", 100))
        self.window_s = float(declared.get("MaximumBatchingWindowInSeconds", 0))
        self.bisects = bool(declared.get("BisectBatchOnFunctionError", False))
        self.most_retries = int(declared.get("MaximumRetryAttempts", -1))
        oldest_s = float(declared.get("MaximumRecordAgeInSeconds", -1))
        self.oldest = timedelta(seconds=oldest_s if oldest_s >= 0 else 86_400)
        """A stream keeps its records for a day."""
        self.reports_items = "ReportBatchItemFailures" in declared.get("FunctionResponseTypes", [])
        self.filters = [decoded(one["Pattern"]) for one in declared.get("FilterCriteria", {}).get("Filters", [])]
        self.on_failure: Queue | None = None
        self.given_up: list[Record] = []
        """Records that the function never processed."""
        self._shards, self._lanes_of_a_shard = shards, int(declared.get("ParallelizationFactor", 1))
        self._lanes = [_Lane() for _ in range(shards * self._lanes_of_a_shard)]
        self._number = 0

    def add(self, content: JSON, partition: str, now: datetime) -> None:
        """Put a record into the lane of its key. The filters decide whether the function ever gets it."""
        self._number += 1
        number = str(FIRST_NUMBER + self._number)
        lane = self._lanes[self._position(partition, content)]
        if self.filters and not any(matches(pattern, content) for pattern in self.filters):
            return
        last = lane.records[-1].visible_at if lane.records else now
        visible_at = max(last, after(now, self.faults.stream_lag_s()))
        lane.records.append(Record(number, now, visible_at, self._numbered(content, number, now)))

    def _position(self, partition: str, content: JSON) -> int:
        """The lane of a record: its shard comes from the partition, its lane there from the whole key."""
        shard = crc32(partition.encode()) % self._shards
        if self._lanes_of_a_shard == 1:
            return shard
        key = encoded(content["dynamodb"]["Keys"]) if "dynamodb" in content else partition.encode()
        return shard * self._lanes_of_a_shard + (crc32(key) >> 16) % self._lanes_of_a_shard

    def _numbered(self, content: JSON, number: str, now: datetime) -> JSON:
        if "kinesis" in content:
            kinesis = {**content["kinesis"], "sequenceNumber": number, "approximateArrivalTimestamp": now.timestamp()}
            return {**content, "kinesis": kinesis, "eventID": f"shardId-000000000000:{number}"}
        changed = {**content["dynamodb"], "SequenceNumber": number, "ApproximateCreationDateTime": int(now.timestamp())}
        return {**content, "dynamodb": changed, "eventID": number, "eventSourceARN": self.arn}

    def next_at(self) -> datetime | None:
        """When a batch can be handed out next."""
        return min((at for lane in self._lanes if (at := self._next_of(lane)) is not None), default=None)

    def _next_of(self, lane: _Lane) -> datetime | None:
        if lane.running is not None:
            return None
        if lane.batches:
            return lane.not_before or lane.batches[0].records[0].visible_at
        if not lane.records:
            return None
        first = lane.records[0].visible_at
        full = len(lane.records) >= self.batch_size
        return lane.records[self.batch_size - 1].visible_at if full and self.window_s else after(first, self.window_s)

    def due(self, now: datetime) -> list[Delivery]:
        """The batches that can be handed out now."""
        found = []
        for position, lane in enumerate(self._lanes):
            at = self._next_of(lane)
            if at is not None and at <= now:
                batch = lane.batches.popleft() if lane.batches else Batch(tuple(self._taken(lane, now)))
                young = tuple(record for record in batch.records if now - record.at < self.oldest)
                if len(young) < len(batch.records):
                    self._give_up(batch.records[: len(batch.records) - len(young)], "RecordAgeExceeded", batch, now)
                if young:
                    found.append(self._delivery(position, replace(batch, records=young), now))
        return found

    def _taken(self, lane: _Lane, now: datetime) -> Iterator[Record]:
        for _ in range(self.faults.batch_size(self.batch_size)):
            if not lane.records or lane.records[0].visible_at > now:
                return
            yield lane.records.popleft()

    def _delivery(self, position: int, batch: Batch, now: datetime) -> Delivery:
        self._lanes[position].number += 1
        number = self._lanes[position].running = self._lanes[position].number

        def end(returned: bool, answer: Any) -> None:
            if self._lanes[position].running == number:
                self._lanes[position].running = None
                self._end(position, batch, returned, answer)

        event = as_sent({"Records": [record.content for record in batch.records]})
        key = f"{self.logical_id}:{position}"
        return Delivery(self.function, event, self.timeout_s, key, self.logical_id, now, end)

    def _end(self, position: int, batch: Batch, returned: bool, answer: Any) -> None:
        lane, records = self._lanes[position], batch.records
        numbers = [record.number for record in records]
        failed = failures(answer, numbers) if returned and self.reports_items else ([] if returned else None)
        if failed == []:
            lane.not_before = None
            if not batch.repeats and self.faults.batch_repeated(self.logical_id):
                lane.batches.appendleft(replace(batch, repeats=True))
            return
        first = min(map(numbers.index, failed)) if failed else 0
        self._retry(lane, records[first:], batch, whole=failed is None)

    def _retry(self, lane: _Lane, records: tuple[Record, ...], batch: Batch, *, whole: bool) -> None:
        """Repeat from the first failed record. A split, or progress, does not count as an attempt."""
        now = self.clock.now()
        if whole and self.bisects and len(records) > 1:
            middle = len(records) // 2
            lane.batches.extendleft([Batch(records[middle:], batch.attempts), Batch(records[:middle], batch.attempts)])
            lane.not_before = now
            return
        attempts = batch.attempts + 1 if records[0] is batch.records[0] else 1
        if 0 <= self.most_retries < attempts:
            self._give_up(records, "RetryAttemptsExhausted", batch, now)
            lane.not_before = None
            return
        lane.batches.appendleft(Batch(records, attempts))
        lane.not_before = after(now, min(LONGEST_PAUSE_S, 2.0 ** (attempts - 1)))

    def _give_up(self, records: tuple[Record, ...], why: str, batch: Batch, now: datetime) -> None:
        self.given_up.extend(records)
        if self.on_failure is None:
            return
        kind = "KinesisBatchInfo" if ":kinesis:" in self.arn else "DDBStreamBatchInfo"
        letter = {
            "requestContext": {
                "functionArn": self.function,
                "condition": why,
                "approximateInvokeCount": batch.attempts + 1,
            },
            "version": "1.0",
            "timestamp": now.isoformat(),
            kind: {
                "startSequenceNumber": records[0].number,
                "endSequenceNumber": records[-1].number,
                "batchSize": len(records),
                "streamArn": self.arn,
            },
        }
        self.on_failure.send(encoded(letter).decode(), now)

    def snapshot(self) -> object:
        """The present state, for ``restore``."""
        return [lane.copy() for lane in self._lanes], self._number, list(self.given_up)

    def restore(self, snapshot: Any) -> None:
        """Go back to a state."""
        lanes, self._number, given_up = snapshot
        self._lanes, self.given_up = [lane.copy() for lane in lanes], list(given_up)
