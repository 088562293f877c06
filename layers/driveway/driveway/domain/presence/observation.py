"""The report of a source about a car at one instant, in one form for all sources."""

from datetime import datetime
from typing import Literal

from driveway.values import Confidential

MeasuringPoint = Literal["charger", "vehicle_ac_input", "battery", "unknown"]
RegisterKind = Literal["lifetime", "per_plug_in", "per_charge", "zero_while_idle"]


class Position(Confidential, frozen=True):
    """Where the car was (WGS 84 degrees), measured at ``at`` (aware UTC).

    It decides whether the car is at home and is dropped after that: never stored, logged or sent.
    """

    hidden = ("latitude", "longitude", "at")

    latitude: float
    longitude: float
    at: datetime


class Whereabouts(Confidential, frozen=True):
    """The evidence for being at home that a source gave; all absent means unknown.

    ``measured_at`` is when the source measured the flag or the id (None: at the time of the observation).
    """

    hidden = ("position",)

    home_flag: bool | None = None
    location_id: str | None = None
    location_id_known: bool = False
    position: Position | None = None
    measured_at: datetime | None = None


class Observation(Confidential, frozen=True):
    """Signals observed at ``at`` (aware UTC, the source's own time). Absent (None) means unknown, not false.

    ``energy_session_kwh`` counts from the plug-in, ``energy_lifetime_kwh`` never resets; ``energy_delta_kwh`` is the
    energy since the observation before. A source may describe itself: ``measuring_point``, where the values are
    measured; ``register``, how its register behaves; ``tells_every_change``, that it reports whenever power changes.
    ``vehicle_id`` names the car that is plugged in, where several share a charger. ``charging_fault`` means that the
    car cannot charge because of a fault, or because its charger gives no power. ``source`` is the provider's name or
    ``app``.

    ``at_home`` says where the car is at ``at``; ``place_measured_at`` is when that place was measured (None: at
    ``at``). Reports that repeat one measurement are one piece of evidence. ``clearly_away`` marks a place that cannot
    be home: more than a kilometre off, or a charger that no home has. ``fast_charging``: the car is at a DC charger.

    ``starting``: the state is one of starting, which leaves open whether the car charges. ``charging_unknown``: the
    source itself does not know whether the car charges. ``not_full``: the state would
    be full if the battery were. ``answered``: the observation comes from the answer to a command, not from a report of
    the car's state.
    """

    hidden = ("whereabouts",)

    at: datetime
    source: str
    plugged_in: bool | None = None
    at_home: bool | None = None
    place_measured_at: datetime | None = None
    clearly_away: bool = False
    odometer_km: float | None = None
    fast_charging: bool | None = None
    charging: bool | None = None
    power_kw: float | None = None
    energy_session_kwh: float | None = None
    energy_lifetime_kwh: float | None = None
    energy_delta_kwh: float | None = None
    soc_pct: float | None = None
    reachable: bool | None = None
    moving: bool | None = None
    battery_full: bool | None = None
    not_full: bool | None = None
    starting: bool | None = None
    charging_unknown: bool | None = None
    charge_limit_pct: float | None = None
    answered: bool = False
    charging_fault: bool | None = None
    whereabouts: Whereabouts | None = None
    measuring_point: MeasuringPoint = "unknown"
    vehicle_id: str | None = None
    register: RegisterKind | None = None
    tells_every_change: bool | None = None
