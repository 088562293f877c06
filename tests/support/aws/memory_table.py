"""DynamoDB as far as this project uses it, in memory: fast enough for thousands of runs in a test.

It knows the expressions that ``store/`` writes and refuses others loudly. A test holds it against moto.
"""

import copy
import re
import threading
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from botocore.exceptions import ClientError

Item = dict[str, Any]
Key = tuple[str, str]

INDEXES = {
    "AxleDue": ("axle_shard", "axle_due"),
    "ControlDue": ("control_shard", "control_due"),
    "SlotsDue": ("slots_shard", "slots_due"),
}
_TOKEN = re.compile(r"\s*([#:]?\w+(?:\.#?\w+)*|<=|>=|<>|[=<>(),])")


class UnknownExpressionError(Exception):
    """The library writes an expression that this table does not know: teach it here, and hold it against moto."""


def failure(code: str, operation: str, reasons: list[str] | None = None) -> ClientError:
    """The error that DynamoDB answers with this code."""
    response: Any = {"Error": {"Code": code, "Message": code}}
    if reasons is not None:
        response["CancellationReasons"] = [{"Code": reason} for reason in reasons]
    return ClientError(response, operation)


class MemoryTable:
    """A DynamoDB client with one table. Every call is atomic."""

    def __init__(self) -> None:
        self.items: dict[Key, Item] = {}
        self.records: list[dict[str, Any]] = []
        """What the table's stream has, oldest first."""
        self._lock = threading.RLock()

    def get_item(self, *, TableName: str, Key: Item, ConsistentRead: bool = False) -> Item:  # noqa: N803 - boto3's names
        with self._lock:
            item = self.items.get(_key(Key))
            return {} if item is None else {"Item": copy.deepcopy(item)}

    def batch_get_item(self, *, RequestItems: Mapping[str, Any]) -> Item:  # noqa: N803
        with self._lock:
            ((name, asked),) = RequestItems.items()
            found = [self.items[_key(key)] for key in asked["Keys"] if _key(key) in self.items]
            return {"Responses": {name: copy.deepcopy(found)}, "UnprocessedKeys": {}}

    def put_item(self, **request: Any) -> Item:
        return self._write("Put", request)

    def update_item(self, **request: Any) -> Item:
        return self._write("Update", request)

    def delete_item(self, **request: Any) -> Item:
        return self._write("Delete", request)

    def batch_write_item(self, *, RequestItems: Mapping[str, Any]) -> Item:  # noqa: N803
        with self._lock:
            for requests in RequestItems.values():
                for request in requests:
                    ((kind, content),) = request.items()
                    self._apply({"PutRequest": "Put", "DeleteRequest": "Delete"}[kind], content)
            return {"UnprocessedItems": {}}

    def transact_write_items(self, *, TransactItems: list[Any], ClientRequestToken: str = "") -> Item:  # noqa: N803
        with self._lock:
            parts = [next(iter(item.items())) for item in TransactItems]
            places = [_key(part.get("Key") or part["Item"]) for _, part in parts]
            if len(set(places)) < len(places):
                raise failure("ValidationException", "TransactWriteItems")
            reasons = ["None" if self._holds(part) else "ConditionalCheckFailed" for _, part in parts]
            if set(reasons) != {"None"}:
                raise failure("TransactionCanceledException", "TransactWriteItems", reasons)
            for kind, part in parts:
                self._apply(kind, part)
            return {}

    def query(self, **request: Any) -> Item:
        with self._lock:
            found = list(self._found(request))
            limit = request.get("Limit", len(found))
            return {"Items": copy.deepcopy(found[:limit])}

    def get_paginator(self, operation: str) -> "_Pages":
        return _Pages(self, operation)

    def scan(self, **_: Any) -> Item:
        with self._lock:
            return {"Items": copy.deepcopy(list(self.items.values()))}

    def _found(self, request: Mapping[str, Any]) -> Iterator[Item]:
        names = INDEXES[request["IndexName"]] if "IndexName" in request else ("pk", "sk")
        scope = _Scope(request)
        rows = [item for item in list(self.items.values()) if all(name in item for name in names)]
        rows.sort(key=lambda item: (item[names[1]]["S"], item["pk"]["S"], item["sk"]["S"]))
        if not request.get("ScanIndexForward", True):
            rows.reverse()
        shown = {"pk", "sk", *names} if "IndexName" in request else None
        if "ProjectionExpression" in request:
            shown = set(request["ProjectionExpression"].split(", "))
        for item in rows:
            if scope.holds(request["KeyConditionExpression"], item):
                yield item if shown is None else {name: item[name] for name in shown}

    def _write(self, kind: str, request: Mapping[str, Any]) -> Item:
        with self._lock:
            if not self._holds(request):
                raise failure("ConditionalCheckFailedException", f"{kind}Item")
            self._apply(kind, request)
            return {}

    def _holds(self, part: Mapping[str, Any]) -> bool:
        condition = part.get("ConditionExpression")
        present = self.items.get(_key(part.get("Key") or part["Item"]), {})
        return condition is None or _Scope(part).holds(condition, present)

    def _apply(self, kind: str, part: Mapping[str, Any]) -> None:
        place = _key(part.get("Key") or part["Item"])
        before = self.items.get(place)
        if kind == "Put":
            after: Item | None = copy.deepcopy(dict(part["Item"]))
        elif kind == "Update":
            after = _Scope(part).updated(part["UpdateExpression"], {**part["Key"], **(before or {})})
        elif kind == "Delete":
            after = None
        else:
            return
        if after is None:
            self.items.pop(place, None)
        else:
            self.items[place] = after
        if before != after:
            self._tell_stream(place, before, after)

    def _tell_stream(self, place: Key, before: Item | None, after: Item | None) -> None:
        name = "INSERT" if before is None else "REMOVE" if after is None else "MODIFY"
        images = {"OldImage": before, "NewImage": after}
        changed: Item = {kind: copy.deepcopy(image) for kind, image in images.items() if image is not None}
        changed |= {"Keys": {"pk": {"S": place[0]}, "sk": {"S": place[1]}}, "SequenceNumber": str(len(self.records))}
        self.records.append({"eventName": name, "eventID": str(len(self.records)), "dynamodb": changed})


class _Pages:
    def __init__(self, table: MemoryTable, operation: str) -> None:
        self._table, self._operation = table, operation

    def paginate(self, **request: Any) -> Iterator[Item]:
        request.pop("PaginationConfig", None)
        yield getattr(self._table, self._operation)(**request)


def _key(key: Mapping[str, Any]) -> Key:
    return key["pk"]["S"], key["sk"]["S"]


def _comparable(value: Any) -> Any:
    ((kind, held),) = value.items()
    return (kind, Decimal(held)) if kind == "N" else (kind, str(held) if isinstance(held, (dict, list)) else held)


class _Scope:
    """The names and values of one request, and its expressions evaluated with them."""

    def __init__(self, request: Mapping[str, Any]) -> None:
        self._names: Mapping[str, str] = request.get("ExpressionAttributeNames", {})
        self._values: Mapping[str, Any] = request.get("ExpressionAttributeValues", {})

    def holds(self, expression: str, item: Item) -> bool:
        self._item, self._tokens = item, _tokens(expression)
        held = self._either()
        if self._tokens:
            raise UnknownExpressionError(expression)
        return held

    def _either(self) -> bool:
        held = self._both()
        while self._next("OR"):
            held = self._both() or held
        return held

    def _both(self) -> bool:
        held = self._one()
        while self._next("AND"):
            held = self._one() and held
        return held

    def _one(self) -> bool:
        if self._next("("):
            held = self._either()
            self._expect(")")
            return held
        if self._next("attribute_not_exists"):
            self._expect("(")
            value = self._value()
            self._expect(")")
            return value is None
        if self._next("begins_with"):
            return self._begins()
        return self._compared()

    def _begins(self) -> bool:
        self._expect("(")
        whole = self._value()
        self._expect(",")
        prefix = self._value()
        self._expect(")")
        return whole is not None and bool(whole["S"].startswith(prefix["S"]))

    def _compared(self) -> bool:
        left, operator = self._value(), self._tokens.pop(0)
        if operator == "BETWEEN":
            first = self._value()
            self._expect("AND")
            last = self._value()
            return left is not None and _comparable(first) <= _comparable(left) <= _comparable(last)
        right = self._value()
        if left is None or right is None:
            return False
        if operator == "=":
            return bool(_comparable(left) == _comparable(right))
        if operator == "<=":
            return bool(_comparable(left) <= _comparable(right))
        raise UnknownExpressionError(operator)

    def updated(self, expression: str, item: Item) -> Item:
        self._item, self._tokens = item, _tokens(expression)
        after = copy.deepcopy(item)
        self._expect("SET")
        while True:
            name = self._names_of(self._tokens.pop(0))
            self._expect("=")
            after[name] = copy.deepcopy(self._set_value())
            if not self._next(","):
                break
        if self._next("REMOVE"):
            while True:
                after.pop(self._names_of(self._tokens.pop(0)), None)
                if not self._next(","):
                    break
        if self._tokens:
            raise UnknownExpressionError(expression)
        return after

    def _set_value(self) -> Any:
        if not self._next("if_not_exists"):
            return self._value()
        self._expect("(")
        present = self._value()
        self._expect(",")
        other = self._value()
        self._expect(")")
        return other if present is None else present

    def _value(self) -> Any:
        token = self._tokens.pop(0)
        if token.startswith(":"):
            return self._values[token]
        value: Any = {"M": self._item}
        for name in token.split("."):
            value = value.get("M", {}).get(self._names_of(name)) if value is not None else None
        return value

    def _names_of(self, token: str) -> str:
        return self._names[token] if token.startswith("#") else token

    def _next(self, token: str) -> bool:
        if not self._tokens or self._tokens[0] != token:
            return False
        self._tokens.pop(0)
        return True

    def _expect(self, token: str) -> None:
        if not self._next(token):
            raise UnknownExpressionError(f"{token} expected at {self._tokens}")


def _tokens(expression: str) -> list[str]:
    found, end = [], 0
    while end < len(expression.rstrip()):
        match = _TOKEN.match(expression, end)
        if match is None:
            raise UnknownExpressionError(expression)
        found.append(match.group(1))
        end = match.end()
    return found
