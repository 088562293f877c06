"""Power above that with which an asset was onboarded, as its samples show it. Such energy is not counted. Pure."""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from itertools import pairwise

from driveway.domain.metering.activity import plausible
from driveway.domain.metering.samples import Rating, Sample, to_ms
from driveway.domain.metering.slot import Slot
from driveway.domain.presence.home import HOME_POWER_KW
from driveway.domain.twin import ExcessPower

FLAGS = frozenset({"power_above_asset", "refused_delta"})
"""The flags of half-hours in which a power or a rise of a register was too much for the asset."""

LONGEST_RISE = timedelta(hours=1)
SHORTEST_RISE = timedelta(minutes=1)
ALLOWANCE_WH = 100


def excess_powers(slots: Iterable[Slot], rating: Rating) -> tuple[ExcessPower, ...]:
    """The powers above the rating that slots show: of power samples, and of registers that rose within an hour.

    What no home can supply is left out: it was measured at a fast charger, or is a fault of the meter.
    """
    samples = sorted((s for slot in slots for s in slot.samples), key=lambda s: s.at)
    found = (*_by_power(samples, rating), *_by_registers(samples, rating))
    return tuple(one for one in found if one.power_w <= HOME_POWER_KW * 1000)


def _by_power(samples: Iterable[Sample], rating: Rating) -> Iterator[ExcessPower]:
    for sample in samples:
        if sample.kind == "power" and not plausible(sample.value, 3_600_000, rating.power_w, ALLOWANCE_WH):
            yield ExcessPower(sample.at, sample.value)


def _by_registers(samples: Iterable[Sample], rating: Rating) -> Iterator[ExcessPower]:
    by_register: dict[tuple[str, str], list[Sample]] = {}
    for sample in samples:
        if sample.kind in ("lifetime", "session"):
            by_register.setdefault((sample.kind, sample.measuring_point), []).append(sample)
    for readings in by_register.values():
        for before, after in pairwise(readings):
            rise_wh, span_ms = after.value - before.value, to_ms(after) - to_ms(before)
            if not SHORTEST_RISE <= after.at - before.at <= LONGEST_RISE or rise_wh <= 0:
                continue
            if not plausible(rise_wh, span_ms, rating.power_w, ALLOWANCE_WH):
                yield ExcessPower(after.at, rise_wh * 3_600_000 // span_ms)
