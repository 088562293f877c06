"""What ``make axle-diff`` says of a changed document, and that its idea of what we use is the code's."""

import copy
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from driveway.axle.answers import FORMS
from local.axle_diff import differences, is_used, main
from tests.support.contract.axle_openapi import axle_openapi

TABLE = Path(__file__).parents[2] / "docs" / "axle-api.md"
EVENTS = ("", "/plug-in", "/plug-out", "/intent", "/tariff-update", "/charge-now", "/charge-now-deleted")


def document() -> dict[str, Any]:
    return copy.deepcopy(dict(axle_openapi().document))


def names_in(schema: Any, whole: dict[str, Any], place: str = "") -> Iterator[str]:
    """The names of the members that a schema describes, as ``unknown_names`` writes them."""
    if "$ref" in schema:
        schema = whole["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]]
    for combined in ("anyOf", "allOf", "oneOf"):
        for part in schema.get(combined, []):
            yield from names_in(part, whole, place)
    if "items" in schema:
        yield from names_in(schema["items"], whole, f"{place}[]")
    for name, inner in schema.get("properties", {}).items():
        inside = f"{place}.{name}" if place else name
        yield inside
        yield from names_in(inner, whole, inside)


def test_the_names_that_we_know_of_answers_are_those_of_axles_document() -> None:
    whole, checked = document(), 0
    for path, methods in whole["paths"].items():
        for method, operation in methods.items():
            form = next((f for f in FORMS if f.method == method.upper() and f.path.fullmatch(path)), None)
            if form is None or not is_used(method, path) or "/event" in path:
                continue
            described = [operation["responses"].get(status, {}) for status in ("200", "202")]
            schemas = [a.get("content", {}).get("application/json", {}).get("schema", {}) for a in described]
            expected = {name for schema in schemas for name in names_in(schema, whole)}
            assert form.names == expected, path
            checked += 1
    assert checked == 18


def test_the_documented_table_has_every_operation_and_says_rightly_which_we_use() -> None:
    rows = re.findall(r"^\| ([A-Z]+) `([^`]+)` \| (\w+)", TABLE.read_text(), re.MULTILINE)
    documented = [(method.lower(), path, word != "no") for method, path, word in rows]
    paths = document()["paths"]
    assert sorted(documented) == sorted((m, path, is_used(m, path)) for path in paths for m in paths[path])


def test_every_call_of_the_code_is_in_the_document_and_counts_as_used() -> None:
    paths = document()["paths"]
    used = {(method, path) for path in paths for method in paths[path] if is_used(method, path)}
    assert {("post", f"/entities/asset/{{asset_id}}/event{name}") for name in EVENTS} <= used
    assert len(used) == 28
    for form in FORMS:
        assert any(method == form.method.lower() and form.path.fullmatch(path) for method, path in used), form.path


def gone(new: dict[str, Any]) -> None:
    del new["paths"]["/rewards/{site_id}/info"]


def new_member(new: dict[str, Any]) -> None:
    new["components"]["schemas"]["MeterResponse"]["properties"]["title"] = {"type": "string"}


def new_value(new: dict[str, Any]) -> None:
    new["components"]["schemas"]["EventStatus"]["enum"].append("CANCELLED")


def now_required(new: dict[str, Any]) -> None:
    new["components"]["schemas"]["EventResponse"]["required"].append("reason")


def new_parameter(new: dict[str, Any]) -> None:
    new["paths"]["/meter/search"]["get"]["parameters"].append({"name": "uprn", "in": "query", "schema": {}})


def example_sent(new: dict[str, Any]) -> None:
    new["components"]["schemas"]["DispatchEvent"]["properties"]["level_kw"]["type"] = "string"


TOUCHING: list[tuple[Callable[[dict[str, Any]], None], str]] = [
    (gone, "GET /rewards/{site_id}/info: is gone"),
    (new_member, "schema/properties/title is new"),
    (new_value, "status/enum/CANCELLED is new"),
    (now_required, "schema/required/reason is new"),
    (new_parameter, "/parameters/uprn is new"),
    (example_sent, 'level_kw/type was "number", is "string"'),
]


@pytest.mark.parametrize(("change", "words"), TOUCHING)
def test_a_change_of_what_we_use_is_named_and_is_an_error(
    change: Callable[[dict[str, Any]], None], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    held, new = document(), document()
    change(new)
    files = [tmp_path / "new.json", tmp_path / "held.json"]
    for file, content in zip(files, (new, held), strict=True):
        file.write_text(json.dumps(content))
    assert main([str(file) for file in files]) == 1
    first = capsys.readouterr().out.splitlines()[0]
    assert first.startswith("TOUCHES US")
    assert words in first


def test_a_path_that_is_new_in_the_same_version_is_named_and_is_no_error() -> None:
    held, new = document(), document()
    new["paths"]["/entities/asset/{asset_id}/todays-dispatch-schedule"] = {"get": {"responses": {}}}
    new["info"]["description"] = "Other words."
    (change,) = differences(held, new)
    assert (change.touches_us, change.text) == (False, "is new")
    assert differences(held, held) == []
