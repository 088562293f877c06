"""What a provider's plan allows in a month and at once is kept to, and its last part starts and releases cars."""

import json
from datetime import timedelta
from typing import Any

import pytest

from driveway.domain.control.budgets import requests_spent
from driveway.domain.twin import InstalledProfile
from driveway.domain.twin.reasons import Reason
from driveway.runtime.settings import Settings
from driveway.values import replace
from tests.support.domain.control_car import axle_profile
from tests.support.functions.rig import NOW
from tests.support.functions.stage import Stage

HELD_BACK = Reason.MONTHLY_BUDGET_SPENT.value


def set_budget(stage: Stage, **settings: float) -> None:
    runtime = stage.rig.runtime
    runtime.settings = Settings({**runtime.settings.environ, **{name: str(value) for name, value in settings.items()}})
    for made in ("control_rules", "budgets"):
        runtime.__dict__.pop(made, None)


def want(stage: Stage, limit_kw: float, number: int = 1) -> None:
    """Let Axle's schedule hold the car (0) or let it charge, for two hours from now on."""
    profile: InstalledProfile = axle_profile(stage.rig.clock.now(), (120, limit_kw))
    stage.rig.change(f"car-{number}", lambda twin: replace(twin, profiles=(profile,)))
    stage.settle()


def alternate(stage: Stage, times: int) -> None:
    """Hold the car and let it charge, so many times; after each change it is seen."""
    for _ in range(times):
        for limit_kw in (0.0, 7.4):
            want(stage, limit_kw)
            stage.run(6)
            stage.see()


def emitted(text: str, metric: str) -> int:
    """How often a metric was emitted."""
    lines = (line for line in text.splitlines() if line.startswith("{") and f'"{metric}"' in line)
    return sum(int(sum(json.loads(line)[metric])) for line in lines if metric in json.loads(line))


def bill_usd(stage: Stage) -> float:
    record = stage.rig.runtime.records.get("BUDGET#tesla#2026-01") or {}
    return float(record.get("micro_usd", 0)) / 1_000_000


def simulated_bill_usd(stage: Stage) -> float:
    return stage.cars.simulator.tesla.usage.bill_usd.get("2026-01", 0.0)


def parked(stage: Stage, provider: str, number: int = 1) -> Stage:
    """A car that charges by Axle's schedule."""
    stage.park(provider, number=number)
    stage.rig.clock.move(seconds=1)
    want(stage, 7.4, number)
    stage.rig.clock.move(minutes=6)
    stage.see(number)
    return stage


@pytest.fixture
def smartcar(stage: Stage) -> Stage:
    stage.cars.configure("smartcar", car_month_requests=20)
    set_budget(stage, SMARTCAR_CAR_MONTH_REQUESTS=20, DAILY_COMMANDS=100)
    return parked(stage, "smartcar")


@pytest.fixture
def tesla(stage: Stage) -> Stage:
    stage.cars.configure("tesla", billing_limit_usd=0.05)
    set_budget(stage, TESLA_MONTH_BILL_USD=0.05, DAILY_COMMANDS=100)
    return parked(stage, "tesla")


def use_up(stage: Stage) -> None:
    """Read the car's state until only the reserve is left."""
    for _ in range(22):
        stage.ask()


def test_every_request_about_a_car_is_counted_also_each_page_of_its_signals(smartcar: Stage) -> None:
    smartcar.cars.configure("smartcar", signals_per_page=5)
    smartcar.ask()
    want(smartcar, 0.0)
    smartcar.run(1)
    counted = requests_spent(smartcar.rig.twin("car-1").control, smartcar.rig.clock.now())
    asked = smartcar.cars.simulator.smartcar.usage.requests.total()
    assert counted == asked
    assert asked > 3, "a state read of several pages, and a stop"


def test_the_last_fifth_of_a_cars_month_neither_reads_nor_stops_it(smartcar: Stage) -> None:
    use_up(smartcar)
    usage = smartcar.cars.simulator.smartcar.usage
    assert usage.requests.total() == 16
    assert smartcar.truth()["charging"]
    want(smartcar, 0.0)
    smartcar.run(3)
    assert smartcar.truth()["charging"], "it is not stopped any more"
    assert smartcar.shown()["held_back"]["reason"] == HELD_BACK
    assert usage.requests.total() == 16
    assert smartcar.reasons("NeedsAttention") == []


def test_a_held_car_is_started_from_the_reserve(smartcar: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    want(smartcar, 0.0)
    smartcar.run(1)
    smartcar.see()
    assert not smartcar.truth()["charging"]
    use_up(smartcar)
    assert emitted(capsys.readouterr().out, "BudgetsReached") > 0, "the operator learns it first"
    want(smartcar, 7.4)
    smartcar.run(6)
    assert smartcar.truth()["charging"]
    assert smartcar.cars.simulator.smartcar.usage.refused == 0


@pytest.mark.parametrize("provider", ["smartcar", "tesla"])
@pytest.mark.parametrize("how", ["unenrolled", "snoozed", "leaving"])
def test_a_held_car_is_released_when_the_month_is_spent(
    request: pytest.FixtureRequest, provider: str, how: str
) -> None:
    stage: Stage = request.getfixturevalue(provider)
    want(stage, 0.0)
    stage.run(1)
    stage.see()
    assert not stage.truth()["charging"]
    use_up(stage)
    changes: dict[str, Any] = {
        "unenrolled": {"enrolled": False},
        "snoozed": {"snoozed_until": NOW + timedelta(days=2)},
        "leaving": {"leaving": True},
    }[how]
    stage.link(**changes)
    stage.run(6)
    assert stage.truth()["charging"]
    assert stage.cars.simulator.smartcar.usage.refused + stage.cars.simulator.tesla.usage.refused == 0


def test_the_bill_that_is_counted_is_the_bill(tesla: Stage) -> None:
    alternate(tesla, 3)
    tesla.ask()
    assert bill_usd(tesla) == pytest.approx(simulated_bill_usd(tesla))
    assert bill_usd(tesla) > 0.005


def test_a_wake_up_is_on_the_bill_at_its_own_price(tesla: Stage) -> None:
    tesla.cars.change("5YJ30000000000001", asleep=True)
    want(tesla, 0.0)
    tesla.run(1)
    assert bill_usd(tesla) == pytest.approx(simulated_bill_usd(tesla))
    assert bill_usd(tesla) > 0.02


def test_a_stop_that_the_bill_holds_back_waits_and_the_operator_learns_it(
    tesla: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    set_budget(tesla, TESLA_COMMAND_USD=0.002)
    use_up(tesla)
    assert 0.037 < simulated_bill_usd(tesla) <= 0.04
    assert emitted(capsys.readouterr().out, "BudgetsReached") > 0
    tesla.see()
    want(tesla, 0.0)
    tesla.run(3)
    assert tesla.truth()["charging"]
    assert tesla.shown()["held_back"]["reason"] == HELD_BACK
    assert tesla.reasons("CommandPutOff") == [HELD_BACK]
    assert tesla.reasons("NeedsAttention") == []
    set_budget(tesla, TESLA_MONTH_BILL_USD=1)
    tesla.run(65)
    assert not tesla.truth()["charging"], "a larger budget counts within an hour"


def test_the_next_month_has_a_bill_of_its_own(stage: Stage) -> None:
    set_budget(stage, TESLA_MONTH_BILL_USD=0.01)
    budgets = stage.rig.runtime.budgets
    asked = [budgets.spend("tesla", "data", NOW, lets_charge=False).held_back for _ in range(5)]
    assert [held_back is None for held_back in asked] == [True] * 4 + [False]
    assert budgets.spend("tesla", "data", NOW, lets_charge=True).from_reserve
    assert budgets.spend("tesla", "data", NOW.replace(month=2), lets_charge=False).held_back is None


def test_an_edge_of_many_cars_asks_for_no_more_at_once_than_the_bucket_has(stage: Stage) -> None:
    stage.cars.configure("smartcar", bucket_requests=5)
    set_budget(stage, SMARTCAR_BUCKET_REQUESTS=5)
    for number in range(1, 9):
        parked(stage, "smartcar", number)
    for number in range(1, 9):
        want(stage, 0.0, number)
    stage.run(1)
    waiting = [number for number in range(1, 9) if stage.truth(number)["charging"]]
    assert 0 < len(waiting) < 8
    put_off = [stage.reasons("CommandPutOff", number) for number in range(1, 9)]
    assert [Reason.REQUEST_RATE_REACHED] in put_off
    stage.run(9)
    assert not any(stage.truth(number)["charging"] for number in range(1, 9))
    assert stage.cars.simulator.smartcar.usage.refused == 0
