"""Plays nights from seeds and says what they found: ``python -m tests.world.chaos --seeds 300 [--first 1]``."""

import argparse
import os
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC
from multiprocessing import get_context

from tests.world.aws import Faults, RandomFaults
from tests.world.aws import Rates as CloudRates
from tests.world.chance import Rates, SeededChance
from tests.world.distributions import evening
from tests.world.ends import found_wrong
from tests.world.homes import Home, Neighbourhood, home, neighbourhood
from tests.world.judged import Tally, judged, shown
from tests.world.night import Night
from tests.world.world import CALM, new_world

CALL_RATES = Rates(fault=0.004, slow=0.002, interleaved=0.05, answer_lost=0.02, skew_s=2.0)
CLOUD_RATES = CloudRates(
    throttled=0.003,
    unavailable=0.003,
    conflict=0.003,
    answer_lost=0.003,
    entry_refused=0.002,
    index_lag_s=3.0,
    read_lag_s=2.0,
    stream_lag_s=1.0,
    batch_repeated=0.02,
    message_lost=0.01,
    message_doubled=0.03,
    message_late_s=2.0,
    event_lost=0.01,
    event_doubled=0.03,
    event_late_s=2.0,
    target_refuses=0.01,
    tick_missed=0.02,
    tick_doubled=0.02,
    tick_late_s=20.0,
    shuffled=True,
)
PARTS = (
    "faults of calls",
    "faults of AWS",
    "settings of Axle and of the makers",
    "behaviours of cars",
    "changed minds",
    "bad days",
)
"""What a night may be played without, to find what a failure needs."""

SHOWN_LINES = 60


@dataclass
class Played:
    """What a night found, and what it took."""

    seed: int
    cars: int
    wrong: list[str]
    history: list[str]
    faults: Counter[str] = field(default_factory=Counter)
    runs: int = 0
    calls: int = 0
    cpu_s: float = 0.0
    tally: Tally = field(default_factory=Tally)


@contextmanager
def night_of(seed: int, without: frozenset[str] = frozenset()) -> Iterator[Night]:
    """The night of a seed, not yet played, without some of its parts."""
    rng = random.Random(seed)
    start, zone = evening(rng)
    near, calls, aws, script = neighbourhood(rng, zone), *(rng.getrandbits(64) for _ in range(3))
    rates = Rates(interleaved=0.05) if "faults of calls" in without else CALL_RATES
    policy: Faults = RandomFaults(random.Random(aws), CALM if "faults of AWS" in without else CLOUD_RATES)
    chance = SeededChance(random.Random(calls), rates)
    with new_world(seed, chance=chance, policy=policy, start=start.astimezone(UTC)) as world:
        changes, bad_days = "changed minds" not in without, "bad days" not in without
        night = Night(world, _without(near, without), random.Random(script), changes, bad_days)
        night.write()
        yield night


def _without(near: Neighbourhood, without: frozenset[str]) -> Neighbourhood:
    plain = "settings of Axle and of the makers" in without
    behave = "behaviours of cars" in without
    return Neighbourhood(
        tuple(_plain(one, number) if behave else one for number, one in enumerate(near.homes, 1)),
        {} if plain else near.axle,
        {} if plain else near.makers,
    )


def _plain(drawn: Home, number: int) -> Home:
    made = home(number, drawn.provider, soc_pct=drawn.spec["soc_pct"], timezone=drawn.zone)
    return replace(drawn, spec=made.spec, behaviours=())


def play(seed: int, without: frozenset[str] = frozenset()) -> Played:
    """Play the night of a seed and judge it."""
    began = time.process_time()
    with night_of(seed, without) as night:
        night.play()
        world = night.world
        tally, misjudged = judged(night)
        wrong = [*world.violations, *found_wrong(night), *misjudged]
        policy = world.cloud.faults
        drawn = Counter(policy.count) if isinstance(policy, RandomFaults) else Counter()
        return Played(
            seed=seed,
            cars=len(night.neighbourhood.homes),
            wrong=wrong,
            history=world.history,
            faults=world.faults + Counter({f"AWS: {kind}": count for kind, count in drawn.items()}),
            runs=len(world.host.invocations),
            calls=sum(world.cloud.calls.values()),
            cpu_s=time.process_time() - began,
            tally=tally,
        )


def report(played: Played) -> str:
    """What is wrong with a night, how to play it again, and as little of its history as shows it."""
    needed, smallest = shrunk(played)
    names = re.findall(r"\b(?:car|home)-\d", " ".join(smallest.wrong))
    about = [line for line in smallest.history if not names or any(name in line for name in names)]
    return "\n".join(
        [
            f"seed {played.seed}: {len(played.wrong)} violations",
            *(f"  {wrong[:1000]}" for wrong in played.wrong),
            f"Play it again: make chaos SEEDS=1 FIRST={played.seed}",
            f"It takes: {', '.join(needed) or 'none of the parts that can be left out'}.",
            f"The last of {len(about)} lines about {sorted(set(names)) or 'it'}:",
            *(f"  {line[:400]}" for line in about[-SHOWN_LINES:]),
        ]
    )


def shrunk(played: Played) -> tuple[list[str], Played]:
    """The parts that a failure needs, and the smallest night that has it."""
    kinds = {_kind(wrong) for wrong in played.wrong}
    without: frozenset[str] = frozenset()
    smallest = played
    for part in PARTS:
        tried = play(played.seed, without | {part})
        if kinds & {_kind(wrong) for wrong in tried.wrong}:
            without, smallest = without | {part}, tried
    return [part for part in PARTS if part not in without], smallest


def _kind(wrong: str) -> str:
    return re.sub(r"[\d.:-]+", "", wrong.partition(": ")[0])


def main(arguments: Sequence[str]) -> int:
    """Play many nights, on every processor, and print what they found."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--seeds", type=int, default=30)
    asked.add_argument("--first", type=int, default=1)
    asked.add_argument("--workers", type=int, default=min(2, os.cpu_count() or 1))
    asked.add_argument("--until-wrong", action="store_true", help="one after another, to the first that is wrong")
    given = asked.parse_args(arguments)
    if given.until_wrong:
        return _until_wrong(range(given.first, given.first + given.seeds))
    totals, failed = Played(0, 0, [], []), []
    with ProcessPoolExecutor(given.workers, mp_context=get_context("spawn")) as pool:
        for played in pool.map(play, range(given.first, given.first + given.seeds)):
            totals.cars, totals.runs = totals.cars + played.cars, totals.runs + played.runs
            totals.calls, totals.cpu_s = totals.calls + played.calls, totals.cpu_s + played.cpu_s
            totals.faults += played.faults
            totals.tally += played.tally
            if played.wrong:
                failed.append(played.seed)
                totals.wrong += played.wrong
                print(report(played), flush=True)
    print(f"seeds {given.seeds}, car-nights {totals.cars}, runs {totals.runs}, calls {totals.calls}")
    print(f"faults {totals.faults.total()}: {dict(totals.faults.most_common())}")
    print(shown(totals.tally))
    print(f"violations {len(totals.wrong)} in {len(failed)} seeds {failed}")
    print(f"car-nights per CPU-minute {totals.cars / max(totals.cpu_s, 0.001) * 60:.1f}")
    return 1 if failed else 0


def _until_wrong(seeds: range) -> int:
    for played in map(play, seeds):
        if played.wrong:
            print(f"seed {played.seed}: {played.wrong[0]}")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
