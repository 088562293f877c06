"""AWS in memory answers as moto does, and as the local AWS does: random operations, through boto3, compared.

``AWS_EXAMPLES=2000`` compares more of them than a usual run.
"""

import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from moto.core.models import botocore_stubber

from local import processes
from local.stack import start_aws
from tests.support.aws import queue_operations, table_operations
from tests.support.aws.table_operations import Operation, in_scope, outcome
from tests.support.functions.rig import NOW, REGION, RigClock, create_table
from tests.support.runtime.mocked_aws import mock_aws
from tests.world.aws import Cloud, stack

TABLE = "Table"
BUS = "driveway-dev"
SERVICES = ("dynamodb", "sqs", "events", "secretsmanager")
SECRET = "AxleCredentials"
NOBODY = '{"username": "", "password": ""}'
SCOPES = itertools.count()
SLOW = settings(
    max_examples=int(os.environ.get("AWS_EXAMPLES", "40")), deadline=None, suppress_health_check=list(HealthCheck)
)


class HandClock(RigClock):
    """A clock that is moved by hand."""

    def advance(self, seconds: float) -> None:
        self.move(seconds=seconds)


@dataclass(frozen=True)
class Aws:
    """One of the clouds that are compared: its clients by service, and a new, empty queue of it."""

    clients: dict[str, Any]

    def queue(self) -> str:
        name = f"q{next(SCOPES)}"
        return str(self.clients["sqs"].create_queue(QueueName=name)["QueueUrl"])


class InMemory(Aws):
    """The cloud in memory; a new one has new queues."""

    def queue(self) -> str:
        cloud = Cloud(HandClock(NOW), stack())
        cloud.attach(self.clients["sqs"])
        return str(self.clients["sqs"].get_queue_url(QueueName="driveway-dev-axle-sync")["QueueUrl"])


def clients(**options: Any) -> dict[str, Any]:
    make: Any = boto3.Session("test", "test", region_name=REGION).client
    return {service: make(service, **options) for service in SERVICES}


@pytest.fixture(scope="module")
def memory() -> Aws:
    """The cloud in memory."""
    made, cloud = InMemory(clients()), Cloud(HandClock(NOW), stack())
    for client in made.clients.values():
        client.meta.events.unregister("before-send", botocore_stubber)
        cloud.attach(client)
    cloud.secrets.put(SECRET, NOBODY)
    return made


def prepared(aws: Aws) -> Aws:
    create_table(aws.clients["dynamodb"], TABLE)
    aws.clients["events"].create_event_bus(Name=BUS)
    aws.clients["secretsmanager"].create_secret(Name=SECRET, SecretString=NOBODY)
    return aws


@pytest.fixture(scope="module")
def moto() -> Iterator[Aws]:
    """moto."""
    with mock_aws():
        yield prepared(Aws(clients()))


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    """The local AWS, in a process of its own."""
    port = processes.free_port()
    process = start_aws(tmp_path_factory.mktemp("aws"), port)
    yield prepared(Aws(clients(endpoint_url=f"http://127.0.0.1:{port}")))
    processes.stop(process.pid)


def as_moto(found: Any) -> Any:
    """The outcome as moto gives it: an update in a transaction that does not fit its item is an error of its own."""
    if isinstance(found, tuple) and "ValidationError" in found[1]:
        return "ValidationException", []
    return found


@SLOW
@given(drawn=table_operations.operations(careful=True))
def test_the_table_in_memory_answers_as_that_of_moto(memory: Aws, moto: Aws, drawn: list[Operation]) -> None:
    scope = f"s{next(SCOPES)}"
    for operation in drawn:
        made = in_scope(operation, scope, TABLE)
        found = outcome(memory.clients["dynamodb"], made)
        assert as_moto(found) == outcome(moto.clients["dynamodb"], made), made


@SLOW
@given(drawn=table_operations.operations())
def test_the_table_in_memory_answers_as_that_of_the_local_aws(memory: Aws, local: Aws, drawn: list[Operation]) -> None:
    scope = f"s{next(SCOPES)}"
    for operation in drawn:
        made = in_scope(operation, scope, TABLE)
        assert outcome(memory.clients["dynamodb"], made) == outcome(local.clients["dynamodb"], made), made


def compare_queues(ours: Aws, theirs: Aws, drawn: list[tuple[str, Any]], *, deletes_again: bool = True) -> None:
    """Play them on both. SQS accepts the receipt of a deleted message again; ``deletes_again``: theirs does, too."""
    both = [queue_operations.Played(aws.clients["sqs"], aws.queue()) for aws in (ours, theirs)]
    for kind, value in drawn:
        found, expected = (played.outcome(kind, value) for played in both)
        if not deletes_again and kind == "delete" and expected == "ReceiptHandleIsInvalid":
            continue
        assert found == expected, (kind, value)


@SLOW
@given(drawn=queue_operations.operations(longest_s=901))
def test_a_queue_in_memory_answers_as_one_of_moto(memory: Aws, moto: Aws, drawn: list[tuple[str, Any]]) -> None:
    compare_queues(memory, moto, drawn)


@SLOW
@given(drawn=queue_operations.operations(longest_s=900))
def test_a_queue_in_memory_answers_as_one_of_the_local_aws(
    memory: Aws, local: Aws, drawn: list[tuple[str, Any]]
) -> None:
    # The local AWS takes any delay.
    compare_queues(memory, local, drawn, deletes_again=False)


EVENT = {"EventBusName": BUS, "Source": "driveway.asset", "DetailType": "PluggedIn", "Detail": "{}"}
ENTRIES: dict[str, list[dict[str, Any]]] = {
    "an event": [EVENT],
    "no JSON": [{**EVENT, "Detail": "{"}, EVENT],
    "no detail": [{name: value for name, value in EVENT.items() if name != "Detail"}],
    "too many": [EVENT] * 11,
}
AS_THE_LOCAL_AWS = ("an event", "too many")
"""It takes any detail."""


@pytest.mark.parametrize(
    ("name", "other"), [*((name, "moto") for name in ENTRIES), *((name, "local") for name in AS_THE_LOCAL_AWS)]
)
def test_the_bus_in_memory_answers_as_the_others_do(
    memory: Aws, request: pytest.FixtureRequest, other: str, name: str
) -> None:
    def given_to(aws: Aws) -> Any:
        try:
            answer = aws.clients["events"].put_events(Entries=ENTRIES[name])
        except ClientError as error:
            return error.response["Error"]["Code"]
        return answer["FailedEntryCount"], [one.get("ErrorCode") for one in answer["Entries"]]

    assert given_to(memory) == given_to(request.getfixturevalue(other))


@pytest.mark.parametrize("other", ["moto", "local"])
@pytest.mark.parametrize("name", [SECRET, "driveway/dev/nothing"])
def test_a_secret_in_memory_is_read_as_the_others_are(
    memory: Aws, request: pytest.FixtureRequest, other: str, name: str
) -> None:
    def read_from(aws: Aws) -> Any:
        try:
            answer = aws.clients["secretsmanager"].get_secret_value(SecretId=name)
        except ClientError as error:
            return error.response["Error"]["Code"]
        return answer["SecretString"], answer["Name"]

    assert read_from(memory) == read_from(request.getfixturevalue(other))
