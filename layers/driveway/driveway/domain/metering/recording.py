"""Recording samples: which half-hours they change, given the stored half-hours around them.

What is stored is always a function of the set of samples. A new sample changes the half-hours that the spans to its
neighbours touch; ``record`` says so when the window it was given does not reach far enough to tell.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Self

from driveway.domain.metering.energy import HALF_HOUR_MS, HalfHour, energy_of, half_hours
from driveway.domain.metering.ledger import measured
from driveway.domain.metering.plug_facts import PLUG_FACTS, OpenDoubt, open_doubt, plug_changes, told_at_home
from driveway.domain.metering.reach import Reach
from driveway.domain.metering.samples import Rating, Sample, to_ms
from driveway.domain.metering.slot import DOUBT_LASTS, GRACE, Slot

RIPPLE = 8
NEVER_MS = 2**62


@dataclass(frozen=True, slots=True)
class Window:
    """The slots stored for one asset from some start on, in order; ``all_before``: none is stored before them."""

    slots: tuple[Slot, ...] = ()
    all_before: bool = True


@dataclass(frozen=True, slots=True)
class Metered:
    """Whose half-hours these are, what bounds their energy and how they are reported."""

    asset: str
    axle_asset_id: str
    rating: Rating
    grace: timedelta = GRACE
    lifetime_rows: bool = False


def record(window: Window, new: Iterable[Sample], metered: Metered, *, now: datetime) -> tuple[Slot, ...] | None:
    """The slots that differ from what is stored once these samples are in; none when all is as it should be.

    They are to be written in the order given. A sample is then in its half-hour only once all else that it changes is
    written, so that whoever finds it there need not look further.

    None when that depends on slots before the window: ask again with more of them.
    """
    new = frozenset(new)
    if not new:
        return ()
    return _Recording.of(window, new, metered).changes(now)


@dataclass(frozen=True, slots=True)
class _Recording:
    """Samples on their way into the half-hours of a window."""

    window: Window
    new: frozenset[Sample]
    metered: Metered
    stored: Mapping[int, Slot]
    held: frozenset[Sample]
    was_plugged: bool
    doubt_before: OpenDoubt | None

    @classmethod
    def of(cls, window: Window, new: frozenset[Sample], metered: Metered) -> Self:
        # Of the first slot no more is used than what it hands on: whether the samples after it were told at home.
        handing_on, known = ((), window.slots) if window.all_before else (window.slots[:1], window.slots[1:])
        held = frozenset(sample for slot in known for sample in slot.samples)
        stored = {_ms(slot.start): slot for slot in window.slots}
        plugged = any(slot.plugged_at_end for slot in handing_on)
        since = next((slot.doubted_since for slot in handing_on), None)
        doubt = None if since is None else OpenDoubt(since, since)
        return cls(window, new, metered, stored, held, plugged, doubt)

    def changes(self, now: datetime) -> tuple[Slot, ...] | None:
        """See ``record``."""
        counting = self._counting(self.held | self.new)
        span = self._span(counting)
        if span is None:
            return None
        first, last, plugged = span
        energy, samples = energy_of(counting, self.metered.rating), _by_half_hour(self.held | self.new)
        # The slot that follows is worked out anew: it may have been made from an older state of this one.
        last = min((start for start in self.stored if start > last), default=last)
        doubt = self._open_doubt(self.held | self.new)
        before = self.stored.get(first - HALF_HOUR_MS)
        carry = before.carry if before is not None else 0
        while True:
            energies = half_hours(energy, first_ms=first, last_ms=last, carry=carry)
            slots = _slots(first, last, self.stored, samples, energies, self.metered, plugged=plugged, doubt=doubt)
            following = sorted(start for start in self.stored if start > last)[:RIPPLE]
            if not following or _as_stored_at_end(last, slots, self.stored):
                told_from = _half_hour(min(to_ms(sample) for sample in self.new))
                return tuple(_changed(slots, self.stored, self.metered, told_from, now=now))
            last = following[-1]

    def _span(self, counting: Sequence[Sample]) -> tuple[int, int, bool] | None:
        """The first and the last half-hour that may change, and whether the car is plugged in before the first.

        None when that depends on slots before the window.
        """
        reaches = self._reaches(counting)
        touched = self._touched_by_doubts()
        if touched is None:
            return None
        instants = [to_ms(sample) for sample in self.new] + touched
        first = _half_hour(min(reach.changed_from(min(instants)) for reach in reaches))
        last = _half_hour(max(reach.changed_to(max(instants)) for reach in reaches))
        before = max((start for start in self.stored if start < first), default=None)
        if before is None and not self.window.all_before:
            return None
        plugged = before is not None and self.stored[before].plugged_at_end
        if before is not None and plugged:
            first = before + HALF_HOUR_MS
        reaches[0].back(first - 1)
        return None if any(reach.short for reach in reaches) else (first, last, plugged)

    def _touched_by_doubts(self) -> list[int] | None:
        """The last sights of home before a doubt that begins or ends: it touches each half-hour since.

        None when it began before the window.
        """
        before, after = self._open_doubt(self.held), self._open_doubt(self.held | self.new)
        if before == after:
            return []
        if self.doubt_before is not None:
            return None
        return [_ms(doubt.home_at) for doubt in (before, after) if doubt is not None]

    def _reaches(self, counting: Sequence[Sample]) -> list[Reach]:
        known_from = _known_from(self.window)
        reaches = [Reach.over(counting, self.metered.rating, known_from)]
        if any(sample.kind in PLUG_FACTS for sample in self.new - self.held):
            # What counted until now may count no more: its spans reach as far as they did with it.
            reaches.append(Reach.over(self._counting(self.held), self.metered.rating, known_from))
        return reaches

    def _counting(self, samples: Iterable[Sample]) -> list[Sample]:
        """The samples that count, in order."""
        ordered = sorted(samples, key=lambda s: (s.at, s.kind, s.value))
        if not self.metered.rating.travels:
            return ordered
        return told_at_home(ordered, plugged=self.was_plugged, doubt=self.doubt_before)

    def _open_doubt(self, samples: Iterable[Sample]) -> OpenDoubt | None:
        """The doubt that is open after the last of the samples."""
        if not self.metered.rating.travels:
            return None
        return open_doubt(samples, plugged=self.was_plugged, doubt=self.doubt_before)


def _ms(instant: datetime) -> int:
    return round(instant.timestamp() * 1000)


def _half_hour(at_ms: int) -> int:
    return at_ms // HALF_HOUR_MS * HALF_HOUR_MS


def _known_from(window: Window) -> int | None:
    if window.all_before:
        return None
    return _ms(window.slots[0].end) if window.slots else NEVER_MS


def _by_half_hour(samples: Iterable[Sample]) -> dict[int, frozenset[Sample]]:
    found: dict[int, set[Sample]] = {}
    for sample in samples:
        found.setdefault(_half_hour(to_ms(sample)), set()).add(sample)
    return {start: frozenset(held) for start, held in found.items()}


def _slots(
    first: int,
    last: int,
    stored: Mapping[int, Slot],
    samples: Mapping[int, frozenset[Sample]],
    energies: Mapping[int, HalfHour],
    metered: Metered,
    *,
    plugged: bool,
    doubt: OpenDoubt | None,
) -> dict[int, Slot]:
    """The slots from first to last as they should be; half-hours that there is nothing to say of are left out."""
    slots = {}
    for start in range(first, last + 1, HALF_HOUR_MS):
        held, energy = samples.get(start, frozenset()), energies.get(start, HalfHour())
        plugged_in, plugged = _plugged(start, held, plugged)
        if start not in stored and not (held or energy.energy_wh or plugged_in):
            continue
        empty = Slot(metered.asset, metered.axle_asset_id, datetime.fromtimestamp(start / 1000, UTC))
        touched = doubt is not None and empty.end > doubt.home_at
        slots[start] = replace(
            stored.get(start, empty),
            axle_asset_id=metered.axle_asset_id,
            samples=held,
            energy_wh=energy.energy_wh,
            quality=energy.quality,
            measuring_point=energy.measuring_point,
            flags=energy.flags,
            carry=energy.carry,
            plugged=plugged_in,
            plugged_at_end=plugged,
            doubted_since=doubt.since if doubt is not None and empty.end > doubt.since else None,
            held_until=doubt.since + DOUBT_LASTS if doubt is not None and touched else None,
        )
    return slots


def _plugged(start: int, samples: Iterable[Sample], plugged: bool) -> tuple[bool, bool]:
    """Whether the car was plugged in for any of the half-hour, and at its end."""
    changes = plug_changes(samples)
    at_start = [opens for at, opens in changes if _ms(at) == start]
    any_time = at_start[-1] if at_start else plugged
    return any_time or any(opens for _, opens in changes), changes[-1][1] if changes else plugged


def _as_stored_at_end(last: int, slots: Mapping[int, Slot], stored: Mapping[int, Slot]) -> bool:
    """Whether what the last slot hands on to the next is what it handed on before."""
    return _handed_on(last, {**stored, **slots}) == _handed_on(last, stored)


def _handed_on(last: int, slots: Mapping[int, Slot]) -> tuple[int, bool, datetime | None]:
    latest = max((start for start in slots if start <= last), default=None)
    if latest is None:
        return 0, False, None
    slot = slots[latest]
    return slot.carry if latest == last else 0, slot.plugged_at_end, slot.doubted_since


def _changed(
    slots: Mapping[int, Slot], stored: Mapping[int, Slot], metered: Metered, told_from: int, *, now: datetime
) -> Sequence[Slot]:
    changed = []
    for start, slot in slots.items():
        before = stored.get(start)
        if slot != before:
            changed.append(measured(before, slot, now=now, grace=metered.grace, lifetime_rows=metered.lifetime_rows))
    return sorted(changed, key=lambda slot: _place(slot, stored, told_from))


def _place(slot: Slot, stored: Mapping[int, Slot], told_from: int) -> tuple[bool, bool, int]:
    """A changed slot's place in the order of writing."""
    # If writing breaks off, the next try has to find what is left to do. Before the samples it goes on after the last
    # slot that is there; after them it goes on until a slot is as it should be, so the farthest are written first.
    start_ms = _ms(slot.start)
    before = stored.get(start_ms)
    holds_new = slot.samples != (before.samples if before is not None else frozenset())
    is_after = start_ms >= told_from
    return holds_new, is_after, -start_ms if is_after else start_ms
