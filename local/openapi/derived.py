"""Schemas of answers, derived from the types of the values that the code returns."""

from collections.abc import Sequence
from typing import Any

import msgspec

from driveway.domain.lifecycle import ADVICE
from driveway.domain.lifecycle import SENTENCES as STATES
from local.openapi.codes import as_list, named
from local.openapi.schema import Schema, nullable

NAMED = frozenset({"Reason", "Event"})
"""The enumerations that the document has by their names, each with its sentences."""

HERE = "#/components/schemas/{name}"
"""The form of a reference within the document."""


SENTENCES: dict[str, Schema] = {
    "Lifecycle": {"description": as_list(named(STATES))},
    "Condition": {"description": as_list(named(ADVICE))},
}
"""The sentences for the values of an enumeration that stands where it is used."""


def derived(kinds: Sequence[type]) -> dict[str, Schema]:
    """The schemas of these types and of those within them, by name; a nameless enumeration stands where it is used."""
    _, found = msgspec.json.schema_components(kinds, ref_template=HERE)
    codes = {
        HERE.format(name=name): {"enum": schema["enum"]} | SENTENCES.get(name, {})
        for name, schema in found.items()
        if "enum" in schema and name not in NAMED
    }
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
    return _with_codes(rest, codes)


def _with_codes(schema: Schema, codes: dict[str, Schema]) -> Schema:
    match schema:
        case {"$ref": place, "type": "string", **others}:
            return {"$ref": place} | others
        case {"$ref": place, **others} if place in codes:
            return {"type": "string"} | codes[place] | others
        case {"anyOf": [kind, {"type": "null"}], **others}:
            return nullable(kind) | others
        case {"enum": [*values], **others} if None in values:
            return nullable({"type": "string", "enum": [value for value in values if value is not None]}) | others
        case {"enum": _}:
            return {"type": "string"} | schema
    return schema


def joined(description: str, *schemas: Schema) -> Schema:
    """The schema of an object with the members of several."""
    properties: dict[str, Schema] = {}
    required: list[str] = []
    for schema in schemas:
        properties |= schema["properties"]
        required += schema["required"]
    return {"type": "object", "description": description, "properties": properties, "required": required}
