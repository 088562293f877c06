"""What a kept session took, by half-hour, from the half-hours of its asset. Pure."""

from collections.abc import Iterable
from datetime import datetime

from driveway.domain.metering.slot import Slot
from driveway.domain.sessions.kept_session import KeptSession
from driveway.domain.sessions.verdict import HalfHour


def session_half_hours(slots: Iterable[Slot], kept: KeptSession) -> list[HalfHour]:
    """What a session took in each of these half-hours, which are in order."""
    return [_half_hour(slot, kept) for slot in slots]


def _half_hour(slot: Slot, kept: KeptSession) -> HalfHour:
    if slot.value_wh is None:
        return HalfHour(slot.start, None)
    begun_ms, end_ms = _ms(kept.begun_at), _ms(kept.closed_at) if kept.closed_at is not None else None
    energy_wh = sum(
        wh for since_ms, wh in slot.sessions_wh if begun_ms <= since_ms and (end_ms is None or since_ms < end_ms)
    )
    until = slot.end if kept.closed_at is None else min(slot.end, kept.closed_at)
    return HalfHour(slot.start, energy_wh / 1000, max(slot.start, kept.begun_at), until)


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)
