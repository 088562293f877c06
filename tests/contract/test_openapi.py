"""The OpenAPI document says what the code does: every route, every example, every problem type."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.openapi.models import OpenAPI
from jsonschema import Draft202012Validator, FormatChecker

from driveway.axle.inbound import REPLAY_WINDOW_S
from driveway.domain.twin.events import FOR_THE_APP
from driveway.runtime.http_api import MAX_BODY_BYTES
from driveway.runtime.idempotency_key import KEPT, LONGEST_KEY
from driveway.runtime.page_files import HEADERS as PAGE_HEADERS
from driveway.runtime.problems import PROBLEM_BASE
from local.openapi.__main__ import COLLECTION, DOCUMENT, HTML, PAGE, rendered, texts
from local.openapi.document import document, exchanges, kinds_of
from local.openapi.operations import OPERATIONS
from local.openapi.page import page
from local.openapi.problems import MEANINGS, raised
from local.openapi.routes import routed, served_routes
from local.openapi.world import Exchange
from tests.support.contract import openapi_form

DOC = document()
METHODS = {"get", "put", "post", "delete"}
EXCHANGES = exchanges()


def operations() -> Iterator[tuple[str, dict[str, Any]]]:
    for path, item in DOC["paths"].items():
        for method, operation in item.items():
            assert method in METHODS
            yield f"{method.upper()} {path}", operation


def named(exchange: Exchange) -> str:
    return f"{exchange.route} {exchange.name}"


def validator(schema: dict[str, Any], *, closed: bool = False) -> Draft202012Validator:
    components = _closed(DOC["components"]) if closed else DOC["components"]
    whole = {**(_closed(schema) if closed else schema), "components": components}
    return Draft202012Validator(whole, format_checker=FormatChecker(formats=["date", "uuid"]))


def _closed(value: Any) -> Any:
    """The same schemas with no room for members that are not documented."""
    if isinstance(value, list):
        return [_closed(item) for item in value]
    if not isinstance(value, dict):
        return value
    closed = {key: _closed(item) for key, item in value.items()}
    if value.get("type") in ("object", ["object", "null"]) and "properties" in value:
        closed.setdefault("additionalProperties", False)
    return closed


def refs(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for item in value.values():
            yield from refs(item)
    elif isinstance(value, list):
        for item in value:
            yield from refs(item)


def looked_up(pointer: str) -> Any:
    found: Any = DOC
    for part in pointer.removeprefix("#/").split("/"):
        found = found[part]
    return found


def test_the_kept_document_is_what_the_code_says_today() -> None:
    assert DOCUMENT.read_text() == rendered(), "run: make openapi"


def test_the_kept_page_is_what_the_code_says_today() -> None:
    assert PAGE.read_text() == page(), "run: make openapi"


@pytest.mark.parametrize("path", [HTML, COLLECTION], ids=lambda path: path.name)
def test_the_rendered_page_and_the_collection_are_what_the_code_says_today(path: Path) -> None:
    assert path.read_text() == texts()[path], "run: make openapi"


def test_the_rendered_page_has_every_operation_and_schema_and_loads_nothing() -> None:
    text = HTML.read_text()
    ids = set(re.findall(r' id="([^"]+)"', text))
    assert {operation["operationId"] for _, operation in operations()} <= ids
    assert {f"schema-{name}" for name in DOC["components"]["schemas"]} <= ids
    assert set(re.findall(r'href="#([^"]+)"', text)) <= ids
    assert not re.findall(r"<(?:script|link|img|iframe)|url\(|@import", text)


def test_the_collection_has_a_call_of_every_route_that_needs_no_signature() -> None:
    folders = {folder["name"]: folder["item"] for folder in json.loads(COLLECTION.read_text())["item"]}
    assert set(folders) == {key for key in OPERATIONS if served_routes()[key].scope != "signed"}
    assert all(items for items in folders.values())


def test_every_route_of_the_template_is_served_and_documented_and_no_other() -> None:
    assert set(routed()) == set(served_routes())
    assert {key for key, _ in operations()} == set(routed())


def test_every_route_is_served_by_the_function_that_the_template_names() -> None:
    assert {key: route.function for key, route in routed().items()} == {
        key: served.function for key, served in served_routes().items()
    }


def test_exactly_the_routes_that_check_a_signature_or_show_nothing_go_round_the_authorizer() -> None:
    assert {key for key, route in routed().items() if not route.authorized} == {
        key for key, served in served_routes().items() if served.scope in {"signed", "open"}
    }


def test_the_security_of_a_route_is_the_scope_that_its_function_asks_for() -> None:
    schemes = DOC["components"]["securitySchemes"]
    for key, operation in operations():
        required = [schemes[name] for alternative in operation["security"] for name in alternative]
        served = served_routes()[key]
        if served.scope == "open":
            assert operation["security"] == [], key
        elif served.scope == "signed":
            assert {scheme["type"] for scheme in required} == {"apiKey"}, key
        else:
            scopes = (served.scope, *served.also)
            assert operation["security"] == [{f"{scope}Token": []} for scope in scopes], key
            assert {schemes[f"{scope}Token"]["scheme"] for scope in scopes} == {"bearer"}


def test_it_reads_as_an_openapi_3_1_document() -> None:
    Draft202012Validator(openapi_form.DOCUMENT).validate(DOC)
    parsed = OpenAPI.model_validate(DOC)
    assert len(parsed.paths or {}) == len(DOC["paths"])


@pytest.mark.parametrize(
    ("pointer", "wrong"),
    [
        ("info", {"title": "Driveway"}),
        ("components/headers/etag", {"schema": {}}),
        ("components/securitySchemes/appToken", {"type": "bearer"}),
        ("paths/~1eligibility/post/responses/200", {"content": {}}),
        ("paths/~1eligibility/post/requestBody", {"contents": {}}),
    ],
)
def test_a_document_out_of_form_would_be_noticed(pointer: str, wrong: dict[str, Any]) -> None:
    rejected_rows = json.loads(json.dumps(DOC))
    *way, last = [part.replace("~1", "/") for part in pointer.split("/")]
    place = rejected_rows
    for part in way:
        place = place[part]
    place[last] = wrong
    assert not Draft202012Validator(openapi_form.DOCUMENT).is_valid(rejected_rows)


def test_every_reference_leads_somewhere_and_every_component_is_used() -> None:
    used = set(refs(DOC))
    for pointer in used:
        looked_up(pointer)
    for group in ("schemas", "headers", "examples"):
        for name in DOC["components"][group]:
            assert f"#/components/{group}/{name}" in used, name


def test_every_event_for_the_app_is_a_webhook_whose_sample_fits_its_schema() -> None:
    assert set(DOC["webhooks"]) == set(FOR_THE_APP)
    for name, item in DOC["webhooks"].items():
        (content,) = item["post"]["requestBody"]["content"].values()
        (example,) = content["examples"].values()
        assert example["value"]["type"] == name
        validator(content["schema"], closed=True).validate(example["value"])


def test_every_schema_is_a_schema() -> None:
    for name, schema in DOC["components"]["schemas"].items():
        Draft202012Validator.check_schema(schema)
        assert re.fullmatch(r"[A-Za-z]+", name)


def test_every_operation_has_its_own_name_description_and_declared_parameters() -> None:
    ids = [operation["operationId"] for _, operation in operations()]
    assert len(set(ids)) == len(ids)
    tags = {tag["name"] for tag in DOC["tags"]}
    for key, operation in operations():
        assert operation["summary"], key
        assert operation["description"], key
        assert set(operation["tags"]) <= tags
        parameters = operation.get("parameters", [])
        assert {p["name"] for p in parameters if p["in"] == "path"} == set(re.findall(r"{(\w+)}", key))
        assert len({(p["in"], p["name"]) for p in parameters}) == len(parameters)


def test_every_answer_of_a_route_has_an_example() -> None:
    made = {(exchange.route, exchange.status) for exchange in EXCHANGES}
    for key, operation in OPERATIONS.items():
        for status in operation.answers:
            assert (key, status) in made, f"{key} never answered {status}"
        if operation.request and not operation.request_optional:
            assert any(e.request is not None and e.problem is None for e in EXCHANGES if e.route == key), key


@pytest.mark.parametrize("exchange", EXCHANGES, ids=named)
def test_what_a_call_met_is_what_is_documented(exchange: Exchange) -> None:
    method, _, path = exchange.route.partition(" ")
    answer = DOC["paths"][path][method.lower()]["responses"][str(exchange.status)]
    if exchange.problem is not None:
        assert exchange.problem in answer["content"]["application/problem+json"]["examples"]
        assert exchange.headers["content-type"] == "application/problem+json"
        validator({"$ref": "#/components/schemas/Problem"}, closed=True).validate(exchange.answer)
    elif exchange.answer is None:
        assert "content" not in answer
    else:
        schema = answer["content"][exchange.headers["content-type"]]["schema"]
        validator(schema, closed=True).validate(exchange.answer)
    standard = {"content-type"} | (PAGE_HEADERS.keys() if exchange.route.startswith("GET /console") else set())
    assert {name.lower() for name in exchange.headers} <= {name.lower() for name in answer["headers"]} | standard


@pytest.mark.parametrize("exchange", [e for e in EXCHANGES if e.request is not None], ids=named)
def test_a_request_that_was_accepted_fits_its_schema(exchange: Exchange) -> None:
    method, _, path = exchange.route.partition(" ")
    schema = DOC["paths"][path][method.lower()]["requestBody"]["content"]["application/json"]["schema"]
    if exchange.problem is None:
        validator(schema).validate(exchange.request)


def test_no_two_examples_of_a_route_share_a_name() -> None:
    names = [named(exchange) for exchange in EXCHANGES]
    assert len(set(names)) == len(names)


def test_the_documented_problem_types_are_exactly_those_that_the_code_raises() -> None:
    assert set(MEANINGS) == set(raised())
    of_routes = {kind for served in served_routes().values() for kind in kinds_of(served)}
    assert of_routes == set(raised())


def test_every_problem_type_has_an_example_that_was_met() -> None:
    met = {exchange.problem for exchange in EXCHANGES} - {None}
    assert met == set(raised())
    for kind, example in DOC["components"]["examples"].items():
        assert example["value"]["type"] == PROBLEM_BASE + kind
        assert example["value"]["status"] in raised()[kind].statuses
        assert example["value"]["title"] in raised()[kind].titles


def test_a_problem_type_has_one_status_and_one_title() -> None:
    assert {kind: found.statuses for kind, found in raised().items() if len(found.statuses) > 1} == {}
    assert {kind: found.titles for kind, found in raised().items() if len(found.titles) > 1} == {}


def test_what_is_unavailable_says_when_to_repeat() -> None:
    answers = [exchange for exchange in EXCHANGES if exchange.status == 503]
    assert answers
    for exchange in answers:
        assert int(exchange.headers["Retry-After"]) >= 1


def test_no_example_holds_what_is_never_kept_but_the_request_that_brings_it() -> None:
    brought = {"PUT /sites/{site}", "POST /eligibility"}
    for exchange in EXCHANGES:
        shown = json.dumps(exchange.answer) + ("" if exchange.route in brought else json.dumps(exchange.request))
        for secret in ("1200001234566", "driver@example.com", "10 Example Street", "SW1A"):
            assert secret not in shown, named(exchange)


def test_every_time_in_an_answer_is_an_aware_instant() -> None:
    for exchange in EXCHANGES:
        for text in re.findall(r'"(\d{4}-\d\d-\d\dT[^"~]*)"', json.dumps(exchange.answer)):
            assert datetime.fromisoformat(text).astimezone(UTC).year == 2026 or text.startswith("2025"), text
            assert datetime.fromisoformat(text).tzinfo is not None, named(exchange)


def test_the_figures_in_the_prose_are_those_of_the_code() -> None:
    prose = DOC["info"]["description"]
    assert MAX_BODY_BYTES == 256 * 1024
    assert "256 KiB" in prose
    assert timedelta(hours=24) == KEPT
    assert "for 24 hours" in prose
    assert f"{LONGEST_KEY}\ncharacters" in prose or f"{LONGEST_KEY} characters" in prose
    assert REPLAY_WINDOW_S == 300
    assert "300 s of tolerance" in prose
