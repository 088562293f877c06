"""Meter samples: what observations say about energy, one value at one instant each."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Literal

from driveway.domain.observation import MeasuringPoint, Observation
from driveway.domain.twin import Link, Presence, Session

SampleKind = Literal["lifetime", "session", "soc", "power", "charging", "stopped", "plugged", "unplugged"]

MAX_AHEAD = timedelta(minutes=5)
MAX_AGE = timedelta(days=30)
MAX_WH = 10**11


@dataclass(frozen=True, slots=True)
class Sample:
    """One value at ``at`` (aware UTC, to the millisecond).

    ``lifetime`` and ``session`` are registers and ``soc`` the energy in the battery, in watt-hours; ``power`` is in
    watts. The other kinds are facts without a value: ``charging`` (at an unknown rate), ``stopped`` (not charging),
    ``plugged`` and ``unplugged`` (a home session opened, closed).
    """

    at: datetime
    kind: SampleKind
    value: int = 0
    measuring_point: MeasuringPoint = "unknown"


@dataclass(frozen=True, slots=True)
class Rating:
    """What bounds an asset's energy: its power in watts and, where known, its battery in watt-hours."""

    power_w: int
    battery_wh: int | None = None


def rating_of(link: Link) -> Rating:
    """The rating of the asset as it was onboarded."""
    battery_wh = None if link.battery_kwh is None else thousandths(link.battery_kwh)
    return Rating(power_w=thousandths(link.power_kw) or 0, battery_wh=battery_wh)


def thousandths(value: float | None) -> int | None:
    """A non-negative quantity in thousandths (kWh to Wh, kW to W), from its decimal digits; None if it is unusable."""
    if value is None:
        return None
    number = Decimal(str(value))
    if not number.is_finite() or number < 0 or number * 1000 > MAX_WH:
        return None
    return int((number * 1000).to_integral_value())


def samples_of(observation: Observation, link: Link, presence: Presence, *, now: datetime) -> tuple[Sample, ...]:
    """The samples an observation holds that count as energy at home.

    A car is metered only inside a home session (the open one or the last one, ends included), for what it takes
    elsewhere is not the home's; a charger is always at home. Instants more than five minutes ahead of ``now`` or
    more than 30 days past, negative and non-finite values give nothing. Negative power (discharge) counts as none.
    """
    at = _to_ms(observation.at)
    if not now - MAX_AGE <= at <= now + MAX_AHEAD:
        return ()
    if link.type != "charger" and not any(_holds(s, at) for s in (presence.session, presence.last_session)):
        return ()
    samples: list[Sample] = []
    values: tuple[tuple[SampleKind, int | None], ...] = (
        ("lifetime", thousandths(observation.energy_lifetime_kwh)),
        ("session", thousandths(observation.energy_session_kwh)),
        ("soc", _battery_wh(observation.soc_pct, link.battery_kwh)),
    )
    for kind, value in (*values, _power(observation)):
        if value is not None:
            samples.append(Sample(at, kind, value, "unknown" if kind in FACTS else observation.measuring_point))
    return tuple(samples)


FACTS: frozenset[SampleKind] = frozenset({"charging", "stopped", "plugged", "unplugged"})


def _power(observation: Observation) -> tuple[SampleKind, int | None]:
    power_kw = observation.power_kw
    power_w = thousandths(max(power_kw, 0.0)) if power_kw is not None else None
    if observation.charging is False and not power_w:
        return "stopped", 0
    if observation.charging and power_w is None:
        return "charging", 0
    return "power", power_w


def _battery_wh(soc_pct: float | None, battery_kwh: float | None) -> int | None:
    if soc_pct is None or battery_kwh is None or not 0 <= soc_pct <= 100:
        return None
    return int((Decimal(str(soc_pct)) * Decimal(str(battery_kwh)) * 10).to_integral_value())


def _holds(session: Session | None, at: datetime) -> bool:
    if session is None:
        return False
    return _to_ms(_plugged_at(session)) <= at and (session.closed_at is None or at <= session.closed_at)


def _plugged_at(session: Session) -> datetime:
    # Home may be known only after the plug-in, but a plugged car has not moved since.
    return min(session.opened_at, session.plugged_at)


def plug_samples(before: Presence, after: Presence) -> tuple[Sample, ...]:
    """The plug samples a change of presence makes: home sessions that opened or closed, at their own instants.

    They come from sessions, not from the raw plug signal, so a plug-out that is not believed does not restart a
    session register.
    """
    known = session_samples(before)
    return tuple(sample for sample in session_samples(after) if sample not in known)


def session_samples(presence: Presence) -> tuple[Sample, ...]:
    """The plug samples of the session that is open and of the one before it."""
    samples: list[Sample] = []
    for session in (presence.last_session, presence.session):
        if session is not None:
            samples.append(Sample(_to_ms(_plugged_at(session)), "plugged"))
            if session.closed_at is not None:
                samples.append(Sample(_to_ms(session.closed_at), "unplugged"))
    return tuple(samples)


def _to_ms(at: datetime) -> datetime:
    at = at.astimezone(UTC)
    return at.replace(microsecond=at.microsecond // 1000 * 1000)
