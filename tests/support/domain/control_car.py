"""A first twin of a car, Axle's schedules, and the true state of a car."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from driveway.domain.charging_profiles import ChargingProfile, SchedulePeriod
from driveway.domain.schedules.default_schedule import off_peak_intervals
from driveway.domain.twin import InstalledProfile, Intent, Tariff, Twin, Vehicle, Window
from driveway.vehicles.registry import capabilities
from tests.support.domain.links import a_link

START = datetime(2026, 11, 24, 16, 30, tzinfo=UTC)
NIGHT = Tariff((Window(0, 330), Window(1410, 1440)), "Europe/London", "dual_rate")


def new_twin(provider: str = "enode", *, power_kw: float = 7.4, tariff: Tariff = NIGHT) -> Twin:
    asset_type = "charger" if provider == "ocpp" else "electric_vehicle"
    vehicle = Vehicle(provider, "vehicle-1", capabilities=capabilities(provider))
    link = a_link(START - timedelta(days=1), type=asset_type, power_kw=power_kw, vehicle=vehicle)
    return Twin(link=link, tariff=tariff, intent=Intent({}))


def axle_profile(start: datetime, *parts: tuple[float, float], now: datetime | None = None) -> InstalledProfile:
    """An Axle schedule from ``start`` on: parts of (minutes, kW)."""
    periods, at_s = [], 0
    for minutes, limit_kw in parts:
        periods.append(SchedulePeriod(at_s, limit_kw * 1000))
        at_s += int(minutes * 60)
    profile = ChargingProfile(
        stack_level=1,
        purpose="TxDefaultProfile",
        kind="Absolute",
        unit="W",
        start_schedule=start,
        duration_s=at_s,
        periods=tuple(periods),
    )
    return InstalledProfile(profile, received_at=now or start)


@dataclass
class Car:
    """The true state of a car.

    Attributes:
        held: it is kept from charging by a command.
        unwilling: it stopped for reasons of its own.
        obeys_after: the delay before it obeys a command.
        kept: the tariff whose schedule it keeps itself.
        seems_unplugged_while_held: its maker reports it unplugged for as long as it is held.
        driver_amps, amps: the current that its driver chose, and the one that it is set to.
    """

    plugged: bool = False
    at_home: bool = True
    charging: bool = False
    held: bool = False
    full: bool = False
    unwilling: bool = False
    limit_kw: float | None = None
    obeys_after: timedelta = timedelta(seconds=5)
    kept: Tariff | None = None
    seems_unplugged_while_held: bool = False
    driver_amps: int = 32
    amps: int = 32

    @property
    def kept_schedule(self) -> bool:
        return self.kept is not None

    def is_in_window(self, now: datetime) -> bool:
        return self.kept is not None and bool(off_peak_intervals(self.kept, now, now + timedelta(seconds=1)))
