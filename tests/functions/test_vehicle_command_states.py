"""Cars whose state sticks, or is not reported, through the providers: they are commanded by their power."""

from datetime import timedelta
from typing import Any

import pytest

from tests.support.functions.rig import NOW
from tests.support.functions.stage import Stage

EDGE = NOW.replace(hour=23, minute=30)
MINUTE = timedelta(minutes=1)


def night(stage: Stage, provider: str, **spec: Any) -> None:
    """A car that is plugged in at peak, and is looked at every ten minutes from before the off-peak window."""
    stage.park(provider, **spec)
    stage.rig.clock.move(seconds=1)
    for _ in range(4):
        stage.ask()
        stage.run(2)
    stage.jump(EDGE - timedelta(seconds=2))
    for _ in range(6):
        stage.run(5)
        stage.ask()


@pytest.mark.parametrize("provider", ["enode", "smartcar", "tesla"])
def test_a_state_that_sticks_at_starting_costs_one_start_and_fails_nothing(stage: Stage, provider: str) -> None:
    night(stage, provider, starting_sticks=True)
    assert stage.truth()["charging"]
    actions = [detail["action"] for kind, detail in stage.rig.bus.events if kind == "ChargingCommand"]
    assert actions.count("start") == 1
    assert stage.reasons("CommandFailed") == []
    assert stage.shown()["command"]["state"] == "confirmed"
