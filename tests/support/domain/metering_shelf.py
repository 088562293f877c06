"""Half-hours in memory, recorded and read as in the table."""

from collections.abc import Iterable
from datetime import datetime

from driveway.domain.half_hours import half_hour_of
from driveway.domain.metering.histories import day_of
from driveway.domain.metering.recording import Metered, Recorded, Window, record
from driveway.domain.metering.samples import Sample
from driveway.domain.metering.slot import ReportedValue, Slot
from driveway.values import replace


class Shelf:
    """The stored slots of one asset, read through windows that grow by ``at_once`` slots, or by one."""

    def __init__(self, at_once: int = 0) -> None:
        self.slots: dict[datetime, Slot] = {}
        self.at_once = at_once

    def window(self, first: int) -> Window:
        ordered = sorted(self.slots)
        return Window(tuple(self.slots[start] for start in ordered[first:]), all_before=first == 0)

    def record(
        self, metered: Metered, samples: Iterable[Sample], *, now: datetime, writes: int | None = None
    ) -> tuple[Slot, ...]:
        """Record samples. Recording breaks off after ``writes`` slots."""
        samples = tuple(samples)
        start = half_hour_of(min(sample.at for sample in samples))
        first = max(0, sum(slot < start for slot in self.slots) - self.at_once)
        while (changes := record(self.window(first), samples, metered, now=now)) is None:
            assert first > 0, "recording asked for more slots than there are"
            first = max(0, first - max(1, self.at_once))
        for slot in changes[:writes]:
            self.slots[slot.start] = replace(slot, version=slot.version + 1)
        return changes

    def record_once(
        self, metered: Metered, samples: Iterable[Sample], *, now: datetime, latest: Window | None = None
    ) -> Recorded:
        """Record samples; here nobody comes between."""
        samples = tuple(samples)
        changed = self.record(metered, samples, now=now) if samples else ()
        return Recorded(tuple(self.slots[slot.start] for slot in changed if slot.start in self.slots))

    def read(self, asset: str, start: datetime, end: datetime | None = None) -> list[Slot]:
        return [self.slots[at] for at in sorted(self.slots) if start <= at and (end is None or at < end)]

    def unrecorded(self, asset: str, samples: Iterable[Sample], *, latest: Window | None = None) -> tuple[Sample, ...]:
        assert all(slot.asset == asset for slot in self.slots.values())
        held = {sample for slot in self.slots.values() for sample in slot.samples}
        return tuple(sample for sample in samples if sample not in held)

    def values(self) -> dict[datetime, Slot]:
        """The values of the slots, without the state of their reports. Empty slots are left out.

        The last slot of a day that is given holds what the day hands on, wherever the last stored slot is.
        """
        values = {
            start: replace(slot, version=0, due_at=None, state="open", handed_on=None, reported=ReportedValue())
            for start, slot in self.slots.items()
            if slot.samples or slot.energy_wh or slot.plugged
        }
        for start in {_day(start): start for start in sorted(values)}.values():
            last = max(other for other in self.slots if _day(other) == _day(start))
            values[start] = replace(values[start], handed_on=self.slots[last].handed_on)
        return values


def _day(start: datetime) -> int:
    return day_of(round(start.timestamp() * 1000))
