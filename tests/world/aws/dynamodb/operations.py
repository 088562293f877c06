"""DynamoDB's operations on single items, batches and transactions."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from tests.world.aws.dynamodb.conditions import condition
from tests.world.aws.dynamodb.grammar import Scope, scope_of
from tests.world.aws.dynamodb.reads import projected, query, read_units, scan
from tests.world.aws.dynamodb.rows import Key, Row
from tests.world.aws.dynamodb.table import Table, write_units
from tests.world.aws.dynamodb.updates import Update, update
from tests.world.aws.dynamodb.values import Item, measured
from tests.world.aws.faults import Faults, Request
from tests.world.aws.wire import JSON, AwsError, UnknownToTheCloudError, invalid

MOST_IN_A_BATCH_READ = 100
MOST_IN_A_BATCH_WRITE = 25
MOST_IN_A_TRANSACTION = 100
MOST_TRANSACTION_BYTES = 4 * 1024 * 1024
TOKENS_KEPT = timedelta(minutes=10)
CONDITION_FAILED = "The conditional request failed"
Plan = tuple[Table, Key, Row | None, Row | None, bool]
"""A write that passed its checks: where, the row before, the row after, and whether its condition holds."""


class _UnfitError(AwsError):
    """An update does not fit the item as it is."""


class DynamoDb:
    """The service: tables by name."""

    def __init__(self, tables: dict[str, Table], faults: Faults, now: Callable[[], datetime]) -> None:
        self.tables, self._faults, self._now = tables, faults, now
        self._tokens: dict[str, tuple[datetime, str]] = {}
        self._operations: dict[str, Callable[[Request], JSON]] = {
            "GetItem": self._get,
            "BatchGetItem": self._batch_get,
            "PutItem": self._write,
            "UpdateItem": self._write,
            "DeleteItem": self._write,
            "BatchWriteItem": self._batch_write,
            "TransactWriteItems": self._transact,
            "Query": lambda request: query(self._table(request.body), request.body),
            "Scan": lambda request: scan(self._table(request.body), request.body),
        }

    def perform(self, request: Request) -> JSON:
        """Carry out a request. Raises AwsError, UnknownToTheCloudError."""
        operation = self._operations.get(request.operation)
        if operation is None:
            raise UnknownToTheCloudError(f"dynamodb.{request.operation}")
        return operation(request)

    def _table(self, body: JSON) -> Table:
        table = self.tables.get(body["TableName"].rsplit("/", 1)[-1])
        if table is None:
            raise AwsError("ResourceNotFoundException", "Requested resource not found")
        return table

    def _get(self, request: Request) -> JSON:
        body, table = request.body, self._table(request.body)
        consistent = body.get("ConsistentRead", False)
        row = table.row(table.key_of(body["Key"]), consistent=consistent)
        table.read_units += read_units(row.size if row else 0, consistent=consistent)
        shown = projected(body)
        return {} if row is None else {"Item": shown(row.item)}

    def _batch_get(self, request: Request) -> JSON:
        wanted = [(name, held, key) for name, held in request.body["RequestItems"].items() for key in held["Keys"]]
        if not 1 <= len(wanted) <= MOST_IN_A_BATCH_READ:
            raise invalid("Too many items requested for the BatchGetItem call")
        if len({json.dumps([name, key], sort_keys=True) for name, _, key in wanted}) < len(wanted):
            raise invalid("Provided list of item keys contains duplicates")
        refused = self._faults.refused_entries(request, len(wanted))
        if len(refused) == len(wanted):
            raise throttled()
        answers: JSON = {name: [] for name in request.body["RequestItems"]}
        left: JSON = {}
        for number, (name, held, key) in enumerate(wanted):
            if number in refused:
                left.setdefault(name, {**held, "Keys": []})["Keys"].append(key)
                continue
            found = self._get(Request("dynamodb", "GetItem", {**held, "TableName": name, "Key": key}))
            answers[name] += [found["Item"]] if "Item" in found else []
        return {"Responses": answers, "UnprocessedKeys": left}

    def _write(self, request: Request) -> JSON:
        plan = self._planned(request.operation.removesuffix("Item"), request.body)
        table, key, before, after, holds = plan
        if not holds:
            table.write_units += write_units(before, None)
            raise AwsError("ConditionalCheckFailedException", CONDITION_FAILED, **_old_item(request.body, before))
        table.store(key, after)
        return _returned(request.body.get("ReturnValues", "NONE"), before, after)

    def _planned(self, kind: str, body: JSON) -> Plan:
        table, scope = self._table(body), scope_of(body)
        key = table.key_of(body["Item"], exact=False) if kind == "Put" else table.key_of(body["Key"])
        before = table.row(key)
        holds = True
        if "ConditionExpression" in body:
            parsed = condition(body["ConditionExpression"])
            scope.use(parsed.uses)
            holds = parsed.holds(before.item if before else {}, scope)
        elif kind == "ConditionCheck":
            raise invalid("The expression can not be empty;")
        after = before
        if kind == "Put":
            after = table.checked(Row.of(body["Item"]))
        elif kind == "Delete":
            after = None
        elif kind == "Update":
            changing = update(body["UpdateExpression"]) if "UpdateExpression" in body else None
            if changing is not None:
                scope.use(changing.uses)
            scope.require_all_used()
            # A condition that fails comes before an update that does not fit the item.
            after = self._updated(table, body, before, changing, scope) if holds else before
            return table, key, before, after, holds
        scope.require_all_used()
        return table, key, before, after, holds

    def _updated(self, table: Table, body: JSON, before: Row | None, changing: Update | None, scope: Scope) -> Row:
        start = before or Row.of(dict(body["Key"]))
        if changing is None:
            return start
        try:
            item, names = changing.applied(start.item, scope)
        except AwsError as error:
            raise _UnfitError(error.code, error.message) from None
        keys = {table.shape.partition, table.shape.sort} & names
        if keys:
            raise invalid(f"Cannot update attribute {min(keys)}. This attribute is part of the key")
        sizes = dict(start.sizes)
        for name in names:
            sizes.pop(name, None)
        for name in names & item.keys():
            value = item[name]
            sizes[name] = len(name.encode()) + (scope.sizes.get(id(value)) or measured(value))
        return table.checked(Row(item, sizes, sum(sizes.values())))

    def _batch_write(self, request: Request) -> JSON:
        wanted = [
            (name, kind, held)
            for name, writes in request.body["RequestItems"].items()
            for write in writes
            for kind, held in write.items()
        ]
        if not 1 <= len(wanted) <= MOST_IN_A_BATCH_WRITE:
            raise invalid("Too many items requested for the BatchWriteItem call")
        plans = [
            self._planned(kind.removesuffix("Request"), {"TableName": name, **held}) for name, kind, held in wanted
        ]
        if len({(table.name, key) for table, key, *_ in plans}) < len(plans):
            raise invalid("Provided list of item keys contains duplicates")
        refused = self._faults.refused_entries(request, len(wanted))
        if len(refused) == len(wanted):
            raise throttled()
        left: JSON = {}
        for number, (table, key, _, after, _) in enumerate(plans):
            if number in refused:
                name, kind, held = wanted[number]
                left.setdefault(name, []).append({kind: held})
            else:
                table.store(key, after)
        return {"UnprocessedItems": left}

    def _transact(self, request: Request) -> JSON:
        parts = [next(iter(part.items())) for part in request.body["TransactItems"]]
        if not 1 <= len(parts) <= MOST_IN_A_TRANSACTION:
            raise invalid("Member must have length less than or equal to 100")
        token = request.body.get("ClientRequestToken")
        wanted = json.dumps(request.body["TransactItems"], sort_keys=True)
        if token is not None and self._repeats(token, wanted):
            return {}
        plans, reasons = self._transaction(parts)
        if any(reason["Code"] != "None" for reason in reasons):
            for table, _, before, after, _ in plans:
                table.write_units += 2 * write_units(before, after)
            raise cancelled(reasons)
        if sum(plan[3].size for plan in plans if plan[3] is not None) > MOST_TRANSACTION_BYTES:
            raise invalid("Collection size of items in the transaction exceeded the limit")
        for (kind, _), (table, key, before, after, _) in zip(parts, plans, strict=True):
            if kind == "ConditionCheck":
                table.write_units += 2 * write_units(before, None)
                continue
            units = table.write_units
            table.store(key, after)
            table.write_units += table.write_units - units
        if token is not None:
            self._tokens[token] = (self._now(), wanted)
        return {}

    def _transaction(self, parts: list[tuple[str, JSON]]) -> tuple[list[Plan], list[JSON]]:
        plans, reasons = [], []
        places = [self._place(kind, body) for kind, body in parts]
        if len(set(places)) < len(places):
            raise invalid("Transaction request cannot include multiple operations on one item")
        for kind, body in parts:
            try:
                plan = self._planned(kind, body)
            except _UnfitError as error:
                reasons.append({"Code": "ValidationError", "Message": error.message})
                continue
            plans.append(plan)
            failed = {"Code": "ConditionalCheckFailed", "Message": CONDITION_FAILED, **_old_item(body, plan[2])}
            reasons.append({"Code": "None"} if plan[4] else failed)
        return plans, reasons

    def _place(self, kind: str, body: JSON) -> tuple[str, Key]:
        table = self._table(body)
        return table.name, table.key_of(body["Item"], exact=False) if kind == "Put" else table.key_of(body["Key"])

    def _repeats(self, token: str, wanted: str) -> bool:
        known = self._tokens.get(token)
        if known is None or self._now() - known[0] >= TOKENS_KEPT:
            return False
        if known[1] != wanted:
            raise AwsError("IdempotentParameterMismatchException", "The token was used with other parameters")
        return True

    def snapshot(self) -> object:
        """The present state, for ``restore``."""
        return {name: table.snapshot() for name, table in self.tables.items()}, dict(self._tokens)

    def restore(self, snapshot: Any) -> None:
        """Go back to a state."""
        tables, self._tokens = snapshot[0], dict(snapshot[1])
        for name, table in self.tables.items():
            table.restore(tables[name])


def throttled() -> AwsError:
    """The table is called too often."""
    return AwsError("ThrottlingException", "Throughput exceeds the current capacity of your table or index")


def cancelled(reasons: list[JSON]) -> AwsError:
    """A transaction that was cancelled, with a reason for each of its parts."""
    codes = ", ".join(reason["Code"] for reason in reasons)
    message = f"Transaction cancelled, please refer cancellation reasons for specific reasons [{codes}]"
    return AwsError("TransactionCanceledException", message, CancellationReasons=reasons)


def conflict(request: Request) -> AwsError:
    """The error of a write that a transaction of somebody else is in the way of."""
    if request.operation == "TransactWriteItems":
        others = [{"Code": "None"} for _ in request.body["TransactItems"][1:]]
        message = "Transaction is ongoing for the item"
        return cancelled([{"Code": "TransactionConflict", "Message": message}, *others])
    return AwsError("TransactionConflictException", "Transaction is ongoing for the item")


def _old_item(body: JSON, before: Row | None) -> JSON:
    wanted = body.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD"
    return {"Item": before.item} if wanted and before is not None else {}


def _returned(wanted: str, before: Row | None, after: Row | None) -> JSON:
    old: Item = before.item if before is not None else {}
    new: Item = after.item if after is not None else {}
    changed = {name for name in (*old, *new) if old.get(name) != new.get(name)}
    values = {
        "ALL_OLD": old,
        "ALL_NEW": new,
        "UPDATED_OLD": {name: old[name] for name in old if name in changed},
        "UPDATED_NEW": {name: new[name] for name in new if name in changed},
    }.get(wanted)
    return {"Attributes": values} if values else {}
