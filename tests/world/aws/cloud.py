"""The whole cloud: every service of the template, reached over the wire, and what it delivers to functions."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import ReadTimeoutError

from tests.world.aws import clients
from tests.world.aws.bus import Bus, Target
from tests.world.aws.clock import Clock
from tests.world.aws.delivery import Delivery
from tests.world.aws.dynamodb.operations import DynamoDb, cancelled, conflict
from tests.world.aws.dynamodb.table import Table
from tests.world.aws.dynamodb.values import Item
from tests.world.aws.faults import NO_FAULTS, Faults, Intercept, Request
from tests.world.aws.known import refuse_unknown
from tests.world.aws.policies import Policies
from tests.world.aws.queue_mapping import QueueMapping
from tests.world.aws.queue_service import Sqs
from tests.world.aws.queues import Message, Queue
from tests.world.aws.schedules import AsyncRules, Schedule
from tests.world.aws.secret_service import Secrets
from tests.world.aws.stack import Stack
from tests.world.aws.streams import StreamMapping
from tests.world.aws.wire import JSON, AwsError, UnknownToTheCloudError, answer, decoded, refusal

SERVICES = {
    "DynamoDB_20120810": "dynamodb",
    "AmazonSQS": "sqs",
    "AWSEvents": "events",
    "secretsmanager": "secretsmanager",
}
THROTTLED = {"sqs": ("RequestThrottled", 403)}
UNAVAILABLE = {
    "dynamodb": "InternalServerError",
    "events": "InternalException",
    "secretsmanager": "InternalServiceError",
}


class Cloud:
    """AWS in memory, with the resources of a stack.

    ``intercept``, if set, stands in front of every request: it may look at it, make it or not, and raise.
    """

    def __init__(self, clock: Clock, stack: Stack, faults: Faults = NO_FAULTS, *, stream_shards: int = 1) -> None:
        self.clock, self.stack, self.faults = clock, stack, faults
        self.intercept: Intercept | None = None
        self.caller: Callable[[], str | None] = lambda: None
        """The function (logical id) that makes the present request; None for who may do everything."""
        self._policies = Policies(stack)
        self.calls: dict[str, int] = {}
        """How many requests reached the cloud, by ``service.operation``."""
        self._queues = self._made_queues()
        self.tables = {
            stack.name(one): Table({**held, "TableName": stack.name(one)}, clock, faults)
            for one, held in stack.of("AWS::DynamoDB::Table").items()
        }
        self.dynamodb = DynamoDb(self.tables, faults, clock.now)
        self.sqs = Sqs(self._queues, faults, clock.now)
        secrets = stack.of("AWS::SecretsManager::Secret")
        self.secrets = Secrets(secrets, {name: stack.arn(name) for name in secrets}, clock)
        (bus,) = stack.of("AWS::Events::EventBus").values()
        self.bus = Bus(bus["Name"], list(self._targets()), faults, clock.now)
        self.queue_mappings: dict[str, QueueMapping] = {}
        self.stream_mappings: dict[str, StreamMapping] = {}
        self._map_sources(stream_shards)
        self.schedules = dict(self._made_schedules())
        self._services = {
            "dynamodb": self.dynamodb.perform,
            "sqs": self.sqs.perform,
            "events": self.bus.perform,
            "secretsmanager": self.secrets.perform,
        }

    # What the template declares

    def _made_queues(self) -> dict[str, Queue]:
        declared = self.stack.of("AWS::SQS::Queue")
        queues = {name: Queue(name, held, self.stack.arn(name), self.faults) for name, held in declared.items()}
        for name, held in declared.items():
            if "RedrivePolicy" in held:
                queues[name].dead_letters = queues[self.stack.named_by(held["RedrivePolicy"]["deadLetterTargetArn"])]
        return queues

    def _targets(self) -> Iterator[Target]:
        for rule, held in self.stack.of("AWS::Events::Rule").items():
            for target in held["Targets"]:
                retries, letters = target.get("RetryPolicy", {}), target.get("DeadLetterConfig", {}).get("Arn")
                to = self.stack.named_by(target["Arn"])
                yield Target(
                    rule=rule,
                    pattern=held["EventPattern"],
                    to=self._queues[to],
                    input_path=target.get("InputPath", "$"),
                    most_retries=int(retries.get("MaximumRetryAttempts", 185)),
                    oldest=timedelta(seconds=float(retries.get("MaximumEventAgeInSeconds", 86_400))),
                    dead_letters=self._queues[self.stack.named_by(letters)] if letters else None,
                )

    def _function(self, name: str) -> tuple[str, float]:
        named = name.partition(":function:")[2].partition(":")[0] or name
        found = next(one for one in self.stack.functions.values() if one.name == named)
        return found.logical_id, found.timeout_s

    def _map_sources(self, shards: int) -> None:
        by_arn = {queue.arn: queue for queue in self._queues.values()}
        for name, held in self.stack.of("AWS::Lambda::EventSourceMapping").items():
            function, timeout_s = self._function(held["FunctionName"])
            if held["EventSourceArn"] in by_arn:
                queue = by_arn[held["EventSourceArn"]]
                self.queue_mappings[name] = QueueMapping(name, held, queue, function, timeout_s)
                continue
            mapping = StreamMapping(
                name, held, function, timeout_s, clock=self.clock, faults=self.faults, shards=shards
            )
            letters = held.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
            mapping.on_failure = by_arn.get(letters)
            self.stream_mappings[name] = mapping
            for table in self.tables.values():
                if f":table/{table.name}/stream/" in mapping.arn:
                    table.streams.append(mapping.add)

    def _made_schedules(self) -> Iterator[tuple[str, Schedule]]:
        rules = {}
        for held in self.stack.of("AWS::Lambda::EventInvokeConfig").values():
            function, _ = self._function(held["FunctionName"])
            oldest = timedelta(seconds=float(held.get("MaximumEventAgeInSeconds", 21_600)))
            rules[function] = AsyncRules(int(held.get("MaximumRetryAttempts", 2)), oldest)
        for name, held in self.stack.of("AWS::Scheduler::Schedule").items():
            function, timeout_s = self._function(held["Target"]["Arn"])
            asynchronous = rules.get(function, AsyncRules())
            yield (
                name,
                Schedule(name, held, function, timeout_s, clock=self.clock, faults=self.faults, rules=asynchronous),
            )

    # Requests

    def attach(self, client_or_session: Any) -> None:
        """Let a boto3 client, or every client that a session makes from now on, reach this cloud."""
        clients.attach(client_or_session, self.send)

    def client(self, service: str) -> Any:
        """The boto3 client of a service (``dynamodb``, ``sqs``, ...) of this process; it reaches this cloud now."""
        held = clients.client(service)
        self.attach(held)
        return held

    def send(self, request: AWSPreparedRequest) -> AWSResponse:
        """Answer a request that botocore is about to send. Raises ReadTimeoutError: its answer is lost."""
        target = request.headers["X-Amz-Target"]
        service, operation = (target.decode() if isinstance(target, bytes) else target).split(".")
        return self.answer(SERVICES[service], operation, request.body)

    def answer(self, service: str, operation: str, body: Any) -> AWSResponse:
        """Answer a request to a service with a body of JSON. Raises ReadTimeoutError: its answer is lost."""
        made = Request(service, operation, decoded(body))
        name = f"{service}.{operation}"
        self.calls[name] = self.calls.get(name, 0) + 1
        if self.intercept is None:
            return self._answered(made)
        response: AWSResponse = self.intercept(made, lambda: self._answered(made))
        return response

    def _answered(self, request: Request) -> AWSResponse:
        refuse_unknown(request.operation, request.body)
        function = self.caller()
        if function is not None:
            self._policies.refuse_forbidden(function, request)
        fault = self.faults.on_request(request)
        if fault in {"throttled", "unavailable", "conflict"}:
            return refusal(request.service, _refused(request, fault))
        try:
            body = self._services[request.service](request)
        except AwsError as error:
            response = refusal(request.service, error)
        else:
            response = answer(body)
        if fault == "answer lost":
            raise ReadTimeoutError(endpoint_url=request.service)
        return response

    def put_record(self, mapping: str, data: bytes, partition: str) -> None:
        """Put a record into the Kinesis stream of an event source mapping (logical id)."""
        import base64

        stream = self.stream_mappings[mapping]
        kinesis = {"kinesisSchemaVersion": "1.0", "partitionKey": partition, "data": base64.b64encode(data).decode()}
        record = {"kinesis": kinesis, "eventSource": "aws:kinesis", "eventVersion": "1.0", "eventSourceARN": stream.arn}
        stream.add(record | {"eventName": "aws:kinesis:record", "awsRegion": "eu-west-2"}, partition, self.clock.now())

    # Deliveries

    def due(self, now: datetime) -> list[Delivery]:
        """What functions get by now; each delivery is handed out once."""
        for table in self.tables.values():
            table.expire(now)
        self.bus.deliver(now)
        found = []
        for source in self._sources():
            found += source.due(now)
        return found

    def next_at(self, *, ticks: bool = True) -> datetime | None:
        """The instant of the next delivery; a past one is due now. Without ``ticks`` the schedules do not count."""
        idle = set() if ticks else {name for name, one in self.schedules.items() if not one.repeating}
        sources = [self.bus, *(one for one in self._sources() if one.logical_id not in idle)]
        return min((at for source in sources if (at := source.next_at()) is not None), default=None)

    def _sources(self) -> list[Schedule | StreamMapping | QueueMapping]:
        return [*self.schedules.values(), *self.stream_mappings.values(), *self.queue_mappings.values()]

    # What is where

    def items(self, table: str | None = None) -> list[Item]:
        """Every item of a table, of the only one if none is named; in the form of the wire."""
        held = self.tables[table] if table is not None else next(iter(self.tables.values()))
        return list(held.items())

    def queues(self) -> Mapping[str, Queue]:
        """Every queue by logical id."""
        return self._queues

    def dead_letters(self) -> dict[str, list[Message]]:
        """The messages of the queues that no function reads, by logical id; empty queues are left out."""
        read = {mapping.queue.logical_id for mapping in self.queue_mappings.values()}
        unread = {name: queue.messages for name, queue in self._queues.items() if name not in read}
        return {name: messages for name, messages in unread.items() if messages}

    def dropped(self) -> list[JSON]:
        """What was given up without a dead letter: events of the bus, invocations by schedules."""
        return [*self.bus.dropped, *(event for one in self.schedules.values() for event in one.dropped)]

    # Snapshots

    def _parts(self) -> list[Any]:
        mappings = (*self.queue_mappings.values(), *self.stream_mappings.values(), *self.schedules.values())
        return [self.dynamodb, self.bus, self.secrets, *self._queues.values(), *mappings]

    def snapshot(self) -> object:
        """The present state. Deliveries that are handed out and have not ended belong to it no more."""
        return [part.snapshot() for part in self._parts()]

    def restore(self, snapshot: Any) -> None:
        """Go back to a state; it may be restored again. Settle no delivery that was handed out before."""
        for part, held in zip(self._parts(), snapshot, strict=True):
            part.restore(held)


def _refused(request: Request, fault: str) -> AwsError:
    if fault == "conflict" and request.service == "dynamodb":
        return conflict(request)
    if fault == "unavailable":
        return AwsError(UNAVAILABLE.get(request.service, "InternalError"), "an outage", status=500)
    if request.operation == "TransactWriteItems":
        return cancelled([{"Code": "ThrottlingError"} for _ in request.body["TransactItems"]])
    code, status = THROTTLED.get(request.service, ("ThrottlingException", 400))
    return AwsError(code, "Rate exceeded", status=status)


__all__ = ["Cloud", "UnknownToTheCloudError"]
