"""The commands of one delivery: dropped, queued again, or sent, on AWS in memory."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from driveway.commands.batch import send_batch
from driveway.runtime.context import Runtime
from tests.world.aws import Cloud, stack
from tests.world.aws_clients import runtime_clients
from tests.world.clock import WorldClock
from tests.world.declared import PARAMETERS

NOW = datetime(2026, 1, 15, 23, 30, tzinfo=UTC)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


class Sender:
    """A sender whose sending is noted. A command of the asset "broken" fails."""

    def __init__(self, per_s: int = 0) -> None:
        clock = WorldClock(NOW)
        self.cloud = Cloud(clock, stack(**PARAMETERS, EnodeCallsPerSecond=str(per_s)))
        self.runtime = Runtime(self.cloud.stack.functions["VehicleCommandsFunction"].environment, clock=clock)
        self.runtime.__dict__ |= runtime_clients(self.cloud)
        self.sent: set[str] = set()

    def deliver(self, *bodies: str | dict[str, Any]) -> set[str]:
        """Deliver messages; gives the numbers of those that will be delivered again."""
        texts = [body if isinstance(body, str) else json.dumps(body) for body in bodies]
        records = [{"messageId": str(number), "body": text} for number, text in enumerate(texts)]
        answer = send_batch(records, self._carry, self.runtime)
        return {one["itemIdentifier"] for one in answer["batchItemFailures"]}

    def _carry(self, detail: dict[str, Any], _: Runtime) -> None:
        if detail["asset"] == "broken":
            raise RuntimeError("broken")
        self.sent.add(detail["asset"])

    def queued(self) -> list[tuple[str, datetime]]:
        """The assets whose commands are queued, each with the instant at which it is delivered again."""
        queue = self.cloud.queues()["EnodeCommandsQueue"]
        return [(json.loads(one.body)["asset"], one.visible_at) for one in queue.messages]


def command(asset: str, due: datetime = NOW, **more: Any) -> dict[str, Any]:
    times = {"not_before": due.isoformat(), "expires_at": (due + 10 * MINUTE).isoformat()}
    return {"asset": asset, "command_id": asset, "provider": "enode", "action": "start", **times, **more}


def test_a_command_before_its_time_comes_back_at_most_two_seconds_early() -> None:
    sender = Sender()
    due = NOW + timedelta(seconds=73, milliseconds=400)
    assert not sender.deliver(command("car", due))
    assert not sender.sent
    ((asset, comes_at),) = sender.queued()
    assert asset == "car"
    assert 1 * SECOND <= due - comes_at <= 2 * SECOND


def test_an_expired_command_is_dropped_whenever_its_time_was() -> None:
    sender = Sender()
    expired = command("car", expires_at=(NOW - SECOND).isoformat())
    assert not sender.deliver(expired, expired | {"turn": (NOW + MINUTE).isoformat()})
    assert (sender.sent, sender.queued()) == (set(), [])


def test_what_is_no_command_or_fails_is_delivered_again_alone() -> None:
    sender = Sender()
    assert sender.deliver("no JSON", "[]", command("broken"), command("car"), {"asset": "car-2"}) == {
        "0",
        "1",
        "2",
        "4",
    }
    assert sender.sent == {"car"}


def test_a_hundred_commands_are_sent_in_one_delivery() -> None:
    sender = Sender()
    assert not sender.deliver(*(command(f"car-{number}") for number in range(100)))
    assert len(sender.sent) == 100


def test_stops_releases_and_charge_now_get_the_calls_that_there_are() -> None:
    sender = Sender(per_s=3)
    urgent = [
        command("stop", action="stop"),
        command("release", reason="RELEASED"),
        command("now", reason="CHARGE_NOW"),
    ]
    assert not sender.deliver(*(command(f"car-{number}") for number in range(20)), *urgent)
    assert sender.sent >= {"stop", "release", "now"}
    assert len(sender.sent) == 4, "starts take no calls so far ahead"
    assert len(sender.queued()) == 19


def test_of_starts_the_one_with_the_least_slack_gets_the_call() -> None:
    sender = Sender(per_s=1)
    starts = [command(f"in-{hours}-h", start_by=(NOW + timedelta(hours=hours)).isoformat()) for hours in (5, 3, 4)]
    assert not sender.deliver(*starts)
    assert sender.sent == {"in-3-h"}


def test_calls_for_an_edge_are_not_taken_before_it() -> None:
    sender = Sender(per_s=10)
    edge = NOW + 2 * SECOND
    sender.deliver(*(command(f"car-{number}", edge) for number in range(100)))
    assert len(sender.sent) <= 13
    assert min(at for _, at in sender.queued()) >= edge
