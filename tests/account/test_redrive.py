"""``make redrive`` gives back what was set aside: dead letters, undelivered events and stream records."""

import base64
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
import requests

from driveway.domain.due import Dues
from driveway.domain.twin import Entry
from driveway.domain.twin.reasons import Reason
from driveway.store.table import Table
from local.redrive import DEAD_LETTERS, Redrive
from local.stack import STAGE, credentials_of_a_stack, put_secrets
from tests.account.accounts import Account
from tests.support.functions.assets import a_twin
from tests.support.functions.rig import template

NAMES = [
    held["Properties"]["QueueName"]["Fn::Sub"].removeprefix("driveway-${Stage}-")
    for held in template()["Resources"].values()
    if held["Type"] == "AWS::SQS::Queue"
]
SOURCES = sorted(name.removesuffix(DEAD_LETTERS) for name in NAMES if name.endswith(DEAD_LETTERS))
BUS = f"driveway-{STAGE}"
TWIN = {"pk": {"S": "ASSET#car-1"}, "sk": {"S": "TWIN"}}


@pytest.fixture(scope="module")
def deployed(account: Account) -> Iterator[Account]:
    """The stack, with queues that no function reads."""
    account.deploy()
    put_secrets(account.clients, account.outputs(), credentials_of_a_stack())
    functions = account.aws("lambda")
    for mapping in functions.list_event_source_mappings()["EventSourceMappings"]:
        if ":sqs:" in mapping["EventSourceArn"]:
            functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    yield account
    account.delete_stack()


@pytest.fixture
def redrive(deployed: Account) -> Redrive:
    return Redrive(deployed.aws, STAGE, BUS)


def url_of(account: Account, name: str) -> str:
    return str(account.aws("sqs").get_queue_url(QueueName=f"driveway-{STAGE}-{name}")["QueueUrl"])


def put(account: Account, name: str, body: Any) -> None:
    account.aws("sqs").send_message(QueueUrl=url_of(account, name), MessageBody=json.dumps(body))


def held(account: Account, name: str) -> list[Any]:
    """The bodies of the messages in a queue, which is empty afterwards."""
    sqs, url, bodies = account.aws("sqs"), url_of(account, name), []
    while found := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        bodies += [json.loads(one["Body"]) for one in found]
        for one in found:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=one["ReceiptHandle"])
    return bodies


def soon(found: Callable[[], Any]) -> Any:
    """The first result of a question that is not empty, within ten seconds."""
    until = time.monotonic() + 10
    while not (result := found()) and time.monotonic() < until:
        time.sleep(0.1)
    return result


def a_write(number: str = "1") -> dict[str, Any]:
    """The stream record of a new twin with one entry for the timeline."""
    now = datetime(2026, 1, 15, 18, 0, tzinfo=UTC)
    twin = a_twin(now).tell(Entry(now, "PluggedIn", Reason.PLUGGED_AND_HOME, "It happened.", {}))
    image = Table(None, "", lambda *_: Dues(None, None), 4).twin_item(twin, now)  # type: ignore[arg-type]
    return {"eventName": "INSERT", "dynamodb": {"Keys": TWIN, "SequenceNumber": number, "NewImage": image}}


def delivered(record: dict[str, Any]) -> Any:
    """A stream record as Lambda delivers it: binary values in base64."""
    return json.loads(json.dumps(record, default=lambda value: base64.b64encode(value).decode()))


def timeline(account: Account) -> list[dict[str, Any]]:
    pages = account.aws("dynamodb").query(
        TableName=account.outputs()["TableName"],
        KeyConditionExpression="pk = :pk AND begins_with(sk, :log)",
        ExpressionAttributeValues={":pk": TWIN["pk"], ":log": {"S": "LOG#"}},
    )
    return list(pages["Items"])


def test_every_queue_with_dead_letters_is_found(redrive: Redrive) -> None:
    letters = [name + DEAD_LETTERS for name in SOURCES]
    assert redrive.queues() == sorted([*letters, "stream-failures", "undelivered-events"])


@pytest.mark.parametrize("name", SOURCES)
def test_dead_letters_go_back_to_their_queue(deployed: Account, redrive: Redrive, name: str) -> None:
    bodies = [{"asset": f"car-{number}"} for number in range(12)]
    for body in bodies:
        put(deployed, name + DEAD_LETTERS, body)
    assert redrive.run(name + DEAD_LETTERS).done == len(bodies)
    assert sorted(held(deployed, name), key=str) == sorted(bodies, key=str)
    assert held(deployed, name + DEAD_LETTERS) == []


def test_an_undelivered_event_goes_through_the_bus_again(deployed: Account, redrive: Redrive) -> None:
    detail = {"asset": "car-1", "provider": "enode", "command_id": "one", "action": "stop"}
    event = {"source": "driveway.asset", "detail-type": "ChargingCommand", "detail": detail}
    event |= {"time": "2026-01-15T18:00:00Z"}
    put(deployed, "undelivered-events", event)
    assert redrive.run("undelivered-events").done == 1
    assert soon(lambda: held(deployed, "commands-enode")) == [detail]


def test_a_record_that_was_set_aside_is_announced_after_all(deployed: Account, redrive: Redrive) -> None:
    put(deployed, "stream-failures", {"function": "announcer", "error": "KeyError", "record": delivered(a_write())})
    assert redrive.run("stream-failures").done == 1
    assert [entry["event"]["S"] for entry in timeline(deployed)] == ["PluggedIn"]


def test_a_record_that_the_stream_gave_up_is_read_from_it(deployed: Account, redrive: Redrive) -> None:
    dynamodb, streams, table = (
        deployed.aws("dynamodb"),
        deployed.aws("dynamodbstreams"),
        deployed.outputs()["TableName"],
    )
    dynamodb.put_item(TableName=table, Item=a_write()["dynamodb"]["NewImage"])
    assert soon(lambda: timeline(deployed))
    for entry in timeline(deployed):
        dynamodb.delete_item(TableName=table, Key={name: entry[name] for name in ("pk", "sk")})
    arn = dynamodb.describe_table(TableName=table)["Table"]["LatestStreamArn"]
    shard = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"][0]["ShardId"]
    start = streams.get_shard_iterator(StreamArn=arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
    records = streams.get_records(ShardIterator=start)["Records"]
    (number,) = {one["dynamodb"]["SequenceNumber"] for one in records if one["dynamodb"]["Keys"] == TWIN}
    place = {"streamArn": arn, "shardId": shard, "startSequenceNumber": number, "endSequenceNumber": number}
    function = f"arn:aws:lambda:eu-west-2:000000000000:function:driveway-{STAGE}-announcer"
    given_up = {"requestContext": {"functionArn": function}, "DDBStreamBatchInfo": {**place, "batchSize": 1}}
    put(deployed, "stream-failures", given_up)

    assert redrive.run("stream-failures").done == 1

    assert [entry["event"]["S"] for entry in timeline(deployed)] == ["PluggedIn"]


def test_fifty_requests_at_once_without_a_token_are_refused_and_store_nothing(deployed: Account) -> None:
    before = deployed.aws("dynamodb").scan(TableName=deployed.outputs()["TableName"])["Count"]
    paths = [
        ("GET", "/assets/car-1"),
        ("POST", "/webhooks/enode"),
        ("POST", "/axle/webhooks"),
        ("PUT", "/sites/home-1"),
    ]

    def ask(number: int) -> int:
        method, path = paths[number % len(paths)]
        return requests.request(method, deployed.url + path, data=b"{}", timeout=60).status_code

    with ThreadPoolExecutor(50) as pool:
        assert set(pool.map(ask, range(50))) == {401}
    assert deployed.aws("dynamodb").scan(TableName=deployed.outputs()["TableName"])["Count"] == before


def test_what_fails_again_stays_or_comes_back(deployed: Account, redrive: Redrive) -> None:
    broken = delivered(a_write())
    broken["dynamodb"]["NewImage"]["packed"] = {"B": base64.b64encode(b"\x01nothing").decode()}
    put(deployed, "stream-failures", {"function": "announcer", "error": "KeyError", "record": broken})
    assert redrive.run("stream-failures").done == 1
    (back,) = held(deployed, "stream-failures")
    assert (back["record"], back["error"]) == (broken, "error")
    nameless = {"function": "announcer", "error": "KeyError", "record": {"dynamodb": {}}}
    put(deployed, "stream-failures", nameless)
    result = redrive.run("stream-failures")
    assert (result.done, len(result.left)) == (0, 1)
