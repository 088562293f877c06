"""What a batch of car reports costs: the answer to a webhook of 100, its queue's consumer, a batch of Tesla's stream.

AWS is the one in memory, whose own CPU time is left out; our clients serialise and sign as on AWS. A function of
512 MB has 0.29 of a core, so an answer takes ``CPU / 0.29`` and the latency of its calls (5 ms DynamoDB, 10 ms SQS),
without those that run at once. The floor is one bare write in the same run. It fails if 100 events take more than 2 s.
"""

import base64
import contextlib
import io
import json
import os
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import Any

from driveway.values import replace

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    sys.path.insert(0, str(Path(__file__).parents[1] / "layers" / "driveway"))


from driveway.auth.signatures import hmac_hex
from driveway.domain.sites.record import SiteRecord
from driveway.domain.twin import Twin, Vehicle
from driveway.runtime.aws_client import AwsClient, Reply
from driveway.runtime.context import Runtime, use
from driveway.runtime.secret_reader import SecretReader
from tests.support.functions.assets import ENODE_CAR, SAMPLE_SECRETS, a_twin, sample
from tests.support.functions.rig import RigClock, function
from tests.world.aws import Cloud
from tests.world.aws.cloud import SERVICES
from tests.world.aws_clients import ENVIRON
from tests.world.declared import deployed

START = datetime(2026, 11, 22, 18, 0, tzinfo=UTC)
CPU_SHARE = 0.29
LATENCY_S = {"dynamodb": 0.005, "sqs": 0.010, "secretsmanager": 0.010}
THREADS = 8
CARS = 100
LONGEST_ANSWER_S = 2.0


@dataclass
class Wire:
    """The way into the cloud: counts the calls, and measures the CPU time of the cloud itself."""

    cloud: Cloud
    calls: Counter[str] = field(default_factory=Counter)
    cpu_s: float = 0.0
    lock: Lock = field(default_factory=Lock)

    def client(self, service: str) -> AwsClient:
        """A client as the product makes it, whose requests end here; the socket's own work is left out."""
        return AwsClient(service, ENVIRON, post=self.post)

    def post(self, _: str, headers: dict[str, str], body: bytes) -> Reply:
        """Answer one request."""
        with self.lock:
            began = time.thread_time()
            target, _, operation = headers["X-Amz-Target"].partition(".")
            answer = self.cloud.answer(SERVICES[target], operation, body)
            self.calls[headers["X-Amz-Target"]] += 1
            self.cpu_s += time.thread_time() - began
        return Reply(answer.status_code, {}, answer.content)


@dataclass(frozen=True)
class Cost:
    """The CPU seconds of one call of a handler, and its calls by service."""

    cpu_s: float
    calls: Counter[str]

    def seconds(self, at_once: int = 1) -> float:
        """How long it takes in a function of 512 MB with so many calls at once."""
        latency_s = sum(LATENCY_S[service] * count for service, count in self.calls.items())
        return self.cpu_s / CPU_SHARE + latency_s / at_once


class Bench:
    """The cloud with cars in it, and the runtime of ``vehicle_events``."""

    def __init__(self) -> None:
        self.clock = RigClock(START)
        self.cloud = Cloud(self.clock, deployed())  # type: ignore[arg-type] # nothing here moves the clock
        self.wire = Wire(self.cloud)
        self.runtime = Runtime(self.cloud.stack.functions["VehicleEventsFunction"].environment, clock=self.clock)
        clients = {name: self.wire.client(name) for name in ("dynamodb", "sqs", "secretsmanager", "events")}
        self.cloud.secrets.put("WebhookSecrets", json.dumps(SAMPLE_SECRETS))
        self.runtime.__dict__ |= {
            "dynamodb": clients["dynamodb"],
            "queues": clients["sqs"],
            "bus": clients["events"],
            "_secrets": SecretReader(clients["secretsmanager"]),
        }
        for number in range(CARS):
            self._place(number, "enode")
            self._place(number, "tesla")
        use(self.runtime)

    def _place(self, number: int, provider: str) -> None:
        asset = f"{provider}-{number}"
        vehicle = replace(ENODE_CAR, vehicle_id=f"vehicle-{number}", user_id=f"user-{number}")
        if provider == "tesla":
            vehicle = Vehicle("tesla", f"5YJ3{number:013d}")
        twin: Twin = a_twin(START, asset=asset, site=asset, axle_asset_id=f"axle-{asset}", vehicle=vehicle)
        self.runtime.sites.write(
            None,
            SiteRecord(asset, enrolment="enrolled", axle_site_id=f"site-{asset}", assets=(asset,)),
            now=START,
            twins=[(None, twin)],
        )

    def queued(self) -> list[dict[str, Any]]:
        """The batches of messages that the consumer of the queue of reports gets."""
        return [one.event for one in self.cloud.due(self.clock.now()) if one.function == "VehicleReportsFunction"]

    def measure(self, event: dict[str, Any], name: str = "vehicle_events") -> tuple[Cost, Any]:
        """The cost and the answer of a function for an event."""
        calls, cloud_s, began = Counter(self.wire.calls), self.wire.cpu_s, time.process_time()
        with contextlib.redirect_stdout(io.StringIO()):
            answer = function(name).handler(event, None)
        cpu_s = time.process_time() - began - (self.wire.cpu_s - cloud_s)
        made: Counter[str] = Counter()
        for target, count in (self.wire.calls - calls).items():
            made["sqs" if "SQS" in target else "secretsmanager" if "secrets" in target else "dynamodb"] += count
        return Cost(cpu_s, made), answer

    def floor_s(self) -> float:
        """The CPU seconds of one bare write."""
        cloud_s, began = self.wire.cpu_s, time.process_time()
        for number in range(CARS):
            item = {"pk": {"S": f"FLOOR#{number}"}, "sk": {"S": "FLOOR"}, "body": {"S": "x" * 700}}
            self.runtime.dynamodb.put_item(TableName=self.runtime.table.name, Item=item)
        return (time.process_time() - began - (self.wire.cpu_s - cloud_s)) / CARS


def enode(number: int, at: datetime) -> dict[str, Any]:
    """An Enode event of a plugged-in car that charges."""
    (event,) = json.loads(sample("enode_charging")["body"])
    event["user"]["id"], event["vehicle"]["id"] = f"user-{number}", f"vehicle-{number}"
    event["createdAt"] = event["vehicle"]["lastSeen"] = at.isoformat()
    event["vehicle"]["chargeState"]["lastUpdated"] = event["vehicle"]["location"]["lastUpdated"] = at.isoformat()
    return dict(event)


def webhook(events: list[dict[str, Any]]) -> dict[str, Any]:
    """A signed webhook of Enode."""
    raw, request = json.dumps(events), sample("enode_charging")
    request["headers"]["x-enode-signature"] = "sha1=" + hmac_hex(SAMPLE_SECRETS["enode"][0], raw.encode(), "sha1")
    return {**request, "body": raw, "isBase64Encoded": False}


def records(events: list[tuple[int, datetime]]) -> dict[str, Any]:
    """A batch of Tesla's stream."""
    held = []
    for place, (number, at) in enumerate(events):
        body = {
            "vin": f"5YJ3{number:013d}",
            "createdAt": at.isoformat(),
            "data": [
                {"key": "DetailedChargeState", "value": {"stringValue": "DetailedChargeStateCharging"}},
                {"key": "LocatedAtHome", "value": {"booleanValue": True}},
                {"key": "ACChargingPower", "value": {"doubleValue": 7.2}},
            ],
        }
        data = base64.b64encode(json.dumps(body).encode()).decode()
        held.append({"eventSource": "aws:kinesis", "kinesis": {"sequenceNumber": str(place), "data": data}})
    return {"Records": held}


def show(name: str, cost: Cost, floor_s: float, at_once: int = 1) -> float:
    """Print one line; gives the seconds."""
    print(
        f"{name:44} {cost.cpu_s * 1000:7.0f} ms CPU  {cost.calls.total():4} calls  {cost.seconds(at_once):5.2f} s"
        f"  {cost.cpu_s / floor_s:6.0f} bare writes"
    )
    return cost.seconds(at_once)


def webhooks(bench: Bench, floor_s: float) -> None:
    """Webhooks of several sizes, and the messages that they leave in the queue."""
    at = START
    for cars, each in ((1, 1), (1, 10), (10, 1), (100, 1), (10, 10)):
        at += timedelta(minutes=10)
        bench.clock.put(at + timedelta(minutes=5))
        events = [enode(car, at + timedelta(seconds=10 * n)) for n in range(each) for car in range(cars)]
        cost, answer = bench.measure(webhook(events))
        assert answer["statusCode"] == 200, answer
        took_s = show(f"webhook, {cars * each} events of {cars} cars", cost, floor_s, THREADS)
        if took_s > LONGEST_ANSWER_S:
            sys.exit(f"{cars * each} events are answered after {took_s:.1f} s")
        for messages in bench.queued()[:1]:
            cost, answer = bench.measure(messages, "vehicle_reports")
            assert answer == {"batchItemFailures": []}, answer
            show(f"  its queue, {len(messages['Records'])} messages", cost, floor_s)


def streams(bench: Bench, floor_s: float) -> None:
    """Batches of Tesla's stream."""
    at = START
    for cars, each in ((50, 1), (10, 5)):
        at += timedelta(minutes=10)
        bench.clock.put(at + timedelta(minutes=5))
        stream = [(car, at + timedelta(seconds=10 * n)) for n in range(each) for car in range(cars)]
        cost, answer = bench.measure(records(stream))
        assert answer == {"batchItemFailures": []}, answer
        show(f"stream, {cars * each} records of {cars} cars", cost, floor_s, THREADS)


def main() -> None:
    """Print the figures."""
    os.environ |= {"POWERTOOLS_SERVICE_NAME": "driveway", "POWERTOOLS_METRICS_NAMESPACE": "Driveway"}
    bench = Bench()
    bench.measure(webhook([enode(0, START - timedelta(minutes=1))]))
    floor_s = bench.floor_s()
    print(f"floor: one bare write {floor_s * 1000:.2f} ms CPU")
    webhooks(bench, floor_s)
    streams(bench, floor_s)
    use(None)


if __name__ == "__main__":
    main()
