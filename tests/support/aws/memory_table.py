"""The table in memory behind a client's methods, without botocore: for tests that run thousands of whole lives.

It is the same DynamoDB as that of the world (``tests.world.aws``), which the contract test compares with moto and with
the local AWS.
"""

import base64
import re
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from tests.support.functions.rig import template
from tests.world.aws.dynamodb.operations import DynamoDb
from tests.world.aws.dynamodb.table import Table
from tests.world.aws.faults import NO_FAULTS, Request
from tests.world.aws.wire import JSON, AwsError, as_sent

NAME = "driveway-test"
STILL = datetime(2026, 1, 1, tzinfo=UTC)
_WORD = re.compile(r"(?:^|_)([a-z])")


class _Still:
    def now(self) -> datetime:
        return STILL


class MemoryTable:
    """A DynamoDB client with one table, the template's. Every call is atomic; nothing lags and nothing expires."""

    def __init__(self) -> None:
        declared = {**template()["Resources"]["Table"]["Properties"], "TableName": NAME}
        self._table = Table(declared, _Still(), NO_FAULTS)
        self._table.streams.append(self._note)
        self._service = DynamoDb({NAME: self._table}, NO_FAULTS, lambda: STILL)
        self.records: list[JSON] = []
        """What the table's stream has, oldest first."""
        self._lock = threading.RLock()

    @property
    def items(self) -> dict[tuple[str, str], JSON]:
        """Every item by its key."""
        return {(item["pk"]["S"], item["sk"]["S"]): item for item in self._table.items()}

    def __getattr__(self, name: str) -> Any:
        operation = _WORD.sub(lambda found: found.group(1).upper(), name)

        def call(**request: Any) -> Any:
            with self._lock:
                try:
                    return _received(as_sent(self._service.perform(Request("dynamodb", operation, as_sent(request)))))
                except AwsError as error:
                    raise _client_error(error, operation) from None

        return call

    def get_paginator(self, operation: str) -> "_Pages":
        """The pages of an operation."""
        return _Pages(self, operation)

    def _note(self, record: JSON, partition: str, at: datetime) -> None:
        number = str(len(self.records))
        changed = {**record["dynamodb"], "SequenceNumber": number}
        self.records.append(as_sent({**record, "eventID": number, "dynamodb": changed}))


class _Pages:
    def __init__(self, table: MemoryTable, operation: str) -> None:
        self._table, self._operation = table, operation

    def paginate(self, **request: Any) -> Iterator[JSON]:
        request.pop("PaginationConfig", None)
        while True:
            page: JSON = getattr(self._table, self._operation)(**request)
            yield page
            if "LastEvaluatedKey" not in page:
                return
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def _received(value: Any) -> Any:
    """An answer as a client gives it: binary values as bytes."""
    if isinstance(value, list):
        return [_received(one) for one in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"B"} and isinstance(value["B"], str):
        return {"B": base64.b64decode(value["B"])}
    return {name: _received(one) for name, one in value.items()}


def _client_error(error: AwsError, operation: str) -> ClientError:
    response: Any = {"Error": {"Code": error.code, "Message": error.message}, **error.more}
    return ClientError(response, operation)
