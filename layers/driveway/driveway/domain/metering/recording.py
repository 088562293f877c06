"""Recording samples: which half-hours they change, given the stored half-hours around them.

The stored half-hours are always a function of the set of samples. The days from the earliest new sample on are computed
again, with the state that the day before hands on. ``record`` returns None when its window does not reach far enough.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Self

from msgspec import Struct

from driveway.domain.metering.activity import EVER_MS, Plugs, Span
from driveway.domain.metering.energy import Energy, energy_of
from driveway.domain.metering.half_hour_energy import HalfHour, half_hours
from driveway.domain.metering.handed_on import NOTHING, HandedOn, open_from
from driveway.domain.metering.histories import DAY_MS, Histories, day_of
from driveway.domain.metering.ledger import measured
from driveway.domain.metering.pieces import HALF_HOUR_MS
from driveway.domain.metering.plug_facts import PLUG_FACTS
from driveway.domain.metering.return_unseen import may_return_unseen
from driveway.domain.metering.samples import MAX_AGE, Rating, Sample, to_ms
from driveway.domain.metering.slot import DOUBT_LASTS, GRACE, RETURN_SEEN, Slot
from driveway.domain.metering.thinning import thinned
from driveway.values import replace


class Window(Struct, frozen=True):
    """The stored slots of one asset from some start on, in order. ``all_before``: there are no earlier ones."""

    slots: tuple[Slot, ...] = ()
    all_before: bool = True


class Recorded(Struct, frozen=True):
    """The slots that a recording changed, as they were written, and all that there are from ``since`` on."""

    changed: tuple[Slot, ...] = ()
    around: tuple[Slot, ...] = ()
    since: datetime | None = None


class Metered(Struct, frozen=True):
    """An asset, the rating that bounds its energy, and how its half-hours are reported."""

    asset: str
    axle_asset_id: str
    rating: Rating
    grace: timedelta = GRACE
    lifetime_rows: bool = False


def window_start(samples: Iterable[Sample]) -> datetime:
    """The start from which ``record`` needs slots, for samples that change nothing before their own day."""
    return day_start(min(sample.at for sample in samples))


def day_start(at: datetime) -> datetime:
    """The half-hour before the day (from noon to noon UTC) of an instant."""
    return _instant(day_of(_ms(at)) - HALF_HOUR_MS)


def final_before(now: datetime) -> datetime:
    """The noon (UTC) before which half-hours are final: their samples may be gone, and no new one is that old."""
    return _instant(day_of(_ms(now - MAX_AGE)))


def record(window: Window, new: Iterable[Sample], metered: Metered, *, now: datetime) -> tuple[Slot, ...] | None:
    """The slots that these samples change, as they must be stored; empty if nothing changes.

    The caller must write them in the order given. Then a sample is in its half-hour only after every other slot that it
    changes is written, so a stored sample proves that its recording is complete.

    None if the result depends on slots before the window: call again with more of them.
    """
    new = frozenset(new)
    if not new:
        return ()
    return _Recording.of(window, new, metered).changes(now)


class _Recording(Struct, frozen=True):
    """New samples and the half-hours of a window."""

    window: Window
    metered: Metered
    stored: Mapping[int, Slot]
    samples: Mapping[int, frozenset[Sample]]
    first_new_ms: int

    @classmethod
    def of(cls, window: Window, new: frozenset[Sample], metered: Metered) -> Self:
        stored = {_ms(slot.start): slot for slot in window.slots}
        samples = {start: slot.samples for start, slot in stored.items()}
        for start in {_half_hour(to_ms(sample)) for sample in new}:
            added = {sample for sample in new if _half_hour(to_ms(sample)) == start}
            samples[start] = thinned(samples.get(start, frozenset()) | added)
        first_new_ms = min(to_ms(sample) for sample in new)
        if any(sample.kind in PLUG_FACTS for sample in new):
            # A doubt that begins or ends changes each half-hour since the car was last at home.
            doubts = [s for held in samples.values() for s in held if s.kind == "doubted"]
            homes_ms = (to_ms(s) - 1000 * s.value for s in doubts if to_ms(s) >= first_new_ms - DAY_MS)
            first_new_ms = min(first_new_ms, *homes_ms, first_new_ms)
        return cls(window, metered, stored, samples, first_new_ms)

    def changes(self, now: datetime) -> tuple[Slot, ...] | None:
        """See ``record``."""
        found = self._energy(_ms(final_before(now)))
        if found is None:
            return None
        energy, first = found
        last = max(self.samples)
        before = self.stored.get(first - HALF_HOUR_MS)
        energies = half_hours(energy, first_ms=first, last_ms=last, carry=before.carry if before is not None else 0)
        return tuple(self._changed(self._slots(first, last, energy, energies), now))

    def _energy(self, final_ms: int) -> tuple[Energy, int] | None:
        """The energy of whole days, and the first half-hour that new samples may change; None as in ``record``.

        Half-hours before ``final_ms`` are not computed again. Their last state is what the days before hand on.
        """
        rating = self.metered.rating
        day = day_of(self.first_new_ms)
        handed_on = self._handed_on(day)
        if handed_on is None:
            return None
        # The first sample of a day may change the time back to the last sample of the days before.
        changed_ms = min(self.first_new_ms, open_from(handed_on, day, rating))
        first = max(_half_hour(changed_ms) - HALF_HOUR_MS, final_ms)
        before = max((start for start in self.stored if start < first), default=None)
        if before is None and not self.window.all_before:
            return None
        if before is not None and self.stored[before].plugged_at_end:
            # Every half-hour of a plugged session has a slot.
            first = max(min(first, before + HALF_HOUR_MS), final_ms)
        base = min(day, day_of(first))
        while True:
            handed_on = self._handed_on(base)
            if handed_on is None:
                return None
            samples = [s for start, held in self.samples.items() if start >= base for s in held]
            until_ms = max(self.samples) + HALF_HOUR_MS
            energy = energy_of(samples, rating, handed_on, from_ms=base, until_ms=until_ms)
            first = max(_without_crossing(first, energy.shared), final_ms)
            if first >= base:
                return energy, first
            base = day_of(first)

    def _handed_on(self, day: int) -> HandedOn | None:
        """The state that earlier days hand on to a day; None if the window does not reach back far enough."""
        before = [slot for start, slot in self.stored.items() if start < day and slot.handed_on is not None]
        if before:
            return max(before, key=lambda slot: slot.start).handed_on
        return NOTHING if self.window.all_before else None

    def _slots(self, first: int, last: int, energy: Energy, energies: Mapping[int, HalfHour]) -> dict[int, Slot]:
        """The slots from first to last as they must be stored; empty half-hours are left out."""
        slots: dict[int, Slot] = {}
        for start in range(first, last + 1, HALF_HOUR_MS):
            held, half_hour = self.samples.get(start, frozenset()), energies.get(start, HalfHour())
            is_plugged, doubt = _is_plugged(energy.plugs, start), _open_doubt(energy)
            if start not in self.stored and not (held or half_hour.energy_wh or is_plugged):
                continue
            slots[start] = replace(
                self.stored.get(start) or self._empty(start),
                axle_asset_id=self.metered.axle_asset_id,
                samples=held,
                energy_wh=half_hour.energy_wh,
                quality=half_hour.quality,
                measuring_point=half_hour.measuring_point,
                flags=half_hour.flags,
                carry=half_hour.carry,
                unknown_ms=half_hour.unknown_ms,
                idle_at_end=half_hour.idle_at_end,
                sessions_wh=half_hour.sessions_wh,
                plugged=is_plugged,
                doubted_since=_instant(doubt[0]) if doubt and start + HALF_HOUR_MS > doubt[0] else None,
                held_until=_held_until(start, half_hour, energy, doubt),
                plugged_at_end=energy.plugs.session_at(start + HALF_HOUR_MS - 1) is not None,
            )
        return _with_handed_on(slots, energy.histories)

    def _empty(self, start: int) -> Slot:
        return Slot(self.metered.asset, self.metered.axle_asset_id, datetime.fromtimestamp(start / 1000, UTC))

    def _changed(self, slots: Mapping[int, Slot], now: datetime) -> Sequence[Slot]:
        grace, lifetime_rows = self.metered.grace, self.metered.lifetime_rows
        changed = []
        for start, slot in slots.items():
            before = self.stored.get(start)
            if slot != before:
                changed.append(measured(before, slot, now=now, grace=grace, lifetime_rows=lifetime_rows))
        return sorted(changed, key=self._place)

    def _place(self, slot: Slot) -> tuple[bool, int]:
        """A changed slot's place in the order of writing: slots with new samples come last."""
        # If writing breaks off, the next try must find the rest.
        before = self.stored.get(_ms(slot.start))
        return slot.samples != (before.samples if before is not None else frozenset()), _ms(slot.start)


def _without_crossing(first: int, shared: Iterable[Span]) -> int:
    """The half-hour at or before ``first`` that no span crosses, because energy is divided over whole spans."""
    for start_ms, end_ms in sorted(shared, key=lambda span: -span[1]):
        if start_ms < first < end_ms:
            first = _half_hour(start_ms) - HALF_HOUR_MS
    return first


def _with_handed_on(slots: dict[int, Slot], histories: Histories) -> dict[int, Slot]:
    """The slots; the last one of each day holds what the day hands on. A day without samples hands on what it got."""
    last_of_day = {day_of(start): start for start in sorted(slots)}
    for day, start in last_of_day.items():
        until = [day_ms for day_ms in histories.handed_on if day_ms <= day + DAY_MS]
        latest = histories.handed_on[max(until)] if until else histories.before
        slots[start] = replace(slots[start], handed_on=latest)
    return slots


def _is_plugged(plugs: Plugs, start: int) -> bool:
    """Whether the car was plugged in for any of a half-hour."""
    end = start + HALF_HOUR_MS
    return any(begun < end and closed > start for begun, closed in plugs.sessions)


def _open_doubt(energy: Energy) -> tuple[int, int] | None:
    """When the open away doubt began, and when the car was last seen at home; None without an open doubt."""
    since_ms = next((since for since, until in energy.plugs.doubts if until == EVER_MS), None)
    if since_ms is None:
        return None
    facts = (s for s in energy.histories.counting if s.kind == "doubted" and to_ms(s) == since_ms)
    return since_ms, since_ms - 1000 * max(sample.value for sample in facts)


def _held_until(start: int, half_hour: HalfHour, energy: Energy, doubt: tuple[int, int] | None) -> datetime | None:
    """Until when a half-hour waits: for the end of an away doubt, or with a zero for the car to be seen back."""
    end = start + HALF_HOUR_MS
    if doubt is not None and end > doubt[1]:
        return _instant(doubt[0]) + DOUBT_LASTS
    waits = not half_hour.energy_wh and may_return_unseen(energy.plugs, start, energy.histories.steps)
    return _instant(end) + RETURN_SEEN if waits else None


def _instant(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC)


def _ms(instant: datetime) -> int:
    return round(instant.timestamp() * 1000)


def _half_hour(at_ms: int) -> int:
    return at_ms // HALF_HOUR_MS * HALF_HOUR_MS
