"""Two handlers at one asset: one stops before a call, the other runs whole, the first goes on.

The end must be that of one after the other, in either order: ``python -m tests.world.pairs``.
"""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from typing import Any

from tests.support.faults import Call
from tests.world.crash_points import prepared
from tests.world.forks import in_a_copy
from tests.world.homes import Home
from tests.world.outcome import end_of
from tests.world.outside import Invocation
from tests.world.situations import INTENT, TARIFF, Act, Situation, ask, clear, issue, moves
from tests.world.stages import Stage

ACTS: Mapping[str, tuple[str, Act]] = {
    "tariff": ("PreferencesFunction", ask("PUT", "{asset}/tariff", TARIFF)),
    "intent": ("PreferencesFunction", ask("PUT", "{asset}/intent", INTENT)),
    "charge-now": ("PreferencesFunction", ask("PUT", "{asset}/charge-now", {"for_minutes": 200})),
    "plug-out": ("VehicleEventsFunction", moves("plug-out")),
    "profile": ("SchedulesFunction", issue("profile")),
    "clear": ("SchedulesFunction", clear),
    "opt-out": ("OnboardingFunction", ask("POST", "{site}/unenrol")),
    "snooze": ("OnboardingFunction", ask("POST", "{site}/snooze", {"until": "2026-01-16T20:00:00Z"})),
    "onboarding": ("OnboardingFunction", lambda stage, home: stage.app.ask("PUT", f"/sites/{home.site}", home.body())),
    "erasure": ("OnboardingFunction", ask("DELETE", "{site}", expected=frozenset({404, 409}))),
}
"""What may come together at one asset, and the function that it happens in."""

STAGE = Situation("a held car", "", lambda stage: stage.held(), lambda stage, home: None)


@dataclass
class Pair:
    """What was found of one pair: at how many calls the second came in, and the ends that neither order has."""

    names: tuple[str, str]
    calls: int = 0
    wrong: list[str] = field(default_factory=list)


def try_pair(first: str, second: str, stage: Stage, home: Home) -> Pair:
    """The second at every call of the first."""
    found = Pair((first, second))
    run = partial(_ended, stage, home)
    one_then_other, calls = in_a_copy(lambda: run(first, second, None))
    other_then_one, _ = in_a_copy(lambda: run(second, first, None))
    for number in range(calls):
        end, _ = in_a_copy(partial(run, first, second, number))
        found.calls += 1
        if end not in (one_then_other, other_then_one):
            found.wrong.append(
                f"{second} at call {number} of {first}: {_differing(end, one_then_other, other_then_one)}"
            )
    return found


def _ended(stage: Stage, home: Home, first: str, second: str, number: int | None) -> tuple[Mapping[str, Any], int]:
    """The end after two acts, and the number of calls of the first. ``number`` None: one after the other."""
    world, (function, act) = stage.world, ACTS[first]
    before = len(world.host.invocations)
    come_in: list[Callable[[], object]] = [lambda: ACTS[second][1](stage, home)]

    def between(invocation: Invocation, call: Call) -> None:
        if invocation.function == function and len(invocation.calls) - 1 == number and come_in:
            come_in.pop()()

    world.between = between if number is not None else None
    act(stage, home)
    while world.step(world.clock.now()):
        pass
    if come_in:
        come_in.pop()()
    stage.settles()
    runs = [one for one in world.host.invocations[before:] if one.function == function]
    return end_of(stage), len(runs[0].calls) if runs else 0


def _differing(end: Mapping[str, Any], one: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    names = [name for name in end if end[name] not in (one.get(name), other.get(name))]
    return "; ".join(
        f"{name} is {end[name]}, in order {one.get(name)} or {other.get(name)}" for name in names or list(end)
    )


def main(arguments: Sequence[str]) -> int:
    """Try every pair."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--first", nargs="*", default=list(ACTS))
    given = asked.parse_args(arguments)
    tried, wrong = [], 0
    with prepared(STAGE) as (stage, home):
        for first, second in product(given.first, ACTS):
            if first == second:
                continue
            found = try_pair(first, second, stage, home)
            tried.append(found)
            wrong += len(found.wrong)
            for line in found.wrong:
                print(f"  {line[:900]}", flush=True)
    print(f"pairs {len(tried)}, interleavings {sum(one.calls for one in tried)}, violations {wrong}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
