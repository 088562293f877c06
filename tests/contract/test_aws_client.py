"""What our client of AWS does and what boto3's does are the same, against one service over real HTTP that fails."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials as BotoCredentials
from botocore.exceptions import BotoCoreError, ClientError, ReadTimeoutError
from hypothesis import given
from hypothesis import strategies as st

from driveway.runtime import aws_client, aws_credentials
from driveway.runtime.aws_client import ATTEMPTS, RETRY_QUOTA, AwsClient
from driveway.runtime.aws_credentials import Credentials
from driveway.runtime.aws_signature import signed
from tests.support.aws.http_cloud import HttpCloud, served
from tests.support.aws.small_cloud import TABLE, SmallCloud

READ_S = 0.2
Make = Callable[[str], Any]
KEY = {"pk": {"S": "car-1"}, "sk": {"S": "TWIN"}}
ITEM = {
    **KEY,
    "packed": {"B": b"\x00\xff packed"},
    "B": {"M": {"B": {"S": "text"}, "n": {"N": "1.5"}}},
    "parts": {"L": [{"B": b""}, {"BOOL": True}, {"NULL": True}]},
}


@pytest.fixture
def service() -> Iterator[HttpCloud]:
    with served(SmallCloud().cloud) as shown:
        yield shown


@pytest.fixture(params=["boto3", "ours"])
def make(request: pytest.FixtureRequest, service: HttpCloud, monkeypatch: pytest.MonkeyPatch) -> Make:
    """A client of a service, by name; pauses between attempts are left out."""
    monkeypatch.setattr(aws_client, "READ_S", READ_S)
    monkeypatch.setattr("random.random", lambda: 0.0)
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0.0)
    environ = {
        "AWS_REGION": "eu-west-2",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_SESSION_TOKEN": "token",
        "AWS_ENDPOINT_URL": service.url,
    }
    if request.param == "ours":
        return lambda name: AwsClient(name, environ)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    retries: Any = {"mode": "standard", "total_max_attempts": ATTEMPTS}
    config = Config(retries=retries, connect_timeout=2, read_timeout=READ_S)
    session: Any = boto3.session.Session(region_name="eu-west-2")
    return lambda name: session.client(name, config=config)


def sent(service: HttpCloud, operation: str) -> int:
    return sum(name == operation for name, _, _ in service.requests)


def test_items_come_back_as_they_were_put(make: Make) -> None:
    client = make("dynamodb")
    client.put_item(TableName=TABLE, Item=ITEM)
    assert client.get_item(TableName=TABLE, Key=KEY)["Item"] == ITEM
    assert "Item" not in client.get_item(TableName=TABLE, Key={**KEY, "pk": {"S": "car-2"}})


@pytest.mark.parametrize(
    ("config", "sizes"),
    [({}, [7]), ({"PageSize": 3}, [3, 3, 1]), ({"MaxItems": 5}, [5]), ({"PageSize": 3, "MaxItems": 4}, [3, 1])],
)
def test_pages_and_the_whole_are_as_large_as_asked_for(make: Make, config: dict[str, int], sizes: list[int]) -> None:
    client = make("dynamodb")
    for number in range(7):
        client.put_item(TableName=TABLE, Item={"pk": {"S": "car-1"}, "sk": {"S": f"{number}"}})
    pages = client.get_paginator("query").paginate(
        TableName=TABLE,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": "car-1"}},
        PaginationConfig=config,
    )
    found = [[item["sk"]["S"] for item in page["Items"]] for page in pages]
    assert [len(page) for page in found] == sizes
    assert [number for page in found for number in page] == [f"{n}" for n in range(sum(sizes))]


def test_a_condition_that_fails_shows_the_item(make: Make) -> None:
    client = make("dynamodb")
    client.put_item(TableName=TABLE, Item=ITEM)
    with pytest.raises(ClientError) as failed:
        client.put_item(
            TableName=TABLE,
            Item=ITEM,
            ConditionExpression="attribute_not_exists(pk)",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    error: Any = failed.value.response
    assert error["Error"]["Code"] == "ConditionalCheckFailedException"
    assert error["Item"] == ITEM
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert str(failed.value).startswith("An error occurred (ConditionalCheckFailedException) when calling the PutItem")


def test_a_cancelled_transaction_says_why_for_each_item(make: Make) -> None:
    client = make("dynamodb")
    client.put_item(TableName=TABLE, Item=ITEM)
    put = {"Put": {"TableName": TABLE, "Item": ITEM, "ConditionExpression": "attribute_not_exists(pk)"}}
    other = {"Put": {"TableName": TABLE, "Item": {**ITEM, "pk": {"S": "car-2"}}}}
    with pytest.raises(ClientError) as failed:
        client.transact_write_items(TransactItems=[other, put])
    error: Any = failed.value.response
    assert error["Error"]["Code"] == "TransactionCanceledException"
    assert [reason["Code"] for reason in error["CancellationReasons"]] == ["None", "ConditionalCheckFailed"]


def test_a_transaction_whose_answer_was_lost_is_carried_out_once(make: Make, service: HttpCloud) -> None:
    client = make("dynamodb")
    put = {"Put": {"TableName": TABLE, "Item": ITEM, "ConditionExpression": "attribute_not_exists(pk)"}}
    service.faults = ["answer lost"]
    client.transact_write_items(TransactItems=[put])
    tokens = {body["ClientRequestToken"] for name, _, body in service.requests if name == "TransactWriteItems"}
    assert (sent(service, "TransactWriteItems"), len(tokens)) == (2, 1)


@pytest.mark.parametrize(
    "fault",
    [
        "400 ThrottlingException",
        "400 ProvisionedThroughputExceededException",
        "400 RequestLimitExceeded",
        "500 InternalServerError",
        "503 ServiceUnavailable",
        "closed",
        "cut",
        "silent",
    ],
)
def test_what_passes_is_tried_again_and_no_more_than_four_times(make: Make, service: HttpCloud, fault: str) -> None:
    client = make("dynamodb")
    client.put_item(TableName=TABLE, Item=ITEM)
    service.faults = [fault] * (ATTEMPTS - 1)
    assert client.get_item(TableName=TABLE, Key=KEY)["Item"] == ITEM
    service.faults = [fault] * ATTEMPTS
    with pytest.raises((ClientError, BotoCoreError)):
        client.get_item(TableName=TABLE, Key=KEY)
    assert sent(service, "GetItem") == 2 * ATTEMPTS
    assert client.get_item(TableName=TABLE, Key=KEY)["Item"] == ITEM


@pytest.mark.parametrize("fault", ["400 ValidationException", "400 ResourceNotFoundException", "403 AccessDenied"])
def test_a_refusal_is_not_tried_again(make: Make, service: HttpCloud, fault: str) -> None:
    client = make("dynamodb")
    service.faults = [fault]
    with pytest.raises(ClientError) as failed:
        client.get_item(TableName=TABLE, Key=KEY)
    assert failed.value.response["Error"]["Code"] == fault.split()[1]
    assert sent(service, "GetItem") == 1


def test_a_service_that_cannot_be_reached_is_an_error_of_botocore(make: Make, service: HttpCloud) -> None:
    client = make("dynamodb")
    service.faults = ["silent"] * ATTEMPTS
    with pytest.raises(ReadTimeoutError):
        client.get_item(TableName=TABLE, Key=KEY)


def test_a_kept_connection_that_the_service_has_closed_costs_nothing(make: Make, service: HttpCloud) -> None:
    client = make("dynamodb")
    client.put_item(TableName=TABLE, Item=ITEM)
    service.closes_after_answer = True
    for _ in range(5):
        assert client.get_item(TableName=TABLE, Key=KEY)["Item"] == ITEM
    service.closes_after_answer = False
    before = service.connections
    for _ in range(5):
        client.get_item(TableName=TABLE, Key=KEY)
    assert service.connections <= before + 1, "a connection is used again"


def test_sqs_gives_the_codes_of_its_older_protocol(make: Make) -> None:
    queue = "https://sqs.eu-west-2.amazonaws.com/000000000000/none"
    with pytest.raises(ClientError) as failed:
        make("sqs").send_message(QueueUrl=queue, MessageBody="{}")
    assert failed.value.response["Error"]["Code"] == "AWS.SimpleQueueService.NonExistentQueue"


def test_messages_events_and_secrets_pass(make: Make, service: HttpCloud) -> None:
    queue = "https://sqs.eu-west-2.amazonaws.com/000000000000/work"
    entries = [{"Id": "1", "MessageBody": "{}", "DelaySeconds": 5}]
    assert [one["Id"] for one in make("sqs").send_message_batch(QueueUrl=queue, Entries=entries)["Successful"]] == ["1"]
    event = {"EventBusName": "bus", "Source": "test", "DetailType": "Work", "Detail": "{}"}
    assert make("events").put_events(Entries=[event])["FailedEntryCount"] == 0
    with pytest.raises(ClientError) as failed:
        make("secretsmanager").get_secret_value(SecretId="none")
    assert failed.value.response["Error"]["Code"] == "ResourceNotFoundException"


def test_many_threads_share_a_client(make: Make) -> None:
    client = make("dynamodb")

    def put_and_get(number: int) -> Any:
        item = {"pk": {"S": f"car-{number}"}, "sk": {"S": "TWIN"}, "n": {"N": str(number)}}
        client.put_item(TableName=TABLE, Item=item)
        return client.get_item(TableName=TABLE, Key={"pk": item["pk"], "sk": item["sk"]})["Item"]["n"]["N"]

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(put_and_get, range(64))) == [str(n) for n in range(64)]


def ours(service: HttpCloud) -> AwsClient:
    keys = {"AWS_REGION": "eu-west-2", "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}
    return AwsClient("dynamodb", {**keys, "AWS_ENDPOINT_URL": service.url}, pause=lambda _: None)


def test_a_clock_that_is_wrong_is_put_right_by_the_services_answer(service: HttpCloud) -> None:
    client = ours(service)
    service.faults = ["400 InvalidSignatureException"]
    client.put_item(TableName=TABLE, Item=ITEM)
    dates = [datetime.strptime(h["X-Amz-Date"], "%Y%m%dT%H%M%SZ") for _, h, _ in service.requests]  # noqa: DTZ007
    assert 3590 < (dates[1] - dates[0]).total_seconds() < 3610
    service.faults = ["400 InvalidSignatureException"]
    with pytest.raises(ClientError, match="InvalidSignatureException"):
        client.get_item(TableName=TABLE, Key=KEY)
    assert sent(service, "GetItem") == 1, "the clock was right: the key is wrong"


def test_a_client_that_meets_an_outage_ends_its_repetitions(service: HttpCloud) -> None:
    client = ours(service)
    service.faults = ["500 InternalServerError"] * 10_000
    for _ in range(100):
        with pytest.raises(ClientError):
            client.get_item(TableName=TABLE, Key=KEY)
    assert sent(service, "GetItem") == 100 + RETRY_QUOTA // 5


def test_pauses_are_drawn_from_a_range_that_doubles(service: HttpCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    client = ours(service)
    client._pause = pauses.append
    draws = iter([0.1, 0.5, 0.9])
    monkeypatch.setattr("random.random", lambda: next(draws))
    service.faults = ["500 InternalServerError"] * ATTEMPTS
    with pytest.raises(ClientError):
        client.get_item(TableName=TABLE, Key=KEY)
    assert pauses == [0.1 * 1, 0.5 * 2, 0.9 * 4]


@given(
    body=st.binary(max_size=60),
    token=st.none() | st.text("abc+/=", min_size=1, max_size=9),
    host=st.sampled_from(["https://sqs.eu-west-2.amazonaws.com/", "http://127.0.0.1:4566/"]),
    secret=st.text("abcXYZ/+", min_size=1, max_size=40),
    target=st.text("abc .", max_size=9),
    at=st.datetimes(datetime(2024, 1, 1), datetime(2036, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - so it wants them
)
def test_signatures_are_those_of_botocore(
    body: bytes, token: str | None, host: str, secret: str, target: str, at: datetime
) -> None:
    headers = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": f"AmazonSQS.{target}"}
    request = AWSRequest("POST", host, headers=dict(headers), data=body)
    request.context["timestamp"] = at.strftime("%Y%m%dT%H%M%SZ")
    request.headers["X-Amz-Date"] = request.context["timestamp"]
    auth: Any = SigV4Auth(BotoCredentials("key", secret, token), "sqs", "eu-west-2")
    if token:
        request.headers["X-Amz-Security-Token"] = token
    canonical = auth.canonical_request(request)
    signature = auth.signature(auth.string_to_sign(request, canonical), request)
    given_ = Credentials("key", secret, token)
    made = signed(host, headers, body, credentials=given_, region="eu-west-2", service="sqs", now=at)
    assert made["Authorization"].endswith(f"Signature={signature}")
    assert made.get("X-Amz-Security-Token") == token


def test_an_operators_profile_is_used_where_the_environment_has_no_key(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any, service: HttpCloud
) -> None:
    (tmp_path / "config").write_text("[default]\nregion = eu-west-1\n")
    (tmp_path / "credentials").write_text("[default]\naws_access_key_id = mine\naws_secret_access_key = hidden\n")
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    aws_credentials._session.cache_clear()
    AwsClient("dynamodb", {"AWS_ENDPOINT_URL": service.url}).put_item(TableName=TABLE, Item=ITEM)
    aws_credentials._session.cache_clear()
    authorization = service.requests[0][1]["Authorization"]
    assert "Credential=mine/" in authorization
    assert "/eu-west-1/dynamodb/" in authorization
