"""The clock queues what is due in the order of due time, goes on where a run ended, and leaves nobody out."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driveway.outbox import due_queue
from driveway.outbox.due_queue import OVERDUE_AFTER, queue_due
from driveway.runtime.context import Runtime
from driveway.store.items import asset_key, encode_item, shard_of, stamp
from tests.support.functions.rig import NOW, RigClock
from tests.world.aws import Cloud
from tests.world.aws_clients import runtime_clients
from tests.world.declared import deployed

SHARDS = 3
ROUND = 4
WINDOW = timedelta(seconds=130)
DUES_S = st.lists(st.integers(-600, 120).map(lambda s: s - s % 60) | st.integers(-600, 120), min_size=1, max_size=40)


@dataclass
class Minutes:
    """The minute clock over a table of due twins. Each pass of a run ends after one round of four."""

    clock: RigClock
    cloud: Cloud
    runtime: Runtime
    waiting: int = 0
    sent: list[tuple[str, int]] = field(default_factory=list)

    def place(self, asset: str, due: datetime, index: str = "control") -> None:
        shard = shard_of(asset, SHARDS)
        item = {"pk": asset_key(asset), "sk": "TWIN", f"{index}_shard": shard, f"{index}_due": stamp(due)}
        self.cloud.client("dynamodb").put_item(TableName=self.runtime.table.name, Item=encode_item(item))

    def done(self, asset: str) -> None:
        self.runtime.records.delete(asset_key(asset), "TWIN")

    def run(self) -> list[str]:
        """One run; the assets that it queued, in order."""
        before = len(self.sent)
        queue_due(self.runtime)
        return [asset for asset, _ in self.sent[before:]]

    def get_queue_attributes(self, **_: Any) -> dict[str, Any]:
        return {"Attributes": {"ApproximateNumberOfMessages": str(self.waiting)}}

    def send_message_batch(self, QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803 - boto3's
        self.sent += [(json.loads(one["MessageBody"])["asset"], one["DelaySeconds"]) for one in Entries]
        return {"Successful": []}


@contextmanager
def minutes() -> Iterator[Minutes]:
    clock = RigClock(NOW)
    cloud = Cloud(clock, deployed())  # type: ignore[arg-type] # nothing here waits
    environ = {**cloud.stack.functions["ClockFunction"].environment, "DUE_SHARDS": str(SHARDS)}
    made = Minutes(clock, cloud, Runtime(environ, clock=clock))
    made.runtime.__dict__ |= {**runtime_clients(cloud), "queues": made}
    limits = {"ROWS_IN_A_ROUND": ROUND, "NEW_FOR_S": 0, "AGAIN_FOR_S": 0, "EVERYBODY_FOR_S": 0, "AT_ONCE": 1}
    with patch.multiple(due_queue, **limits):
        yield made


@given(dues_s=DUES_S)
@settings(deadline=None, max_examples=40)
def test_over_many_runs_everything_due_is_queued_once_in_the_order_of_due_time(dues_s: list[int]) -> None:
    due = {f"car-{n}": NOW + timedelta(seconds=s) for n, s in enumerate(dues_s)}
    with minutes() as each:
        each.waiting = 10**6  # nothing is queued again
        for number, (asset, at) in enumerate(due.items()):
            each.place(asset, at, "control" if number % 2 else "axle")
        queued: list[str] = []
        for _ in range(len(due) // ROUND + 1):
            new = each.run()
            assert len(new) == min(ROUND, len(due) - len(queued))
            queued += sorted(new, key=due.__getitem__)
        assert [due[asset] for asset in queued] == sorted(due.values())
        assert Counter(queued) == Counter(list(due))
        assert each.run() == []


@given(dues_s=DUES_S, data=st.data())
@settings(deadline=None, max_examples=40)
def test_nobody_is_left_out_when_what_was_queued_is_done_meanwhile(dues_s: list[int], data: st.DataObject) -> None:
    with minutes() as each:
        each.waiting = 10**6
        left = {f"car-{n}" for n in range(len(dues_s))}
        for n, s in enumerate(dues_s):
            each.place(f"car-{n}", NOW + timedelta(seconds=s))
        while left:
            new = each.run()
            assert new
            left -= set(new)
            for asset in data.draw(st.lists(st.sampled_from(new), unique=True)):
                each.done(asset)


@pytest.mark.parametrize("count", [1, 4, 30])
def test_what_is_overdue_is_queued_again_in_turn(count: int) -> None:
    with minutes() as each:
        for n in range(count):
            each.place(f"car-{n}", NOW)
        for _ in range(count // ROUND + 1):
            each.run()
        each.clock.move(seconds=OVERDUE_AFTER.total_seconds() + 1)
        runs = -(-count // ROUND)
        again = [asset for _ in range(runs * 3) for asset in each.run()]
        assert set(Counter(again).values()) == {3}
        assert len(set(again)) == count


def test_a_backlog_in_a_queue_is_not_queued_again_until_it_is_smaller_than_what_is_overdue() -> None:
    with minutes() as each:
        for n in range(3):
            each.place(f"car-{n}", NOW - timedelta(minutes=5))
        assert len(each.run()) == 3 + 3  # the first run knows of none that it has queued
        each.waiting = 3
        assert each.run() == []
        each.waiting = 2
        assert len(each.run()) == 3


def test_a_run_that_comes_late_queues_what_came_due_meanwhile_first() -> None:
    with minutes() as each:
        each.run()
        for n in range(6):
            each.place(f"car-{n}", NOW + WINDOW + timedelta(minutes=n, seconds=1))
        each.clock.move(minutes=30)
        each.waiting = 10**6
        assert [*each.run(), *each.run()] == [f"car-{n}" for n in range(6)]


def test_each_wake_up_has_the_delay_until_it_is_due_when_it_is_sent() -> None:
    with minutes() as each:
        each.place("car-1", NOW + timedelta(seconds=90))
        each.run()
        assert each.sent == [("car-1", 90)]


def test_everybody_is_woken_in_turn_after_the_switch_was_used_also_when_it_takes_many_runs() -> None:
    with minutes() as each:
        each.waiting = 10**6
        for n in range(30):
            each.place(f"car-{n}", NOW + timedelta(days=1))
        each.runtime.control_switch.put(NOW, released=True)
        woken: set[str] = set(each.run())
        each.clock.move(minutes=10)
        for _ in range(7):
            woken |= set(each.run())
        assert len(woken) == 30
        assert each.run() == []


def test_two_runs_at_once_leave_nobody_out() -> None:
    with minutes() as each:
        each.waiting = 10**6
        for n in range(20):
            each.place(f"car-{n}", NOW)
        ours = due_queue.Watermark.read(each.runtime)
        first = each.run()
        ours.new = due_queue.Pass(NOW)
        ours.store()
        assert len({*first, *(asset for _ in range(5) for asset in each.run())}) == 20
