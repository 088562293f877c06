"""The words of DynamoDB's expressions: tokens, document paths, placeholders."""

import importlib.util
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from tests.world.aws.dynamodb.values import Item, Value, measured
from tests.world.aws.wire import AwsError, invalid

Path_ = tuple[str | int, ...]
"""A document path: names (or their placeholders) and list positions."""
_TOKEN = re.compile(r"\s*([#:]?\w+|<=|>=|<>|[=<>(),.\[\]+-])")
KEYWORDS = frozenset({"AND", "OR", "NOT", "BETWEEN", "IN", "SET", "REMOVE", "ADD", "DELETE"})


@cache
def reserved() -> frozenset[str]:
    """DynamoDB's reserved words, in capitals; an expression names such an attribute by a placeholder only."""
    spec = importlib.util.find_spec("moto")
    if spec is None or spec.origin is None:
        return KEYWORDS
    words = Path(spec.origin).parent / "dynamodb" / "parsing" / "reserved_keywords.txt"
    return KEYWORDS | frozenset(words.read_text().upper().split())


class Scope:
    """The names and values of one request, and which of them its expressions use."""

    __slots__ = ("_names", "_used", "_values", "sizes")

    def __init__(self, names: Mapping[str, str], values: Mapping[str, Value], sizes: Mapping[int, int]) -> None:
        self._names = names
        self._values = values
        self.sizes = sizes
        """The size of each value, by the identity of the value."""
        self._used: set[str] = set()

    def use(self, placeholders: frozenset[str]) -> None:
        """Note what an expression uses. Raises AwsError: the request does not define it."""
        for one in placeholders:
            if one not in (self._values if one.startswith(":") else self._names):
                raise invalid(f"An expression attribute used in expression is not defined; {one}")
        self._used |= placeholders

    def require_all_used(self) -> None:
        """Raises AwsError: a name or a value is used by no expression."""
        left = [one for one in (*self._names, *self._values) if one not in self._used]
        if left:
            raise invalid(f"Value provided in ExpressionAttributes unused in expressions: {left}")

    def name(self, step: str) -> str:
        """The attribute's name that a step of a path stands for."""
        return self._names[step] if step.startswith("#") else step

    def value(self, placeholder: str) -> Value:
        """The value of a placeholder."""
        return self._values[placeholder]

    def found(self, path: Path_, item: Item) -> Value | None:
        """The value at a path in an item; None when there is none."""
        value: Value | None = {"M": item}
        for step in path:
            if value is None:
                return None
            if isinstance(step, int):
                members = value.get("L", ())
                value = members[step] if step < len(members) else None
            else:
                value = value.get("M", {}).get(self.name(step))
        return value


class Parser:
    """Reads one expression from left to right."""

    def __init__(self, expression: str) -> None:
        self.expression = expression
        self._tokens: list[str] = []
        self._at = 0
        self.placeholders: set[str] = set()
        end, text = 0, expression.rstrip()
        if not text:
            raise invalid("The expression can not be empty;")
        while end < len(text):
            match = _TOKEN.match(text, end)
            if match is None:
                raise self.error(text[end:])
            self._tokens.append(match.group(1))
            end = match.end()

    def error(self, near: str) -> AwsError:
        """A syntax error."""
        return invalid(f'Invalid expression: Syntax error; token: "{near}" in {self.expression!r}')

    @property
    def ended(self) -> bool:
        """Whether everything is read."""
        return self._at >= len(self._tokens)

    def peek(self) -> str:
        """The next token; empty at the end."""
        return "" if self.ended else self._tokens[self._at]

    def take(self) -> str:
        """The next token, which is then read."""
        token = self.peek()
        if not token:
            raise self.error("<EOF>")
        self._at += 1
        if token[0] in "#:":
            self.placeholders.add(token)
        return token

    def next_is(self, *words: str) -> bool:
        """Read these tokens if they come next."""
        ahead = [
            token.upper() if token.upper() in KEYWORDS else token for token in self._tokens[self._at :][: len(words)]
        ]
        if ahead != list(words):
            return False
        self._at += len(words)
        return True

    def expect(self, word: str) -> None:
        """Read a token that has to come."""
        if not self.next_is(word):
            raise self.error(self.peek())

    def name(self) -> str:
        """A name or its placeholder."""
        token = self.take()
        if token[0] in ":=<>(),.[]+-" or token[0].isdigit():
            raise self.error(token)
        if token.upper() in reserved():
            raise invalid(f"Attribute name is a reserved keyword; reserved keyword: {token}")
        return token

    def path(self) -> Path_:
        """A document path."""
        steps: list[str | int] = [self.name()]
        while True:
            if self.next_is("."):
                steps.append(self.name())
            elif self.next_is("["):
                position = self.take()
                if not position.isdigit():
                    raise self.error(position)
                steps.append(int(position))
                self.expect("]")
            else:
                return tuple(steps)

    def used(self) -> frozenset[str]:
        """The placeholders that the expression uses."""
        return frozenset(self.placeholders)


def scope_of(request: Mapping[str, Any]) -> Scope:
    """The names and values of a request, normalised."""
    values: Mapping[str, Value] = request.get("ExpressionAttributeValues") or {}
    sizes = {id(value): measured(value) for value in values.values()}
    return Scope(request.get("ExpressionAttributeNames") or {}, values, sizes)
