"""Operations on a table as hypothesis draws them, in boto3's form, and what of their answers is compared."""

import json
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError
from hypothesis import strategies as st

Operation = tuple[str, dict[str, Any]]
"""A client's method and its request, with ``{scope}`` in keys; ``in_scope`` fills it in."""

PARTITIONS = ("{scope}-a", "{scope}-b")
SORTS = ("LOG#1", "LOG#2", "SLOT#1", "TWIN")
ATTRIBUTES = ("version", "count_of", "tags", "held", "notes", "axle_shard", "axle_due", "name")
RESERVED = frozenset({"name"})
SHARDS = ("{scope}-000", "{scope}-001")


def text(value: str) -> dict[str, Any]:
    """A text as an attribute value."""
    return {"S": value}


texts = st.sampled_from(["", "a", "ab", "abc", "b", "zoë"]).map(text)
numbers = st.sampled_from(["0", "1", "2", "10", "-1", "1.50", "0.001", "1e3", "12345678901234567890.5"]).map(
    lambda value: {"N": value}
)
sets = st.one_of(
    st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, unique=True).map(lambda held: {"SS": held}),
    st.lists(st.sampled_from(["1", "2", "3"]), min_size=1, unique=True).map(lambda held: {"NS": held}),
)
plain = st.one_of(texts, numbers, st.booleans().map(lambda held: {"BOOL": held}), st.just({"NULL": True}))
values = st.one_of(
    plain,
    sets,
    st.lists(plain, max_size=3).map(lambda held: {"L": held}),
    st.dictionaries(st.sampled_from(["x", "y"]), plain, max_size=2).map(lambda held: {"M": held}),
)
keys = st.tuples(st.sampled_from(PARTITIONS), st.sampled_from(SORTS)).map(
    lambda key: {"pk": text(key[0]), "sk": text(key[1])}
)


@st.composite
def items(draw: st.DrawFn) -> dict[str, Any]:
    """A whole item."""
    item = draw(keys)
    for name in draw(st.lists(st.sampled_from(["version", "count_of", "tags", "held", "notes", "name"]), max_size=4)):
        item[name] = draw(values)
    if draw(st.booleans()):
        item |= {"axle_shard": text(draw(st.sampled_from(SHARDS))), "axle_due": text(draw(st.sampled_from("12345")))}
    return item


class Drawing:
    """One request's expressions while they are drawn, with the placeholders that they use."""

    def __init__(self, draw: st.DrawFn, *, careful: bool = False) -> None:
        self.draw, self.careful = draw, careful
        self.names: dict[str, str] = {}
        self.values: dict[str, Any] = {}

    def value(self, strategy: st.SearchStrategy[Any]) -> str:
        """The placeholder of a new value."""
        placeholder = f":v{len(self.values)}"
        self.values[placeholder] = self.draw(strategy)
        return placeholder

    def name(self, name: str) -> str:
        """An attribute's name, behind a placeholder where it must be, and else sometimes."""
        if name not in RESERVED and not self.draw(st.booleans()):
            return name
        self.names[f"#{name}"] = name
        return f"#{name}"

    def path(self) -> str:
        """A path to an attribute or into one."""
        name = self.draw(st.sampled_from(ATTRIBUTES))
        inner = self.draw(st.sampled_from(["", "", "", ".x", "[0]"]))
        return self.name(name) + inner

    def condition(self, depth: int = 2) -> str:
        """A condition."""
        tests: list[Callable[[], str]] = [self._exists, self._compared, self._between, self._member, self._part]
        if not self.careful:
            tests.append(lambda: f"size({self.path()}) {self._operator('=', '<', '>=')} {self.value(numbers)}")
        if depth:
            tests += [lambda: self._joined(depth - 1), lambda: f"NOT ({self.condition(depth - 1)})"]
        return self.draw(st.sampled_from(tests))()

    def _operator(self, *known: str) -> str:
        return self.draw(st.sampled_from(known))

    def _joined(self, depth: int) -> str:
        return f"({self.condition(depth)}) {self._operator('AND', 'OR')} ({self.condition(depth)})"

    def _exists(self) -> str:
        return f"{self._operator('attribute_exists', 'attribute_not_exists')}({self.path()})"

    def _compared(self) -> str:
        if self.draw(st.booleans()):
            return f"{self.path()} {self._operator('=', '<>')} {self.value(self._simple())}"
        return f"{self.path()} {self._operator('<', '<=', '>', '>=')} {self.value(st.one_of(texts, numbers))}"

    def _between(self) -> str:
        first, last = sorted([self.draw(st.integers(-1, 10)), self.draw(st.integers(-1, 10))])
        return f"{self.path()} BETWEEN {self._number(first)} AND {self._number(last)}"

    def _member(self) -> str:
        return f"{self.path()} IN ({self.value(self._simple())}, {self.value(self._simple())})"

    def _part(self) -> str:
        if self.draw(st.booleans()):
            return f"begins_with({self.path()}, {self.value(texts)})"
        return f"contains({self.path()}, {self.value(st.one_of(texts, numbers))})"

    def _simple(self) -> st.SearchStrategy[Any]:
        return st.one_of(texts, numbers) if self.careful else plain

    def _number(self, value: int) -> str:
        return self.value(st.just({"N": str(value)}))

    def update(self) -> str:
        """An update expression whose paths are apart."""
        names = self.draw(
            st.lists(
                st.sampled_from(["version", "count_of", "tags", "held", "notes"]), min_size=1, max_size=3, unique=True
            )
        )
        clauses: dict[str, list[str]] = {}
        for name in names:
            kind = self.draw(
                st.sampled_from(["put", "put", "first", "plus", "append", "inner", "REMOVE", "ADD", "DELETE"])
            )
            action = self._action(kind, self.name(name))
            clauses.setdefault(kind if kind.isupper() else "SET", []).append(action)
        return " ".join(f"{clause} {', '.join(actions)}" for clause, actions in clauses.items())

    def _action(self, kind: str, name: str) -> str:
        one_more = st.just({"L": [{"N": "7"}]})
        texts_by_kind: dict[str, Callable[[], str]] = {
            "put": lambda: f"{name} = {self.value(values)}",
            "first": lambda: f"{name} = if_not_exists({name}, {self.value(values)})",
            "plus": lambda: f"{name} = {name} + {self.value(numbers)}",
            "append": lambda: f"{name} = list_append({name}, {self.value(one_more)})",
            "inner": lambda: f"{name}.x = {self.value(plain)}",
            "REMOVE": lambda: name,
            "ADD": lambda: f"{name} {self.value(st.one_of(numbers, sets))}",
            "DELETE": lambda: f"{name} {self.value(sets)}",
        }
        return texts_by_kind[kind]()

    def request(self, **rest: Any) -> dict[str, Any]:
        """The request with its placeholders."""
        found = dict(rest)
        if self.names:
            found["ExpressionAttributeNames"] = self.names
        if self.values:
            found["ExpressionAttributeValues"] = self.values
        return found


@st.composite
def writes(draw: st.DrawFn, *, careful: bool, in_transaction: bool = False) -> tuple[str, dict[str, Any]]:
    """A write of one item: its kind and its request, mostly with a condition."""
    drawing = Drawing(draw, careful=careful)
    kind = draw(st.sampled_from(["Put", "Update", "Delete", *(["ConditionCheck"] if in_transaction else [])]))
    rest: dict[str, Any] = {"Item": draw(items())} if kind == "Put" else {"Key": draw(keys)}
    if kind == "Update":
        rest["UpdateExpression"] = drawing.update()
    if kind == "ConditionCheck" or draw(st.integers(0, 3)) > 0:
        rest["ConditionExpression"] = drawing.condition()
    if not in_transaction and draw(st.booleans()):
        rest["ReturnValues"] = "ALL_OLD" if kind != "Update" else draw(st.sampled_from(["ALL_OLD", "ALL_NEW"]))
    return kind, drawing.request(**rest)


@st.composite
def single_writes(draw: st.DrawFn, *, careful: bool) -> Operation:
    """PutItem, UpdateItem or DeleteItem."""
    kind, request = draw(writes(careful=careful))
    return f"{kind.lower()}_item", request


@st.composite
def transactions(draw: st.DrawFn, *, careful: bool) -> Operation:
    """TransactWriteItems; sometimes with two writes of the same item, which is refused."""
    parts = st.lists(writes(careful=careful, in_transaction=True), min_size=1, max_size=4)
    return "transact_write_items", {"parts": draw(parts)}


@st.composite
def batches(draw: st.DrawFn, *, careful: bool) -> Operation:
    """BatchWriteItem, sometimes with the same item twice."""
    puts = draw(st.lists(items().map(lambda item: {"PutRequest": {"Item": item}}), max_size=3))
    deletes = draw(
        st.lists(keys.map(lambda key: {"DeleteRequest": {"Key": key}}), min_size=0 if puts else 1, max_size=2)
    )
    if careful:
        puts, deletes = puts[:1], [] if puts else deletes[:1]
    return "batch_write_item", {"requests": [*puts, *deletes]}


@st.composite
def reads(draw: st.DrawFn) -> Operation:
    """GetItem or BatchGetItem."""
    if draw(st.booleans()):
        return "get_item", {"Key": draw(keys), "ConsistentRead": draw(st.booleans())}
    return "batch_get_item", {"keys": draw(st.lists(keys, min_size=1, max_size=3))}


@st.composite
def queries(draw: st.DrawFn) -> Operation:
    """Query of the table or of an index, whole or by pages."""
    drawing = Drawing(draw)
    rest: dict[str, Any] = {"ScanIndexForward": draw(st.booleans())}
    if draw(st.booleans()):
        hash_name, sort_name, sorts = "pk", "sk", ["LOG#", "LOG#1", "LOG#2", "SLOT#", "TWIN"]
        partition = drawing.value(st.sampled_from(PARTITIONS).map(text))
        rest["ConsistentRead"] = draw(st.booleans())
    else:
        rest["IndexName"], hash_name, sort_name, sorts = "AxleDue", "axle_shard", "axle_due", list("12345")
        partition = drawing.value(st.sampled_from(SHARDS).map(text))
    condition = f"{drawing.name(hash_name)} = {partition}"
    kind = draw(st.sampled_from(["", "=", "<", "<=", ">", ">=", "between", "begins"]))
    bound = st.sampled_from(sorts).map(text)
    if kind == "between":
        first, last = sorted([draw(st.sampled_from(sorts)), draw(st.sampled_from(sorts))])
        low, high = (drawing.value(st.just(text(one))) for one in (first, last))
        condition += f" AND {drawing.name(sort_name)} BETWEEN {low} AND {high}"
    elif kind == "begins":
        condition += f" AND begins_with({drawing.name(sort_name)}, {drawing.value(bound)})"
    elif kind:
        condition += f" AND {drawing.name(sort_name)} {kind} {drawing.value(bound)}"
    if draw(st.integers(0, 3)) == 0 and hash_name == "pk":
        name = draw(st.sampled_from(["version", "held", "tags"]))
        rest["FilterExpression"] = f"attribute_exists({drawing.name(name)})"
    if draw(st.integers(0, 3)) == 0:
        rest["ProjectionExpression"] = "pk, sk"
    if draw(st.booleans()):
        rest["page"] = draw(st.integers(1, 3))
    return "query", drawing.request(KeyConditionExpression=condition, **rest)


def operations(*, careful: bool = False) -> st.SearchStrategy[list[Operation]]:
    """Some operations, one after another.

    ``careful`` leaves out what moto does wrong: ``size`` of what is not there, comparisons of that with NULL, and a
    batch with the same item twice.
    """
    some = [single_writes(careful=careful), single_writes(careful=careful), transactions(careful=careful)]
    return st.lists(st.one_of(*some, batches(careful=careful), reads(), queries()), min_size=1, max_size=12)


def in_scope(operation: Operation, scope: str, table: str) -> Operation:
    """The operation on a table, with keys that no other scope has."""
    name, request = json.loads(json.dumps(operation).replace("{scope}", scope))
    if name == "transact_write_items":
        parts = [{kind: {"TableName": table, **part}} for kind, part in request["parts"]]
        return name, {"TransactItems": parts}
    if name == "batch_write_item":
        return name, {"RequestItems": {table: request["requests"]}}
    if name == "batch_get_item":
        return name, {"RequestItems": {table: {"Keys": request["keys"]}}}
    return name, {"TableName": table, **request}


def outcome(client: Any, operation: Operation) -> Any:
    """What an operation gives: its answer as far as our code could read it, or its error."""
    name, request = operation
    try:
        if name == "query":
            return _all_pages(client, dict(request))
        answer = getattr(client, name)(**request)
    except ClientError as error:
        reasons: Any = error.response.get("CancellationReasons", [])
        return error.response["Error"]["Code"], [reason["Code"] for reason in reasons]
    kept = {
        part: answer[part] for part in ("Item", "Attributes", "UnprocessedItems", "UnprocessedKeys") if part in answer
    }
    if "Responses" in answer:
        kept["Responses"] = [sorted(held, key=_place) for held in answer["Responses"].values()]
    return same_form(kept)


def _all_pages(client: Any, request: dict[str, Any]) -> Any:
    """Every item of a query, however many pages it takes. In an index, items of the same due time have no order."""
    page, found = request.pop("page", None), []
    if page is not None:
        request["Limit"] = page
    while True:
        answer = client.query(**request)
        assert page is None or answer["ScannedCount"] <= page
        found += answer["Items"]
        if "LastEvaluatedKey" not in answer:
            break
        request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]
    return same_form(found if "IndexName" not in request else sorted(found, key=_place))


def _place(item: dict[str, Any]) -> Any:
    return item["pk"]["S"], item["sk"]["S"]


def same_form(value: Any) -> Any:
    """A value with its sets in order."""
    if isinstance(value, dict):
        return {name: sorted(held) if name in {"SS", "NS"} else same_form(held) for name, held in value.items()}
    return [same_form(one) for one in value] if isinstance(value, list) else value
