"""Meter samples: the values of observations that concern energy. Each is one value at one instant."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Literal

from msgspec import Struct

from driveway.domain.metering.meter_kind import UNKNOWN_METER, MeterKind, at_the_charger
from driveway.domain.presence.observation import MeasuringPoint, Observation, RegisterKind
from driveway.domain.presence.vehicle import is_of_another_vehicle, named_vehicle_id
from driveway.domain.twin import Link, Twin

SampleKind = Literal[
    "lifetime",
    "session",
    "delta",
    "soc",
    "power",
    "charging",
    "stopped",
    "out_of_reach",
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
STARTS_WITHIN = timedelta(minutes=2)
"""A car that starts leaves the state of "starting" within this time, unless that state sticks."""


class Sample(Struct, frozen=True):
    """One value at ``at`` (aware UTC, to the millisecond).

    All values are converted to the charger's side (see ``meter_kind``). ``lifetime`` and ``session`` are registers,
    ``delta`` is the energy since the ``delta`` before, and ``soc`` the energy in the battery, all in watt-hours;
    ``power`` is in watts. The other kinds are facts: ``charging`` (at an unknown rate), ``stopped`` (not charging)
    and ``out_of_reach`` (the source has no contact with the car, or does not know whether it charges: its silence shows
    nothing since its last report).
    Facts of home sessions are ``plugged`` (a session opened; the value is the seconds since the car may have had a
    lower state of charge, if it may), ``joined`` (one opened after its plug-in: its registers go on), ``continued``
    (the plug-in at this instant was false), ``unplugged`` (a session closed), ``resumed`` (the plug-out at this instant
    was false), ``doubted`` (the car was reported away; the value is the seconds since it was last seen at home) and
    ``cleared`` (the doubt at this instant was false). ``vehicle_id`` names
    the car of a ``soc``, where it is known. ``register`` is the source's declaration of its register, and
    ``tells_every_change`` that it reports every change of power and charging.
    """

    at: datetime
    kind: SampleKind
    value: int = 0
    measuring_point: MeasuringPoint = "unknown"
    vehicle_id: str | None = None
    register: RegisterKind | None = None
    tells_every_change: bool = False


class Rating(Struct, frozen=True):
    """The bounds of an asset's energy: its power in watts and, where known, its battery in watt-hours.

    An asset that ``travels`` takes energy elsewhere, too. Only samples inside its home sessions count.
    """

    power_w: int
    battery_wh: int | None = None
    travels: bool = False


def to_ms(sample: Sample) -> int:
    """A sample's instant in milliseconds since 1970."""
    return round(sample.at.timestamp() * 1000)


def end_of_line(samples: Iterable[Sample], last_ms: int) -> list[Sample]:
    """The samples of the power line's last event, and the first loss of contact after it."""
    last = [s for s in samples if s.kind in ("power", "charging", "stopped", "out_of_reach") and to_ms(s) >= last_ms]
    lost = [sample for sample in last if sample.kind == "out_of_reach"]
    return [sample for sample in last if sample.kind != "out_of_reach"] + lost[:1]


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


def samples_of(
    observation: Observation, twin: Twin, meter: MeterKind = UNKNOWN_METER, *, now: datetime
) -> tuple[Sample, ...]:
    """The samples of an observation that the twin has accepted. ``meter`` describes its source's meter.

    An instant more than five minutes ahead of ``now`` or more than 30 days past gives no samples. Negative and
    non-finite values give none either, except that negative power (discharge) counts as zero. If the asset is a car, a
    lifetime register without a measuring point is the car's own: it counts energy taken elsewhere, too. A state of
    charge belongs to the named car. From before that car was named or plugged in it may be another car's, and gives
    nothing.
    """
    at = whole_ms(observation.at)
    if not now - MAX_AGE <= at <= now + MAX_AHEAD:
        return ()
    found = (*_registers(observation, at, twin.link, meter), _line(observation, at, meter))
    soc, state = _state_of_charge(observation, at, twin), _open_state(observation, at, twin, meter)
    return tuple(sample for sample in (*found, soc, state) if sample is not None)


def _registers(observation: Observation, at: datetime, link: Link, meter: MeterKind) -> Iterator[Sample]:
    values: tuple[tuple[SampleKind, float | None, MeasuringPoint], ...] = (
        ("lifetime", observation.energy_lifetime_kwh, meter.lifetime_at),
        ("session", observation.energy_session_kwh, meter.session_at),
        ("delta", observation.energy_delta_kwh, meter.session_at),
    )
    declared = observation.register or meter.register
    for field, value_kwh, usual_point in values:
        point = usual_point if observation.measuring_point == "unknown" else observation.measuring_point
        value_wh = at_the_charger(thousandths(value_kwh), point)
        if value_wh is None:
            continue
        # The declared kind of a register takes precedence over the name of the field.
        kind: SampleKind = "lifetime" if field == "session" and declared == "lifetime" else field
        if kind == "lifetime" and point == "unknown" and link.type != "charger":
            point = "vehicle_ac_input"
        yield Sample(at, kind, value_wh, point, register=declared if kind == "session" else None)


def _line(observation: Observation, at: datetime, meter: MeterKind) -> Sample | None:
    kind, value_w = _power(observation)
    if value_w is None:
        return None
    tells = meter.tells_every_change if observation.tells_every_change is None else observation.tells_every_change
    if kind != "power":
        return Sample(at, kind, tells_every_change=tells)
    point = meter.power_at if observation.measuring_point == "unknown" else observation.measuring_point
    return Sample(at, kind, at_the_charger(value_w, point) or 0, point, tells_every_change=tells)


def _open_state(observation: Observation, at: datetime, twin: Twin, meter: MeterKind) -> Sample | None:
    """That the source has no contact with the car, or does not know whether it charges.

    It matters where silence would mean that nothing changed.

    A declared register shows afterwards what flowed meanwhile. Its car is mostly asleep when it is out of reach, for
    days on end, and a car that is asleep does not charge.

    A car that is "starting" did not charge until now, and may from now on. Where that state lasts, it sticks.
    """
    if not meter.tells_every_change or meter.register is not None:
        return None
    if observation.starting and observation.power_kw is None:
        since = twin.presence.starting_at
        return Sample(at, "charging" if since is not None and at - since > STARTS_WITHIN else "stopped")
    is_unknown = observation.charging_unknown and observation.power_kw is None
    return Sample(at, "out_of_reach") if is_unknown or observation.reachable is False else None


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
    value = at_the_charger(value, "battery")
    return None if value is None else Sample(at, "soc", value, "battery", vehicle_id)


def _battery_wh(soc_pct: float | None, battery_kwh: float | None) -> int | None:
    if soc_pct is None or battery_kwh is None or not 0 <= soc_pct <= 100:
        return None
    return int((Decimal(str(soc_pct)) * Decimal(str(battery_kwh)) * 10).to_integral_value())


def whole_ms(at: datetime) -> datetime:
    """An aware instant in UTC, cut to the millisecond."""
    at = at.astimezone(UTC)
    return at.replace(microsecond=at.microsecond // 1000 * 1000)
