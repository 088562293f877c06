"""A half-hour keeps a bounded number of measurements, whatever the rhythm, and its energy stays what it was."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driveway.domain.metering.recording import Metered, Window, record
from driveway.domain.metering.samples import Rating, Sample, SampleKind
from driveway.domain.metering.slot import Slot
from driveway.domain.metering.thinning import thinned
from driveway.store.slot_items import slot_item
from driveway.store.slots import _new
from driveway.values import replace

EVENING = datetime(2026, 1, 15, 18, tzinfo=UTC)
METERED = Metered("car-1", "axle-1", Rating(7400, 64_000, travels=True))
A_WRITE_UNIT_BYTES = 1024

KINDS: tuple[SampleKind, ...] = ("session", "power", "soc", "charging", "stopped", "plugged", "delta")
SAMPLES = st.sets(
    st.builds(
        Sample,
        at=st.integers(0, 1200).map(lambda seconds: EVENING + timedelta(seconds=seconds)),
        kind=st.sampled_from(KINDS),
        value=st.integers(0, 3),
        measuring_point=st.sampled_from(("charger", "battery")),
    ),
    max_size=40,
)


def at(seconds: float) -> datetime:
    return EVENING + timedelta(seconds=seconds)


@given(SAMPLES, SAMPLES)
def test_it_makes_no_difference_when_and_how_often_samples_are_thinned(some: set[Sample], more: set[Sample]) -> None:
    assert thinned(some | more) == thinned(thinned(some) | thinned(more)) == thinned([*more, *some, *more])


@given(SAMPLES)
def test_every_fact_and_every_delta_is_kept(samples: set[Sample]) -> None:
    facts = {sample for sample in samples if sample.kind not in {"session", "power", "soc"}}
    assert facts <= thinned(samples) <= samples


@given(SAMPLES)
def test_the_first_the_last_the_least_and_the_greatest_value_stay(samples: set[Sample]) -> None:
    powers = [s for s in samples if s.kind == "power" and s.measuring_point == "charger" and s.at < at(300)]
    kept = [s for s in thinned(samples) if s in powers]
    for ends in (min, max):
        assert ends((s.at for s in powers), default=None) == ends((s.at for s in kept), default=None)
        assert ends((s.value for s in powers), default=None) == ends((s.value for s in kept), default=None)


def charged(every_s: int, kinds: set[SampleKind], seed: int) -> tuple[list[Sample], float]:
    """The samples of a charge of an hour and a half whose power varies, and its energy in Wh."""
    random, power_w, counted_wh, samples = Random(seed), 7000.0, 0.0, [Sample(EVENING, "plugged")]
    for second in range(0, 5400, 10):
        power_w = min(7400, max(1500, power_w + random.gauss(0, 60)))
        values: dict[SampleKind, float] = {"power": power_w, "session": counted_wh, "soc": 20_000 + counted_wh}
        if second % every_s == 0:
            samples += [Sample(at(second), kind, round(values[kind]), "charger") for kind in kinds]
        counted_wh += power_w / 360
    samples += [Sample(at(5400), kind, round(counted_wh), "charger") for kind in kinds & {"session"}]
    return [*samples, Sample(at(5400), "stopped")], counted_wh


def slots_of(samples: Iterable[Sample], at_once: int) -> list[Slot]:
    """The half-hours of samples that are recorded some at a time."""
    held: dict[datetime, Slot] = {}
    samples = list(samples)
    for first in range(0, len(samples), at_once):
        window = Window(tuple(held[start] for start in sorted(held)), all_before=True)
        for slot in record(window, samples[first : first + at_once], METERED, now=at(6000)) or ():
            held[slot.start] = replace(slot, version=slot.version + 1)
    return [held[start] for start in sorted(held)]


@pytest.mark.parametrize("seed", range(10))
def test_power_every_ten_seconds_stays_within_half_a_per_cent(seed: int) -> None:
    samples, energy_wh = charged(10, {"power"}, seed)
    assert sum(slot.energy_wh for slot in slots_of(samples, 50)) == pytest.approx(energy_wh, rel=0.005)


@pytest.mark.parametrize("every_s", [10, 60, 300])
def test_the_energy_of_a_register_stays_exact(every_s: int) -> None:
    samples, energy_wh = charged(every_s, {"session", "power"}, 1)
    assert sum(slot.energy_wh for slot in slots_of(samples, 50)) == round(energy_wh)


@pytest.mark.parametrize("every_s", [10, 60, 300])
def test_a_half_hour_is_below_a_write_unit_whatever_the_rhythm(every_s: int) -> None:
    samples, _ = charged(every_s, {"power", "session", "soc"}, 2)
    for slot in slots_of(samples, 50):
        assert len(slot.samples) <= 6 * 3 * 4 + 2
        item = slot_item(slot, 4)
        assert sum(len(name) + len(next(iter(value.values()))) for name, value in item.items()) < A_WRITE_UNIT_BYTES


def test_the_order_of_arrival_makes_no_difference() -> None:
    samples, _ = charged(10, {"power", "session"}, 3)
    shuffled = samples[:]
    Random(1).shuffle(shuffled)
    contents = [
        [(s.start, s.samples, s.energy_wh, s.unknown_ms, s.sessions_wh) for s in slots_of(arrived, at_once)]
        for arrived, at_once in ((samples, 40), (shuffled, 70), (shuffled * 2, 400))
    ]
    assert contents[0] == contents[1] == contents[2]


@pytest.mark.parametrize("begins_s", [10, 70, 290])
@pytest.mark.parametrize("reported_w", [0, 7000])
def test_a_start_and_a_stop_that_are_reported_as_power_alone_stay_where_they_were(
    begins_s: int, reported_w: int
) -> None:
    samples = [Sample(EVENING, "plugged")]
    samples += [
        Sample(at(s), "power", reported_w if s < begins_s else 7000 - reported_w, "charger", tells_every_change=True)
        for s in range(0, 1800, 10)
    ]
    (slot, *_) = slots_of([*samples, Sample(at(1800), "stopped", tells_every_change=True)], 60)
    charged_s = 1800 - begins_s + 5 if reported_w == 0 else begins_s - 5
    assert slot.energy_wh == pytest.approx(7000 * charged_s / 3600, abs=7000 * 10 / 3600)


def test_of_two_values_at_the_first_instant_the_higher_stays() -> None:
    samples = {Sample(at(s), "session", value) for s, value in ((0, 5), (0, 7), (10, 8), (20, 9))}
    assert Sample(at(0), "session", 7) in thinned(samples)


def test_a_measurement_that_a_half_hour_would_not_keep_is_not_new() -> None:
    kept = frozenset(Sample(at(s), "session", value) for s, value in ((0, 5), (20, 9)))
    held = replace(Slot("car-1", "axle-1", EVENING), samples=kept)
    between, later = Sample(at(10), "session", 7), Sample(at(30), "session", 10)
    assert _new([between, later], held) == [later]
    assert _new([between], None) == [between]
