"""A few drawn requests for every operation, on the running stack: ``make fuzz`` draws more."""

from typing import Any

import pytest
from hypothesis import given

from tests.support.contract.fuzzing import HELD, cases, operations, token_of
from tests.support.functions.mutated import few
from tests.support.stack.homes import Home, Stack


@pytest.fixture(scope="module")
def fuzzed(running: Stack) -> Home:
    return Home(running, "fuzzed").join()


def _in_turn() -> list[str]:
    """All but the operator's switch, which is every car's and has tests of its own; the erasure of the home is last."""
    return sorted(set(operations()) - {"putControl"}, key=lambda name: (name == "deleteSite", name))


@pytest.mark.parametrize("operation", _in_turn())
def test_whatever_is_asked_of_the_stack_is_answered_as_documented(operation: str, running: Stack, fuzzed: Home) -> None:
    names = {"site": "fuzzed", "asset": "fuzzed", "axle_asset_id": fuzzed.at_axle()["asset_id"]}

    @few(3)
    @given(case=cases(operation, names))
    def ask(case: Any) -> None:
        headers = {"Authorization": f"Bearer {running.values[f'{token_of(case)}_token']}"}
        case.validate_response(case.call(base_url=running.values["api_url"], headers=headers, timeout=30), checks=HELD)

    ask()
