"""The table in memory answers as moto's does, call by call, through a whole life of a site."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from driveway.store.items import encode_item
from tests.support.aws.memory_table import MemoryTable
from tests.support.functions.rig import Rig
from tests.support.functions.sites import VEHICLE, car, delete, let_pass, post, put, site_body

KEY = encode_item({"pk": "a", "sk": "b"})
AT_VERSION: dict[str, Any] = {
    "TableName": "driveway-test",
    "ConditionExpression": "version = :version",
    "ExpressionAttributeValues": encode_item({":version": 1}),
}
WRITES: dict[str, dict[str, Any]] = {
    "put_item": {**AT_VERSION, "Item": KEY},
    "update_item": {**AT_VERSION, "Key": KEY, "UpdateExpression": "SET version = :version"},
    "delete_item": {**AT_VERSION, "Key": KEY},
}


class Both:
    """A client that makes every call on two tables and holds the one answer against the other."""

    def __init__(self, moto: Any, memory: MemoryTable) -> None:
        self.moto, self.memory, self.calls = moto, memory, 0

    def __getattr__(self, name: str) -> Any:
        if name == "get_paginator":
            return lambda operation: _Pages(self, operation)
        return lambda **request: self.call(name, request)

    def call(self, name: str, request: dict[str, Any]) -> Any:
        self.calls += 1
        expected, found = (_answer(getattr(table, name), request) for table in (self.moto, self.memory))
        assert _kept(found) == _kept(expected), (name, request)
        if isinstance(expected, ClientError):
            raise expected
        return expected


class _Pages:
    def __init__(self, both: Both, operation: str) -> None:
        self._both, self._operation = both, operation

    def paginate(self, **request: Any) -> Any:
        request.pop("PaginationConfig", None)
        yield self._both.call(self._operation, request)


def _answer(method: Any, request: dict[str, Any]) -> Any:
    try:
        return method(**request)
    except ClientError as error:
        return error


def _kept(answer: Any) -> Any:
    """Of an answer, what our code reads."""
    if isinstance(answer, ClientError):
        reasons: Any = answer.response.get("CancellationReasons", [])
        return answer.response["Error"]["Code"], [reason["Code"] for reason in reasons]
    found = {name: answer[name] for name in ("Item", "Items", "Responses") if name in answer}
    if "Items" in found:
        found["Items"] = sorted(found["Items"], key=lambda item: (item["pk"]["S"], item["sk"]["S"]))
    return found


@pytest.fixture
def both(rig: Rig) -> Both:
    made = Both(rig.runtime.dynamodb, MemoryTable())
    rig.runtime.__dict__["dynamodb"] = made
    return made


def test_both_tables_answer_alike_through_the_life_of_a_site(rig: Rig, both: Both) -> None:
    assert put(rig, site_body(car(plugged_in=True))).status == 201
    assert put(rig, site_body(car("car-2", vehicle={**VEHICLE, "vehicle_id": "v-2"}))).status == 200
    assert put(rig, site_body(car("car-9"), mpan="1100000000008"), site="home-2").status == 409
    rig.look("control", "car-1")
    assert put(rig, site_body(car(vehicle={**VEHICLE, "vehicle_id": "v-3"}), remove_assets=["car-2"])).status == 200
    assert post(rig, "unenrol").status == 200
    assert post(rig, "enrol", {"rejoin": True}).status == 200
    rig.look("axle", "car-1")
    assert delete(rig).status in {202, 204}
    let_pass(rig, minutes=20)
    assert both.calls > 100


@pytest.mark.parametrize("name", ["put_item", "update_item", "delete_item"])
def test_both_tables_report_a_failed_condition(both: Both, name: str) -> None:
    with pytest.raises(ClientError, match="ConditionalCheckFailed"):
        getattr(both, name)(**WRITES[name])


def test_a_transaction_that_is_cancelled_says_which_condition_failed(both: Both) -> None:
    new = {"TableName": "driveway-test", "Item": KEY, "ConditionExpression": "attribute_not_exists(pk)"}
    other = {**AT_VERSION, "Key": encode_item({"pk": "c", "sk": "d"})}
    with pytest.raises(ClientError, match="TransactionCanceled"):
        both.transact_write_items(TransactItems=[{"Put": new}, {"ConditionCheck": other}])
