"""Generated meters over generated sessions: exact where the meter is described rightly, and never far over.

``METERS`` in the environment is how many of each kind are tried; the table of what they did is printed (``-s``).
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random

import pytest

from driveway.domain.metering.recording import Metered
from driveway.domain.metering.samples import Rating, Sample
from driveway.domain.metering.slot import Slot
from tests.support.domain import meters
from tests.support.domain.metering_shelf import Shelf
from tests.support.domain.meters import ASSET_W, BATTERY_WH, EVENING, SOC_STEP_WH, Truth

EACH = int(os.environ.get("METERS", "12"))
CAR = Metered("car-1", "axle-1", Rating(ASSET_W, BATTERY_WH, travels=True))
CHARGER = Metered("car-1", "axle-1", Rating(ASSET_W, BATTERY_WH))

Draw = Callable[[Truth, Random], list[Sample]]


@dataclass
class Kind:
    """A kind of meter: how its samples are drawn, and by how much it may be over."""

    draw: Draw
    is_sound: bool = False
    over_wh: Callable[[Truth, int], float] = lambda _, true_wh: 0.01 * true_wh + 50
    metered: Metered = CAR
    may_drop: bool = True
    errors_wh: list[int] = field(default_factory=list)


def every(random: Random) -> int:
    return random.choice([5, 15, 30, 60])


def register(value: meters.Value, kind: str = "session", declared: meters.RegisterKind | None = None) -> Draw:
    return lambda truth, random: meters.readings(truth, value, every=every(random), kind=kind, register=declared)


def with_facts(draw: Draw) -> Draw:
    return lambda truth, random: draw(truth, random) + meters.charging_facts(truth)


def alternating(draw: Draw, other: Callable[[Sample], int]) -> Draw:
    return lambda truth, random: meters.alternating(draw(truth, random), other)


def replaced(truth: Truth, random: Random) -> list[Sample]:
    """A lifetime register of a meter that is replaced between two nights, or after the first."""
    end = meters.at(truth.plugs[0].end)
    found = meters.readings(truth, meters.lifetime, every=every(random), kind="lifetime")
    base = truth.energy_wh(0, truth.plugs[0].end)
    return [
        s if s.at <= end else Sample(s.at, s.kind, s.value - 12_345_678 - base + 3, s.measuring_point) for s in found
    ]


def polls_w(truth: Truth, apart_min: int) -> float:
    """The power of each block in the time between two polls, at each of its ends."""
    return sum(block.power_w * apart_min / 60 for block in truth.blocks) + len(truth.blocks)


KINDS: dict[str, Kind] = {
    "lifetime, charger": Kind(register(meters.lifetime, "lifetime"), is_sound=True, metered=CHARGER),
    "lifetime, rolls over": Kind(register(meters.rolls_over, "lifetime"), is_sound=True, metered=CHARGER),
    "lifetime, replaced": Kind(replaced, metered=CHARGER),
    "lifetime, value and start": Kind(
        alternating(register(meters.lifetime, "lifetime"), lambda _: 12_345_678), metered=CHARGER
    ),
    "lifetime, value and 0": Kind(alternating(register(meters.lifetime, "lifetime"), lambda _: 0), metered=CHARGER),
    "per plug-in, declared": Kind(register(meters.per_plug_in, declared="per_plug_in"), is_sound=True),
    "per plug-in, declared, sinks": Kind(with_facts(register(meters.drains, declared="per_plug_in")), is_sound=True),
    "per plug-in": Kind(register(meters.per_plug_in)),
    "per plug-in, sinks": Kind(with_facts(register(meters.drains))),
    "per plug-in, value and 0": Kind(alternating(register(meters.per_plug_in), lambda _: 0)),
    "per plug-in, last value late": Kind(
        lambda truth, random: meters.late_finals(
            truth, meters.readings(truth, meters.per_plug_in, every=every(random), register="per_plug_in")
        ),
        is_sound=True,
    ),
    "per charge, declared": Kind(
        with_facts(register(meters.per_charge, declared="per_charge")), is_sound=True, may_drop=False
    ),
    "per charge": Kind(register(meters.per_charge)),
    "per charge, with charging facts": Kind(with_facts(register(meters.per_charge))),
    "0 while idle, declared": Kind(
        register(meters.zero_while_idle, declared="zero_while_idle"), is_sound=True, may_drop=False
    ),
    "0 while idle": Kind(register(meters.zero_while_idle)),
    "power on change": Kind(
        lambda truth, _: meters.power_on_change(truth), is_sound=True, may_drop=False, over_wh=lambda *_: 0
    ),
    **{
        f"power every {apart} min": Kind(
            lambda truth, random, apart=apart: meters.polled_power(truth, apart, random.randrange(apart)),
            over_wh=lambda truth, _, apart=apart: polls_w(truth, apart),
        )
        for apart in (5, 15, 30, 60)
    },
    "power every 30 min and state of charge": Kind(
        lambda truth, random: (
            meters.polled_power(truth, 30, random.randrange(30)) + meters.state_of_charge(truth, every=30)
        ),
        over_wh=lambda truth, _: polls_w(truth, 30),
    ),
    "state of charge": Kind(
        lambda truth, random: meters.state_of_charge(truth, every=every(random)),
        over_wh=lambda truth, _: 2 * SOC_STEP_WH * len(truth.plugs),
    ),
}


def delivered(kind: Kind, truth: Truth, random: Random) -> list[Sample]:
    """The samples as they come: some lost, some twice, in any order. The last of each session comes."""
    drawn = kind.draw(truth, random)
    last = {max((s.at for s in drawn if s.at <= meters.at(p.end + 1)), default=None) for p in truth.plugs}
    edges = {meters.at(minute) for minute in truth.edges()}
    if kind.may_drop and random.random() < 0.5:
        drawn = [s for s in drawn if s.at in last or s.at in edges or random.random() < 0.8]
    drawn += random.sample(drawn, len(drawn) // 4) + meters.facts(truth)
    random.shuffle(drawn)
    return drawn


def recorded(metered: Metered, samples: list[Sample], random: Random | None = None) -> Shelf:
    shelf, now = Shelf(), EVENING + timedelta(days=3)
    while samples:
        size = len(samples) if random is None else random.randint(1, 20)
        shelf.record(metered, samples[:size], now=now)
        samples = samples[size:]
    return shelf


def minute_of(slot: Slot) -> float:
    return (slot.start - EVENING) / timedelta(minutes=1)


@pytest.mark.parametrize("name", KINDS)
def test_a_meter_is_exact_if_it_is_described_rightly_and_never_far_over(name: str) -> None:
    kind = KINDS[name]
    for seed in range(EACH):
        random = Random(f"{name} {seed}")
        truth = meters.a_truth(random)
        samples = delivered(kind, truth, random)
        shelf = recorded(kind.metered, samples)
        slots = [slot for _, slot in sorted(shelf.slots.items())]
        metered_wh, true_wh = sum(slot.energy_wh for slot in slots), truth.energy_wh(0, 10_000)
        error_wh = metered_wh - true_wh
        kind.errors_wh.append(error_wh)
        assert error_wh <= kind.over_wh(truth, true_wh), (name, seed, error_wh)
        if kind.is_sound:
            assert error_wh == 0, (name, seed, error_wh)
        in_sessions = sum(energy_wh for slot in slots for _, energy_wh in slot.sessions_wh)
        assert in_sessions == metered_wh, (name, seed)
        if kind.is_sound or not name.startswith(("per", "0", "lifetime")):
            unseen = [
                slot.start
                for slot in slots
                if slot.plugged and slot.value_wh == 0 and truth.energy_wh(minute_of(slot), minute_of(slot) + 30) > 0
            ]
            assert not unseen, (name, seed, unseen)
        if seed % 4 == 0:
            assert recorded(kind.metered, samples, random).values() == shelf.values(), (name, seed)
    errors = kind.errors_wh
    exact = sum(error == 0 for error in errors) / len(errors)
    print(f"\n{name:40} {len(errors):5} meters, exact {exact:4.0%}, worst {max(errors):+6} and {min(errors):+7} Wh")
