"""Update expressions: parsed once, then applied to items. An item is replaced, never changed in place."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from itertools import pairwise
from typing import Any

from tests.world.aws.dynamodb.grammar import Parser, Path_, Scope
from tests.world.aws.dynamodb.values import Item, Value, number
from tests.world.aws.wire import AwsError, invalid

Operand = Callable[[Item, Scope], Value]
CLAUSES = ("SET", "REMOVE", "ADD", "DELETE")


@dataclass(frozen=True, slots=True)
class Action:
    """One action of an update: its clause, its path, and its value."""

    clause: str
    path: Path_
    operand: Operand | None


@dataclass(frozen=True, slots=True)
class Update:
    """A parsed update expression."""

    actions: tuple[Action, ...]
    uses: frozenset[str]

    def applied(self, before: Item, scope: Scope) -> tuple[Item, frozenset[str]]:
        """The item after the update, and the names of the attributes that it concerns.

        Every value is taken from the item as it was before.
        """
        after, paths = dict(before), [_resolved(action.path, scope) for action in self.actions]
        _require_apart(paths)
        values = [action.operand(before, scope) if action.operand else None for action in self.actions]
        for action, path, value in zip(self.actions, paths, values, strict=True):
            if action.clause == "SET" and value is not None:
                _put(after, path, value)
            elif value is None:
                _put(after, path, None)
            else:
                present = scope.found(action.path, before)
                _put(after, path, (_added if action.clause == "ADD" else _without)(present, value))
        return after, frozenset(str(path[0]) for path in paths)


@lru_cache(maxsize=2048)
def update(expression: str) -> Update:
    """Parse an update expression. Raises AwsError: it is none."""
    parser, actions, seen = Parser(expression), [], set()
    while not parser.ended:
        clause = next((name for name in CLAUSES if parser.next_is(name)), None)
        if clause is None or clause in seen:
            raise parser.error(parser.peek())
        seen.add(clause)
        actions.append(_action(parser, clause))
        while parser.next_is(","):
            actions.append(_action(parser, clause))
    return Update(tuple(actions), parser.used())


def _action(parser: Parser, clause: str) -> Action:
    path = parser.path()
    if clause == "REMOVE":
        return Action(clause, path, None)
    if clause == "SET":
        parser.expect("=")
        return Action(clause, path, _sum(parser))
    return Action(clause, path, _literal(parser))


def _literal(parser: Parser) -> Operand:
    placeholder = parser.take()
    if not placeholder.startswith(":"):
        raise parser.error(placeholder)
    return lambda item, scope: scope.value(placeholder)


def _sum(parser: Parser) -> Operand:
    left = _operand(parser)
    for sign, factor in (("+", 1), ("-", -1)):
        if parser.next_is(sign):
            right = _operand(parser)
            return lambda item, scope: _calculated(left(item, scope), right(item, scope), factor)
    return left


def _operand(parser: Parser) -> Operand:
    if parser.next_is("if_not_exists", "("):
        path = parser.path()
        parser.expect(",")
        other = _operand(parser)
        parser.expect(")")

        def present_or(item: Item, scope: Scope) -> Value:
            present = scope.found(path, item)
            return other(item, scope) if present is None else present

        return present_or
    if parser.next_is("list_append", "("):
        first = _operand(parser)
        parser.expect(",")
        second = _operand(parser)
        parser.expect(")")
        return lambda item, scope: {"L": [*_list(first(item, scope)), *_list(second(item, scope))]}
    if parser.peek().startswith(":"):
        return _literal(parser)
    path = parser.path()

    def present(item: Item, scope: Scope) -> Value:
        value = scope.found(path, item)
        if value is None:
            raise invalid("The provided expression refers to an attribute that does not exist in the item")
        return value

    return present


def _list(value: Value) -> list[Any]:
    if "L" not in value:
        raise invalid("Incorrect operand type for operator or function; operator or function: list_append")
    return list(value["L"])


def _calculated(left: Value, right: Value, factor: int) -> Value:
    if "N" not in left or "N" not in right:
        raise invalid("Incorrect operand type for operator or function; operator or function: +")
    return {"N": number(str(Decimal(left["N"]) + factor * Decimal(right["N"])))}


def _added(present: Value | None, value: Value) -> Value:
    ((kind, held),) = value.items()
    if kind == "N":
        return _calculated(present if present is not None else {"N": "0"}, value, 1)
    if kind not in {"SS", "NS", "BS"} or (present is not None and kind not in present):
        raise invalid("Incorrect operand type for operator or function; operator: ADD")
    members = present[kind] if present is not None else []
    return {kind: [*members, *(one for one in held if one not in members)]}


def _without(present: Value | None, value: Value) -> Value | None:
    ((kind, held),) = value.items()
    if kind not in {"SS", "NS", "BS"} or (present is not None and kind not in present):
        raise invalid("Incorrect operand type for operator or function; operator: DELETE")
    left = [one for one in present[kind] if one not in held] if present is not None else []
    return {kind: left} if left else None


def _resolved(path: Path_, scope: Scope) -> Path_:
    return tuple(scope.name(step) if isinstance(step, str) else step for step in path)


def _require_apart(paths: list[Path_]) -> None:
    ordered = sorted(paths, key=lambda path: [str(step) for step in path])
    for one, other in pairwise(ordered):
        if other[: len(one)] == one:
            raise invalid("Invalid UpdateExpression: Two document paths overlap with each other")


def _put(item: Item, path: Path_, value: Value | None) -> None:
    """Put a value at a path, or remove what is there; the containers on the way are copied."""
    first = str(path[0])
    if len(path) == 1:
        _set(item, first, value)
        return
    container: Any = item
    step: str | int = first
    for following in path[1:]:
        inner = container.get(step) if isinstance(container, dict) else _member(container, step)
        kind = "L" if isinstance(following, int) else "M"
        if inner is None or kind not in inner:
            raise _no_such_path()
        copied = {kind: list(inner["L"]) if kind == "L" else dict(inner["M"])}
        container[step] = copied
        container, step = copied[kind], following
    if isinstance(container, list):
        _set_member(container, int(step), value)
    else:
        _set(container, str(step), value)


def _member(container: list[Any], step: str | int) -> Any:
    return container[int(step)] if int(step) < len(container) else None


def _set(container: dict[str, Any], name: str, value: Value | None) -> None:
    if value is None:
        container.pop(name, None)
    else:
        container[name] = value


def _set_member(container: list[Any], position: int, value: Value | None) -> None:
    if value is None:
        del container[position : position + 1]
    elif position < len(container):
        container[position] = value
    else:
        container.append(value)


def _no_such_path() -> AwsError:
    return invalid("The document path provided in the update expression is invalid for update")
