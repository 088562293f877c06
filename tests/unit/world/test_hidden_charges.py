"""Which charges of a car without a register no report can show to the product."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from simulators.cars.car import Transition
from tests.world.car_night import CarNight
from tests.world.measured import hidden_wh
from tests.world.seen import Report

NIGHT = datetime(2026, 1, 16, 2, 30, tzinfo=UTC)


def at(minute: float) -> datetime:
    return NIGHT + timedelta(minutes=minute)


class _Night(CarNight):
    """A car that draws 3 kW from 2:40 on."""

    def meter_wh(self, at: datetime) -> float:
        return 3000 * max(timedelta(), at - NIGHT - timedelta(minutes=10)) / timedelta(hours=1)


def hidden(
    *, until: float, reported: float, provider: str = "enode", drain_w: float = 0, claimed_soc_pct: int | None = None
) -> float:
    """What is hidden of a charge from 2:40 on in the half-hour from 2:30, with a report that it charges."""
    changes = [Transition(at(10), True, 3.0), Transition(at(until), False, 0.0)]
    cars = {"car": SimpleNamespace(transitions=changes)}
    seen = SimpleNamespace(reports=defaultdict(list, car=[Report(at(60), True, True, at(reported), charging=True)]))
    spec = {"battery_kwh": 64.0, "meter": {"drain_w": drain_w}, "claimed_soc_pct": claimed_soc_pct}
    home = SimpleNamespace(provider=provider, vehicle_id="car", spec=spec)
    night = SimpleNamespace(world=SimpleNamespace(cars=SimpleNamespace(world=SimpleNamespace(cars=cars))))
    return hidden_wh(_Night(cast("Any", night), cast("Any", seen), cast("Any", home)), NIGHT)


def test_a_charge_of_less_than_a_per_cent_between_two_reports_is_hidden() -> None:
    assert hidden(until=15, reported=-30) == pytest.approx(250)


def test_what_flowed_before_the_first_report_of_a_charge_is_hidden() -> None:
    assert hidden(until=15, reported=12) == pytest.approx(100)


def test_a_register_that_sinks_while_the_car_does_not_charge_shows_no_charge_before_its_first_report() -> None:
    assert hidden(until=15, reported=12, provider="smartcar", drain_w=60) == pytest.approx(100)


def test_a_charge_that_a_report_or_the_state_of_charge_or_a_register_shows_is_not() -> None:
    assert hidden(until=15, reported=10) == 0
    assert hidden(until=25, reported=-30) == 0
    assert hidden(until=15, reported=-30, provider="tesla") == 0


def test_a_made_up_state_of_charge_hides_a_charge_that_is_shown_after_its_half_hour_was_reported() -> None:
    assert hidden(until=25, reported=-30, claimed_soc_pct=0) == pytest.approx(750)
    assert hidden(until=25, reported=-30) == 0
    assert hidden(until=25, reported=-30, claimed_soc_pct=0, provider="smartcar", drain_w=60) == 0
