"""On which side of the battery's charger each provider measures, and what its values are at the charger."""

from datetime import UTC, datetime

import pytest

from driveway.domain.metering.samples import samples_of
from driveway.domain.presence.observation import Observation
from driveway.vehicles.registry import METERS
from tests.support.domain.meters import TWIN
from tests.support.observations.car_reports import Snapshot, read

NOW = datetime(2026, 1, 15, 18, tzinfo=UTC)
CHARGES = Snapshot(NOW, plugged_in=True, charging=True, power_kw=7.2, energy_session_kwh=4.5, at_home=True)
"""At the charger. What a provider measures at the battery is reported as nine tenths of it."""

AT_THE_CHARGER = {
    "enode": {("power", 7200, "battery")},
    "smartcar": {("power", 7200, "vehicle_ac_input"), ("session", 4500, "battery")},
    "tesla": {("power", 7200, "vehicle_ac_input"), ("session", 4500, "vehicle_ac_input")},
}


def observed(provider: str) -> list[Observation]:
    return [seen for event in read(provider, CHARGES, NOW) for seen in event.observations]


@pytest.mark.parametrize("provider", AT_THE_CHARGER)
def test_each_field_is_converted_to_the_chargers_side_once(provider: str) -> None:
    samples = [s for seen in observed(provider) for s in samples_of(seen, TWIN, METERS[provider], now=NOW)]
    found = {(s.kind, s.value, s.measuring_point) for s in samples if s.kind in ("power", "session", "lifetime")}
    assert found == AT_THE_CHARGER[provider]


@pytest.mark.parametrize("provider", AT_THE_CHARGER)
def test_what_a_report_names_as_its_side_agrees_with_the_providers_table(provider: str) -> None:
    meter = METERS[provider]
    for seen in observed(provider):
        points = {meter.power_at} if seen.power_kw is not None else set()
        points |= {meter.session_at} if seen.energy_session_kwh is not None else set()
        assert seen.measuring_point == "unknown" or points <= {seen.measuring_point}
