"""Event patterns: of the bus's rules and of the filters of event source mappings."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tests.world.aws.wire import UnknownToTheCloudError

MISSING = object()


def matches(pattern: Mapping[str, Any], event: Any) -> bool:
    """Whether an event has, at every key of the pattern, one of the values that the pattern lists."""
    if not isinstance(event, Mapping):
        return False
    return all(_fits(wanted, event.get(name, MISSING)) for name, wanted in pattern.items())


def _fits(wanted: Any, value: Any) -> bool:
    if isinstance(wanted, Mapping):
        found = value if isinstance(value, list) else [value]
        return any(matches(wanted, {} if one is MISSING else one) for one in found)
    values: Sequence[Any] = value if isinstance(value, list) else [value]
    return any(_allows(rule, one) for rule in wanted for one in values)


def _allows(rule: Any, value: Any) -> bool:
    if not isinstance(rule, Mapping):
        return value is not MISSING and type(value) is type(rule) and bool(value == rule)
    ((kind, wanted),) = rule.items()
    if kind == "exists":
        return (value is not MISSING) is wanted
    if kind not in TESTS:
        raise UnknownToTheCloudError(f"the pattern {kind}")
    return value is not MISSING and TESTS[kind](wanted, value)


def _differs(wanted: Any, value: Any) -> bool:
    if isinstance(wanted, Mapping):
        return not _allows(wanted, value)
    return value not in (wanted if isinstance(wanted, list) else [wanted])


def _in_range(wanted: Sequence[Any], value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    tests = {"=": value.__eq__, "<": value.__lt__, "<=": value.__le__, ">": value.__gt__, ">=": value.__ge__}
    return all(tests[wanted[at]](wanted[at + 1]) is True for at in range(0, len(wanted), 2))


TESTS: Mapping[str, Callable[[Any, Any], bool]] = {
    "anything-but": _differs,
    "numeric": _in_range,
    "prefix": lambda wanted, value: isinstance(value, str) and value.startswith(wanted),
    "suffix": lambda wanted, value: isinstance(value, str) and value.endswith(wanted),
    "equals-ignore-case": lambda wanted, value: isinstance(value, str) and value.lower() == wanted.lower(),
}
