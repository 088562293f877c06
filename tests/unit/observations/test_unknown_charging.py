"""Enode does not know whether a car charges: ``isCharging`` null and the state UNKNOWN, after it did know."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from driveway.domain.presence.charging_by_power import is_charging_unknown
from driveway.domain.presence.observation import Observation
from driveway.domain.twin.reasons import Reason
from tests.support.observations.car_reports import Snapshot
from tests.support.observations.home_car import EVENING, HomeCar

AT_HOME = {"at_home": True, "soc_pct": 40}


def at(minute: float) -> datetime:
    return EVENING + timedelta(minutes=minute)


def charging(**more: Any) -> HomeCar:
    """A car at home that charged in the peak when it was last known, and whose charging we stop."""
    return HomeCar.of("enode", **more).reports(Snapshot(at(0), plugged_in=True, charging=True, power_kw=6.5, **AT_HOME))


def actions(car: HomeCar) -> list[tuple[str, str]]:
    return [(sent_at.strftime("%H:%M"), command.action) for sent_at, command in car.sent]


def test_a_stop_whose_effect_is_unknown_is_not_repeated_and_the_driver_is_asked_once() -> None:
    car = charging()
    for minute in range(5, 320, 5):
        car.reports(Snapshot(at(minute), **AT_HOME))
    assert actions(car) == [("18:00", "stop")]
    notices = [entry.reason for entry in car.twin.news if entry.event == "NeedsAttention"]
    assert notices == [Reason.CHARGING_UNKNOWN]
    for minute in range(320, 665, 5):
        car.reports(Snapshot(at(minute), **AT_HOME))
    assert actions(car)[1:] == [("23:30", "start")]
    for minute in range(665, 800, 5):
        car.reports(Snapshot(at(minute), **AT_HOME))
    assert [action for _, action in actions(car)] == ["stop", "start", "stop"]


def test_an_unknown_state_of_a_car_that_was_not_commanded_since_needs_no_command() -> None:
    car = HomeCar.of("enode", clock=at(6 * 60))
    car.reports(Snapshot(at(361), plugged_in=True, charging=True, power_kw=6.5, **AT_HOME))
    sent = len(car.sent)
    car.reports(Snapshot(at(380), plugged_in=True, charging=True, power_kw=6.5, **AT_HOME))
    car.reports(Snapshot(at(390), **AT_HOME)).passes_until(at(420))
    assert len(car.sent) == sent


def test_a_car_of_which_nothing_is_reported_after_a_stop_is_commanded_again() -> None:
    car = charging()
    car.passes_until(at(15))
    assert [action for _, action in actions(car)] == ["stop"] * 3


def test_a_state_that_is_known_again_decides() -> None:
    car = charging().reports(Snapshot(at(5), **AT_HOME))
    assert is_charging_unknown(car.twin.presence)
    car.reports(Snapshot(at(20), plugged_in=True, charging=True, power_kw=6.5, **AT_HOME))
    assert not is_charging_unknown(car.twin.presence)
    assert [action for _, action in actions(car)] == ["stop", "stop"]


@pytest.mark.parametrize(("power_kw", "charges"), [(0.0, False), (6.5, True)])
def test_where_the_state_is_unknown_the_power_decides(power_kw: float, *, charges: bool) -> None:
    car = charging()
    for minute in (2, 4, 6):
        car.takes((Observation(at(minute), "enode", power_kw=power_kw, charging_unknown=True),))
        car.passes_until(at(minute))
    presence = car.twin.presence
    assert presence.charging is not None
    assert (presence.charging.value, presence.charging_inferred) == (charges, True)


def test_a_late_report_of_an_unknown_state_changes_nothing() -> None:
    car = charging()
    car.takes((Observation(at(-5), "enode", charging_unknown=True),))
    assert not is_charging_unknown(car.twin.presence)
