"""Half-hours that take samples in by the hundred: a life of days is played in a tenth of the time."""

from collections.abc import Iterable
from datetime import datetime

from driveway.domain.metering.recording import Metered, Window
from driveway.domain.metering.samples import Sample
from driveway.domain.metering.slot import Slot
from tests.support.domain.metering_shelf import Shelf

TOGETHER = 150


class PatientShelf(Shelf):
    """A shelf that records samples once there are many. Their energy does not depend on how they are grouped."""

    def __init__(self) -> None:
        """An empty shelf."""
        super().__init__(at_once=8)
        self.waiting: dict[Sample, None] = {}
        self.metered: Metered | None = None

    def record(
        self, metered: Metered, samples: Iterable[Sample], *, now: datetime, writes: int | None = None
    ) -> tuple[Slot, ...]:
        """Keep samples for later; with many of them, record all."""
        del writes
        self.metered = metered
        self.waiting |= dict.fromkeys(samples)
        return self.flush(now) if len(self.waiting) >= TOGETHER else ()

    def flush(self, now: datetime) -> tuple[Slot, ...]:
        """Record what waits; gives the half-hours that changed."""
        waiting, self.waiting = tuple(self.waiting), {}
        return super().record(self.metered, waiting, now=now) if waiting and self.metered is not None else ()

    def unrecorded(self, asset: str, samples: Iterable[Sample], *, latest: Window | None = None) -> tuple[Sample, ...]:
        """The samples that are neither recorded nor waiting."""
        return tuple(sample for sample in super().unrecorded(asset, samples) if sample not in self.waiting)
