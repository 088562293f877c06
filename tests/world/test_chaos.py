"""Nights that nobody scripted: whatever a seed draws, what must hold holds. More of them: ``make chaos SEEDS=n``."""

import os

import pytest

from tests.world.chaos import play, report

FIRST, SEEDS = int(os.environ.get("CHAOS_FIRST", "1")), int(os.environ.get("CHAOS_SEEDS", "30"))


@pytest.mark.parametrize("seed", range(FIRST, FIRST + SEEDS))
def test_everything_that_must_hold_holds_after_the_night_of_a_seed(seed: int) -> None:
    played = play(seed)
    assert not played.wrong, report(played)


def test_one_seed_gives_one_history() -> None:
    one, other = play(4), play(4)
    assert one.history == other.history
    assert one.faults == other.faults
