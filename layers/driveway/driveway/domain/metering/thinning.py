"""Thinning: what a half-hour keeps of measurements that come every few seconds."""

from collections.abc import Iterable
from typing import Final

from driveway.domain.metering.samples import Sample, SampleKind, to_ms

SPAN_MS: Final = 300_000
MEASURED: Final[frozenset[SampleKind]] = frozenset({"lifetime", "session", "soc", "power"})
"""What has a value at each instant. Of a ``delta``, which counts from the one before it, and of facts all are kept."""

_Series = tuple[object, ...]


def thinned(samples: Iterable[Sample]) -> frozenset[Sample]:
    """The samples, but of each series of measurements only the first, last, least and greatest of every five minutes.

    A series is what one meter measures: the kind, the measuring point, the car, the register, whether every change is
    reported, and whether there is any power. Each of the four is the first or the last in one order of all samples. So
    it makes no difference in which order they come, how often, or whether they are thinned in between. A register's
    energy stays exact, unless it restarts and passes its count of before in the same five minutes. Power that is
    reported every ten seconds may give 0.5 % more or less, unless charging stops and starts in the same five minutes.
    """
    kept: set[Sample] = set()
    series: dict[_Series, list[Sample]] = {}
    for sample in samples:
        if sample.kind in MEASURED:
            series.setdefault(_series(sample), []).append(sample)
        else:
            kept.add(sample)
    for measured in series.values():
        kept |= {
            # Of two values at one instant the higher counts.
            min(measured, key=lambda sample: (to_ms(sample), -sample.value)),
            max(measured, key=lambda sample: (to_ms(sample), sample.value)),
            min(measured, key=_by_value),
            max(measured, key=_by_value),
        }
    return frozenset(kept)


def _series(sample: Sample) -> _Series:
    return (
        to_ms(sample) // SPAN_MS,
        sample.kind,
        sample.measuring_point,
        sample.vehicle_id,
        sample.register,
        sample.tells_every_change,
        # The last of no power and the first of some power show when charging began.
        sample.kind == "power" and sample.value > 0,
    )


def _by_value(sample: Sample) -> tuple[int, int]:
    return sample.value, to_ms(sample)
