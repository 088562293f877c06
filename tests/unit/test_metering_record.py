"""However samples arrive, what is stored is what the whole set of them says."""

import random
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from driveway.domain.half_hours import half_hour_of
from driveway.domain.ledger import Slot
from driveway.domain.observation import MeasuringPoint
from driveway.domain.samples import Rating, Sample, SampleKind
from driveway.domain.slot_record import Metered, Window, record

MIDNIGHT = datetime(2026, 1, 15, tzinfo=UTC)
METERED = Metered("car-1", "axle-1", Rating(power_w=7400, battery_wh=64_000))


class Shelf:
    """Stored slots, read through windows as small as can be."""

    def __init__(self) -> None:
        self.slots: dict[datetime, Slot] = {}
        self.reads = 0

    def window(self, first: int) -> Window:
        ordered = sorted(self.slots)
        self.reads += len(ordered) - first
        return Window(tuple(self.slots[start] for start in ordered[first:]), all_before=first == 0)

    def record(self, samples: Iterable[Sample], *, now: datetime = MIDNIGHT) -> tuple[Slot, ...]:
        samples = tuple(samples)
        start = half_hour_of(min(sample.at for sample in samples))
        first = sum(slot < start for slot in self.slots)
        while (changes := record(self.window(first), samples, METERED, now=now)) is None:
            assert first > 0, "all there is was given, and more was wanted"
            first -= 1
        for slot in changes:
            self.slots[slot.start] = replace(slot, version=slot.version + 1)
        return changes

    def said(self) -> dict[datetime, Slot]:
        """What the slots say, without how it came about; slots that say nothing left out."""
        return {
            start: replace(slot, version=0, due_at=None, state="open")
            for start, slot in self.slots.items()
            if slot.samples or slot.energy_wh or slot.plugged
        }


def at_minute(minute: float) -> datetime:
    return MIDNIGHT + timedelta(minutes=minute)


KINDS: list[SampleKind] = ["lifetime", "session", "soc", "power", "charging", "stopped", "plugged", "unplugged"]


@st.composite
def any_samples(draw: st.DrawFn) -> list[Sample]:
    """Samples of every kind with little sense to them: what must hold for these holds for all."""
    kinds = draw(st.lists(st.sampled_from(KINDS), min_size=1, max_size=5, unique=True))
    samples = []
    for _ in range(draw(st.integers(1, 22))):
        kind = draw(st.sampled_from(kinds))
        top = {"power": 9000, "lifetime": 40_000, "session": 20_000, "soc": 64_000}.get(kind, 0)
        points: list[MeasuringPoint] = (
            ["charger", "unknown"] if kind in ("power", "session", "lifetime") else ["unknown"]
        )
        point = draw(st.sampled_from(points))
        minute = draw(st.integers(0, 36)) * draw(st.sampled_from([5, 10, 37]))
        samples.append(Sample(at_minute(minute), kind, draw(st.integers(0, top)), point))
    return samples


@st.composite
def a_night(draw: st.DrawFn) -> list[Sample]:
    """A night as a car would have it: plug-in, charging with gaps and registers that grow, plug-out."""
    rnd = random.Random(draw(st.integers(0, 2**32)))
    step_min = draw(st.sampled_from([3, 7, 11, 20]))
    shown = draw(st.sets(st.sampled_from(["session", "lifetime", "power", "soc"]), min_size=1))
    minute, energy_wh = 0.0, rnd.randrange(0, 500)
    samples = [Sample(at_minute(0), "plugged")]
    for _ in range(draw(st.integers(2, 30))):
        minute += rnd.choice([step_min, step_min, step_min, 0.5, 95]) + rnd.random()
        watts = rnd.choice([0, 3600, 7200])
        energy_wh += int(watts * step_min / 80)
        at = at_minute(round(minute, 3))
        values: list[tuple[SampleKind, int]] = [
            ("power", watts),
            ("session", energy_wh),
            ("lifetime", 999_000 + energy_wh),
            ("soc", 20_000 + energy_wh),
        ]
        samples += [Sample(at, kind, value) for kind, value in values if kind in shown and rnd.random() < 0.8]
        if watts == 0 and rnd.random() < 0.5:
            samples.append(Sample(at, "stopped"))
        elif rnd.random() < 0.2:
            samples.append(Sample(at, "charging"))
    if draw(st.booleans()):
        samples.append(Sample(at_minute(minute + 1), "unplugged"))
    return samples


def in_pieces(samples: list[Sample], rnd: random.Random) -> Iterator[list[Sample]]:
    index = 0
    while index < len(samples):
        size = rnd.randint(1, 4)
        yield samples[index : index + size]
        index += size


@settings(max_examples=150, deadline=None)
@given(st.one_of(any_samples(), a_night()), st.randoms(use_true_random=False))
def test_any_split_shuffle_and_duplication_of_the_samples_gives_the_same_slots(
    samples: list[Sample], rnd: random.Random
) -> None:
    at_once, piecemeal = Shelf(), Shelf()
    at_once.record(samples)
    shuffled = samples + rnd.sample(samples, k=len(samples) // 3)
    rnd.shuffle(shuffled)
    for piece in in_pieces(shuffled, rnd):
        piecemeal.record(piece)
    assert piecemeal.said() == at_once.said()


@settings(max_examples=40, deadline=None)
@given(st.one_of(any_samples(), a_night()))
def test_recording_what_is_recorded_changes_nothing(samples: list[Sample]) -> None:
    shelf = Shelf()
    for sample in samples:
        shelf.record([sample])
    assert shelf.record(samples) == ()
