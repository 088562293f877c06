"""Conditions, filters and key conditions: parsed once, then asked of items."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from tests.world.aws.dynamodb.grammar import Parser, Path_, Scope
from tests.world.aws.dynamodb.values import Item, Value, comparable, counted, equal, measured
from tests.world.aws.wire import invalid

Test = Callable[[Item, Scope], bool]
Operand = Callable[[Item, Scope], Value | None]
ORDERED = frozenset({"S", "N", "B"})
COMPARATORS = frozenset({"=", "<>", "<", "<=", ">", ">="})


@dataclass(frozen=True, slots=True)
class Condition:
    """A parsed condition."""

    test: Test
    uses: frozenset[str]

    def holds(self, item: Item, scope: Scope) -> bool:
        """Whether it holds for an item; an item that is not there is empty."""
        return self.test(item, scope)


@lru_cache(maxsize=2048)
def condition(expression: str) -> Condition:
    """Parse a condition. Raises AwsError: it is none."""
    parser = Parser(expression)
    test = _either(parser)
    if not parser.ended:
        raise parser.error(parser.peek())
    return Condition(test, parser.used())


def _either(parser: Parser) -> Test:
    tests = [_both(parser)]
    while parser.next_is("OR"):
        tests.append(_both(parser))
    return tests[0] if len(tests) == 1 else lambda item, scope: any(test(item, scope) for test in tests)


def _both(parser: Parser) -> Test:
    tests = [_single(parser)]
    while parser.next_is("AND"):
        tests.append(_single(parser))
    return tests[0] if len(tests) == 1 else lambda item, scope: all(test(item, scope) for test in tests)


def _single(parser: Parser) -> Test:
    if parser.next_is("NOT"):
        negated = _single(parser)
        return lambda item, scope: not negated(item, scope)
    if parser.next_is("("):
        inner = _either(parser)
        parser.expect(")")
        return inner
    for name in ("attribute_exists", "attribute_not_exists"):
        if parser.next_is(name, "("):
            path = parser.path()
            parser.expect(")")
            return _exists(path, wanted=name == "attribute_exists")
    for function, make in FUNCTIONS.items():
        if parser.next_is(function, "("):
            left = _operand(parser)
            parser.expect(",")
            right = _operand(parser)
            parser.expect(")")
            return make(left, right)
    return _compared(parser)


def _exists(path: Path_, *, wanted: bool) -> Test:
    return lambda item, scope: (scope.found(path, item) is not None) is wanted


def _operand(parser: Parser) -> Operand:
    if parser.peek().startswith(":"):
        placeholder = parser.take()
        return lambda item, scope: scope.value(placeholder)
    if parser.next_is("size", "("):
        path = parser.path()
        parser.expect(")")
        return lambda item, scope: _size(scope.found(path, item))
    path = parser.path()
    return lambda item, scope: scope.found(path, item)


def _size(value: Value | None) -> Value | None:
    count = counted(value) if value is not None else None
    return {"N": str(count)} if count is not None else None


def _compared(parser: Parser) -> Test:
    left = _operand(parser)
    if parser.next_is("BETWEEN"):
        first = _operand(parser)
        parser.expect("AND")
        last = _operand(parser)
        return lambda item, scope: (
            _ordered("<=", first(item, scope), left(item, scope))
            and _ordered("<=", left(item, scope), last(item, scope))
        )
    if parser.next_is("IN"):
        parser.expect("(")
        members = [_operand(parser)]
        while parser.next_is(","):
            members.append(_operand(parser))
        parser.expect(")")
        return lambda item, scope: any(_same(left(item, scope), member(item, scope)) for member in members)
    operator = parser.take()
    if operator not in COMPARATORS:
        raise parser.error(operator)
    right = _operand(parser)
    if operator == "=":
        return lambda item, scope: _same(left(item, scope), right(item, scope))
    if operator == "<>":
        return lambda item, scope: not _same(left(item, scope), right(item, scope))
    return lambda item, scope: _ordered(operator, left(item, scope), right(item, scope))


def _same(left: Value | None, right: Value | None) -> bool:
    return left is not None and right is not None and equal(left, right)


def _ordered(operator: str, left: Value | None, right: Value | None) -> bool:
    if right is not None and not ORDERED & right.keys():
        raise invalid(f"Incorrect operand type for operator or function; operator: {operator}")
    if left is None or right is None:
        return False
    (kind, one), (other_kind, other) = comparable(left), comparable(right)
    if kind != other_kind:
        return False
    if operator.startswith("<"):
        return bool(one < other or (operator == "<=" and one == other))
    return bool(one > other or (operator == ">=" and one == other))


def _begins(left: Operand, right: Operand) -> Test:
    def test(item: Item, scope: Scope) -> bool:
        whole, start = left(item, scope), right(item, scope)
        return whole is not None and start is not None and _starts(whole, start)

    return test


def _starts(whole: Value, start: Value) -> bool:
    (kind, text), (other_kind, prefix) = comparable(whole), comparable(start)
    return kind == other_kind and kind in {"S", "B"} and bool(text.startswith(prefix))


def _contains(left: Operand, right: Operand) -> Test:
    def test(item: Item, scope: Scope) -> bool:
        whole, part = left(item, scope), right(item, scope)
        if whole is None or part is None:
            return False
        ((kind, held),) = whole.items()
        ((part_kind, sought),) = part.items()
        if kind in {"SS", "NS", "BS"}:
            return part_kind == kind[0] and sought in held
        if kind == "L":
            return any(equal(member, part) for member in held)
        return kind == part_kind == "S" and sought in held

    return test


def _has_type(left: Operand, right: Operand) -> Test:
    def test(item: Item, scope: Scope) -> bool:
        value, kind = left(item, scope), right(item, scope)
        return value is not None and kind is not None and kind.get("S") in value

    return test


FUNCTIONS: dict[str, Callable[[Operand, Operand], Test]] = {
    "begins_with": _begins,
    "contains": _contains,
    "attribute_type": _has_type,
}


@dataclass(frozen=True, slots=True)
class KeyRange:
    """A parsed key condition: the partition's attribute and value, and a test of the sort key."""

    equals: tuple[tuple[str, str], ...]
    whole: Condition


@lru_cache(maxsize=512)
def key_condition(expression: str) -> KeyRange:
    """Parse a key condition: one equality for the partition, at most one condition for the sort key."""
    parser = Parser(expression)
    equalities: list[tuple[str, str]] = []
    before = ""
    while not parser.ended:
        token = parser.take()
        if token == "=":
            value = parser.take()
            equalities.append((before, value))
        before = token
    return KeyRange(tuple(equalities), condition(expression))


def partition_of(found: KeyRange, attribute: str, scope: Scope) -> str:
    """The value of the partition key that a key condition asks for. Raises AwsError: it asks for none."""
    for name, placeholder in found.equals:
        if scope.name(name) == attribute:
            value = scope.value(placeholder)
            measured(value)
            if "S" not in value:
                raise invalid(
                    "One or more parameter values were invalid: Condition parameter type does not match schema type"
                )
            return str(value["S"])
    raise invalid(f"Query condition missed key schema element: {attribute}")
