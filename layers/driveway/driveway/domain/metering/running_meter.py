"""The running meter of a twin: how much was metered so far, from the latest samples alone.

It serves decisions (a boost that ends after so many kWh, a ready-by at risk). What is reported to Axle is worked out in
half-hours from all samples, late ones included; here a sample older than the latest of its kind says nothing.
"""

from collections.abc import Iterable
from dataclasses import replace

from driveway.domain.metering.energy import UNITS_PER_WH
from driveway.domain.metering.plug_facts import OPENINGS
from driveway.domain.metering.power import BIG_GAP_MS, power_line, power_spans
from driveway.domain.metering.registers import Plugs, lifetime_steps, session_steps
from driveway.domain.metering.samples import Rating, Sample, SampleKind, to_ms
from driveway.domain.twin import Meter, Observed, Register

# At one instant a register comes after what it takes the place of.
ORDER: dict[SampleKind, int] = {"plugged": 0, "joined": 0, "power": 1, "session": 2, "lifetime": 3}


def advance(meter: Meter, samples: Iterable[Sample], rating: Rating) -> Meter:
    """The meter after these samples, in order of time; the same meter when they say nothing new."""
    for sample in sorted(samples, key=lambda s: (s.at, ORDER.get(s.kind, 1), s.value)):
        if rating.travels and meter.session_started_at is not None and sample.at < meter.session_started_at:
            continue
        if sample.kind in OPENINGS:
            meter = _opened(meter, sample, rating)
        elif sample.kind == "lifetime":
            meter = _lifetime(meter, sample, rating)
        elif sample.kind == "session":
            meter = _session(meter, sample, rating)
        elif sample.kind in ("power", "charging", "stopped", "unplugged"):
            meter = _power(meter, sample)
    return meter


def _opened(meter: Meter, sample: Sample, rating: Rating) -> Meter:
    # A session register counts from the plug-in, so what it shows next is what this session took.
    session = Register(0, sample.at) if sample.kind == "plugged" else None
    if rating.travels:
        # A register that travels may have counted elsewhere since it was last seen.
        meter = replace(_settled(meter), lifetime=None)
    return replace(meter, session=session, session_started_at=sample.at, session_started_wh=meter.total_wh)


def _settled(meter: Meter) -> Meter:
    """The meter with what was counted so far out of reach of the registers that follow."""
    units = meter.power_units % UNITS_PER_WH
    return replace(meter, settled_wh=meter.total_wh, session_wh=0, power_units=units)


def _totalled(meter: Meter) -> Meter:
    return replace(meter, total_wh=meter.settled_wh + meter.session_wh + meter.power_units // UNITS_PER_WH)


def _lifetime(meter: Meter, sample: Sample, rating: Rating) -> Meter:
    now = Register(sample.value, sample.at)
    if meter.lifetime is None:
        return replace(_settled(meter), lifetime=now)
    if sample.at <= meter.lifetime.at:
        return meter
    readings = [(_ms(meter.lifetime), meter.lifetime.energy_wh), (_ms(now), now.energy_wh)]
    steps = lifetime_steps(readings, Plugs(), rating.power_w, [], at_home=True)
    meter = replace(meter, lifetime=now)
    if not steps:
        return meter
    settled_wh = meter.settled_wh + steps[0].energy_wh
    return _totalled(replace(meter, settled_wh=settled_wh, session_wh=0, power_units=0))


def _session(meter: Meter, sample: Sample, rating: Rating) -> Meter:
    now = Register(sample.value, sample.at)
    if meter.session is None:
        return replace(meter if meter.lifetime else _settled(meter), session=now)
    if sample.at <= meter.session.at:
        return meter
    readings = [(_ms(meter.session), meter.session.energy_wh), (_ms(now), now.energy_wh)]
    steps = session_steps(readings, Plugs(), rating.power_w, [])
    meter = replace(meter, session=now)
    if not steps:
        return meter
    return _totalled(replace(meter, session_wh=meter.session_wh + steps[0].energy_wh, power_units=0))


def _power(meter: Meter, sample: Sample) -> Meter:
    before = meter.power_w
    if before is not None and sample.at <= before.at:
        return meter
    value = {"charging": True, "power": float(sample.value)}.get(sample.kind, False)
    meter = replace(meter, power_w=Observed(value, sample.at))
    if before is None:
        return meter
    point = sample.measuring_point
    spans = power_spans(power_line([_sample(before, sample), sample]), point)
    if not spans or spans[0].end_ms - spans[0].start_ms > BIG_GAP_MS:
        return meter
    return _totalled(replace(meter, power_units=meter.power_units + spans[0].units_at(spans[0].end_ms)))


def _sample(observed: Observed, like: Sample) -> Sample:
    if isinstance(observed.value, bool):
        return Sample(observed.at, "charging" if observed.value else "stopped")
    return Sample(observed.at, "power", int(observed.value), like.measuring_point)


def _ms(register: Register) -> int:
    return to_ms(Sample(register.at, "session"))
