"""Every fault at every call of a handler in its situations: ``python -m tests.world.crash_points [--only NAME]
[--part 1/2] [--log FILE]``.

A situation is prepared once. Copies of the process then play it on: one without a fault, and one for each fault at each
call. Every copy is played until nothing is left to do, and its end must equal the end without the fault.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any

from tests.support.faults import Call, FaultKind
from tests.world.enumerated import Enumerated, enumerate_all
from tests.world.forks import ChildError, in_a_copy
from tests.world.homes import Home
from tests.world.outcome import News, end_of, news_of, undelivered
from tests.world.outside import PlannedFault
from tests.world.situations import SITUATIONS, Situation
from tests.world.stages import Stage
from tests.world.world import new_world

KINDS: tuple[FaultKind, ...] = ("death before", "death after", "answer lost")


@dataclass
class End:
    """How a situation ended: the state, what the app received, the calls of the run that faults happen to."""

    state: Mapping[str, Any]
    news: News
    calls: list[Call]
    run: int
    violations: list[str]


def enumerate_faults(situation: Situation, *, stops_at_first: bool = False) -> Enumerated:
    """Every fault at every call of a situation; only up to the first that is wrong if ``stops_at_first``."""
    found = Enumerated(situation.name)
    with prepared(situation) as (stage, home):
        plain = in_a_copy(partial(play_on, stage, home, situation, None))
        found.calls, found.runs = len(plain.calls), 1
        if not plain.calls:
            found.wrong.append(f"{situation.function} made no such call")
        found.wrong += [f"without a fault: {one}" for one in plain.violations]
        for (number, call), kind in product(enumerate(plain.calls), KINDS):
            if stops_at_first and found.wrong:
                break
            if not call.suffers(kind):
                continue
            plan = PlannedFault(plain.run, number, kind)
            found.runs += 1
            found.faults[kind] += 1
            try:
                wrong = differences(plain, in_a_copy(partial(play_on, stage, home, situation, plan)))
            except ChildError as error:
                wrong = [str(error)]
            found.wrong += [f"{kind} at {number} ({call}): {one}" for one in wrong]
    return found


@contextmanager
def prepared(situation: Situation) -> Iterator[tuple[Stage, Home]]:
    """The stage of a situation and the home that it is about."""
    with new_world(1, app_webhook=situation.app_webhook) as world:
        stage = Stage(world)
        home = situation.prepare(stage)
        yield stage, home


def differences(plain: End, ended: End) -> list[str]:
    """What is not as without the fault, or what the app was wrongly informed of."""
    found = list(ended.violations)
    for name in sorted(set(plain.state) | set(ended.state)):
        one, other = plain.state.get(name), ended.state.get(name)
        if one != other:
            found.append(f"{name} is {other}, and {one} without the fault")
    return found + [f"the app received {one}" for one in ended.news.unfounded(plain.news)]


def play_on(stage: Stage, home: Home, situation: Situation, plan: PlannedFault | None) -> End:
    """What happens in a situation, with a fault or without, until nothing is left to do."""
    world = stage.world
    first = len(world.host.invocations)
    world.planned = plan
    situation.act(stage, home)
    stage.settles()
    runs = [
        one
        for one in world.host.invocations[first:]
        if one.function == situation.function and any(situation.about in str(call) for call in one.calls)
    ]
    chosen = runs[situation.nth : situation.nth + 1]
    return End(
        state=end_of(stage),
        news=news_of(world),
        calls=list(chosen[0].calls) if chosen else [],
        run=chosen[0].number if chosen else 0,
        violations=[*world.violations, *undelivered(world)],
    )


def history_of(situation: Situation, plan: PlannedFault | None) -> list[str]:
    """The history of a run, to read."""
    with prepared(situation) as (stage, home):
        stage.world.planned = plan
        before = len(stage.world.history)
        situation.act(stage, home)
        stage.settles()
        return stage.world.history[before:]


def main(arguments: Sequence[str]) -> int:
    """Enumerate situations, and print what they found."""
    jobs = {name: partial(enumerate_faults, one) for name, one in SITUATIONS.items()}
    return enumerate_all("situations", "tests.world.crash_points", jobs, arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
