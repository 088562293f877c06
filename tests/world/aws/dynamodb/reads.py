"""DynamoDB's Query and Scan: pages of at most a mebibyte, and what a projection shows."""

from collections.abc import Callable, Iterator
from functools import lru_cache

from tests.world.aws.dynamodb.conditions import condition, key_condition, partition_of
from tests.world.aws.dynamodb.grammar import Parser, Path_, Scope, scope_of
from tests.world.aws.dynamodb.rows import Place, Row
from tests.world.aws.dynamodb.table import Shape, Table
from tests.world.aws.dynamodb.values import Item
from tests.world.aws.wire import JSON, UnknownToTheCloudError, invalid

MOST_PAGE_BYTES = 1024 * 1024


def read_units(size: int, *, consistent: bool) -> float:
    """The read units of so many bytes."""
    return max(1, -(-size // 4096)) * (1.0 if consistent else 0.5)


@lru_cache(maxsize=256)
def _paths(expression: str) -> tuple[tuple[Path_, ...], frozenset[str]]:
    parser = Parser(expression)
    paths = [parser.path()]
    while parser.next_is(","):
        paths.append(parser.path())
    if not parser.ended:
        raise parser.error(parser.peek())
    return tuple(paths), parser.used()


def projected(body: JSON, scope: Scope | None = None) -> Callable[[Item], Item]:
    """What a request shows of an item."""
    scope = scope or scope_of(body)
    names: list[str] = []
    if "ProjectionExpression" in body:
        paths, uses = _paths(body["ProjectionExpression"])
        scope.use(uses)
        if any(len(path) > 1 for path in paths):
            raise UnknownToTheCloudError("projections of parts of an attribute")
        names = [scope.name(str(path[0])) for path in paths]
    scope.require_all_used()
    if not names:
        return lambda item: item
    return lambda item: {name: item[name] for name in names if name in item}


def query(table: Table, body: JSON) -> JSON:
    """One page of a Query."""
    index, consistent = body.get("IndexName"), body.get("ConsistentRead", False)
    shape = _shape(table, index, consistent)
    scope = scope_of(body)
    keys = key_condition(body["KeyConditionExpression"])
    scope.use(keys.whole.uses)
    partition = partition_of(keys, shape.partition, scope)
    forward, start = body.get("ScanIndexForward", True), body.get("ExclusiveStartKey")
    after = _place(shape, table, start, index) if start else None
    rows = table.rows_of(index, consistent=consistent).walk(partition, forward=forward, after=after)
    found = ((place, row) for place, row in rows if keys.whole.holds(row.item, scope))
    return _page(table, body, shape, scope, found)


def scan(table: Table, body: JSON) -> JSON:
    """One page of a Scan of the table."""
    if "IndexName" in body or "Segment" in body:
        raise UnknownToTheCloudError("scans of indexes or in segments")
    consistent, start = body.get("ConsistentRead", False), body.get("ExclusiveStartKey")
    after = table.key_of(start) if start else None
    rows = table.rows_of(None, consistent=consistent).everything()
    found = (
        (key, row) for row in rows for key in [table.key_of(row.item, exact=False)] if after is None or key > after
    )
    return _page(table, body, table.shape, scope_of(body), found)


def _shape(table: Table, index: str | None, consistent: bool) -> Shape:
    if index is None:
        return table.shape
    if index not in table.indexes:
        raise invalid("The table does not have the specified index")
    if consistent:
        raise invalid("Consistent reads are not supported on global secondary indexes")
    return table.indexes[index]


def _place(shape: Shape, table: Table, start: Item, index: str | None) -> Place:
    if index is None:
        return (table.key_of(start)[1],)
    names = (shape.sort, table.shape.partition, table.shape.sort)
    if set(start) != {shape.partition, *names}:
        raise invalid("The provided starting key is invalid")
    return tuple(start[name]["S"] for name in names)


def _page(table: Table, body: JSON, shape: Shape, scope: Scope, rows: Iterator[tuple[Place, Row]]) -> JSON:
    filtering = condition(body["FilterExpression"]) if "FilterExpression" in body else None
    if filtering is not None:
        scope.use(filtering.uses)
    shown, limit = projected(body, scope), body.get("Limit")
    if limit is not None and limit < 1:
        raise invalid("Limit must be greater than or equal to 1")
    items: list[Item] = []
    size = looked_at = 0
    last: Item | None = None
    following: Item | None = None
    for _, row in rows:
        if looked_at == limit or (looked_at and size + row.size > MOST_PAGE_BYTES):
            following = last
            break
        size, looked_at, last = size + row.size, looked_at + 1, row.item
        if filtering is None or filtering.holds(row.item, scope):
            items.append(shown(row.item))
    if looked_at == limit:
        # DynamoDB stops at the limit without looking whether anything follows.
        following = last
    table.read_units += read_units(size, consistent=body.get("ConsistentRead", False))
    answer: JSON = {"Count": len(items), "ScannedCount": looked_at}
    if body.get("Select") != "COUNT":
        answer["Items"] = items
    if following is not None:
        names = (table.shape.partition, table.shape.sort, shape.partition, shape.sort)
        answer["LastEvaluatedKey"] = {name: following[name] for name in names}
    return answer
