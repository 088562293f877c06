"""The goals of a fleet at one edge, on demand (``make edges``): ``RUSH`` names them; without it they are left out."""

import os
from collections import Counter
from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.world.car_maker import BURST_S, burst_s, lateness_s
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
    """Fewer cars (``RUSH_CARS``) have a rate that is lower by as much, so they take as long."""
    cars = int(os.environ.get("RUSH_CARS", "100000"))
    with rush(Setting({"enode": cars}, shards=16, parameters={"EnodeCallsPerSecond": f"{cars / 50}"})) as run:
        run.run_until(EDGE + 2 * MINUTE)
    late = lateness_s(run.maker.calls["enode"], EDGE)
    print(shown(late, cars))
    record_property("outcome", shown(late, cars))
    assert len(run.maker.calls["enode"]) == len(late) == cars
    assert late[-1] <= 75.0


@pytest.mark.skipif("slow" not in GOALS, reason="takes half an hour: make edges")
def test_twenty_thousand_cars_at_twenty_calls_a_second(record_property: Callable[[str, object], None]) -> None:
    """Fewer cars (``RUSH_CARS``) have a rate that is lower by as much, so they take as long."""
    cars = int(os.environ.get("RUSH_CARS", "20000"))
    per_s = cars / 1000
    setting = Setting({"enode": cars}, per_s={"enode": per_s}, parameters={"EnodeCallsPerSecond": f"{per_s}"})
    with rush(setting) as run:
        run.run_until(EDGE + timedelta(seconds=1000) + MINUTE)
    calls = run.maker.calls["enode"]
    late = lateness_s(calls, EDGE)
    print(shown(late, cars))
    record_property("outcome", shown(late, cars))
    assert len(calls) == len(late), "none got a command twice, and none was refused"
    assert len(late) >= 0.99 * cars
    assert burst_s(calls, per_s) <= BURST_S
    tens = Counter(int(one // 10) for one in late)
    assert all(9 * per_s <= tens[number] <= 11.5 * per_s for number in range(99)), tens


@pytest.mark.skipif("one" not in GOALS, reason="takes a minute: make edges")
def test_one_car_at_one_edge(record_property: Callable[[str, object], None]) -> None:
    """Some hundred cars, each at an edge of its own. The stream and the bus take up to five times as long as usual."""
    late = []
    for number in range(int(os.environ.get("RUSH_CARS", "300"))):
        with rush(Setting({"enode": 1}, first=number, lags=5.0)) as run:
            run.run_until(EDGE + timedelta(seconds=10))
        late += lateness_s(run.maker.calls["enode"], EDGE)
    late.sort()
    print(shown(late, len(late)))
    record_property("outcome", shown(late, len(late)))
    assert late[0] >= 0
    assert share(late, 0.99) <= 1.0
