"""A world to call the functions in: an in-process table, a still clock, and an Axle that gives known answers."""

import json
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import requests
from aws_lambda_powertools import Logger
from moto import mock_aws
from requests.adapters import BaseAdapter

from driveway.auth.signatures import hmac_hex
from driveway.domain.twin import Twin
from driveway.domain.twin.events import FOR_THE_APP, Event
from driveway.outbox.publish import publish
from driveway.runtime.context import Runtime, use
from driveway.store.conditional import ContentionError
from driveway.store.connections import MADE
from driveway.store.items import TWIN, asset_key, decode_twin, encode_item
from local.openapi.routes import served_routes, template

TABLE = "driveway-documented"
REQUEST_ID = "Xq3dEgJ7LPEEJ8w="
AXLE_WEBHOOK_SECRET = "the secret agreed with Axle"
WEBHOOK_SECRET = "the secret agreed with the car maker"
CLIENT: Any = {"region_name": "eu-west-2", "aws_access_key_id": "unused", "aws_secret_access_key": "unused"}
ENVIRONMENT = {
    "STAGE": "documented",
    "TABLE_NAME": TABLE,
    "AXLE_BASE_URL": "https://axle.invalid",
    "AXLE_SECRET": "axle",
    "AXLE_WEBHOOK_SECRET": "axle-webhook",
    "WEBHOOK_SECRETS": "webhooks",
    "SCHEDULE_BEFORE_PLUG_IN": "refuse",
    "APP_WEBHOOK": "true",
    "AXLE_SYNC_QUEUE_URL": "https://queues.invalid/axle-sync",
    "CHARGE_CONTROL_QUEUE_URL": "https://queues.invalid/charge-control",
    "BUS_NAME": "documented",
}
SECRETS: dict[str, dict[str, Any]] = {
    "AXLE_SECRET": {"username": "driveway", "password": "unused"},
    "AXLE_WEBHOOK_SECRET": {"secrets": [AXLE_WEBHOOK_SECRET]},
    "PROVIDERS_SECRET": {"enode": {"client_id": "driveway", "client_secret": "unused"}},
    "WEBHOOK_SECRETS": {name: [WEBHOOK_SECRET] for name in ("enode", "smartcar", "tesla")},
}


class KnownAnswers(BaseAdapter):
    """An HTTP transport that answers by path; ``answers`` holds status and JSON body."""

    def __init__(self, answers: Mapping[str, Any]) -> None:
        super().__init__()
        self.answers: dict[str, tuple[int, Any]] = {path: (200, body) for path, body in answers.items()}

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        path = request.path_url.partition("?")[0]
        status, body = self.answers.get(path, (200, {}))
        response = requests.Response()
        response.status_code, response.url, response.request = status, request.url or "", request
        response._content = json.dumps(body).encode()  # the one way to give a Response a body without a socket
        return response

    def close(self) -> None:
        """Nothing is open."""


class NoQueues:
    """Queues that take every message and keep none."""

    def send_message_batch(self, **_: Any) -> dict[str, Any]:
        """Take the messages."""
        return {}


class KeptEvents:
    """A bus that keeps the details of the events that the app gets, and of the commands."""

    def __init__(self) -> None:
        self.for_the_app: list[dict[str, Any]] = []
        self.commands: list[dict[str, Any]] = []

    def put_events(self, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803 - boto3's name
        """Take the events."""
        for entry in Entries:
            if entry["DetailType"] in FOR_THE_APP:
                self.for_the_app.append(json.loads(entry["Detail"]))
            elif entry["DetailType"] == Event.CHARGING_COMMAND:
                self.commands.append(json.loads(entry["Detail"]))
        return {"FailedEntryCount": 0}


class StillRuntime(Runtime):
    """A runtime with a still clock and with the same random numbers every time."""

    def __init__(self, at: datetime, axle: KnownAnswers) -> None:
        super().__init__(dict(ENVIRONMENT))
        self.at = at
        self.random = random.Random(2026)  # noqa: S311 - examples must be the same every time
        self.secrets = SECRETS
        self.dynamodb = boto3.client("dynamodb", **CLIENT)
        self.logger = Logger(service="documented", level="CRITICAL")
        self.__dict__["queues"] = NoQueues()
        self.kept_events = self.__dict__["bus"] = KeptEvents()
        self.http = requests.Session()
        self.http.mount("https://", axle)

    def now(self) -> datetime:
        return self.at

    def secret(self, setting: str) -> dict[str, Any]:
        return self.secrets[setting]


@dataclass(frozen=True, slots=True)
class Exchange:
    """A call that was made, and its answer. ``answer`` is decoded JSON, text, or None where there was no body."""

    route: str
    name: str
    summary: str
    path: str
    request_headers: Mapping[str, str]
    request: Any
    status: int
    headers: Mapping[str, str]
    answer: Any

    @property
    def problem(self) -> str | None:
        """The last part of the problem's type; None for a success."""
        return str(self.answer["type"]).rpartition(":")[2] if self.status >= 400 else None


@dataclass
class World:
    """Makes calls and stores them."""

    runtime: StillRuntime
    axle: KnownAnswers
    exchanges: list[Exchange] = field(default_factory=list)

    def __post_init__(self) -> None:
        stream = self.runtime.dynamodb.describe_table(TableName=TABLE)["Table"]["LatestStreamArn"]
        self.streams: Any = boto3.client("dynamodbstreams", **CLIENT)
        shard = self.streams.describe_stream(StreamArn=stream)["StreamDescription"]["Shards"][0]["ShardId"]
        place = {"StreamArn": stream, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"}
        self._iterator: str = self.streams.get_shard_iterator(**place)["ShardIterator"]

    def at(self, text: str) -> None:
        """Put the clock to an instant."""
        self.runtime.at = datetime.fromisoformat(text).astimezone(UTC)

    @contextmanager
    def axle_says(self, path: str, status: int, body: Any) -> Iterator[None]:
        """Axle answers differently for a while."""
        before = self.axle.answers.get(path)
        self.axle.answers[path] = (status, body)
        yield
        if before is None:
            del self.axle.answers[path]
        else:
            self.axle.answers[path] = before

    @contextmanager
    def maker_called(self) -> Iterator[None]:
        """Enode is among the providers for a while."""
        environ: Any = self.runtime.settings.environ
        environ |= {"ENODE_BASE_URL": "https://enode.invalid", "ENODE_TOKEN_URL": "https://enode.invalid/oauth2/token"}
        yield
        del environ["ENODE_BASE_URL"], environ["ENODE_TOKEN_URL"]

    @contextmanager
    def contended(self) -> Iterator[None]:
        """Others keep changing every twin for a while."""

        def lost(*args: Any, **kwargs: Any) -> Any:
            raise ContentionError("the asset is being changed by others")

        held = self.runtime.table
        vars(self.runtime)["table"] = _Instead(held, change_twin=lost)
        yield
        vars(self.runtime)["table"] = held

    @contextmanager
    def twin_changed(self, asset: str, rule: Callable[[Twin], Twin]) -> Iterator[None]:
        """The asset is changed for a while, and then restored with its revision."""
        dynamodb, key = self.runtime.dynamodb, encode_item({"pk": asset_key(asset), "sk": TWIN})
        before = dynamodb.get_item(TableName=TABLE, Key=key)["Item"]
        dynamodb.put_item(
            TableName=TABLE, Item=self.runtime.table.twin_item(rule(decode_twin(before)), self.runtime.now())
        )
        yield
        dynamodb.put_item(TableName=TABLE, Item=before)

    @contextmanager
    def broken(self) -> Iterator[None]:
        """The secrets cannot be read for a while."""
        self.runtime.secrets = {}
        yield
        self.runtime.secrets = SECRETS

    def call(
        self,
        route: str,
        name: str,
        summary: str,
        body: Any = None,
        *,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        scope: str | None = None,
        raw: str | None = None,
        **parameters: str,
    ) -> Exchange:
        """Call a route with a valid token or signature (or with ``scope``, or the signature in ``headers``)."""
        served = served_routes()[route]
        text = raw if raw is not None else "" if body is None else json.dumps(body)
        given = {"content-type": "application/json"} if text else {}
        if served.scope == "signed":
            given |= self._signature(route, parameters, text)
        else:
            given |= {"authorization": "Bearer <token>"}
        given |= headers or {}
        path = route.partition(" ")[2].format(**parameters)
        event = {
            "version": "2.0",
            "routeKey": route,
            "rawPath": path,
            "headers": {name: value for name, value in given.items() if value},
            "queryStringParameters": dict(query or {}),
            "pathParameters": parameters,
            "requestContext": {
                "requestId": REQUEST_ID,
                "authorizer": {"lambda": {"scope": served.scope if scope is None else scope, "name": "anna"}},
            },
            "body": text,
            "isBase64Encoded": False,
        }
        answer = served.handler(event, None)
        exchange = Exchange(
            route=route,
            name=name,
            summary=summary,
            path=path + ("?" + "&".join(f"{key}={value}" for key, value in query.items()) if query else ""),
            request_headers=headers or {},
            request=body,
            status=answer["statusCode"],
            headers=answer["headers"],
            answer=_decoded(answer),
        )
        self.exchanges.append(exchange)
        self._announce()
        return exchange

    def _signature(self, route: str, parameters: Mapping[str, str], text: str) -> dict[str, str]:
        if route == "POST /axle/webhooks":
            stamp = int(self.runtime.now().timestamp())
            return {"x-axle-sig": f"t={stamp},v1={hmac_hex(AXLE_WEBHOOK_SECRET, f'{stamp}.{text}'.encode())}"}
        if parameters.get("provider") == "smartcar":
            return {"sc-signature": hmac_hex(WEBHOOK_SECRET, text.encode())}
        return {"x-enode-signature": "sha1=" + hmac_hex(WEBHOOK_SECRET, text.encode(), "sha1")}

    def settle(self, asset: str) -> None:
        """Run the reconcilers for an asset, as happens within seconds of every change."""
        from driveway.axle.sync import sync
        from driveway.domain.control.reconcile import step

        current = self.runtime
        sync(asset, current)
        self._announce()
        current.table.change_twin(
            asset,
            lambda twin: step(twin, current.now(), current.control_rules, new_id=current.new_id(), spread=0.5),
            now=current.now(),
        )
        self._announce()

    def carry_out_commands(self) -> None:
        """Send the commands of now to the car maker."""
        from driveway.commands.dispatch import carry_out

        for command in self.runtime.kept_events.commands:
            if datetime.fromisoformat(command["expires_at"]) > self.runtime.now():
                carry_out(command, self.runtime)
        self._announce()

    def judge_nights(self) -> None:
        """Sum the nights, as happens twice an hour, once the sessions of now are due."""
        from driveway.status.fleet_nights import judge_nights

        before, self.runtime.at = self.runtime.at, self.runtime.at + timedelta(days=1)
        judge_nights(self.runtime, lambda: 600.0)
        self.runtime.at = before

    def _announce(self) -> None:
        """Process the table's stream, as the announcer does: timeline, history, events for the app."""
        read = self.streams.get_records(ShardIterator=self._iterator)
        self._iterator = read["NextShardIterator"]
        every = [record["dynamodb"] for record in read["Records"]]
        changes = [change for change in every if change["Keys"]["sk"]["S"].startswith((TWIN, MADE))]
        publish([change for change in changes if "NewImage" in change], self.runtime)


class _Instead:
    """An object with some of its members replaced."""

    def __init__(self, held: Any, **members: Any) -> None:
        self._held = held
        self.__dict__.update(members)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._held, name)


def _decoded(answer: Mapping[str, Any]) -> Any:
    text = answer.get("body", "")
    return json.loads(text) if "json" in answer["headers"].get("content-type", "") else text or None


@contextmanager
def new_world(at: datetime, axle: Mapping[str, Any]) -> Iterator[World]:
    """A world with an empty table as the template declares it. The functions' own runtime comes back afterwards."""
    answers = KnownAnswers(axle)
    with mock_aws():
        current = StillRuntime(at, answers)
        declared = template()["Resources"]["Table"]["Properties"]
        names = ("BillingMode", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes")
        stream: Any = {**declared["StreamSpecification"], "StreamEnabled": True}
        current.dynamodb.create_table(
            TableName=TABLE, StreamSpecification=stream, **{name: declared[name] for name in names}
        )
        use(current)
        try:
            yield World(current, answers)
        finally:
            use(None)
