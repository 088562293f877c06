"""Tables in memory: what moto and the local AWS do not have, and what no other test compares."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.aws.small_cloud import TABLE, SmallCloud
from tests.world.aws import Faults, Request, UnknownToTheCloudError, pauses
from tests.world.aws.faults import CallFault

KEY = {"pk": {"S": "car-1"}, "sk": {"S": "TWIN"}}


def client(small: SmallCloud) -> Any:
    return small.cloud.client("dynamodb")


def refused(call: Callable[..., Any], **request: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(TableName=TABLE, **request)
    return str(caught.value.response["Error"]["Code"])


def test_an_item_of_more_than_400_kb_is_refused_names_and_numbers_counted() -> None:
    small = SmallCloud()
    rest = len("pk") + len("car-1") + len("sk") + len("TWIN") + len("text")
    fits = {**KEY, "text": {"S": "x" * (400 * 1024 - rest)}}
    client(small).put_item(TableName=TABLE, Item=fits)
    larger = {"TableName": TABLE, "Key": KEY, "UpdateExpression": "SET n = :n"}
    assert refused(client(small).put_item, Item={**fits, "n": {"N": "1"}}) == "ValidationException"
    del larger["TableName"]
    assert refused(client(small).update_item, **larger, ExpressionAttributeValues={":n": {"N": "1"}}) == (
        "ValidationException"
    )


def test_a_page_ends_at_a_mebibyte() -> None:
    small = SmallCloud()
    for number in range(5):
        small.write("car-1", sk=f"LOG#{number}", text="x" * 300_000)
    request = {
        "TableName": TABLE,
        "KeyConditionExpression": "pk = :pk",
        "ExpressionAttributeValues": {":pk": {"S": "car-1"}},
    }
    pages = list(client(small).get_paginator("query").paginate(**request))
    assert [len(page["Items"]) for page in pages] == [3, 2]


def test_a_placeholder_that_no_expression_uses_is_refused() -> None:
    small = SmallCloud()
    request = {"Item": KEY, "ConditionExpression": "attribute_not_exists(pk)"}
    values = {":unused": {"S": "x"}}
    assert refused(client(small).put_item, **request, ExpressionAttributeValues=values) == "ValidationException"


@pytest.mark.parametrize(
    ("operation", "request_"),
    [
        ("put_item", {"Item": KEY, "ReturnConsumedCapacity": "TOTAL"}),
        ("put_item", {"Item": KEY, "Expected": {"pk": {"Exists": False}}}),
        ("scan", {"Segment": 0, "TotalSegments": 2}),
        ("query", {"KeyConditions": {"pk": {"ComparisonOperator": "EQ", "AttributeValueList": [{"S": "car-1"}]}}}),
    ],
)
def test_a_parameter_that_would_have_no_effect_is_refused(operation: str, request_: dict[str, Any]) -> None:
    with pytest.raises(UnknownToTheCloudError):
        getattr(client(SmallCloud()), operation)(TableName=TABLE, **request_)


@pytest.mark.parametrize("expression", ["SET name = :v", "SET #n.size = :v", "SET missing = :v, a = :w"])
def test_reserved_words_and_undefined_placeholders_are_refused(expression: str) -> None:
    small = SmallCloud()
    names = {"ExpressionAttributeNames": {"#n": "n"}} if "#n" in expression else {}
    request = {"Key": KEY, "UpdateExpression": expression, "ExpressionAttributeValues": {":v": {"S": "x"}}, **names}
    assert refused(client(small).update_item, **request) == "ValidationException"


class Lagging(Faults):
    """Indexes lag ten seconds, reads that are not strongly consistent three."""

    def index_lag_s(self) -> float:
        return 10.0

    def read_lag_s(self) -> float:
        return 3.0


def due_items(small: SmallCloud) -> list[str]:
    answer = client(small).query(
        TableName=TABLE,
        IndexName="Due",
        KeyConditionExpression="due_shard = :shard",
        ExpressionAttributeValues={":shard": {"S": "000"}},
    )
    return [item["due_at"]["S"] for item in answer["Items"]]


def test_an_index_shows_a_write_only_after_a_while() -> None:
    small = SmallCloud(Lagging())
    small.write("car-1", due_shard="000", due_at="1")
    assert due_items(small) == []
    small.clock.advance(10)
    small.write("car-1", due_shard="000", due_at="2")
    assert due_items(small) == ["1"]
    small.clock.advance(10)
    assert due_items(small) == ["2"]


class LaggingLess(Faults):
    """The first write reaches the index after ten seconds, every other one at once."""

    lag_s = 10.0

    def index_lag_s(self) -> float:
        lag_s, self.lag_s = self.lag_s, 0.0
        return lag_s


def test_writes_of_an_item_reach_an_index_in_their_order_and_those_of_others_when_they_will() -> None:
    small = SmallCloud(LaggingLess())
    small.write("car-1", due_shard="000", due_at="1")
    small.write("car-1", due_shard="000", due_at="2")
    small.write("car-2", due_shard="000", due_at="3")
    assert due_items(small) == ["3"]
    small.clock.advance(10)
    assert due_items(small) == ["2", "3"]


def test_only_a_strongly_consistent_read_sees_the_last_write_at_once() -> None:
    small = SmallCloud(Lagging())
    small.write("car-1")
    read = client(small).get_item
    assert "Item" in read(TableName=TABLE, Key=KEY, ConsistentRead=True)
    assert "Item" not in read(TableName=TABLE, Key=KEY)
    small.clock.advance(3)
    assert "Item" in read(TableName=TABLE, Key=KEY)


class Once(Faults):
    """The first write suffers a fault."""

    def __init__(self, fault: CallFault) -> None:
        self.fault: CallFault = fault

    def on_request(self, request: Request) -> CallFault:
        if not request.writes:
            return "none"
        fault, self.fault = self.fault, "none"
        return fault


CREATE: dict[str, Any] = {"TableName": TABLE, "Item": KEY, "ConditionExpression": "attribute_not_exists(pk)"}


def test_a_conditional_write_that_was_made_fails_when_botocore_repeats_it() -> None:
    small = SmallCloud(Once("answer lost"))
    with pauses(small.clock.advance), pytest.raises(ClientError, match="ConditionalCheckFailed"):
        client(small).put_item(**CREATE)
    assert len(small.cloud.items()) == 1
    assert small.cloud.calls["dynamodb.PutItem"] == 2


def test_a_transaction_that_was_made_is_acknowledged_when_botocore_repeats_it() -> None:
    small = SmallCloud(Once("answer lost"))
    with pauses(small.clock.advance):
        client(small).transact_write_items(TransactItems=[{"Put": CREATE}])
    assert small.cloud.calls["dynamodb.TransactWriteItems"] == 2


@pytest.mark.parametrize("fault", ["throttled", "unavailable"])
def test_botocore_repeats_a_write_that_was_not_made_without_real_pauses(fault: CallFault) -> None:
    paused: list[float] = []
    small = SmallCloud(Once(fault))
    with pauses(paused.append):
        client(small).put_item(**CREATE)
    assert len(small.cloud.items()) == 1
    assert len(paused) == 1


def test_a_conflict_is_reported_as_such() -> None:
    small = SmallCloud(Once("conflict"))
    with pytest.raises(ClientError, match="TransactionConflictException"):
        client(small).put_item(**CREATE)
    small = SmallCloud(Once("conflict"))
    with pytest.raises(ClientError) as caught:
        client(small).transact_write_items(TransactItems=[{"Put": CREATE}])
    reasons: Any = caught.value.response.get("CancellationReasons")
    assert [reason["Code"] for reason in reasons] == ["TransactionConflict"]


def test_a_request_can_be_stopped_before_and_after_it_is_carried_out() -> None:
    class Killed(BaseException):
        pass

    small = SmallCloud()

    def before(request: Request, carry_out: Callable[[], Any]) -> Any:
        raise Killed

    def after(request: Request, carry_out: Callable[[], Any]) -> Any:
        carry_out()
        raise Killed

    for intercept, expected in ((before, 0), (after, 1)):
        small.cloud.intercept = intercept
        with pytest.raises(Killed):
            client(small).put_item(**CREATE)
        assert len(small.cloud.items()) == expected


def test_a_snapshot_brings_back_everything() -> None:
    small = SmallCloud()
    small.write("car-1", due_shard="000", due_at="1")
    small.send("a")
    small.publish()
    before = small.cloud.snapshot()
    for _ in range(2):
        assert len(small.due("Worker")[0].event["Records"]) == 2
        small.write("car-2", due_shard="000", due_at="2")
        assert due_items(small) == ["1", "2"]
        small.cloud.restore(before)
        assert due_items(small) == ["1"]
        assert len(small.cloud.items()) == 1


def test_write_units_count_indexes_and_sizes() -> None:
    small = SmallCloud()
    table = small.cloud.tables[TABLE]
    small.write("car-1")
    assert table.write_units == 1
    small.write("car-2", due_shard="000", due_at="1", text="x" * 1500)
    assert table.write_units == 1 + 2 + 1
    small.write("car-2", due_shard="000", due_at="2")
    assert table.write_units == 4 + 2 + 2


def test_a_condition_costs_what_its_item_costs() -> None:
    small = SmallCloud()
    table = small.cloud.tables[TABLE]
    small.write("car-1", text="x" * 3500)
    before = table.write_units
    check = {
        "TableName": TABLE,
        "Key": {"pk": {"S": "car-1"}, "sk": {"S": "TWIN"}},
        "ConditionExpression": "attribute_exists(pk)",
    }
    put = {"TableName": TABLE, "Item": {"pk": {"S": "car-2"}, "sk": {"S": "TWIN"}}}
    client(small).transact_write_items(TransactItems=[{"Put": put}, {"ConditionCheck": check}])
    assert table.write_units == before + 2 + 2 * 4
    with pytest.raises(ClientError):
        client(small).delete_item(**{**check, "ConditionExpression": "attribute_not_exists(pk)"})
    assert table.write_units == before + 2 + 2 * 4 + 4
