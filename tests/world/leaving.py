"""A held car whose home leaves: two hours later it is able to charge."""

from datetime import timedelta

from tests.world.forks import in_a_copy
from tests.world.stages import Stage
from tests.world.state import State
from tests.world.world import new_world

PROVIDERS = ("enode", "smartcar")


def still_held() -> list[str]:
    """The cars that are still held."""
    return [wrong for provider in PROVIDERS for wrong in in_a_copy(lambda one=provider: _ended(one))]  # type: ignore[misc]


def _ended(provider: str) -> list[str]:
    with new_world(1) as world:
        stage = Stage(world)
        home = stage.held(provider)
        held = State(world).car(home.vehicle_id).mode
        stage.app.ask("POST", f"/sites/{home.site}/unenrol")
        stage.settles(timedelta(hours=2))
        car = State(world).car(home.vehicle_id)
        wrong = [] if held == "stop" else [f"{home.vehicle_id} was not held before"]
        return wrong + ([f"{home.vehicle_id} is still held"] if car.mode == "stop" else [])
