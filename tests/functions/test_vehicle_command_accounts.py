"""Accounts out of order, and faults of ours, through the providers."""

from datetime import timedelta

import pytest

from tests.support.functions.rig import NOW
from tests.support.functions.stage import Stage

EDGE = NOW.replace(hour=23, minute=30)


def held_and_disconnected(stage: Stage, provider: str) -> None:
    """A car that we stopped, whose account is then refused, and of which nothing is reported any more."""
    stage.park(provider)
    stage.rig.clock.move(seconds=1)
    stage.ask()
    stage.run(1)
    assert not stage.truth()["charging"]
    stage.cars.change("5YJ30000000000001", account_connected=False)
    stage.ask()
    assert stage.rig.twin("car-1").presence.needs_user is not None


@pytest.mark.parametrize("provider", ["enode", "smartcar", "tesla"])
def test_an_account_that_comes_back_silently_is_found_at_the_start_edge(stage: Stage, provider: str) -> None:
    held_and_disconnected(stage, provider)
    stage.cars.change("5YJ30000000000001", account_connected=True)
    stage.jump(EDGE - timedelta(seconds=2))
    stage.run(1)
    assert stage.truth()["charging"]
    assert stage.rig.twin("car-1").presence.needs_user is None


@pytest.mark.parametrize("provider", ["enode", "smartcar", "tesla"])
def test_an_account_that_is_still_refused_is_looked_at_and_not_commanded(stage: Stage, provider: str) -> None:
    held_and_disconnected(stage, provider)
    before = stage.commands()
    stage.jump(EDGE - timedelta(seconds=2))
    stage.run(5)
    assert stage.commands() == before
    assert stage.rig.twin("car-1").control.breaker_until is None
    assert stage.reasons("NeedsAttention") == ["PROVIDER_NEEDS_USER"]


@pytest.mark.parametrize(
    ("status", "words"),
    [(403, "Tesla Vehicle Command Protocol required"), (421, "user out of region, use base URL: elsewhere")],
)
def test_a_wrong_base_url_is_reported_to_the_operator_and_not_to_the_driver(
    stage: Stage, capfd: pytest.CaptureFixture[str], status: int, words: str
) -> None:
    stage.park("tesla", auto_start=False)
    stage.break_service("tesla/api/1/vehicles/.*/command", status=status, body={"response": None, "error": words})
    body = {"for_minutes": 60}
    assert stage.rig.serve("preferences", "PUT /assets/{asset}/charge-now", body, asset="car-1").status < 300
    stage.settle()
    assert stage.reasons("NeedsAttention") == []
    assert stage.rig.twin("car-1").presence.needs_user is None
    assert stage.reasons("CommandFailed") == ["PROVIDER_NEEDS_OPERATOR"]
    assert "the operator has to act" in capfd.readouterr().out
