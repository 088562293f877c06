"""Charging to the minimum state of charge ends with the first estimate or with the metered energy."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from driveway.domain.schedules.minimum_soc import minimum_soc_until
from driveway.domain.twin import Meter, Observed, Presence, Session, SessionEnergy, Twin
from driveway.values import replace
from tests.support.domain.control_car import new_twin
from tests.support.domain.control_rig import Rig

PLUGGED_AT = datetime(2026, 11, 24, 16, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SESSION = Session("s1", PLUGGED_AT, PLUGGED_AT)
NEEDED = timedelta(seconds=1557)
"""5 % of 64 kWh at 7.4 kW: 26 minutes."""


def low(soc_at: datetime = PLUGGED_AT, **presence: Any) -> Twin:
    twin = new_twin()
    intent = replace(twin.intent, minimum_soc_pct=20.0)
    seen = Presence(session=SESSION, soc_pct=Observed(15.0, soc_at), soc_since=soc_at)
    link = replace(twin.link, battery_kwh=64.0)
    return replace(twin, link=link, intent=intent, presence=replace(seen, **presence))


def until(twin: Twin) -> datetime | None:
    return minimum_soc_until(twin, SESSION)


def test_one_report_of_15_percent_charges_for_26_minutes() -> None:
    assert until(low()) == PLUGGED_AT + NEEDED


def test_the_same_state_of_charge_reported_again_does_not_restart_the_estimate() -> None:
    again = low(soc_pct=Observed(15.0, PLUGGED_AT + 20 * MINUTE), soc_since=PLUGGED_AT)
    assert until(again) == PLUGGED_AT + NEEDED


def test_a_higher_state_of_charge_begins_a_shorter_estimate() -> None:
    at = PLUGGED_AT + 10 * MINUTE
    found = until(low(soc_pct=Observed(17.0, at), soc_since=at))
    assert found is not None
    assert found - at < NEEDED * 0.7


def test_the_metered_energy_ends_it_early() -> None:
    session = low().presence.session
    assert session is not None

    def metered(energy_wh: int) -> Meter:
        return Meter((SessionEnergy(session.id, PLUGGED_AT, energy_wh),))

    assert until(replace(low(), meter=metered(3600))) is None
    assert until(replace(low(), meter=metered(3000))) == PLUGGED_AT + NEEDED


@pytest.mark.parametrize("minutes_before", [16, 120, 600])
def test_a_state_of_charge_from_long_before_the_plug_in_does_not_start_it(minutes_before: int) -> None:
    assert until(low(PLUGGED_AT - minutes_before * MINUTE)) is None
    assert until(low(PLUGGED_AT - 5 * MINUTE)) is not None


@pytest.mark.parametrize("sign", ["moved_at", "away_seen_at"])
def test_a_state_of_charge_from_before_the_drive_home_does_not_start_it(sign: str) -> None:
    assert until(low(PLUGGED_AT - 10 * MINUTE, **{sign: PLUGGED_AT - 5 * MINUTE})) is None


def test_a_start_that_comes_late_has_its_whole_estimate() -> None:
    twin = low()
    late = PLUGGED_AT + 40 * MINUTE
    assert until(replace(twin, control=replace(twin.control, last_start_at=late))) == late + NEEDED


def test_a_car_that_reports_its_state_of_charge_once_stops_after_26_minutes_of_peak() -> None:
    rig = Rig(twin=replace(low(), presence=Presence()))
    rig.observe(soc_pct=15.0)  # type: ignore[arg-type]  # a number among flags
    rig.plug_in()
    rig.run(25 * MINUTE)
    assert rig.car.charging
    rig.run(5 * MINUTE)
    assert not rig.car.charging
    assert rig.actions() == ["stop"]
