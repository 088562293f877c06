"""Requests drawn from the document of the API, and what is wrong with an answer."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import schemathesis
from hypothesis import strategies as st
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.generation import GenerationMode

DOCUMENT = Path(__file__).parents[3] / "docs" / "openapi.json"
load_all_checks()
HELD = CHECKS.get_by_names(
    [
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_headers_conformance",
        "response_schema_conformance",
    ]
)
SIGNED = ("postWebhook", "postAxleWebhook")
"""Their bodies are refused unless they are signed: they are drawn elsewhere."""


@cache
def operations() -> Mapping[str, Any]:
    """All operations of the document but those that take signed bodies, by operation id."""
    schema = schemathesis.openapi.from_path(DOCUMENT)
    found = [one.ok() for one in schema.get_all_operations()]
    return {one.definition.raw["operationId"]: one for one in found if one.definition.raw["operationId"] not in SIGNED}


def token_of(case: Any) -> str:
    """The scope whose token the operation takes: Axle's for its own routes, else the operator's, who may do all."""
    return "axle" if case.path.startswith("/axle/") else "operator" if case.path == "/control" else "app"


@st.composite
def cases(draw: st.DrawFn, operation: str, names: Mapping[str, str]) -> Any:
    """A request that fits the document or breaks it, mostly with ``names`` for its path's parameters."""
    mode = draw(st.sampled_from([GenerationMode.POSITIVE, GenerationMode.NEGATIVE]))
    one = operations()[operation]
    case = draw(one.as_strategy(generation_mode=mode))
    if draw(st.integers(0, 3)):
        case.path_parameters = {
            name: names.get(name, value) for name, value in dict(case.path_parameters or {}).items()
        }
    return case
