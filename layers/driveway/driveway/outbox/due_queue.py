"""Queues what is due, in the order of due time, and goes on in the next run where one ran out of time.

Each run makes up to three passes over the due indexes. How far they got is one versioned record, the watermark:

- **new**: what comes due until the next run, each once. The announcer queues what is written with a due time before the
  watermark.
- **again**: what should have been done by now and was not: its message was lost, or its work failed.
- **everybody**: for some minutes after the operator's switch was used.
"""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from msgspec import Struct, field

from driveway.outbox.wakeups import MOST_IN_A_BATCH, WakeUp, queue_wake_ups
from driveway.runtime.context import Runtime
from driveway.runtime.metrics import emit
from driveway.store.control_switch import EVER
from driveway.store.due_index import DueRow, Place
from driveway.store.items import stamp, unstamp
from driveway.store.table import DueIndex
from driveway.values import replace

KEY = "CLOCK#due"
QUEUES: Mapping[DueIndex, str] = {"ControlDue": "CHARGE_CONTROL_QUEUE_URL", "AxleDue": "AXLE_SYNC_QUEUE_URL"}

NEW_FOR_S = 30.0
EVERYBODY_FOR_S = 5.0
AGAIN_FOR_S = 8.0
"""How long each pass may take: together less than the time-out of the function and the minute until the next run."""

ROWS_IN_A_ROUND = 1000
AT_ONCE = 8

OVERDUE_AFTER = timedelta(seconds=30)
OVERDUE_AFTER_REAL_S = 1.0
LONG_OVERDUE_AFTER = timedelta(minutes=15)
"""What has been due for longer is counted for the operator."""

MOST_COUNTED = 10_000
"""A queue with more messages is not added to: what is overdue may still be in it."""

SWITCH_SPREADS = timedelta(minutes=3)
SWITCH_SPREADS_REAL_S = 20.0


class Pass(Struct, frozen=True):
    """How far a pass got: everything up to ``until`` (aware UTC), and beyond it in each shard up to a place."""

    until: datetime | None = None
    places: Mapping[str, Place] = field(default_factory=dict)

    def after(self, rows: Iterable[DueRow]) -> "Pass":
        """The pass after further rows."""
        return replace(self, places={**self.places, **{row.source: row.place for row in rows}})


class Watermark(Struct):
    """How far the passes got. Two runs at once do no harm: what both queue finds nothing to do the second time."""

    runtime: Runtime
    version: int
    new: Pass
    again: Pass
    everybody: Pass

    @classmethod
    def read(cls, runtime: Runtime) -> "Watermark":
        """As the last run left it."""
        record = runtime.records.get(KEY) or {}
        return cls(
            runtime,
            int(record.get("version", 0)),
            *(_unpacked(record.get(name, {})) for name in ("new", "again", "everybody")),
        )

    def store(self) -> None:
        """Store it; a run that came between is as far."""
        packed = {name: _packed(getattr(self, name)) for name in ("new", "again", "everybody")}
        if self.runtime.records.put_if(KEY, {**packed, "version": self.version + 1}, self.version):
            self.version += 1


def queue_due(runtime: Runtime) -> dict[str, int]:
    """Queue what is due, or will be before the next run; how many wake-ups of each reconciler were queued.

    Raises:
        QueueError: a queue refused a message. The next run goes on from there.
    """
    mark, counts = Watermark.read(runtime), dict.fromkeys(QUEUES, 0)
    _queue_new(mark, counts)
    _queue_everybody(mark)
    _queue_again(mark, counts)
    return {"axle": counts["AxleDue"], "control": counts["ControlDue"]}


def _queue_new(mark: Watermark, counts: dict[DueIndex, int]) -> None:
    runtime, until = mark.runtime, mark.runtime.now() + mark.runtime.wake_up_window
    rows = runtime.due_indexes.rows(QUEUES, until, after=mark.new.until, places=mark.new.places)
    for some in _rounds(rows, NEW_FOR_S):
        _send(some, runtime, counts)
        mark.new = mark.new.after(some)
        if len(some) == ROWS_IN_A_ROUND:
            mark.store()
    left = next(rows, None)
    if left is None:
        mark.new = Pass(until)
    else:
        behind_s = round((runtime.now() - left.due).total_seconds())
        runtime.logger.warning("more is due than a run can queue", extra={"behind_s": behind_s})
    mark.store()


def _queue_everybody(mark: Watermark) -> None:
    """Wake charge control for all assets with anything ahead, for some minutes after the operator's switch was used.

    An instance may have sent a command before it knew of the switch.
    """
    runtime, now = mark.runtime, mark.runtime.now()
    since, spreads = runtime.control_switch.read(now).since, runtime.clock.real_time(SWITCH_SPREADS_REAL_S)
    lately = since is not None and now - since <= max(SWITCH_SPREADS, spreads)
    if not lately and not mark.everybody.places:
        return
    rows = runtime.due_indexes.rows(["ControlDue"], EVER, places=mark.everybody.places)
    for some in _rounds(rows, EVERYBODY_FOR_S):
        _send(some, runtime, {"ControlDue": 0}, at=now)
        mark.everybody = mark.everybody.after(some)
    if next(rows, None) is None:
        mark.everybody = Pass()
    mark.store()


def _queue_again(mark: Watermark, counts: dict[DueIndex, int]) -> None:
    """Queue what is overdue again, in turn: a run begins where the one before ended.

    While a queue holds at least as many messages as are overdue, they are still in it. They are not queued again,
    because that would lengthen the backlog.
    """
    runtime = mark.runtime
    overdue_at = runtime.now() - max(OVERDUE_AFTER, runtime.clock.real_time(OVERDUE_AFTER_REAL_S))
    indexes = [index for index in QUEUES if not _is_still_queued(index, overdue_at, runtime)]
    if not indexes:
        return
    rows = runtime.due_indexes.rows(indexes, overdue_at, places=mark.again.places)
    long, long_overdue_at = 0, runtime.now() - LONG_OVERDUE_AFTER
    for some in _rounds(rows, AGAIN_FOR_S):
        long += sum(row.due < long_overdue_at for row in some)
        _send(some, runtime, counts)
        mark.again = mark.again.after(some)
    if next(rows, None) is None:
        mark.again = Pass()
    mark.store()
    if long:
        emit({"AssetsOverdue": long}, runtime)


def _is_still_queued(index: DueIndex, overdue_at: datetime, runtime: Runtime) -> bool:
    """Whether everything that is overdue may still be in its queue; also if nothing is."""
    waiting = _waiting(runtime, QUEUES[index])
    if waiting > MOST_COUNTED:
        return True
    overdue = sum(1 for _ in islice(runtime.due_indexes.rows([index], overdue_at), waiting + 1))
    return overdue <= waiting


def _waiting(runtime: Runtime, queue_setting: str) -> int:
    answer = runtime.queues.get_queue_attributes(
        QueueUrl=runtime.settings.text(queue_setting), AttributeNames=["ApproximateNumberOfMessages"]
    )
    return int(answer["Attributes"]["ApproximateNumberOfMessages"])


def _rounds(rows: Iterator[DueRow], for_s: float) -> Iterator[list[DueRow]]:
    """The rows in groups, until so many seconds have passed; at least one group."""
    began = time.monotonic()
    while some := list(islice(rows, ROWS_IN_A_ROUND)):
        yield some
        if time.monotonic() - began >= for_s:
            return


def _send(rows: Sequence[DueRow], runtime: Runtime, counts: dict[DueIndex, int], at: datetime | None = None) -> None:
    """Queue wake-ups for rows, each for its due time or ``at``; several requests at once."""
    from concurrent.futures import ThreadPoolExecutor

    now = runtime.now()
    batches: list[tuple[str, list[WakeUp]]] = []
    for index in counts:
        wake_ups = [WakeUp(row.name, at or row.due) for row in rows if row.index == index]
        counts[index] += len(wake_ups)
        groups = (wake_ups[first : first + MOST_IN_A_BATCH] for first in range(0, len(wake_ups), MOST_IN_A_BATCH))
        batches += [(QUEUES[index], group) for group in groups]
    # A client may be used by many threads, but boto3 makes one safely only where nobody else does.
    _ = runtime.queues
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda batch: queue_wake_ups(runtime, batch[0], batch[1], now), batches))


def _packed(one: Pass) -> dict[str, Any]:
    return {
        "until": stamp(one.until) if one.until else None,
        "places": {key: list(at) for key, at in one.places.items()},
    }


def _unpacked(held: Mapping[str, Any]) -> Pass:
    until: str | None = held.get("until")
    places = {key: (due, pk, sk) for key, (due, pk, sk) in held.get("places", {}).items()}
    return Pass(unstamp(until) if until else None, places)
