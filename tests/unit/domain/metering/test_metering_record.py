"""The stored half-hours depend only on the set of samples, not on how they arrive."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driveway.domain.metering.energy import BEST_POINT_FIRST
from driveway.domain.metering.recording import Metered
from driveway.domain.metering.samples import Rating, Sample, SampleKind
from driveway.domain.presence.observation import RegisterKind
from tests.support.domain.metering_shelf import Shelf

MIDNIGHT = datetime(2026, 1, 15, tzinfo=UTC)
MEASURES: list[SampleKind] = ["lifetime", "session", "delta", "soc", "power", "charging", "stopped", "out_of_reach"]
DECLARED: list[RegisterKind | None] = [None, None, "per_plug_in", "per_charge", "zero_while_idle"]
PLUG_FACTS: list[SampleKind] = ["plugged", "unplugged", "joined", "resumed", "continued", "doubted", "cleared"]


def at_minute(minute: float) -> datetime:
    return MIDNIGHT + timedelta(minutes=round(minute, 3))


def an_asset(random: Random) -> Metered:
    """A car or a charger, weak or strong."""
    rating = Rating(random.choice([2300, 7400, 22_000]), random.choice([None, 64_000]), travels=random.random() < 0.6)
    return Metered("car-1", "axle-1", rating)


def a_tangle(random: Random) -> list[Sample]:
    """Random samples of every kind and point. What holds for these holds for all.

    Registers grow along one line and also show other values, some of them repeatedly. So there are spans, gaps,
    contradictions and values that repeat those before a plug-in.
    """
    kinds = random.sample(MEASURES, random.randint(1, 3)) + random.sample(PLUG_FACTS, random.randint(0, 3))
    points = random.sample(BEST_POINT_FIRST, random.randint(1, 2))
    step_min, slope_wh = random.choice([5, 15, 37, 240, 700]), random.choice([20, 60])
    coarse_wh, others = random.choice([1, 500]), [0, *(random.randrange(0, 9000) for _ in range(2))]
    declared, tells = random.choice(DECLARED), random.choice([0.0, 0.5, 1.0])
    samples = []
    for _ in range(random.randint(2, 22)):
        kind = random.choice(kinds)
        minute = random.randint(0, 36) * step_min + random.choice([0, 0, 0, 0.5])
        value = int(minute * slope_wh) if random.random() < 0.6 else random.choice(others)
        if kind == "power":
            power_w = random.choice([0, 3600, 3700, random.randint(0, 9000)])
            declares = random.random() < tells
            samples.append(Sample(at_minute(minute), kind, power_w, random.choice(points), tells_every_change=declares))
        elif kind in ("session", "lifetime"):
            value, point = value // coarse_wh * coarse_wh, random.choice(points)
            samples.append(Sample(at_minute(minute), kind, value, point, register=declared))
        elif kind == "delta":
            samples.append(Sample(at_minute(minute), kind, random.randint(0, 3000), random.choice(points)))
        elif kind == "soc":
            samples.append(Sample(at_minute(minute), kind, value, vehicle_id=random.choice([None, None, "other"])))
        else:
            value = random.choice([0, 900, 9000]) if kind == "doubted" else 0
            samples.append(Sample(at_minute(minute), kind, value, tells_every_change=random.random() < tells))
    return samples


def a_register(random: Random) -> list[Sample]:
    """A few readings of one register, some of which contradict each other, and plug facts."""
    kind: SampleKind = random.choice(["session", "session", "lifetime", "soc"])
    step_min, point = random.choice([10, 20]), random.choice(BEST_POINT_FIRST)
    values = random.sample(range(0, 3001, 500), random.randint(2, 4))
    places, first = sorted(random.sample(range(16), random.randint(3, 9))), random.choice([0, 0, 720 - 8 * step_min])
    declared, samples = random.choice(DECLARED), []
    for place in places:
        samples.append(
            Sample(
                at_minute(first + place * step_min),
                kind,
                random.choice([*values, 0]),
                "unknown" if kind == "soc" else point,
                register=declared if kind == "session" else None,
            )
        )
        if kind == "soc":
            samples.append(Sample(at_minute(first + place * step_min), "charging"))
    facts = [random.choice(PLUG_FACTS) for _ in range(random.choice([0, 1, 1, 2, 3]))]
    facts += random.sample(["charging", "stopped", "power"], random.choice([0, 0, 1, 3]))
    samples += [Sample(at_minute(first + random.randint(0, 16) * step_min), fact) for fact in facts]
    return samples


def nights(random: Random) -> list[Sample]:
    """Nights of a car: plug-in, charging with gaps and growing registers, plug-out, and time away."""
    step_min, shown = random.choice([3, 7, 11, 20]), random.sample(["session", "lifetime", "power", "soc"], 2)
    minute, lifetime_wh, session_wh = random.choice([0.0, 600.0]), 999_000, random.randrange(0, 500)
    tells = random.random() < 0.5
    samples: list[Sample] = []
    for _ in range(random.randint(1, 3)):
        samples.append(Sample(at_minute(minute), random.choice(["plugged", "plugged", "joined"])))
        ends = random.randint(2, 12)
        for number in range(random.randint(2, 14)):
            minute += random.choice([step_min, step_min, step_min, 0.5, 95]) + random.random()
            watts = random.choice([0, 3600, 7200])
            session_wh += watts * step_min // 80
            values: list[tuple[SampleKind, int]] = [
                ("power", watts),
                ("session", session_wh),
                ("lifetime", lifetime_wh + session_wh),
                ("soc", 20_000 + session_wh),
            ]
            at = at_minute(minute)
            reported = [Sample(at, k, v, tells_every_change=tells) for k, v in values if k in shown]
            samples += [sample for sample in reported if random.random() < 0.8]
            if random.random() < 0.3:
                samples.append(Sample(at_minute(minute), "charging" if watts else "stopped"))
            if number == ends:
                samples.append(Sample(at_minute(minute + 0.1), "unplugged"))
        if random.random() < 0.3:
            samples += [Sample(at_minute(minute), "unplugged"), Sample(at_minute(minute), "resumed")]
        if random.random() < 0.3:
            samples.append(Sample(at_minute(minute - 20), "doubted", 600))
            samples += [Sample(at_minute(minute - 20), "cleared")] if random.random() < 0.5 else []
        lifetime_wh, session_wh = lifetime_wh + session_wh, 0
        minute += random.choice([5, 60, 600])
    return samples


def in_pieces(samples: list[Sample], random: Random) -> Iterator[list[Sample]]:
    index = 0
    while index < len(samples):
        size = random.randint(1, 4)
        yield samples[index : index + size]
        index += size


def recorded_in_pieces(samples: list[Sample], metered: Metered, random: Random) -> Shelf:
    shelf = Shelf()
    shuffled = samples + random.sample(samples, k=len(samples) // 3)
    random.shuffle(shuffled)
    for piece in in_pieces(shuffled, random):
        shelf.record(metered, piece, now=MIDNIGHT)
    return shelf


@pytest.mark.parametrize("reported", [a_tangle, nights])
@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_any_split_shuffle_and_duplication_of_the_samples_gives_the_same_slots(
    reported: Callable[[Random], list[Sample]], seed: int
) -> None:
    random = Random(seed)
    samples, metered, at_once = reported(random), an_asset(random), Shelf()
    at_once.record(metered, samples, now=MIDNIGHT)
    assert recorded_in_pieces(samples, metered, random).values() == at_once.values()


def assert_any_may_be_late(samples: list[Sample], metered: Metered) -> None:
    at_once = Shelf()
    at_once.record(metered, samples, now=MIDNIGHT)
    for late in set(samples):
        shelf = Shelf()
        in_time = [sample for sample in samples if sample != late]
        if in_time:
            shelf.record(metered, in_time, now=MIDNIGHT)
        shelf.record(metered, [late], now=MIDNIGHT)
        assert shelf.values() == at_once.values()


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32))
def test_a_late_sample_changes_everything_that_depends_on_it(seed: int) -> None:
    random = Random(seed)
    assert_any_may_be_late(a_register(random), an_asset(random))


@pytest.mark.parametrize(
    ("readings", "plug_facts"),
    [
        ([(-60, 1000), (40, 1000), (70, 1500), (100, 1600), (130, 1000)], [(10, "plugged")]),
        ([(-40, 1000), (2, 3000), (20, 3000), (40, 3000), (60, 3000), (75, 3100), (90, 1100)], []),
        ([(0, 1000), (30, 1100), (100, 1500), (200, 1600)], [(-10, "plugged"), (60, "unplugged"), (180, "plugged")]),
    ],
    ids=["a restarted value", "a run of values left out", "a register that was elsewhere"],
)
def test_a_late_reading_or_plug_fact_may_change_half_hours_far_before_it(
    readings: list[tuple[float, int]], plug_facts: list[tuple[float, SampleKind]]
) -> None:
    samples = [Sample(at_minute(minute), kind) for minute, kind in plug_facts]
    for kind in ("session", "lifetime"):
        samples += [Sample(at_minute(minute), kind, value, "vehicle_ac_input") for minute, value in readings]
        for travels in (False, True):
            assert_any_may_be_late(samples, Metered("car-1", "axle-1", Rating(7400, travels=travels)))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32))
def test_recording_the_same_samples_again_changes_nothing(seed: int) -> None:
    random = Random(seed)
    samples, metered = random.choice([a_tangle, nights])(random), an_asset(random)
    assert recorded_in_pieces(samples, metered, random).record(metered, samples, now=MIDNIGHT) == ()


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32))
def test_a_broken_off_recording_is_finished_by_recording_the_missing_samples(seed: int) -> None:
    random = Random(seed)
    samples, metered, at_once = random.choice([a_tangle, nights])(random), an_asset(random), Shelf()
    at_once.record(metered, samples, now=MIDNIGHT)
    shelf, late = Shelf(), random.sample(samples, min(len(samples), random.randint(1, 3)))
    in_time = [sample for sample in samples if sample not in late]
    if in_time:
        shelf.record(metered, in_time, now=MIDNIGHT)
    shelf.record(metered, late, now=MIDNIGHT, writes=random.randint(0, 12))
    if lost := shelf.unrecorded(metered.asset, late):
        shelf.record(metered, lost, now=MIDNIGHT)
    assert shelf.values() == at_once.values()


PLUG_IN, PLUG_OUT = Sample(at_minute(10), "plugged"), Sample(at_minute(40), "unplugged")
POWER = [Sample(at_minute(minute), "power", 6000) for minute in (110, 160, 400)]
REGISTER = [Sample(at_minute(minute), "session", 10 * minute) for minute in (200, 230, 260, 420)]


@pytest.mark.parametrize(
    ("known", "late"),
    [
        ([PLUG_IN], [POWER[1]]),
        ([PLUG_IN], [PLUG_OUT]),
        ([PLUG_IN, POWER[2]], [POWER[1]]),
        ([PLUG_IN, POWER[2]], [PLUG_OUT]),
        (POWER, [PLUG_IN]),
        ([PLUG_IN, *REGISTER[:-1]], [POWER[0], REGISTER[-1]]),
    ],
)
def test_after_any_break_in_a_recording_the_next_try_leaves_no_hole(known: list[Sample], late: list[Sample]) -> None:
    metered, at_once = Metered("car-1", "axle-1", Rating(7400, travels=True)), Shelf()
    at_once.record(metered, [*known, *late], now=MIDNIGHT)
    for writes in range(20):
        shelf = Shelf()
        shelf.record(metered, known, now=MIDNIGHT)
        shelf.record(metered, late, now=MIDNIGHT, writes=writes)
        if lost := shelf.unrecorded(metered.asset, late):
            shelf.record(metered, lost, now=MIDNIGHT)
        assert shelf.values() == at_once.values()
