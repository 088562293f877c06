"""A handler that dies at any call, or loses an answer, leaves nothing behind. All of it: ``make crash-points``."""

import pytest

from tests.world.crash_points import differences, enumerate_faults, play_on, prepared
from tests.world.forks import in_a_copy
from tests.world.situations import SITUATIONS

IN_THE_GATE = (
    "onboarding",
    "opt-out",
    "intent",
    "plug-in",
    "a large batch",
    "a large batch is stored",
    "a profile",
    "Axle gets a plug-in",
    "a stop is planned",
    "a stop is sent",
    "readings",
    "the announcer",
    "a test charge is asked for",
    "a test charge ends",
    "a verdict goes to the app",
    "Enode reports a new car",
)


@pytest.mark.parametrize("name", IN_THE_GATE)
def test_every_fault_at_every_call_ends_as_without_it(name: str) -> None:
    found = enumerate_faults(SITUATIONS[name])
    assert found.runs >= found.calls > 0
    assert not found.wrong, "\n".join(found.wrong)


def test_a_state_that_differs_is_found() -> None:
    with prepared(SITUATIONS["intent"]) as (stage, home):
        plain = in_a_copy(lambda: play_on(stage, home, SITUATIONS["intent"], None))
        other = in_a_copy(lambda: play_on(stage, home, SITUATIONS["tariff"], None))
    assert any(line.startswith("twin car-1") for line in differences(plain, other))


NO_SITUATION = {"ConsoleFunction"}
"""The console's function serves files and calls nothing."""


def test_there_are_forty_situations_of_all_functions() -> None:
    assert len(SITUATIONS) >= 40
    with prepared(SITUATIONS["onboarding"]) as (stage, _):
        functions = set(stage.world.cloud.stack.functions)
    assert {one.function for one in SITUATIONS.values()} == functions - NO_SITUATION
