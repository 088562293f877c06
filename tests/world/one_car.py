"""Two homes that onboard one car at once: at each call of the one, the other runs whole. One of them has the car."""

from datetime import timedelta
from functools import partial

from tests.support.faults import Call
from tests.world.forks import in_a_copy
from tests.world.homes import Home
from tests.world.outside import Invocation
from tests.world.stages import Stage
from tests.world.state import State
from tests.world.world import new_world

REFUSED = frozenset({404, 409, 422})
MOST_CALLS = 60


def claimed_by_two() -> list[str]:
    """What is wrong with the end, at any call."""
    with new_world(1) as world:
        stage = Stage(world)
        home = stage.car()
        calls = in_a_copy(partial(_calls, stage, home))
        wrong: list[str] = []
        for number in range(min(calls, MOST_CALLS)):
            found = in_a_copy(partial(_ended, stage, home, number))
            wrong += [f"at call {number}: {one}" for one in found]
        return wrong


def _calls(stage: Stage, home: Home) -> int:
    stage.app.ask("PUT", f"/sites/{home.site}", home.body())
    return max(len(one.calls) for one in stage.world.host.invocations if one.function == "OnboardingFunction")


def _ended(stage: Stage, home: Home, number: int) -> list[str]:
    buyer, waiting = home.bought(), [True]

    def between(invocation: Invocation, call: Call) -> None:
        if waiting and invocation.function == "OnboardingFunction" and len(invocation.calls) - 1 == number:
            waiting.clear()
            stage.app.ask("PUT", f"/sites/{buyer.site}", buyer.body(), expected=REFUSED)

    stage.world.between = between
    stage.app.ask("PUT", f"/sites/{home.site}", home.body(), expected=REFUSED)
    stage.settles(timedelta(minutes=10))
    twins = State(stage.world).twins.values()
    owners = [
        one.link.asset
        for one in twins
        if one.link.vehicle is not None and one.link.vehicle.vehicle_id == home.vehicle_id
    ]
    accepted = [one.path for one in stage.app.asked if one.status in {200, 201}]
    wrong = [] if len(owners) == 1 else [f"{home.vehicle_id} is the car of {owners}"]
    return wrong + ([] if len(accepted) == 1 else [f"accepted were {accepted}"])
