"""Schemas of answers, derived from the types of the values that the code returns."""

from collections.abc import Sequence
from typing import Any

import msgspec

from local.openapi.schema import Schema, nullable

NAMED = frozenset({"Reason", "Event"})
"""The enumerations that the document has by their names, each with its sentences."""

HERE = "#/components/schemas/{name}"
"""The form of a reference within the document."""


def derived(kinds: Sequence[type]) -> dict[str, Schema]:
    """The schemas of these types and of those within them, by name; a nameless enumeration stands where it is used."""
    _, found = msgspec.json.schema_components(kinds, ref_template=HERE)
    codes = {HERE.format(name=name): schema for name, schema in found.items() if "enum" in schema and name not in NAMED}
    return {name: _plain(schema, codes) for name, schema in found.items() if "enum" not in schema}


def _plain(schema: Any, codes: dict[str, Schema]) -> Any:
    """A schema in the form of those written by hand: without titles, and null as one of two types."""
    if isinstance(schema, list):
        return [_plain(one, codes) for one in schema]
    if not isinstance(schema, dict):
        return schema
    rest = {name: _plain(one, codes) for name, one in schema.items() if name not in {"title", "properties"}}
    if "properties" in schema:
        rest["properties"] = {name: _plain(one, codes) for name, one in schema["properties"].items()}
    match rest:
        case {"$ref": place, **others} if place in codes:
            return {"type": "string"} | _plain(codes[place], codes) | others
        case {"anyOf": [kind, {"type": "null"}], **others}:
            return nullable(kind) | others
        case {"enum": _}:
            return {"type": "string"} | rest
    return rest
