"""Puts the OpenAPI document together."""

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from msgspec import to_builtins

from driveway.outbox.app_events import app_event
from local.bundle import version
from local.openapi.axle_answers import ANSWERS
from local.openapi.codes import EVENTS, for_the_app
from local.openapi.event_scenario import play
from local.openapi.operation import HEADERS, Operation
from local.openapi.operations import OPERATIONS, TAGS
from local.openapi.problems import MEANINGS, raised
from local.openapi.requests import request_schemas
from local.openapi.responses import response_schemas
from local.openapi.routes import Served, served_routes
from local.openapi.scenario import tell
from local.openapi.schema import Schema, ref, text
from local.openapi.world import Exchange, new_world

START = datetime(2026, 1, 15, 21, 50, tzinfo=UTC)
CONVENTIONS = Path(__file__).with_name("conventions.md")
PATH_PARAMETERS = {
    "site": "The app's id of the site.",
    "asset": "The app's id of the asset.",
    "night": "`last`, or the date of its evening.",
    "file": "The name of the file.",
    "session": "The id of a session, as the sessions of the asset have it.",
    "vehicle_id": "The app's id of one of several cars, at most 64 letters, digits and `. _ : -`.",
    "provider": "`enode`, `smartcar` or `tesla`.",
    "axle_asset_id": "Axle's id of the asset.",
}
WEBHOOK_HEADERS = {
    "webhook-id": "The id of the event, the same for every attempt.",
    "webhook-timestamp": "The time of the attempt in unix seconds. Refuse what is more than five minutes off.",
    "webhook-signature": 'v1,<base64 HMAC-SHA256 of "<id>.<timestamp>.<raw body>">, one for each secret in use.',
}
SECURITY: dict[str, list[dict[str, list[str]]]] = {
    "app": [{"appToken": []}],
    "axle": [{"axleToken": []}],
    "support": [{"supportToken": []}],
    "operator": [{"operatorToken": []}],
    "open": [],
    "POST /axle/webhooks": [{"axleSignature": []}],
    "POST /webhooks/{provider}": [{"enodeSignature": []}, {"smartcarSignature": []}, {"teslaRelaySignature": []}],
}


@cache
def exchanges() -> tuple[Exchange, ...]:
    """The documented calls, made now."""
    with new_world(START, ANSWERS) as world:
        tell(world)
        return tuple(world.exchanges)


@cache
def samples() -> dict[str, Any]:
    """The first event of each type that the app receives, made now."""
    with new_world(START, ANSWERS) as world:
        play(world)
        events: list[dict[str, Any]] = [
            to_builtins(app_event(detail)) for detail in reversed(world.runtime.kept_events.for_the_app)
        ]
        return {event["type"]: event for event in events}


def document() -> dict[str, Any]:
    """The OpenAPI 3.1 document.

    Raises:
        KeyError: a served route, or a problem type that the code raises, has no text here.
    """
    paths: dict[str, dict[str, Any]] = {}
    for key in OPERATIONS:
        method, _, path = key.partition(" ")
        paths.setdefault(path, {})[method.lower()] = _operation(served_routes()[key])
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Driveway",
            "version": version(),
            "summary": "Home EV charging on Axle Energy's schedules.",
            "description": CONVENTIONS.read_text(),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [
            {
                "url": "https://{api}.execute-api.{region}.amazonaws.com",
                "description": "The stack's output `ApiUrl`.",
                "variables": {"api": {"default": "abc123"}, "region": {"default": "eu-west-2"}},
            }
        ],
        "tags": [{"name": name, "description": words} for name, words in TAGS.items()],
        "paths": paths,
        "webhooks": webhooks(),
        "components": {
            "schemas": dict(sorted(schemas().items())),
            "securitySchemes": _security_schemes(),
            "headers": _headers(),
            "examples": _problem_examples(),
        },
    }


def schemas() -> dict[str, Schema]:
    """Every schema of the document."""
    events = {
        "type": ["array", "object"],
        "items": {"type": "object"},
        "description": "The provider's own events; other members are ignored.",
    }
    return {**request_schemas(), **response_schemas(), "ProviderEvents": events}


def webhooks() -> dict[str, Any]:
    """Each event that the app's webhook receives, with a sample. Raises KeyError where none was made."""
    return {name: {"post": _webhook(name, samples()[name])} for name in EVENTS if for_the_app(name)}


def _webhook(name: str, sample: Any) -> dict[str, Any]:
    content = {"schema": ref("AppEvent"), "examples": {name: {"summary": EVENTS[name], "value": sample}}}
    headers = ("webhook-id", "webhook-timestamp", "webhook-signature")
    return {
        "operationId": f"receive{name}",
        "tags": ["Events"],
        "summary": EVENTS[name],
        "description": "Signed as Standard Webhooks.",
        "security": [{"standardWebhook": []}],
        "parameters": [
            {"name": header, "in": "header", "required": True, "description": WEBHOOK_HEADERS[header], "schema": text()}
            for header in headers
        ],
        "requestBody": {"required": True, "content": {"application/json": content}},
        "responses": {"2XX": {"description": "Taken. Anything else, or no answer within five seconds: sent again."}},
    }


def kinds_of(served: Served) -> list[str]:
    """The problem types that a route can answer with."""
    operation = OPERATIONS[served.route]
    kinds = {*operation.problems, "internal"}
    if served.scope not in {"signed", "open"}:
        kinds |= {"unauthorized", "forbidden"}
    if operation.request:
        kinds |= {"malformed", "too-large"}
    return sorted(kinds)


def _operation(served: Served) -> dict[str, Any]:
    operation = OPERATIONS[served.route]
    made = [exchange for exchange in exchanges() if exchange.route == served.route]
    reported: dict[str, Any] = {
        "operationId": operation.name,
        "tags": [operation.tag],
        "summary": served.summary,
        "description": operation.words,
        "security": SECURITY.get(served.route)
        or [one for scope in (served.scope, *served.also) for one in SECURITY[scope]],
    }
    parameters = _parameters(served.route, operation)
    if parameters:
        reported["parameters"] = parameters
    if operation.request:
        reported["requestBody"] = _request_body(operation, made)
    reported["responses"] = {
        **{str(status): _answer(operation, status, made) for status in operation.answers},
        **_refusals(kinds_of(served)),
    }
    return reported


def _parameters(route: str, operation: Operation) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "description": words, "schema": {"type": "string"}}
        for name, words in PATH_PARAMETERS.items()
        if f"{{{name}}}" in route
    ]
    found += [_described(name, "query", schema) for name, schema in operation.query.items()]
    return found + [_described(name, "header", HEADERS[name]) for name in operation.headers]


def _described(name: str, where: str, schema: Schema) -> dict[str, Any]:
    rest = {key: value for key, value in schema.items() if key != "description"}
    return {"name": name, "in": where, "required": False, "description": schema.get("description", ""), "schema": rest}


def _request_body(operation: Operation, made: Iterable[Exchange]) -> dict[str, Any]:
    names = [ref(name) for name in operation.request]
    # A name that is used twice would hide an example; what was refused is shown with its problem instead.
    examples = {
        exchange.name: {"summary": exchange.summary, "value": exchange.request}
        for exchange in made
        if exchange.request is not None and exchange.problem is None
    }
    content: dict[str, Any] = {"schema": names[0] if len(names) == 1 else {"anyOf": names}}
    if examples:
        content["examples"] = examples
    return {"required": not operation.request_optional, "content": {"application/json": content}}


def _answer(operation: Operation, status: int, made: Iterable[Exchange]) -> dict[str, Any]:
    name, words = operation.answers[status]
    given = [exchange for exchange in made if exchange.status == status]
    headers = {"x-request-id": {"$ref": "#/components/headers/x-request-id"}}
    if any("etag" in exchange.headers for exchange in given):
        headers["etag"] = {"$ref": "#/components/headers/etag"}
    if any("cache-control" in exchange.headers for exchange in given):
        headers["cache-control"] = {"$ref": "#/components/headers/cache-control"}
    if "Idempotency-Key" in operation.headers:
        headers["idempotent-replayed"] = {"$ref": "#/components/headers/idempotent-replayed"}
    answer: dict[str, Any] = {"description": words, "headers": headers}
    if not name:
        return answer
    content: dict[str, Any] = {}
    for exchange in given:
        kind = exchange.headers["content-type"]
        schema = ref(name) if kind == "application/json" else {"type": "string"}
        shown = content.setdefault(kind, {"schema": schema, "examples": {}})
        value = exchange.answer if kind == "application/json" else exchange.answer[:120] + "…"
        shown["examples"][exchange.name] = {"summary": exchange.summary, "value": value}
    return answer | {"content": content}


def _refusals(kinds: Iterable[str]) -> dict[str, Any]:
    by_status: dict[int, list[str]] = {}
    for kind in kinds:
        for status in raised()[kind].statuses:
            by_status.setdefault(status, []).append(kind)
    return {str(status): _refusal(status, of_status) for status, of_status in sorted(by_status.items())}


def _refusal(status: int, kinds: list[str]) -> dict[str, Any]:
    headers = {"x-request-id": {"$ref": "#/components/headers/x-request-id"}}
    if status == 503:
        headers["Retry-After"] = {"$ref": "#/components/headers/Retry-After"}
    if status == 401 and "unauthorized" in kinds:
        headers["WWW-Authenticate"] = {"$ref": "#/components/headers/WWW-Authenticate"}
    examples = {kind: {"$ref": f"#/components/examples/{kind}"} for kind in kinds}
    return {
        "description": " ".join(f"`{kind}`: {MEANINGS[kind]}" for kind in kinds),
        "headers": headers,
        "content": {"application/problem+json": {"schema": ref("Problem"), "examples": examples}},
    }


def _problem_examples() -> dict[str, Any]:
    met: dict[str, Any] = {}
    for exchange in exchanges():
        if exchange.problem is not None:
            met.setdefault(exchange.problem, exchange.answer)
    return {kind: {"summary": MEANINGS[kind], "value": met[kind]} for kind in raised()}


def _headers() -> dict[str, Any]:
    return {
        "x-request-id": {"description": "Names this request in the logs.", "schema": text()},
        "cache-control": {"description": "`no-store`: keep no copy of the answer.", "schema": text()},
        "etag": {"description": "The asset's revision, for `If-Match`.", "schema": text()},
        "idempotent-replayed": {
            "description": "`true` when this is the answer to an earlier call with the same key.",
            "schema": text(),
        },
        "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 1}},
        "WWW-Authenticate": {"description": "Which kind of token is wanted.", "schema": text()},
    }


def _security_schemes() -> dict[str, Any]:
    def bearer(words: str) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": words}

    def signature(header: str, words: str) -> dict[str, str]:
        return {"type": "apiKey", "in": "header", "name": header, "description": words}

    timestamped = 't=<unix seconds>,v1=<hex HMAC-SHA256 of "<t>.<raw body>">, 300 s of tolerance.'
    return {
        "appToken": bearer("A token with the scope `app`."),
        "axleToken": bearer("A token with the scope `axle`."),
        "supportToken": bearer("A token with the scope `support`."),
        "operatorToken": bearer("A token with the scope `operator`."),
        "axleSignature": signature("x-axle-sig", timestamped),
        "enodeSignature": signature("x-enode-signature", "sha1=<hex HMAC-SHA1 of the raw body>"),
        "smartcarSignature": signature("sc-signature", "<hex HMAC-SHA256 of the raw body>"),
        "standardWebhook": signature("webhook-signature", WEBHOOK_HEADERS["webhook-signature"]),
        "teslaRelaySignature": signature("x-driveway-signature", timestamped),
    }
