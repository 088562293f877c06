"""A stage in one process: the template's table on moto, the functions' own handlers, Axle as a real HTTP server."""

import importlib.util
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache, cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

import boto3
import requests
from samtranslator.yaml_helper import yaml_parse

from driveway.domain.twin import Twin
from driveway.runtime.clock import Clock
from driveway.runtime.context import Runtime
from driveway.runtime.secret_reader import SecretReader
from driveway.store.items import decode_item
from simulators.axle.app import DEFAULT_PASSWORD, DEFAULT_USERNAME, AxleSimulator
from tests.support.domain.metering_table import OneRequestAtATime

ROOT = Path(__file__).parents[3]
REGION = "eu-west-2"
NOW = datetime(2026, 1, 15, 18, 0, tzinfo=UTC)
SECRETS = {
    "API_TOKENS_SECRET": {"app": [], "axle": []},
    "AXLE_SECRET": {"username": DEFAULT_USERNAME, "password": DEFAULT_PASSWORD},
    "AXLE_WEBHOOK_SECRET": {"secrets": ["axle-webhook-secret"]},
    "WEBHOOK_SECRETS": {"enode": ["enode-secret"], "smartcar": ["smartcar-secret"], "tesla": ["tesla-secret"]},
    "PROVIDERS_SECRET": {"enode": {}, "smartcar": {}, "tesla": {}, "ocpp": {}},
}
QUEUES = (
    "AXLE_SYNC_QUEUE_URL",
    "CHARGE_CONTROL_QUEUE_URL",
    "ENODE_COMMANDS_QUEUE_URL",
    "SMARTCAR_COMMANDS_QUEUE_URL",
    "TESLA_COMMANDS_QUEUE_URL",
    "OCPP_COMMANDS_QUEUE_URL",
    "STREAM_FAILURES_QUEUE_URL",
    "VEHICLE_REPORTS_QUEUE_URL",
    "VEHICLE_REPORTS_DEAD_LETTERS_URL",
)
RECONCILERS = {"AXLE_SYNC_QUEUE_URL": "axle", "CHARGE_CONTROL_QUEUE_URL": "control"}
MOST_ROUNDS = 30


class RigClock(Clock):
    """A clock that stands still at ``at`` until it is moved."""

    def __init__(self, at: datetime) -> None:
        super().__init__()
        self.at = at

    def now(self) -> datetime:
        return self.at

    def put(self, at: datetime) -> None:
        """Put the clock to ``at``."""
        self.at = at

    def sleep_until(self, instant: datetime) -> None:
        """Move on to an instant, unless it is past."""
        self.put(max(self.now(), instant))

    def sleep(self, seconds: float) -> None:
        """Move on by so many seconds, as the time that a function waits passes."""
        self.move(seconds=seconds)

    def move(self, **by: float) -> None:
        """Move on by a ``timedelta`` of these arguments."""
        self.put(self.now() + timedelta(**by))


class PresentOutput:
    """The output of the running test: the logger is made once in a process, by the first test."""

    def write(self, text: str) -> int:
        """Write where the present test's output goes."""
        return sys.stdout.write(text)

    def flush(self) -> None:
        """Flush it."""
        sys.stdout.flush()


@cache
def template() -> dict[str, Any]:
    """The project's template as parsed YAML."""
    parsed: dict[str, Any] = yaml_parse((ROOT / "template.yaml").read_text())
    return parsed


def create_table(client: Any, name: str) -> None:
    """A table as the template declares it: its keys, its indexes and its stream."""
    declared = template()["Resources"]["Table"]["Properties"]
    copied = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode")
    client.create_table(
        TableName=name,
        StreamSpecification={**declared["StreamSpecification"], "StreamEnabled": True},
        **{setting: declared[setting] for setting in copied},
    )


@cache
def aws(service: str) -> Any:
    """A client of a service, made once: making one takes longer than most tests."""
    make: Any = boto3.session.Session("test", "test", region_name=REGION).client
    return make(service)


@cache
def function(name: str) -> ModuleType:
    """The module of a function, as Lambda loads it."""
    spec = importlib.util.spec_from_file_location(f"functions_{name}", ROOT / "functions" / name / "app.py")
    if spec is None or spec.loader is None:
        raise ImportError(name)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


class Bus:
    """An event bus that keeps its events."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []

    def put_events(self, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803 - boto3's name
        self.events += [(entry["DetailType"], json.loads(entry["Detail"])) for entry in Entries]
        return {"FailedEntryCount": 0, "Entries": [{} for _ in Entries]}


class WatchedQueues:
    """Queues whose wake-ups of assets that are due at once are noted in place of being queued."""

    def __init__(self, queues: Any, note: Callable[[str, dict[str, Any]], None]) -> None:
        self._queues, self._note = queues, note

    def __getattr__(self, name: str) -> Any:
        return getattr(self._queues, name)

    def send_message_batch(self, QueueUrl: str, Entries: list[dict[str, Any]]) -> Any:  # noqa: N803 - boto3's name
        reconciler = next((name for part, name in RECONCILERS.items() if part in QueueUrl), None)
        at_once = [
            entry
            for entry in Entries
            if reconciler and not entry.get("DelaySeconds") and "asset" in json.loads(entry["MessageBody"])
        ]
        for entry in at_once:
            self._note(str(reconciler), json.loads(entry["MessageBody"]))
        later = [entry for entry in Entries if entry not in at_once]
        if later:
            return self._queues.send_message_batch(QueueUrl=QueueUrl, Entries=later)
        return {"Successful": [{"Id": entry["Id"]} for entry in Entries]}


@dataclass(frozen=True)
class Reply:
    """An HTTP answer of a function."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def body(self) -> Any:
        return json.loads(self.text) if self.text else None

    @property
    def problem(self) -> str | None:
        """The last part of a problem's type; None for a success."""
        return str(self.body["type"]).rsplit(":", 1)[-1] if self.status >= 400 else None


@dataclass
class Rig:
    """A stage. ``serve`` calls the function behind a route; ``pump`` processes the stream and the queues."""

    runtime: Runtime
    clock: RigClock
    axle: AxleSimulator
    axle_url: str
    bus: Bus = field(default_factory=Bus)
    looks: list[tuple[str, str]] = field(default_factory=list)
    _cursor: str | None = None

    def __post_init__(self) -> None:
        queues = WatchedQueues(self.runtime.queues, lambda name, body: self.looks.append((name, body["asset"])))
        self.runtime.__dict__["queues"] = queues

    @cached_property
    def _streams(self) -> Any:
        return aws("dynamodbstreams")

    def serve(
        self,
        name: str,
        route: str,
        body: Any = None,
        *,
        scope: str = "app",
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        **parameters: str,
    ) -> Reply:
        """The function's answer to a request on a route."""
        event = {
            "version": "2.0",
            "routeKey": route,
            "rawPath": route.partition(" ")[2].format(**parameters),
            "headers": {"authorization": "Bearer token", **(headers or {})},
            "queryStringParameters": dict(query or {}),
            "pathParameters": parameters,
            "requestContext": {"requestId": "request-1", "authorizer": {"lambda": {"scope": scope, "name": "anna"}}},
            "body": None if body is None else body if isinstance(body, str) else json.dumps(body),
            "isBase64Encoded": False,
        }
        answer = function(name).handler(event, None)
        return Reply(answer["statusCode"], answer["headers"], answer["body"])

    def twin(self, asset: str) -> Twin:
        return self.runtime.table.twin(asset)

    def change(self, asset: str, rule: Callable[[Twin], Twin]) -> Twin:
        """Change a twin by a rule, as a function would."""
        return self.runtime.table.change_twin(asset, rule, now=self.clock.now()).after

    def items(self) -> list[dict[str, Any]]:
        """Everything in the table."""
        pages = self.runtime.dynamodb.get_paginator("scan").paginate(TableName=self.runtime.table.name)
        return [decode_item(item) for page in pages for item in page["Items"]]

    def publish(self) -> None:
        """Pass the records of the table's stream to the announcer."""
        if self._cursor is None:
            arn = self.runtime.dynamodb.describe_table(TableName=self.runtime.table.name)["Table"]["LatestStreamArn"]
            shard = self._streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"][0]["ShardId"]
            found = self._streams.get_shard_iterator(StreamArn=arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON")
            self._cursor = found["ShardIterator"]
        read = self._streams.get_records(ShardIterator=self._cursor)
        new, self._cursor = read["Records"], read["NextShardIterator"]
        passed = [record for record in new if record["dynamodb"]["Keys"]["sk"]["S"].startswith(("TWIN", "CONNECTED#"))]
        answer = function("announcer").handler({"Records": passed}, None)
        assert answer == {"batchItemFailures": []}

    def pump(self) -> None:
        """Announce, sync and control until nothing is left to do now. Commands wait on the bus."""
        for _ in range(MOST_ROUNDS):
            self.looks.clear()
            self.publish()
            looks = list(self.looks)
            if not looks:
                return
            for reconciler, asset in looks:
                self.look(reconciler, asset)
        raise AssertionError("the stage does not come to rest")

    def look(self, reconciler: str, asset: str) -> None:
        """Run a reconciler (``axle`` or ``control``) for an asset."""
        name = {"axle": "axle_sync", "control": "charge_control"}[reconciler]
        record = {"messageId": "1", "body": json.dumps({"asset": asset}), "eventSource": "aws:sqs"}
        assert function(name).handler({"Records": [record]}, None) == {"batchItemFailures": []}

    def events_at_axle(self, asset: str) -> list[str]:
        """The events of an asset that Axle has received, in order."""
        history = requests.get(f"{self.axle_url}/_sim/assets/{asset}", timeout=5).json()["history"]
        return [entry["event"] for entry in history]


def read_secrets() -> SecretReader:
    """A reader of secrets that has read none yet."""
    return SecretReader(aws("secretsmanager"))


def make_runtime(clock: Clock, axle_url: str) -> Runtime:
    """A runtime on moto with table, queues and secrets; its stage is ``test``."""
    create_table(aws("dynamodb"), "driveway-test")
    secrets, queues = aws("secretsmanager"), aws("sqs")
    environ = {"STAGE": "test", "TABLE_NAME": "driveway-test", "BUS_NAME": "driveway-test", "AXLE_BASE_URL": axle_url}
    for setting, value in SECRETS.items():
        secrets.create_secret(Name=setting, SecretString=json.dumps(value))
        environ[setting] = setting
    for setting in QUEUES:
        environ[setting] = queues.create_queue(QueueName=setting)["QueueUrl"]
    made = Runtime(environ, clock=clock)
    made.__dict__ |= {"dynamodb": OneRequestAtATime(aws("dynamodb")), "queues": queues, "_secrets": read_secrets()}
    return made
