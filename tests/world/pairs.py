"""Two handlers at one asset: one stops before a call, the other runs whole, the first goes on.

The end must be that of one after the other, in either order: ``python -m tests.world.pairs [--only "FIRST + SECOND"]
[--part 1/2] [--log FILE]``.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from itertools import product
from typing import Any

from tests.support.faults import Call
from tests.world.enumerated import Enumerated, enumerate_all
from tests.world.forks import in_a_copy
from tests.world.homes import Home
from tests.world.outcome import end_of
from tests.world.outside import Invocation
from tests.world.situations import INTENT, TARIFF, Act, ask, before_report, clear, issue, moves, operator, reports
from tests.world.stages import Stage
from tests.world.world import new_world


@dataclass(frozen=True)
class Part:
    """One of two that come together: what happens, the function that does it, and the stage that it needs."""

    function: str
    act: Act
    prepare: Callable[[Stage], Home] = lambda stage: stage.held()


GATHERED = timedelta(seconds=2)
"""A queue's messages are gathered for a second or two before its function runs."""

GONE = frozenset({404, 409})
CHARGE_NOW = ask("PUT", "{asset}/charge-now", {"for_minutes": 200}, expected=GONE)
PARTS: Mapping[str, Part] = {
    "tariff": Part("PreferencesFunction", ask("PUT", "{asset}/tariff", TARIFF, expected=GONE)),
    "intent": Part("PreferencesFunction", ask("PUT", "{asset}/intent", INTENT, expected=GONE)),
    "charge-now": Part("PreferencesFunction", CHARGE_NOW),
    "plug-out": Part("VehicleEventsFunction", moves("plug-out")),
    "report": Part("VehicleEventsFunction", reports),
    "profile": Part("SchedulesFunction", issue("profile")),
    "lower profile": Part("SchedulesFunction", issue("envelope", stackLevel=0)),
    "clear": Part("SchedulesFunction", clear),
    "opt-out": Part("OnboardingFunction", ask("POST", "{site}/unenrol", expected=GONE)),
    "snooze": Part(
        "OnboardingFunction", ask("POST", "{site}/snooze", {"until": "2026-01-16T20:00:00Z"}, expected=GONE)
    ),
    "onboarding": Part(
        "OnboardingFunction",
        lambda stage, home: stage.app.ask("PUT", f"/sites/{home.site}", home.body(), expected=GONE),
    ),
    "erasure": Part("OnboardingFunction", ask("DELETE", "{site}", expected=GONE)),
    "Axle sync": Part("AxleSyncFunction", ask("PUT", "{asset}/intent", INTENT, expected=GONE)),
    "charge control": Part("ChargeControlFunction", CHARGE_NOW),
    "command": Part("VehicleCommandsFunction", CHARGE_NOW),
    "stop": Part("VehicleCommandsFunction", moves("plug-in"), lambda stage: stage.onboarded(auto_start=True)),
    "charger's stop": Part(
        "VehicleCommandsFunction", moves("plug-in"), lambda stage: stage.onboarded("ocpp", auto_start=True)
    ),
    "announcer": Part("AnnouncerFunction", ask("PUT", "{asset}/tariff", TARIFF, expected=GONE)),
    "operator": Part("OperatorFunction", operator("released")),
    "readings": Part("MeterReadingsFunction", lambda stage, home: stage.passes(minutes=5), before_report),
}
"""What may come together at one asset."""


def try_pair(first: str, second: str, *, stops_at_first: bool = False) -> Enumerated:
    """The second at every call of the first; only up to the first wrong end if ``stops_at_first``."""
    found = Enumerated(f"{first} + {second}")
    with new_world(1) as world:
        stage = Stage(world)
        home = PARTS[first].prepare(stage)
        run = partial(_ended, stage, home)
        one_then_other, other_then_one = in_a_copy(lambda: run(first, second)), in_a_copy(lambda: run(second, first))
        found.runs = 2
        if one_then_other.calls == 0:
            found.wrong.append(f"{PARTS[first].function} made no call")
        for ended in (one_then_other, other_then_one):
            found.wrong += [f"one after the other: {wrong}" for wrong in ended.violations]
        for number in range(one_then_other.calls):
            if stops_at_first and found.wrong:
                break
            found.calls, found.runs = found.calls + 1, found.runs + 1
            found.faults["interleaving"] += 1
            ended = in_a_copy(partial(run, first, second, number))
            if ended.state not in (one_then_other.state, other_then_one.state):
                differing = _differing(ended.state, one_then_other.state, other_then_one.state)
                found.wrong.append(f"{second} at call {number} of {first}: {differing}")
            found.wrong += [f"{second} at call {number} of {first}: {wrong}" for wrong in ended.violations]
    return found


@dataclass
class _Ended:
    state: Mapping[str, Any]
    calls: int
    violations: list[str]


def _ended(stage: Stage, home: Home, first: str, second: str, number: int | None = None) -> _Ended:
    """The end after two acts, and the number of calls of the first. ``number`` None: one after the other."""
    world, function = stage.world, PARTS[first].function
    before = len(world.host.invocations)
    waiting = [second]

    def between(invocation: Invocation, call: Call) -> None:
        if invocation.function == function and len(invocation.calls) - 1 == number and waiting:
            part = PARTS[waiting.pop()]
            whole(stage, home, part.function, part.act)

    world.between = between if number is not None else None
    PARTS[first].act(stage, home)
    at_once(stage)
    if waiting:
        PARTS[waiting.pop()].act(stage, home)
    stage.settles()
    runs = [one for one in world.host.invocations[before:] if one.function == function]
    return _Ended(end_of(stage), len(runs[0].calls) if runs else 0, list(world.violations))


def whole(stage: Stage, home: Home, function: str, act: Act) -> None:
    """What happens, up to the end of the function that does it."""
    invocations = stage.world.host.invocations
    before, until = len(invocations), stage.world.clock.now() + GATHERED
    act(stage, home)
    while not any(one.function == function for one in invocations[before:]):
        if not stage.world.step(until):
            return


def at_once(stage: Stage) -> None:
    """Everything that is due now, and what the queues gather first."""
    until = stage.world.clock.now() + GATHERED
    while stage.world.step(until):
        pass


def _differing(end: Mapping[str, Any], one: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    names = [name for name in end if end[name] not in (one.get(name), other.get(name))]
    return "; ".join(
        f"{name} is {end[name]}, in order {one.get(name)} or {other.get(name)}" for name in names or list(end)
    )


def main(arguments: Sequence[str]) -> int:
    """Try every pair."""
    pairs = [(first, second) for first, second in product(PARTS, PARTS) if second not in {first, "readings", "stop"}]
    jobs = {f"{first} + {second}": partial(try_pair, first, second) for first, second in pairs}
    return enumerate_all("pairs", "tests.world.pairs", jobs, arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
