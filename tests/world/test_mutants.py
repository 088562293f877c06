"""The planted faults: each still meets what it changes. ``make chaos-mutants`` shows what catches each."""

import pytest

from tests.world.mutants import MUTANTS


@pytest.mark.parametrize("name", MUTANTS)
def test_every_fault_can_be_planted(name: str) -> None:
    with MUTANTS[name].plant():
        pass
