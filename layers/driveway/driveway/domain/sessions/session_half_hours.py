"""What a kept session took, by half-hour, from the half-hours of its asset. Pure."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise, takewhile

from msgspec import Struct

from driveway.domain.half_hours import HALF_HOUR
from driveway.domain.metering.samples import Sample, SampleKind
from driveway.domain.metering.slot import Slot
from driveway.domain.sessions.kept_session import KeptSession
from driveway.domain.sessions.verdict import WHOLE, HalfHour, Spread

READ_EVERY = timedelta(minutes=65)
"""Some makes are polled once an hour. Energy between readings that are further apart does not show when it flowed."""

_READINGS: dict[str, frozenset[SampleKind]] = {
    "estimate": frozenset({"soc"}),
    "register": frozenset({"session", "delta", "lifetime", "power"}),
}
"""The readings that show when energy flowed, by the quality of a half-hour. Where the state of charge decided, power
did not agree with it."""


class _Gap(Struct, frozen=True):
    """A time without a reading, the power (W) that the car had at its start, and the most that it had then or in it."""

    start: datetime
    end: datetime
    first_w: int
    most_w: int


def session_half_hours(slots: Sequence[Slot], kept: KeptSession) -> list[HalfHour]:
    """What a session took in each of these half-hours, which are in order."""
    samples = sorted((one for slot in slots for one in slot.samples), key=lambda one: one.at)
    gaps = {quality: list(_gaps(samples, kinds)) for quality, kinds in _READINGS.items()}
    spreads = (_spread(slot, slots, gaps.get(slot.quality or "", ())) for slot in slots)
    return [_half_hour(slot, kept, spread) for slot, spread in zip(slots, spreads, strict=True)]


def _gaps(samples: Sequence[Sample], kinds: frozenset[SampleKind]) -> Iterator[_Gap]:
    powers = [one for one in samples if one.kind == "power"]
    for start, end in pairwise(one.at for one in samples if one.kind in kinds):
        if end - start > READ_EVERY:
            first = max(0, bisect_right(powers, start, key=lambda one: one.at) - 1)
            seen = list(takewhile(lambda one, end=end: one.at <= end, powers[first:]))  # type: ignore[misc]
            first_w = seen[0].value if seen and start - seen[0].at <= READ_EVERY else 0
            yield _Gap(start, end, first_w, max((one.value for one in seen), default=0))


def _spread(slot: Slot, slots: Iterable[Slot], gaps: Iterable[_Gap]) -> Spread | None:
    """What flowed between readings far apart, if a half-hour has a share of it and the car showed more power."""
    shown_w = slot.energy_wh * (timedelta(hours=1) / HALF_HOUR)
    for gap in gaps:
        if gap.start < slot.end and slot.start < gap.end and gap.most_w * WHOLE > shown_w:
            return Spread(gap.start, gap.end, sum(_inside_wh(one, gap) for one in slots) / 1000, gap.first_w / 1000)
    return None


def _inside_wh(slot: Slot, gap: _Gap) -> float:
    return slot.energy_wh * max(0.0, (min(slot.end, gap.end) - max(slot.start, gap.start)) / HALF_HOUR)


def _half_hour(slot: Slot, kept: KeptSession, spread: Spread | None) -> HalfHour:
    if slot.value_wh is None:
        return HalfHour(slot.start, None)
    begun_ms, end_ms = _ms(kept.begun_at), _ms(kept.closed_at) if kept.closed_at is not None else None
    energy_wh = sum(
        wh for since_ms, wh in slot.sessions_wh if begun_ms <= since_ms and (end_ms is None or since_ms < end_ms)
    )
    until = slot.end if kept.closed_at is None else min(slot.end, kept.closed_at)
    return HalfHour(slot.start, energy_wh / 1000, max(slot.start, kept.begun_at), until, spread)


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)
