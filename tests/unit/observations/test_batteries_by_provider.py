"""A battery that is full or below the driver's minimum, through every provider that can report it, to the commands."""

from datetime import timedelta
from typing import Any

import pytest

from driveway.domain.twin import ChargeNow
from driveway.values import replace
from tests.support.observations.car_reports import PROVIDERS, Snapshot
from tests.support.observations.home_car import EVENING, HomeCar

MINUTE = timedelta(minutes=1)
TELLS_FULL = pytest.mark.parametrize("provider", ["enode", "smartcar", "tesla"])
"""The app has no field for a full battery."""

EDGE_MIN = 330
HERE: dict[str, Any] = {"plugged_in": True, "at_home": True, "charging": False}
FULL = HERE | {"full": True, "soc_pct": 80.0, "charge_limit_pct": 80.0}


def full_at_home(provider: str) -> HomeCar:
    """Plugged in at 18:00, and full at a limit of 80 % from then on."""
    car = HomeCar.of(provider)
    for minute in range(0, 61, 10):
        car.reports(at(minute, FULL))
    assert car.twin.presence.battery_full is not None
    assert car.twin.presence.battery_full.value is True
    return car


def at(minute: float, signals: dict[str, Any]) -> Snapshot:
    return Snapshot(EVENING + minute * MINUTE, **signals)


def sent(car: HomeCar, action: str) -> list[int]:
    """The minutes after 18:00 at which a command was sent."""
    return [round((when - EVENING) / MINUTE) for when, command in car.sent if command.action == action]


@TELLS_FULL
@pytest.mark.parametrize(
    "signals",
    [
        pytest.param(HERE | {"soc_pct": 80.0}, id="a state that is not full"),
        pytest.param(HERE | {"soc_pct": 80.0, "charge_limit_pct": 100.0}, id="another limit"),
        pytest.param(FULL | {"soc_pct": 76.0}, id="a lower state of charge"),
    ],
)
def test_a_battery_is_full_no_longer_and_the_car_charges_off_peak(provider: str, signals: dict[str, Any]) -> None:
    car = full_at_home(provider)
    for minute in range(70, EDGE_MIN, 20):
        car.reports(at(minute, signals))
    full = car.twin.presence.battery_full
    # A provider that reports full again with a lower state of charge has the last word.
    assert full is not None
    assert full.value is (signals.get("full", False))
    car.passes_until(EVENING + (EDGE_MIN + 5) * MINUTE)
    assert sent(car, "start") == [EDGE_MIN]


@TELLS_FULL
def test_a_limit_that_is_raised_unreported_is_found_by_one_start_in_the_window(provider: str) -> None:
    car = full_at_home(provider)
    car.passes_until(EVENING + (EDGE_MIN + 240) * MINUTE)
    assert sent(car, "start") == [EDGE_MIN]
    assert [entry for entry in car.twin.news if entry.event in {"CommandFailed", "NeedsAttention"}] == []


@TELLS_FULL
def test_a_full_car_is_not_started_more_than_once_in_a_window_however_often_it_reports_full(provider: str) -> None:
    car = full_at_home(provider)
    for minute in range(70, EDGE_MIN + 300, 20):
        car.reports(at(minute, FULL))
    assert sent(car, "start") == [EDGE_MIN]


def charge_now(car: HomeCar, minutes: float) -> None:
    wish = ChargeNow("charge-now-1", car.clock, car.clock + minutes * MINUTE)
    car.twin = replace(car.twin, charge_now=wish)
    car.passes_until(car.clock + MINUTE)


@TELLS_FULL
def test_the_drivers_charge_now_is_tried_once_although_the_car_is_full(provider: str) -> None:
    car = full_at_home(provider)
    charge_now(car, 120)
    for minute in range(70, 180, 10):
        car.reports(at(minute, FULL))
    assert sent(car, "start") == [60]


@TELLS_FULL
def test_the_drivers_charge_now_waits_for_a_plug_out_that_is_being_checked(provider: str) -> None:
    car = full_at_home(provider)
    car.reports(at(65, {"plugged_in": False, "charging": False}))
    assert car.twin.presence.held_plug_out is not None
    charge_now(car, 120)
    assert sent(car, "start") == []


def with_minimum(provider: str) -> HomeCar:
    """A car of 150 kWh at 7.4 kW whose driver wants 20 % at least."""
    car = HomeCar.of(provider)
    car.twin = replace(car.twin, intent=replace(car.twin.intent, minimum_soc_pct=20))
    return car


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("repeats", [True, False], ids=["repeated", "reported once"])
def test_the_first_estimate_bounds_charging_to_the_minimum(provider: str, repeats: bool) -> None:
    car = with_minimum(provider).reports(at(0, HERE | {"soc_pct": 15.0}))
    for minute in range(3, 300, 3):
        charging = sent(car.passes_until(EVENING + minute * MINUTE), "stop") == []
        car.reports(at(minute, HERE | {"charging": charging, "soc_pct": 15.0 if repeats else None}))
    assert sent(car, "start") == [0]
    (stopped,) = sent(car, "stop")
    assert 60 <= stopped <= 62, "5 % of 150 kWh at 7.4 kW take 61 minutes"


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_state_of_charge_from_before_the_plug_in_starts_nothing(provider: str) -> None:
    car = with_minimum(provider)
    car.reports(at(-120, {"plugged_in": False, "at_home": True, "soc_pct": 15.0}))
    for minute in range(0, 60, 10):
        car.reports(at(minute, HERE))
    assert car.twin.presence.session is not None
    assert car.sent == []


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_state_of_charge_from_away_starts_nothing(provider: str) -> None:
    car = with_minimum(provider)
    car.reports(at(-12, {"plugged_in": False, "at_home": False, "soc_pct": 15.0}))
    car.reports(at(-8, {"plugged_in": False, "at_home": False}))
    for minute in range(0, 60, 10):
        car.reports(at(minute, HERE | {"place_measured_at": EVENING - 2 * MINUTE}))
    assert car.twin.presence.session is not None
    assert car.sent == []
