"""Short ways to write JSON Schema (draft 2020-12) by hand."""

from collections.abc import Mapping, Sequence
from typing import Any

Schema = dict[str, Any]


def ref(name: str) -> Schema:
    """A reference to a schema of the document."""
    return {"$ref": f"#/components/schemas/{name}"}


def typed(kind: str, description: str = "", **keywords: Any) -> Schema:
    """A value of one JSON type."""
    return {"type": kind} | ({"description": description} if description else {}) | keywords


def text(description: str = "", **keywords: Any) -> Schema:
    """A string."""
    return typed("string", description, **keywords)


def instant(description: str) -> Schema:
    """An ISO 8601 instant with offset."""
    return text(description, format="date-time")


def number(description: str, *, least: float | None = None, most: float | None = None) -> Schema:
    """A number, both ends included."""
    bounds = {"minimum": least, "maximum": most}
    return typed("number", description, **{name: value for name, value in bounds.items() if value is not None})


def whole(description: str, *, least: int | None = None) -> Schema:
    """A whole number."""
    return typed("integer", description) | ({} if least is None else {"minimum": least})


def flag(description: str) -> Schema:
    """True or false."""
    return typed("boolean", description)


def array(items: Schema, description: str = "", **keywords: Any) -> Schema:
    """An array."""
    return typed("array", description, items=items, **keywords)


def one_of(values: Sequence[str], description: str = "") -> Schema:
    """One of these strings."""
    return text(description, enum=list(values))


def record(properties: Mapping[str, Schema], description: str = "", optional: Sequence[str] = ()) -> Schema:
    """An answer's object: every member is present except the optional ones; more may be added."""
    required = [name for name in properties if name not in optional]
    return typed("object", description, properties=dict(properties), required=required)


def strict(properties: Mapping[str, Schema], description: str = "", required: Sequence[str] = ()) -> Schema:
    """A request's object: unknown members are refused."""
    schema = typed("object", description, properties=dict(properties), additionalProperties=False)
    return schema | ({"required": list(required)} if required else {})


def nullable(schema: Schema) -> Schema:
    """The same, or null."""
    if "$ref" in schema:
        return {"anyOf": [schema, {"type": "null"}]}
    if "enum" in schema:
        return schema | {"type": [schema["type"], "null"], "enum": [*schema["enum"], None]}
    if "type" in schema:
        return schema | {"type": [schema["type"], "null"]}
    return {"anyOf": [schema, {"type": "null"}]}


def at_most_one(*names: str) -> list[Schema]:
    """Conditions under which no two of these members are given (null is not given)."""
    given = {"not": {"type": "null"}}
    return [
        {"not": {"properties": {a: given, b: given}, "required": [a, b]}}
        for place, a in enumerate(names)
        for b in names[place + 1 :]
    ]


def at_least_one(*names: str) -> Schema:
    """The condition under which one of these members is given (null is not given)."""
    given = {"not": {"type": "null"}}
    return {"anyOf": [{"properties": {name: given}, "required": [name]} for name in names]}
