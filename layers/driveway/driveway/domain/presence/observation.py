"""What a source says of a car at one instant, in one form whatever the source."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

MeasuringPoint = Literal["charger", "vehicle_ac_input", "battery", "unknown"]


@dataclass(frozen=True, slots=True)
class Position:
    """Where the car was (WGS 84 degrees). Used to decide at-home and then forgotten: never stored, logged or sent."""

    latitude: float = field(repr=False)
    longitude: float = field(repr=False)
    at: datetime = field(repr=False)
    last_parked: bool = False


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """The evidence for being at home that a source gave; all absent means unknown."""

    home_flag: bool | None = None
    location_id: str | None = None
    location_id_known: bool = False
    position: Position | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Observation:
    """Signals observed at ``at`` (aware UTC, the source's own time). Absent (None) is not false: it says nothing.

    ``energy_session_kwh`` counts from the plug-in, ``energy_lifetime_kwh`` never resets. ``vehicle_id`` names the car
    that is plugged in, where several share a charger. ``source`` is the provider's
    name or ``app``.
    """

    at: datetime
    source: str
    plugged_in: bool | None = None
    at_home: bool | None = None
    charging: bool | None = None
    power_kw: float | None = None
    energy_session_kwh: float | None = None
    energy_lifetime_kwh: float | None = None
    soc_pct: float | None = None
    reachable: bool | None = None
    moving: bool | None = None
    battery_full: bool | None = None
    whereabouts: Whereabouts | None = field(default=None, repr=False)
    measuring_point: MeasuringPoint = "unknown"
    vehicle_id: str | None = None
