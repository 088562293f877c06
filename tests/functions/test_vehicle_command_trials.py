"""A car that its provider reports unplugged while our stop lasts, through every provider that has such cars."""

from datetime import timedelta
from typing import Any

import pytest

from tests.support.functions.rig import NOW
from tests.support.functions.stage import Stage

PROVIDERS = pytest.mark.parametrize("provider", ["enode", "smartcar", "tesla"])
EDGE = NOW.replace(hour=23, minute=30)
MINUTE = timedelta(minutes=1)


def seemingly_unplugged(stage: Stage, provider: str, **spec: Any) -> str:
    """A car that was stopped at 18:00 and has been reported unplugged since; the id of the session that it had."""
    stage.park(provider, seems_unplugged_while_stopped=True, **spec)
    stage.rig.clock.move(seconds=1)
    stage.ask()
    stage.run(1)
    assert not stage.truth()["charging"]
    stage.ask()
    session = stage.rig.twin("car-1").presence.session
    assert session is not None
    stage.run(22)
    assert stage.rig.twin("car-1").presence.session is None
    return session.id


def meet_edge(stage: Stage) -> None:
    stage.jump(EDGE - timedelta(seconds=2))
    stage.run(1)
    stage.ask()


def energy_wh(stage: Stage) -> int:
    return sum(session.energy_wh for session in stage.rig.twin("car-1").meter.sessions)


@PROVIDERS
def test_it_is_started_at_the_next_off_peak_edge_and_goes_on_with_its_session(stage: Stage, provider: str) -> None:
    session_id = seemingly_unplugged(stage, provider)
    meet_edge(stage)
    assert stage.truth()["charging"]
    session = stage.rig.twin("car-1").presence.session
    assert session is not None
    assert session.id == session_id
    assert stage.shown()["command"]["state"] == "confirmed"
    before = energy_wh(stage)
    for _ in range(6):
        stage.rig.clock.move(minutes=5)
        stage.ask()
    assert energy_wh(stage) - before == pytest.approx(3700, rel=0.12)


@PROVIDERS
@pytest.mark.parametrize("how", ["unenrol", "snooze"])
def test_it_is_started_when_it_is_released(stage: Stage, provider: str, how: str) -> None:
    seemingly_unplugged(stage, provider)
    until = NOW + timedelta(days=2)
    changes: dict[str, Any] = {"enrolled": False} if how == "unenrol" else {"snoozed_until": until}
    stage.link(**changes)
    stage.run(1)
    assert stage.truth()["charging"]


@PROVIDERS
def test_a_car_that_is_really_unplugged_is_tried_once_and_the_plug_out_is_confirmed(
    stage: Stage, provider: str
) -> None:
    seemingly_unplugged(stage, provider)
    stage.cars.do("plug-out", "5YJ30000000000001")
    meet_edge(stage)
    stage.run(90)
    planned = [detail for kind, detail in stage.rig.bus.events if kind == "ChargingCommand"]
    assert [detail["action"] for detail in planned if detail["action"] in {"start", "stop"}] == ["stop", "start"]
    assert stage.reasons("CommandSuperseded")[0] == "PLUG_OUT_CONFIRMED_BY_PROVIDER"
    assert (stage.reasons("CommandFailed"), stage.reasons("NeedsAttention")) == ([], [])
    assert stage.rig.twin("car-1").control.breaker_until is None


def test_a_start_that_enode_still_has_open_is_cancelled_there(stage: Stage) -> None:
    seemingly_unplugged(stage, "enode")
    stage.cars.change("5YJ30000000000001", command_delay_s=3600)
    stage.jump(EDGE - timedelta(seconds=2))
    stage.run(10)
    assert stage.reasons("CommandSuperseded") == ["TRIAL_START_ENDED"]
    stage.rig.clock.move(hours=2)
    assert not stage.truth()["charging"], "Enode does not carry it out any more"


def test_a_sleeping_tesla_is_not_woken_for_it(stage: Stage) -> None:
    seemingly_unplugged(stage, "tesla")
    stage.cars.do("sleep", "5YJ30000000000001")
    stage.jump(EDGE - timedelta(seconds=2))
    stage.run(30)
    assert "wake_up" not in stage.commands()
    assert stage.reasons("NeedsAttention") == []
