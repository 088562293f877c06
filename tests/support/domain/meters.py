"""Charging sessions and the meters that exist for them, drawn from a seed."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random

from driveway.domain.metering.samples import Sample, samples_of
from driveway.domain.presence.observation import MeasuringPoint, Observation, RegisterKind
from driveway.domain.twin import Intent, Link, Presence, Tariff, Twin
from driveway.values import replace

EVENING = datetime(2026, 1, 15, 18, tzinfo=UTC)
ASSET_W = 7400
BATTERY_WH = 64_000
SOC_STEP_WH = BATTERY_WH // 90
EFFICIENCY = 0.9
LINK = Link("home-1", "car-1", "electric_vehicle", ASSET_W / 1000, "Europe/London", "s", "a", True, EVENING, 64)
TWIN = Twin(LINK, Tariff((), "Europe/London"), Intent({}), Presence())


@dataclass(frozen=True)
class Block:
    """Charging at one power, from one minute after 18:00 to another."""

    start: int
    end: int
    power_w: int


@dataclass(frozen=True)
class Plug:
    """A home session: plugged in from one minute to another, with blocks of charging."""

    start: int
    end: int
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Truth:
    """The energy that really flowed."""

    plugs: tuple[Plug, ...]

    @property
    def blocks(self) -> list[Block]:
        return [block for plug in self.plugs for block in plug.blocks]

    def energy_wh(self, start: float, end: float) -> int:
        """The energy from one minute to another, in whole watt-hours."""
        flown = sum(b.power_w * max(0.0, min(end, b.end) - max(start, b.start)) for b in self.blocks)
        return int(flown / 60 + 1e-6)

    def power_w(self, minute: float) -> int:
        return next((b.power_w for b in self.blocks if b.start <= minute < b.end), 0)

    def edges(self) -> list[int]:
        return sorted({minute for b in self.blocks for minute in (b.start, b.end)})


def a_truth(random: Random) -> Truth:
    """One or two nights with one to three blocks of charging each; powers and times such that energies are whole."""
    plugs = []
    for night in range(random.choice([1, 1, 2])):
        start = night * 1440 + random.randrange(0, 120)
        minute, blocks = start + random.choice([0, 7, 90, 240]), []
        for _ in range(random.randint(1, 3)):
            lasts, power_w = random.randrange(24, 150), random.choice([2280, 3600, 6960, 7200])
            blocks.append(Block(minute, minute + lasts, power_w))
            minute += lasts + random.choice([25, 60, 95])
        plugs.append(Plug(start, minute + random.choice([0, 3, 60]), tuple(blocks)))
    return Truth(tuple(plugs))


def at(minute: float) -> datetime:
    return EVENING + timedelta(minutes=minute)


def facts(truth: Truth) -> list[Sample]:
    """The plug facts."""
    found = []
    for plug in truth.plugs:
        found += [Sample(at(plug.start), "plugged"), Sample(at(plug.end), "unplugged")]
    return found


def _times(truth: Truth, every: int) -> Iterator[tuple[Plug, int]]:
    """The minutes at which a meter is read: every ``every`` minutes, and where charging begins and ends."""
    for plug in truth.plugs:
        edges = {minute for block in plug.blocks for minute in (block.start, block.end)}
        for minute in sorted({*range(plug.start, plug.end, every), *edges, plug.end}):
            yield plug, minute


Value = Callable[[Truth, Plug, int], int]


def per_plug_in(truth: Truth, plug: Plug, minute: int) -> int:
    return truth.energy_wh(plug.start, minute)


def lifetime(truth: Truth, plug: Plug, minute: int) -> int:
    return 12_345_678 + truth.energy_wh(0, minute)


def rolls_over(truth: Truth, plug: Plug, minute: int) -> int:
    return (9_999_000 + truth.energy_wh(0, minute)) % 10_000_000


def per_charge(truth: Truth, plug: Plug, minute: int) -> int:
    """It restarts with each block, and shows the block before until then."""
    begun = [block.start for block in truth.blocks if block.start < minute]
    return truth.energy_wh(max(begun), minute) if begun else 0


def zero_while_idle(truth: Truth, plug: Plug, minute: int) -> int:
    charging = any(block.start < minute <= block.end for block in plug.blocks)
    return per_plug_in(truth, plug, minute) if charging else 0


def drains(truth: Truth, plug: Plug, minute: int) -> int:
    """Once it has counted it sinks by 60 W while the car does not charge."""
    idle = sum(truth.power_w(m) == 0 for m in range(plug.blocks[0].start, minute))
    return per_plug_in(truth, plug, minute) - idle


def readings(
    truth: Truth,
    value: Value,
    *,
    every: int,
    kind: str = "session",
    register: RegisterKind | None = None,
    point: MeasuringPoint | None = None,
) -> list[Sample]:
    name = "lifetime" if kind == "lifetime" else "session"
    usual: MeasuringPoint = "charger" if kind == "lifetime" else "unknown"
    return [
        Sample(at(minute), name, value(truth, plug, minute), point or usual, register=register)
        for plug, minute in _times(truth, every)
    ]


def polled(truth: Truth, value: Value, *, every: int) -> list[Sample]:
    """A session register read every so many minutes from the plug-in on, and once before the plug-out."""
    minutes = [(plug, m) for plug in truth.plugs for m in (*range(plug.start, plug.end, every), plug.end)]
    return [Sample(at(minute), "session", value(truth, plug, minute)) for plug, minute in minutes]


def charging_facts(truth: Truth) -> list[Sample]:
    """Every change of charging, without a power."""
    found = []
    for plug in truth.plugs:
        found.append(Sample(at(plug.start), "stopped", tells_every_change=True))
        for block in plug.blocks:
            found.append(Sample(at(block.start), "charging", tells_every_change=True))
            found.append(Sample(at(block.end), "stopped", tells_every_change=True))
    changes = {sample.at for sample in found if sample.kind == "charging"}
    return [sample for sample in found if sample.kind == "charging" or sample.at not in changes]


def missed_charges(truth: Truth) -> list[Sample]:
    """The stops of a source that reports every change, but none of the charges between them."""
    return [sample for sample in charging_facts(truth) if sample.kind == "stopped"]


def polled_facts(truth: Truth, samples: list[Sample]) -> list[Sample]:
    """Whether the car charges at the time of each sample, by a source that polls."""
    minutes = {sample.at: round((sample.at - EVENING) / timedelta(minutes=1)) for sample in samples}
    return [Sample(at, "charging" if truth.power_w(minute) else "stopped") for at, minute in sorted(minutes.items())]


def power_on_change(truth: Truth) -> list[Sample]:
    powers = {}
    for sample in charging_facts(truth):
        minute = round((sample.at - EVENING) / timedelta(minutes=1))
        powers[minute] = truth.power_w(minute)
    return [Sample(at(minute), "power", watts, tells_every_change=True) for minute, watts in powers.items()]


def polled_power(truth: Truth, every: int, offset: int = 0) -> list[Sample]:
    """Power read every so many minutes, with the fact that the car does not charge."""
    found = []
    for plug in truth.plugs:
        for minute in range(plug.start + offset % every, plug.end, every):
            watts = truth.power_w(minute)
            found.append(Sample(at(minute), "power", watts) if watts else Sample(at(minute), "stopped"))
    return found


def _percent(truth: Truth, minute: int) -> int:
    return (8_000 + truth.energy_wh(0, minute) * 9 // 10) * 100 // BATTERY_WH


def _soc(truth: Truth, minute: int) -> Sample:
    return Sample(at(minute), "soc", round(_percent(truth, minute) * BATTERY_WH / 90), "battery")


def state_of_charge(truth: Truth, *, every: int) -> list[Sample]:
    """The state of charge in whole per cent of the battery, and whether the car charges."""
    found = []
    for plug in truth.plugs:
        for minute in sorted({*range(plug.start, plug.end, every), plug.end}):
            found.append(_soc(truth, minute))
            found.append(Sample(at(minute), "charging" if truth.power_w(minute) else "stopped"))
    return found


def per_percent(truth: Truth, *, with_power: bool) -> list[Sample]:
    """A report at the plug-in, at each new per cent of the battery, and at the end; with the power or only charging."""
    found = []
    for plug in truth.plugs:
        rises = [m for m in range(plug.start + 1, plug.end) if _percent(truth, m) > _percent(truth, m - 1)]
        for minute in (plug.start, *rises, plug.end):
            watts = truth.power_w(minute)
            line = Sample(at(minute), "power", watts) if with_power else Sample(at(minute), "charging")
            found += [_soc(truth, minute), line if watts else Sample(at(minute), "stopped")]
    return found


def battery_side(samples: list[Sample]) -> list[Sample]:
    """The same values as a source reports them that measures at the battery, taken in as observations."""
    found: list[Sample] = []
    for sample in samples:
        kwh = round(sample.value * EFFICIENCY) / 1000
        seen = Observation(
            at=sample.at,
            source="app",
            power_kw=kwh if sample.kind == "power" else None,
            energy_session_kwh=kwh if sample.kind == "session" else None,
            energy_lifetime_kwh=kwh if sample.kind == "lifetime" else None,
            measuring_point="battery",
            register=sample.register,
            tells_every_change=sample.tells_every_change,
        )
        found += samples_of(seen, TWIN, now=sample.at)
    return found


def alternating(samples: list[Sample], other_wh: Callable[[Sample], int]) -> list[Sample]:
    """Every value, and a second later another one."""
    return samples + [replace(s, at=s.at + timedelta(seconds=1), value=other_wh(s)) for s in samples]


def around(truth: Truth, samples: list[Sample], before_min: int, after_min: int) -> list[Sample]:
    """The first value of each session some minutes before the plug-in, and the last one after the plug-out."""
    moved = {at(plug.start): -before_min for plug in truth.plugs} | {at(plug.end): after_min for plug in truth.plugs}
    return [replace(s, at=s.at + timedelta(minutes=moved.get(s.at, 0))) for s in samples]


def late_finals(truth: Truth, samples: list[Sample]) -> list[Sample]:
    """The last value of each session some seconds after its end."""
    ends = {at(plug.end) for plug in truth.plugs}
    return [replace(s, at=s.at + timedelta(seconds=4)) if s.at in ends else s for s in samples]
