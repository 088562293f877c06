"""Meter samples: what observations say about energy, one value at one instant each."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Literal

from driveway.domain.presence.observation import MeasuringPoint, Observation
from driveway.domain.presence.vehicle import is_of_another_vehicle, named_vehicle_id
from driveway.domain.twin import Link, Twin

SampleKind = Literal[
    "lifetime",
    "session",
    "soc",
    "power",
    "charging",
    "stopped",
    "plugged",
    "joined",
    "continued",
    "unplugged",
    "resumed",
    "doubted",
    "cleared",
]

MAX_AHEAD = timedelta(minutes=5)
MAX_AGE = timedelta(days=30)
MAX_WH = 10**11


@dataclass(frozen=True, slots=True)
class Sample:
    """One value at ``at`` (aware UTC, to the millisecond).

    ``lifetime`` and ``session`` are registers and ``soc`` the energy in the battery, in watt-hours; ``power`` is in
    watts. The other kinds are facts without a value: ``charging`` (at an unknown rate), ``stopped`` (not charging), and
    of home sessions ``plugged`` (one opened), ``joined`` (one opened whose plug-in was before: its registers go on),
    ``continued`` (what opened it at this instant was no plug-in), ``unplugged`` (one closed), ``resumed`` (what closed
    it at this instant was no plug-out), ``doubted`` (the car was reported away; the value is how many seconds ago it
    was last seen at home) and ``cleared`` (what began a doubt at this instant was a stray). ``vehicle_id`` is whose
    battery a ``soc`` is of, where the car was named.
    """

    at: datetime
    kind: SampleKind
    value: int = 0
    measuring_point: MeasuringPoint = "unknown"
    vehicle_id: str | None = None


@dataclass(frozen=True, slots=True)
class Rating:
    """What bounds an asset's energy: its power in watts and, where known, its battery in watt-hours.

    What ``travels`` takes energy elsewhere, too: only what is told inside its home sessions counts.
    """

    power_w: int
    battery_wh: int | None = None
    travels: bool = False


def to_ms(sample: Sample) -> int:
    """A sample's instant in milliseconds since 1970."""
    return round(sample.at.timestamp() * 1000)


def rating_of(link: Link) -> Rating:
    """The rating of the asset as it was onboarded."""
    battery_wh = None if link.battery_kwh is None else thousandths(link.battery_kwh)
    return Rating(thousandths(link.power_kw) or 0, battery_wh, travels=link.type != "charger")


def thousandths(value: float | None) -> int | None:
    """A non-negative quantity in thousandths (kWh to Wh, kW to W), from its decimal digits; None if it is unusable."""
    if value is None:
        return None
    number = Decimal(str(value))
    if not number.is_finite() or number < 0 or number * 1000 > MAX_WH:
        return None
    return int((number * 1000).to_integral_value())


def samples_of(observation: Observation, twin: Twin, *, now: datetime) -> tuple[Sample, ...]:
    """The samples an observation holds that was taken into the twin.

    Instants more than five minutes ahead of ``now`` or more than 30 days past, negative and non-finite values give
    nothing. Negative power (discharge) counts as none. A lifetime register that is not said to be a charger's is the
    car's own where the asset is a car: it counts what was taken elsewhere, too. A state of charge is of the battery of
    the car that is named; one from before that car was named, or plugged in, may be of another's and gives nothing.
    """
    at = whole_ms(observation.at)
    if not now - MAX_AGE <= at <= now + MAX_AHEAD:
        return ()
    samples: list[Sample] = []
    values: tuple[tuple[SampleKind, int | None], ...] = (
        ("lifetime", thousandths(observation.energy_lifetime_kwh)),
        ("session", thousandths(observation.energy_session_kwh)),
        _power(observation),
    )
    for kind, value in values:
        if value is not None:
            samples.append(Sample(at, kind, value, _point(kind, observation, twin.link)))
    if (soc := _state_of_charge(observation, at, twin)) is not None:
        samples.append(soc)
    return tuple(samples)


def _point(kind: SampleKind, observation: Observation, link: Link) -> MeasuringPoint:
    if kind in ("charging", "stopped"):
        return "unknown"
    if kind == "lifetime" and observation.measuring_point == "unknown" and link.type != "charger":
        return "vehicle_ac_input"
    return observation.measuring_point


def _power(observation: Observation) -> tuple[SampleKind, int | None]:
    power_kw = observation.power_kw
    power_w = thousandths(max(power_kw, 0.0)) if power_kw is not None else None
    if observation.charging is False and not power_w:
        return "stopped", 0
    if observation.charging and power_w is None:
        return "charging", 0
    return "power", power_w


def _state_of_charge(observation: Observation, at: datetime, twin: Twin) -> Sample | None:
    presence, vehicle_id = twin.presence, observation.vehicle_id
    if vehicle_id is None:
        if is_of_another_vehicle(at, presence):
            return None
        vehicle_id = named_vehicle_id(presence)
        if vehicle_id is not None and presence.plugged_at is not None and at < presence.plugged_at:
            return None
    own = None if vehicle_id is None else twin.vehicle_intents.get(vehicle_id)
    battery_kwh = own.battery_kwh if own is not None else None
    value = _battery_wh(observation.soc_pct, battery_kwh or twin.link.battery_kwh)
    return None if value is None else Sample(at, "soc", value, observation.measuring_point, vehicle_id)


def _battery_wh(soc_pct: float | None, battery_kwh: float | None) -> int | None:
    if soc_pct is None or battery_kwh is None or not 0 <= soc_pct <= 100:
        return None
    return int((Decimal(str(soc_pct)) * Decimal(str(battery_kwh)) * 10).to_integral_value())


def whole_ms(at: datetime) -> datetime:
    """An aware instant in UTC, cut to the millisecond: samples are no finer."""
    at = at.astimezone(UTC)
    return at.replace(microsecond=at.microsecond // 1000 * 1000)
