"""What JSON calls the kind of a value, for messages about a body."""

from collections.abc import Mapping


def json_kind(value: object) -> str:
    """The kind of a decoded JSON value, with its article."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "a string"
    return "an object" if isinstance(value, Mapping) else "an array"
