"""Whether a request is one that Axle's own OpenAPI document describes.

The document is reference data and not part of this project: ``AXLE_OPENAPI`` names the file. Without it the tests that
need it are skipped.
"""

import json
import os
import re
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

BESIDE_THE_REPOSITORY = Path(__file__).parents[4] / "shared" / "axle" / "openapi-1.4.6.json"
_DOCUMENT = "urn:axle:openapi"

FORMATS = FormatChecker(formats=())


@FORMATS.checks("date-time", raises=ValueError)
def _is_instant(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


@FORMATS.checks("date", raises=ValueError)
def _is_date(value: object) -> bool:
    return not isinstance(value, str) or bool(date.fromisoformat(value))


@FORMATS.checks("time", raises=ValueError)
def _is_time(value: object) -> bool:
    # A wall time to Axle: unlike RFC 3339's full-time it needs no offset, and 00:00:00 is one.
    return not isinstance(value, str) or (len(value) >= len("07:00:00") and time.fromisoformat(value) is not None)


@FORMATS.checks("uuid", raises=ValueError)
def _is_uuid(value: object) -> bool:
    return not isinstance(value, str) or str(uuid.UUID(value)) == value.lower()


@FORMATS.checks("email")
def _is_email(value: object) -> bool:
    return not isinstance(value, str) or re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", value) is not None


@dataclass(frozen=True)
class Operation:
    """One method of one path of the document."""

    method: str
    template: str
    described: Mapping[str, Any]
    path_values: Mapping[str, str]


class AxleOpenApi:
    """An OpenAPI 3.1 document that finds the faults of a request."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.document = document
        resource: Resource[Any] = DRAFT202012.create_resource(document)
        self._registry: Registry[Any] = Registry().with_resource(_DOCUMENT, resource)

    def operation(self, method: str, path: str) -> Operation | None:
        """The operations of a concrete path or a template; a literal segment matches before a parameter."""
        found = []
        for template, methods in self.document["paths"].items():
            values = _path_values(template, path.partition("?")[0])
            described = methods.get(method.lower())
            if values is not None and described is not None:
                found.append(Operation(method.upper(), template, described, values))
        return min(found, key=lambda operation: len(operation.path_values), default=None)

    def validator_for(self, method: str, path_template: str) -> Draft202012Validator | None:
        """The validator of an operation's request body; None when it has none.

        Raises:
            LookupError: there is no such operation.
        """
        operation = self.operation(method, path_template)
        if operation is None:
            raise LookupError(f"{method} {path_template} is not in Axle's API.")
        schema = self._body_schema(operation)
        return None if schema is None else self._validator(schema)

    def problems(self, method: str, path: str, body: Any) -> list[str]:
        """The faults of a request, as sentences; empty if it is valid.

        Keys that the document does not declare are wrong too: Axle would ignore them silently.
        """
        operation = self.operation(method, path)
        if operation is None:
            return [f"{method} {path} is not in Axle's API."]
        problems = [*self._path_problems(operation), *self._query_problems(operation, path)]
        schema = self._body_schema(operation)
        if schema is None:
            return problems if body is None else [*problems, f"{method} {operation.template} takes no body."]
        if body is None:
            required = operation.described["requestBody"].get("required", False)
            return [*problems, "The body is missing."] if required else problems
        faults = sorted(self._validator(schema).iter_errors(body), key=lambda fault: list(map(str, fault.path)))
        problems += [f"{_place(fault.absolute_path)}: {fault.message}" for fault in faults]
        return problems + [f"{place}: is not declared" for place in self._undeclared(schema, body, "body")]

    def _path_problems(self, operation: Operation) -> Iterator[str]:
        for parameter in operation.described.get("parameters", []):
            value = operation.path_values.get(parameter["name"]) if parameter["in"] == "path" else None
            if value is not None and not value.startswith("{"):
                for fault in self._validator(parameter["schema"]).iter_errors(value):
                    yield f"path.{parameter['name']}: {fault.message}"

    def _query_problems(self, operation: Operation, path: str) -> Iterator[str]:
        given = dict(parse_qsl(path.partition("?")[2], keep_blank_values=True))
        declared = {p["name"]: p for p in operation.described.get("parameters", []) if p["in"] == "query"}
        for name, parameter in declared.items():
            if name not in given and parameter.get("required"):
                yield f"query.{name}: is missing"
        for name, text in given.items():
            if name not in declared:
                yield f"query.{name}: is not declared"
                continue
            schema = self._resolved(declared[name]["schema"])
            value: Any = {"true": True, "false": False}.get(text, text) if schema.get("type") == "boolean" else text
            for fault in self._validator(schema).iter_errors(value):
                yield f"query.{name}: {fault.message}"

    def _body_schema(self, operation: Operation) -> Mapping[str, Any] | None:
        content = operation.described.get("requestBody", {}).get("content", {})
        media = content.get("application/json") or next(iter(content.values()), None)
        return None if media is None else media["schema"]

    def _validator(self, schema: Mapping[str, Any]) -> Draft202012Validator:
        return Draft202012Validator(_rebased(schema), registry=self._registry, format_checker=FORMATS)

    def _resolved(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        while "$ref" in schema:
            found: Any = self.document
            for part in schema["$ref"].removeprefix("#/").split("/"):
                found = found[part.replace("~1", "/").replace("~0", "~")]
            schema = found
        return schema

    def _alternatives(self, schema: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        """The schema and all that it is combined of."""
        schema = self._resolved(schema)
        yield schema
        for combined in ("allOf", "anyOf", "oneOf"):
            for part in schema.get(combined, []):
                yield from self._alternatives(part)

    def _undeclared(self, schema: Mapping[str, Any], value: Any, place: str) -> Iterator[str]:
        parts = list(self._alternatives(schema))
        if isinstance(value, Mapping):
            if any(part.get("additionalProperties") for part in parts):
                return
            declared = {name: inner for part in parts for name, inner in part.get("properties", {}).items()}
            for name, inner_value in value.items():
                if name not in declared:
                    yield f"{place}.{name}"
                else:
                    yield from self._undeclared(declared[name], inner_value, f"{place}.{name}")
        elif isinstance(value, list):
            for items in [part["items"] for part in parts if "items" in part]:
                for number, inner_value in enumerate(value):
                    yield from self._undeclared(items, inner_value, f"{place}.{number}")


def _path_values(template: str, path: str) -> dict[str, str] | None:
    if template == path:
        return {name: "{" + name + "}" for name in re.findall(r"{(\w+)}", template)}
    pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(template))
    match = re.fullmatch(pattern, path)
    return None if match is None else match.groupdict()


def _rebased(schema: Any) -> Any:
    """The schema with its references pointing into the registered document."""
    if isinstance(schema, Mapping):
        return {
            key: _DOCUMENT + value if key == "$ref" and isinstance(value, str) else _rebased(value)
            for key, value in schema.items()
        }
    return [_rebased(item) for item in schema] if isinstance(schema, list) else schema


def _place(path: Any) -> str:
    return ".".join(["body", *map(str, path)])


@cache
def _load(path: Path) -> AxleOpenApi:
    return AxleOpenApi(json.loads(path.read_text()))


def axle_openapi() -> AxleOpenApi:
    """Axle's document; skips the test that asks for it when there is none."""
    named = os.environ.get("AXLE_OPENAPI")
    path = Path(named) if named else BESIDE_THE_REPOSITORY
    if named and not path.is_file():
        pytest.fail(f"AXLE_OPENAPI={named} is not a file.")
    if not path.is_file():
        pytest.skip("Axle's OpenAPI document is not here: set AXLE_OPENAPI to its path.")
    return _load(path)


def validator_for(method: str, path_template: str) -> Draft202012Validator | None:
    """``AxleOpenApi.validator_for`` of Axle's document; skips without it."""
    return axle_openapi().validator_for(method, path_template)


def check_requests(requests: Iterable[Mapping[str, Any]]) -> int:
    """Assert that Axle's document describes all of these requests, as a simulator logged them; gives their number."""
    logged = list(requests)
    for request in logged:
        query = f"?{urlencode(request['query'])}" if request["query"] else ""
        check_request(request["method"], request["path"] + query, request["body"])
    return len(logged)


def check_request(method: str, path: str, body: Any) -> None:
    """Assert that Axle's document describes this request; skips without it.

    ``path`` is the concrete path, with or without a query; ``body`` the JSON (or form) values, None for no body.
    """
    problems = axle_openapi().problems(method, path, body)
    assert not problems, f"{method} {path} {body!r}:\n  " + "\n  ".join(problems)
