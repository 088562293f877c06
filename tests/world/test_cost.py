"""What one session uses does not grow unnoticed: its counts are held to the figures of the last ``make bench``."""

import json
from pathlib import Path

import pytest

from tests.world.cost import RHYTHMS, session

FIGURES = json.loads((Path(__file__).parents[2] / "benchmarks" / "cost_figures.json").read_text(encoding="utf-8"))
GREW = 1.02
"""The order of two events within an instant may cost a read more or less."""


@pytest.mark.parametrize("rhythm", ["12"])
def test_a_session_uses_no_more_than_the_figures_say(rhythm: str) -> None:
    counts = session(RHYTHMS[rhythm]).counts()
    held = FIGURES[rhythm]["counts"]
    assert counts["reports"] == held["reports"]
    assert {name: n for name, n in counts.items() if n > held[name] * GREW} == {}
