"""Two cars of one driver at Tesla, whose access token has ended: at each call of one command the other runs whole.

Their car maker ends the sign-in when a refresh token is used twice.
"""

from dataclasses import replace
from datetime import timedelta
from functools import partial

from driveway.auth.claimed_token import LEASE_S
from tests.support.faults import Call
from tests.world.forks import in_a_copy
from tests.world.homes import Home
from tests.world.outside import Invocation
from tests.world.pairs import CHARGE_NOW, at_once, whole
from tests.world.stages import Stage
from tests.world.state import State
from tests.world.world import new_world

FROZEN = timedelta(seconds=LEASE_S / 2)
SENDER = "VehicleCommandsFunction"


def refreshed_by_two() -> list[str]:
    """What is wrong with the end, at any call."""
    with new_world(1) as world:
        stage = Stage(world)
        homes = _two_of_one_driver(stage)
        calls = in_a_copy(partial(_calls, stage, homes))
        wrong = [] if calls else ["no command was sent"]
        for number in range(calls):
            found = in_a_copy(partial(_ended, stage, homes, number))
            wrong += [f"at call {number}: {one}" for one in found]
        return wrong


def _two_of_one_driver(stage: Stage) -> list[Home]:
    stage.world.simulated("POST", "/config", {"tesla": {"refresh_tokens": "reuse_ends"}})
    first = stage.held("tesla")
    second = replace(stage.car("tesla", 2, user_id=first.user_id, auto_start=True), user_id=first.user_id)
    stage.homes[second.asset] = second
    stage.app.ask("PUT", f"/sites/{second.site}", second.body())
    stage.passes(minutes=2)
    stage.world.move(second.vehicle_id, "plug-in")
    stage.passes(minutes=10)
    stage.world.simulated("POST", "/expire-tokens?provider=tesla")
    return [first, second]


def _calls(stage: Stage, homes: list[Home]) -> int:
    before = len(stage.world.host.invocations)
    CHARGE_NOW(stage, homes[0])
    at_once(stage)
    return max((len(one.calls) for one in stage.world.host.invocations[before:] if one.function == SENDER), default=0)


def _ended(stage: Stage, homes: list[Home], number: int) -> list[str]:
    waiting, paused = [homes[1]], [timedelta(0)]

    def between(invocation: Invocation, call: Call) -> None:
        if waiting and invocation.function == SENDER and len(invocation.calls) - 1 == number:
            began = stage.world.clock.now()
            whole(stage, waiting.pop(), SENDER, CHARGE_NOW)
            paused.append(stage.world.clock.now() - began)

    stage.world.between = between
    CHARGE_NOW(stage, homes[0])
    stage.passes(minutes=20)
    state, wrong = State(stage.world), list[str]()
    cars, now = stage.world.cars, stage.world.clock.now()
    # One that freezes for longer than its claim, just before its request, cannot be held back.
    froze = max(paused) > FROZEN
    if not froze and homes[0].user_id not in cars.tesla.refresh_tokens.users(now):
        wrong.append("the sign-in has ended: a refresh token was used twice")
    for home in homes:
        twin = state.twins[home.asset]
        if twin.presence.needs_user is not None:
            wrong.append(f"{home.asset} has lost its account: {twin.presence.needs_user}")
        if not state.car(home.vehicle_id).charging:
            wrong.append(f"{home.asset} does not charge")
    return wrong
