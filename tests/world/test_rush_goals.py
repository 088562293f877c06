"""The goals of a fleet at one edge, on demand (``make edges``): ``RUSH`` names them; without it they are left out."""

import os
from collections import Counter
from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.world.car_maker import lateness_s
from tests.world.rush import EDGE, Setting, rush

GOALS = os.environ.get("RUSH", "").split()
MINUTE = timedelta(minutes=1)


def share(late: list[float], part: float) -> float:
    return late[min(len(late) - 1, int(len(late) * part))]


def shown(late: list[float], cars: int) -> str:
    return (
        f"{len(late)} of {cars}: median {share(late, 0.5):.1f} s, 99 % within {share(late, 0.99):.1f} s,"
        f" last {late[-1]:.1f} s"
    )


@pytest.mark.skipif("default" not in GOALS, reason="takes minutes: make edges")
def test_ten_thousand_cars_with_the_default_settings(record_property: Callable[[str, object], None]) -> None:
    cars = int(os.environ.get("RUSH_CARS", "10000"))
    with rush(Setting(cars={"enode": cars})) as run:
        run.run_until(EDGE + 3 * MINUTE)
    late = lateness_s(run.maker.calls["enode"], EDGE)
    print(shown(late, cars), dict(run.runs), dict(run.busiest))
    record_property("outcome", shown(late, cars))
    assert len(run.maker.calls["enode"]) == len(late) == cars
    assert share(late, 0.5) <= 1.0
    assert share(late, 0.99) <= 15.0


@pytest.mark.skipif("fast" not in GOALS, reason="takes an hour: make edges")
def test_a_hundred_thousand_cars_at_two_thousand_calls_a_second(
    record_property: Callable[[str, object], None],
) -> None:
    cars = int(os.environ.get("RUSH_CARS", "100000"))
    with rush(Setting({"enode": cars}, shards=16, parameters={"EnodeCallsPerSecond": "2000"})) as run:
        run.run_until(EDGE + 4 * MINUTE)
    late = lateness_s(run.maker.calls["enode"], EDGE)
    record_property("outcome", shown(late, cars))
    assert len(run.maker.calls["enode"]) == len(late) == cars
    assert late[-1] <= 75.0 * cars / 100_000 + 5


@pytest.mark.skipif("slow" not in GOALS, reason="takes half an hour: make edges")
def test_twenty_thousand_cars_at_twenty_calls_a_second(record_property: Callable[[str, object], None]) -> None:
    cars = int(os.environ.get("RUSH_CARS", "20000"))
    with rush(Setting({"enode": cars}, per_s={"enode": 20}, parameters={"EnodeCallsPerSecond": "20"})) as run:
        run.run_until(EDGE + timedelta(seconds=cars / 20) + MINUTE)
    late = lateness_s(run.maker.calls["enode"], EDGE)
    record_property("outcome", shown(late, cars))
    assert len(run.maker.calls["enode"]) == len(late), "none got a command twice, and none was refused"
    assert len(late) >= 0.99 * cars
    tens = Counter(int(one // 10) for one in late)
    assert all(180 <= tens[number] <= 230 for number in range(cars // 20 // 10 - 1)), tens
