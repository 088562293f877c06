"""The form of an OpenAPI 3.1 document as far as ours uses it, closed: a misspelt or misplaced member does not fit.

Source: OpenAPI Specification 3.1.0 §4.8. JSON Schemas inside are left to their own meta-schema.
"""

from typing import Any

Form = dict[str, Any]
TEXT: Form = {"type": "string", "minLength": 1}
SCHEMA: Form = {"type": "object"}


def _closed(required: Form, optional: Form | None = None) -> Form:
    properties = required | (optional or {})
    return {"type": "object", "properties": properties, "required": [*required], "additionalProperties": False}


def _map(of: Form, names: str = r"^[a-zA-Z0-9._-]+$") -> Form:
    return {"type": "object", "propertyNames": {"pattern": names}, "additionalProperties": of, "minProperties": 1}


def _or_reference(form: Form) -> Form:
    return {"if": {"required": ["$ref"]}, "then": _closed({"$ref": {"pattern": "^#/components/"}}), "else": form}


EXAMPLE = _closed({"value": {}}, {"summary": TEXT})
MEDIA = _map(
    _closed({"schema": SCHEMA}, {"examples": _map(_or_reference(EXAMPLE))}), r"^[a-z]+/[a-z+.-]+(; charset=utf-8)?$"
)
HEADER = _closed({"description": TEXT, "schema": SCHEMA})
PARAMETER = {
    **_closed(
        {"name": TEXT, "in": {"enum": ["path", "query", "header"]}, "required": {}, "schema": SCHEMA},
        {"description": {"type": "string"}},
    ),
    "if": {"properties": {"in": {"const": "path"}}},
    "then": {"properties": {"required": {"const": True}}},
    "else": {"properties": {"required": {"type": "boolean"}}},
}
RESPONSE = _closed({"description": TEXT}, {"headers": _map(_or_reference(HEADER)), "content": MEDIA})
OPERATION = _closed(
    {
        "operationId": {"pattern": "^[a-z][a-zA-Z]+$"},
        "tags": {"type": "array", "items": TEXT, "minItems": 1},
        "summary": TEXT,
        "description": TEXT,
        "security": {"type": "array", "items": _map({"type": "array", "maxItems": 0})},
        "responses": _map(RESPONSE, "^[2-5]([0-9][0-9]|XX)$"),
    },
    {
        "parameters": {"type": "array", "items": PARAMETER, "minItems": 1},
        "requestBody": _closed({"content": MEDIA}, {"required": {"type": "boolean"}}),
    },
)
SECURITY_SCHEME = {
    "oneOf": [
        _closed({"type": {"const": "http"}, "scheme": {"const": "bearer"}}, {"description": TEXT}),
        _closed({"type": {"const": "apiKey"}, "in": {"const": "header"}, "name": TEXT}, {"description": TEXT}),
    ]
}
LICENSE = _closed({"name": TEXT}, {"identifier": TEXT})
SERVER = _closed({"url": TEXT}, {"description": TEXT, "variables": _map(_closed({"default": TEXT}))})
DOCUMENT = _closed(
    {
        "openapi": {"pattern": r"^3\.1\.\d+$"},
        "info": _closed({"title": TEXT, "version": TEXT}, {"summary": TEXT, "description": TEXT, "license": LICENSE}),
        "paths": _map(
            {
                "type": "object",
                "properties": dict.fromkeys(("get", "put", "post", "delete"), OPERATION),
                "additionalProperties": False,
                "minProperties": 1,
            },
            "^/",
        ),
        "components": _closed(
            {
                "schemas": _map(SCHEMA),
                "headers": _map(HEADER),
                "examples": _map(EXAMPLE),
                "securitySchemes": _map(SECURITY_SCHEME),
            }
        ),
    },
    {
        "webhooks": _map({"type": "object", "properties": {"post": OPERATION}, "additionalProperties": False}),
        "servers": {"type": "array", "items": SERVER, "minItems": 1},
        "tags": {"type": "array", "items": _closed({"name": TEXT}, {"description": TEXT})},
    },
)
