"""What metering costs: recording a night sample by sample, and draining 100,000 due half-hours.

The table is a dictionary here, so the figures are of our own work: time, memory, slots read for each sample. It fails
if a half-hour is left out or sent twice, or if a run holds more than a batch of them. Run:
``PYTHONPATH=layers/driveway:. python benchmarks/metering.py [slots]``.
"""

import sys
import time
import tracemalloc
from bisect import insort
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from threading import Lock
from typing import Any

from msgspec import field

from driveway.axle.readings import Drain, DrainReport
from driveway.domain.half_hours import HALF_HOUR, half_hour_of
from driveway.domain.metering.recording import Metered, Window, record
from driveway.domain.metering.samples import Rating, Sample
from driveway.domain.metering.slot import GRACE, Slot
from driveway.store.leases import Leases
from driveway.store.slot_reads import Key
from driveway.store.slots import SlotStore
from driveway.values import replace

START = datetime(2026, 1, 15, 18, tzinfo=UTC)
CARS_SLOTS = 48
MOST_HELD_MIB = 4.0


class Free(Leases, frozen=True):
    """Leases that nobody else takes."""

    def take(self, shard: str, owner: str, *, now: datetime, until: datetime) -> bool:
        return True

    def give_back(self, shard: str, owner: str) -> None:
        return None


class Shelf(SlotStore, frozen=True):
    """The half-hours in a dictionary, with the conditions of writes and the due index of the table."""

    held: dict[Key, Slot] = field(default_factory=dict)
    lock: Any = field(default_factory=Lock)

    @classmethod
    def of(cls, slots: Sequence[Slot]) -> "Shelf":
        held = {(s.asset, s.start.isoformat()): s for s in slots}
        return cls(None, "benchmark", 4, held=held)  # type: ignore[arg-type] # there is no client behind a dictionary

    @property
    def leases(self) -> Leases:
        return Free(None, "benchmark")  # type: ignore[arg-type] # nobody else drains

    def put(self, slot: Slot) -> Slot | None:
        key = (slot.asset, slot.start.isoformat())
        with self.lock:
            before = self.held.get(key)
            if (before.version if before else 0) != slot.version:
                return None
            self.held[key] = replace(slot, version=slot.version + 1)
            return self.held[key]

    def get(self, asset: str, start: datetime) -> Slot | None:
        return self.held.get((asset, start.isoformat()))

    def get_many(self, keys: Sequence[Key]) -> list[Slot]:
        return [self.held[key] for key in keys]

    def due(self, shard: str, *, now: datetime, at_once: int) -> Iterator[list[Key]]:
        page: list[Key] = []
        for key, slot in self.held.items() if shard == "000" else ():
            if slot.due_at is not None and slot.due_at <= now:
                page.append(key)
            if len(page) == at_once:
                yield page
                page = []
        if page:
            yield page


def drain_all(count: int) -> None:
    """Drain ``count`` due half-hours in runs that each have the time for a fifth of them."""
    slots = [
        Slot(
            f"car-{i // CARS_SLOTS}",
            f"axle-{i // CARS_SLOTS}",
            START + HALF_HOUR * (i % CARS_SLOTS),
            energy_wh=i % 3700,
            plugged=True,
            due_at=START + timedelta(days=1),
            version=1,
        )
        for i in range(count)
    ]
    shelf, received, now = Shelf.of(slots), Counter[tuple[str, str]](), START + timedelta(days=2)

    def send(rows: list[dict[str, Any]]) -> object:
        received.update((row["asset_id"], row["start_timestamp"]) for row in rows)
        return [{**row, "accepted": True} for row in rows]

    def time_left(batches_left: Iterator[int]) -> float:
        return 59.0 + next(batches_left)

    reports: list[DrainReport] = []
    began, peak = time.perf_counter(), 0
    while not reports or reports[-1].out_of_time:
        batches_left = iter(range(max(1, count // 2500), -1, -1))
        tracemalloc.start()
        run = Drain(shelf, send, lambda: now, partial(time_left, batches_left), f"run-{len(reports)}")
        reports.append(run.run())
        left_behind, highest = tracemalloc.get_traced_memory()
        peak = max(peak, highest - left_behind)
        tracemalloc.stop()
    took_s = time.perf_counter() - began
    twice, missed = sum(times > 1 for times in received.values()), count - len(received)
    print(
        f"drained {count} half-hours in {len(reports)} runs and {took_s:.1f} s (traced): twice {twice}, missed {missed}"
    )
    print(f"most memory a run held beyond what it wrote down: {peak / 2**20:.2f} MiB")
    if twice or missed:
        sys.exit("half-hours were left out or sent twice")
    if peak > MOST_HELD_MIB * 2**20:
        sys.exit(f"a run held more than {MOST_HELD_MIB} MiB")


def record_a_night(step_s: int) -> None:
    """Record thirteen plugged-in hours in order, a power sample and a session register every ``step_s``."""
    metered = Metered("car-1", "axle-1", Rating(7400))
    stored: dict[datetime, Slot] = {}
    order: list[datetime] = []
    samples, read = 0, 0
    began = time.perf_counter()
    for second in range(0, 13 * 3600, step_s):
        at = START + timedelta(seconds=second)
        new = [Sample(at, "power", 7200), Sample(at, "session", 2 * second)]
        first = max(0, len([s for s in order if s < half_hour_of(at) - 2 * HALF_HOUR]))
        window = Window(tuple(stored[s] for s in order[first:]), all_before=first == 0)
        while (changes := record(window, new, metered, now=at)) is None:
            first -= 1
            window = Window(tuple(stored[s] for s in order[first:]), all_before=first == 0)
        for slot in changes:
            if slot.start not in stored:
                insort(order, slot.start)
            stored[slot.start] = slot
        samples, read = samples + 1, read + len(window.slots)
    took_ms = (time.perf_counter() - began) * 1000
    energy_wh = sum(slot.energy_wh for slot in stored.values())
    print(
        f"recorded every {step_s} s: {took_ms / samples:.2f} ms and {read / samples:.1f} slots read each, "
        f"{energy_wh} Wh of {2 * second} Wh; grace {GRACE}"
    )


def main() -> None:
    """Print the figures."""
    drain_all(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
    for step_s in (300, 60, 10):
        record_a_night(step_s)


if __name__ == "__main__":
    main()
