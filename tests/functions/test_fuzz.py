"""Every operation of the API with requests that were drawn from its own document, good and bad."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from hypothesis import given

from local.openapi.scenario import SITE
from tests.support.contract.fuzzing import HELD, cases, operations, token_of
from tests.support.functions.front import TOKENS, serving
from tests.support.functions.mutated import few
from tests.support.functions.rig import Rig

TOKEN = {scope: next(iter(named.values())) for scope, named in TOKENS.items()}


@pytest.fixture
def stage_url(rig: Rig) -> Iterator[str]:
    """The address of a stage with the home of the document's examples."""
    with serving(rig) as url:
        joined = requests.put(f"{url}/sites/home-1", json=SITE, headers=_bearer("app"), timeout=30)
        assert joined.status_code == 201, joined.text
        rig.pump()
        yield url


def _bearer(scope: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {TOKEN[scope]}"}


@pytest.mark.parametrize("operation", sorted(operations()))
def test_whatever_is_asked_is_answered_as_documented_and_what_is_refused_changes_nothing(
    operation: str, stage_url: str, rig: Rig
) -> None:
    names = {"site": "home-1", "asset": "car-1", "axle_asset_id": rig.twin("car-1").link.axle_asset_id or ""}

    @few(10)
    @given(case=cases(operation, names))
    def ask(case: Any) -> None:
        before = rig.items()
        answer = case.call(base_url=stage_url, headers=_bearer(token_of(case)), timeout=30)
        case.validate_response(answer, checks=HELD)
        if 400 <= answer.status_code < 500:
            assert rig.items() == before

    ask()
