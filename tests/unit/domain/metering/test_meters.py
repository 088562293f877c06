"""Generated meters over generated sessions: exact where the meter is described rightly, and never far over.

``METERS`` in the environment is how many of each kind are tried; the table of their errors is printed (``-s``).
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from random import Random

import pytest

from driveway.domain.metering.recording import Metered
from driveway.domain.metering.registers import drains
from driveway.domain.metering.samples import Rating, Sample, to_ms
from driveway.domain.metering.slot import Slot
from driveway.domain.reports.session_energy import session_energies
from driveway.domain.twin import SessionEnergy
from tests.support.domain import meters
from tests.support.domain.metering_shelf import Shelf
from tests.support.domain.meters import ASSET_W, BATTERY_WH, EVENING, SOC_STEP_WH, Truth

EACH = int(os.environ.get("METERS", "6"))
CAR = Metered("car-1", "axle-1", Rating(ASSET_W, BATTERY_WH, travels=True))
CHARGER = Metered("car-1", "axle-1", Rating(ASSET_W, BATTERY_WH))

AROUND = 20
"""Minutes before and after a session in which some meters are read."""

Draw = Callable[[Truth, Random], list[Sample]]
Bound = Callable[[Truth, list[Sample]], float]


def one_percent(truth: Truth, _: list[Sample]) -> float:
    return 0.01 * truth.energy_wh(0, 10_000) + 50


def until_seen_stopped(truth: Truth, received: list[Sample]) -> float:
    """The power of each block, for the time from its last sample that shows charging to the next sample."""
    line = sorted((minute_at(s), bool(s.value)) for s in received if s.kind in ("power", "stopped", "unplugged"))
    bound = 0.0
    for block in truth.blocks:
        last = max((m for m, charges in line if charges and block.start <= m <= block.end), default=block.end)
        following = min((m for m, _ in line if m >= block.end and m > last), default=block.end)
        bound += block.power_w * (following - last) / 60 + 1
    return bound


def steps_of_charge(truth: Truth, _: list[Sample]) -> float:
    """A per cent of the battery at each end of a session."""
    return 2 * SOC_STEP_WH * len(truth.plugs)


@dataclass
class Kind:
    """A kind of meter: how its samples are drawn, and by how much it may be over.

    A sound meter is exact within ``rounding_wh`` for each session: the watt-hours of a register at the battery.
    """

    draw: Draw
    is_sound: bool = False
    over_wh: Bound = one_percent
    metered: Metered = CAR
    may_drop: bool = True
    rounding_wh: int = 0
    errors_wh: list[int] = field(default_factory=list)
    zeros: int = 0


def every(random: Random) -> int:
    return random.choice([5, 15, 30, 60])


def register(
    value: meters.Value,
    kind: str = "session",
    declared: meters.RegisterKind | None = None,
    point: meters.MeasuringPoint | None = None,
) -> Draw:
    return lambda truth, random: meters.readings(
        truth, value, every=every(random), kind=kind, register=declared, point=point
    )


def with_facts(draw: Draw) -> Draw:
    return lambda truth, random: draw(truth, random) + meters.charging_facts(truth)


def alternating(draw: Draw, other: Callable[[Sample], int]) -> Draw:
    return lambda truth, random: meters.alternating(draw(truth, random), other)


def late(draw: Draw) -> Draw:
    return lambda truth, random: meters.late_finals(truth, draw(truth, random))


def around(draw: Draw, before_min: int, after_min: int) -> Draw:
    return lambda truth, random: meters.around(truth, draw(truth, random), before_min, after_min)


def with_missed_charges(draw: Draw) -> Draw:
    return lambda truth, random: draw(truth, random) + meters.missed_charges(truth)


def with_polled_facts(draw: Draw) -> Draw:
    def drawn(truth: Truth, random: Random) -> list[Sample]:
        found = draw(truth, random)
        return found + meters.polled_facts(truth, found)

    return drawn


def hourly(value: meters.Value) -> Draw:
    """A register that is polled each hour, whenever charging begins and ends, with the fact of charging."""
    return with_polled_facts(lambda truth, _: meters.polled(truth, value, every=60))


def at_battery(draw: Draw) -> Draw:
    return lambda truth, random: meters.battery_side(draw(truth, random))


def replaced(truth: Truth, random: Random) -> list[Sample]:
    """A lifetime register of a meter that is replaced between two nights, or after the first."""
    end = meters.at(truth.plugs[0].end)
    found = meters.readings(truth, meters.lifetime, every=every(random), kind="lifetime")
    base = truth.energy_wh(0, truth.plugs[0].end)
    return [
        s if s.at <= end else Sample(s.at, s.kind, s.value - 12_345_678 - base + 3, s.measuring_point) for s in found
    ]


LIFETIME = register(meters.lifetime, "lifetime")
OF_CAR = register(meters.lifetime, "lifetime", point="vehicle_ac_input")
PER_PLUG_IN = register(meters.per_plug_in, declared="per_plug_in")
PER_CHARGE = with_facts(register(meters.per_charge, declared="per_charge"))
KINDS: dict[str, Kind] = {
    "lifetime, charger": Kind(LIFETIME, is_sound=True, metered=CHARGER),
    "lifetime, car": Kind(OF_CAR, is_sound=True),
    "lifetime, car, last value late": Kind(late(OF_CAR), is_sound=True),
    "lifetime, car, read around sessions": Kind(around(OF_CAR, 1, 1), is_sound=True),
    "lifetime, charger, read around sessions": Kind(around(LIFETIME, AROUND, AROUND), is_sound=True, metered=CHARGER),
    "lifetime, charger, charges not reported": Kind(with_missed_charges(LIFETIME), is_sound=True, metered=CHARGER),
    "lifetime, rolls over": Kind(register(meters.rolls_over, "lifetime"), is_sound=True, metered=CHARGER),
    "lifetime, replaced": Kind(replaced, metered=CHARGER),
    "lifetime, value and start": Kind(alternating(LIFETIME, lambda _: 12_345_678), metered=CHARGER),
    "lifetime, value and 0": Kind(alternating(LIFETIME, lambda _: 0), metered=CHARGER),
    "lifetime, battery side": Kind(at_battery(OF_CAR), is_sound=True, rounding_wh=1),
    "per plug-in, declared": Kind(PER_PLUG_IN, is_sound=True),
    "per plug-in, declared, sinks": Kind(with_facts(register(meters.drains, declared="per_plug_in")), is_sound=True),
    "per plug-in, declared, battery side": Kind(at_battery(PER_PLUG_IN), is_sound=True, rounding_wh=1),
    "per plug-in, declared, last value late": Kind(late(PER_PLUG_IN), is_sound=True),
    "per plug-in, declared, charges not reported": Kind(with_missed_charges(PER_PLUG_IN), is_sound=True),
    "per plug-in": Kind(register(meters.per_plug_in)),
    "per plug-in, charges not reported": Kind(with_missed_charges(register(meters.per_plug_in))),
    "per plug-in, polled": Kind(with_polled_facts(register(meters.per_plug_in))),
    "per plug-in, polled hourly": Kind(hourly(meters.per_plug_in)),
    "per plug-in, last value late": Kind(late(register(meters.per_plug_in))),
    "per plug-in, sinks": Kind(with_facts(register(meters.drains))),
    "per plug-in, sinks, nothing else": Kind(register(meters.drains)),
    "per plug-in, value and 0": Kind(alternating(register(meters.per_plug_in), lambda _: 0)),
    "per charge, declared": Kind(PER_CHARGE, is_sound=True),
    "per charge, declared, last value late": Kind(late(PER_CHARGE), is_sound=True),
    "per charge": Kind(register(meters.per_charge)),
    "per charge, with charging facts": Kind(with_facts(register(meters.per_charge))),
    "per charge, polled": Kind(with_polled_facts(register(meters.per_charge))),
    "per charge, polled hourly": Kind(hourly(meters.per_charge)),
    "0 while idle, declared": Kind(register(meters.zero_while_idle, declared="zero_while_idle"), is_sound=True),
    "0 while idle": Kind(register(meters.zero_while_idle)),
    "0 while idle, polled hourly": Kind(hourly(meters.zero_while_idle)),
    "power on change": Kind(
        lambda truth, _: meters.power_on_change(truth), is_sound=True, may_drop=False, over_wh=lambda *_: 0
    ),
    "power on change, battery side": Kind(
        at_battery(lambda truth, _: meters.power_on_change(truth)),
        is_sound=True,
        may_drop=False,
        over_wh=lambda *_: 0,
    ),
    **{
        f"power every {apart} min": Kind(
            lambda truth, random, apart=apart: meters.polled_power(truth, apart, random.randrange(apart)),
            over_wh=until_seen_stopped,
        )
        for apart in (5, 15, 30, 60)
    },
    "power every 30 min and state of charge": Kind(
        lambda truth, random: (
            meters.polled_power(truth, 30, random.randrange(30)) + meters.state_of_charge(truth, every=30)
        ),
        over_wh=until_seen_stopped,
    ),
    "power per per cent": Kind(lambda truth, _: meters.per_percent(truth, with_power=True), over_wh=steps_of_charge),
    "charging per per cent, no power": Kind(
        lambda truth, _: meters.per_percent(truth, with_power=False), over_wh=steps_of_charge
    ),
    "state of charge": Kind(
        lambda truth, random: meters.state_of_charge(truth, every=every(random)), over_wh=steps_of_charge
    ),
}


def delivered(kind: Kind, truth: Truth, random: Random) -> list[Sample]:
    """The samples as they come: some lost, some twice, in any order. The first and last of each session come."""
    drawn = kind.draw(truth, random)
    kept = {meters.at(minute) for minute in truth.edges()}
    for plug in truth.plugs:
        instants = [s.at for s in drawn if meters.at(plug.start - AROUND) <= s.at <= meters.at(plug.end + AROUND)]
        kept |= {min(instants), max(instants)} if instants else set()
    if kind.may_drop and random.random() < 0.5:
        drawn = [s for s in drawn if s.at in kept or random.random() < 0.8]
    drawn += random.sample(drawn, len(drawn) // 4) + meters.facts(truth)
    random.shuffle(drawn)
    return drawn


def recorded(metered: Metered, samples: list[Sample], random: Random | None = None) -> Shelf:
    """The half-hours of the samples, recorded at once or, with ``random``, some at a time."""
    shelf, now = Shelf(), EVENING + timedelta(days=3)
    while samples:
        size = len(samples) if random is None else random.randint(1, 20)
        shelf.record(metered, samples[:size], now=now)
        samples = samples[size:]
    return shelf


def minute_at(sample: Sample) -> float:
    return (sample.at - EVENING) / timedelta(minutes=1)


def minute_of(slot: Slot) -> float:
    return (slot.start - EVENING) / timedelta(minutes=1)


def false_zeros(slots: list[Slot], truth: Truth) -> list[Slot]:
    """The half-hours that would be reported as zero although energy flowed."""
    reported = [slot for slot in slots if slot.plugged and slot.value_wh == 0]
    return [slot for slot in reported if truth.energy_wh(minute_of(slot), minute_of(slot) + 30) > 0]


def shows_no_rise(slot: Slot, received: list[Sample]) -> bool:
    """Whether a register's readings around a half-hour show that it did not rise: they are equal, or it drains."""
    series = sorted({(to_ms(s), s.value) for s in received if s.kind in ("session", "lifetime")})
    start_ms, end_ms = (round(at.timestamp() * 1000) for at in (slot.start, slot.end))
    around = [(before, after) for before, after in pairwise(series) if before[0] < end_ms and after[0] > start_ms]
    return bool(around) and all(before[1] == after[1] or drains(before, after) for before, after in around)


def session_errors_wh(slots: list[Slot], truth: Truth) -> list[int]:
    """By how much the energy of each session, as the app receives it, differs from the energy that flowed."""
    sessions = [SessionEnergy(str(plug.start), meters.at(plug.start)) for plug in truth.plugs]
    energies_wh = session_energies(sessions, slots)
    assert sum(energies_wh.values()) == sum(slot.energy_wh for slot in slots)
    return [energies_wh[str(plug.start)] - truth.energy_wh(plug.start, plug.end) for plug in truth.plugs]


@pytest.mark.parametrize("name", KINDS)
def test_a_meter_is_exact_if_it_is_described_rightly_and_never_far_over(name: str) -> None:
    kind = KINDS[name]
    for seed in range(EACH):
        random = Random(f"{name} {seed}")
        truth = meters.a_truth(random)
        samples = delivered(kind, truth, random)
        shelf = recorded(kind.metered, samples)
        slots = [slot for _, slot in sorted(shelf.slots.items())]
        error_wh = sum(slot.energy_wh for slot in slots) - truth.energy_wh(0, 10_000)
        kind.errors_wh.append(error_wh)
        errors_wh = session_errors_wh(slots, truth)
        if kind.is_sound:
            assert max(map(abs, errors_wh)) <= kind.rounding_wh, (name, seed, errors_wh)
        else:
            assert error_wh <= kind.over_wh(truth, samples), (name, seed, error_wh)
        zeros = false_zeros(slots, truth)
        kind.zeros += len(zeros)
        assert all(not kind.is_sound and shows_no_rise(slot, samples) for slot in zeros), (name, seed, zeros)
        assert recorded(kind.metered, samples, random).values() == shelf.values(), (name, seed)
    exact = sum(abs(error) <= 2 * kind.rounding_wh for error in kind.errors_wh) / EACH
    worst = f"worst {max(kind.errors_wh):+6} and {min(kind.errors_wh):+7} Wh, {kind.zeros} false zeros"
    print(f"\n{name:44} {EACH:5} meters, exact {exact:4.0%}, {worst}")
