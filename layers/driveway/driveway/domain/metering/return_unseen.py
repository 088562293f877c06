"""A car that came back between two reports: it may have charged before it was first seen plugged in again."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from driveway.domain.metering.activity import Plugs, Span
from driveway.domain.metering.pieces import HALF_HOUR_MS
from driveway.domain.metering.plug_in_reading import POLLED_MS
from driveway.domain.metering.power import LineEvent
from driveway.domain.metering.registers import Flagged, Reading


def returns_unseen(
    plugs: Plugs, line: Iterable[LineEvent], soc: Mapping[str, Sequence[Reading]], registers: Collection[str]
) -> list[Span]:
    """From when until when a car may have charged unseen: from each plug-out to the plug-in within an hour after it.

    It may have if its first report charges, or shows a higher state of charge than the last one before. A lifetime
    register shows what it charged, so nothing is unseen where the kinds of ``registers`` have one.
    """
    if "lifetime" in registers:
        return []
    charging_ms = {event.at_ms for event in line if event.is_charging}
    found: list[Span] = []
    for opened_ms in plugs.opened_ms:
        closed_ms = plugs.closed_before(opened_ms - 1)
        if closed_ms is None or opened_ms - closed_ms > POLLED_MS:
            continue
        if opened_ms in charging_ms or any(_rose(readings, closed_ms, opened_ms) for readings in soc.values()):
            found.append((closed_ms, opened_ms))
    return found


def _rose(readings: Sequence[Reading], closed_ms: int, opened_ms: int) -> bool:
    before = [value_wh for at_ms, value_wh in readings if at_ms <= closed_ms]
    after = [value_wh for at_ms, value_wh in readings if at_ms >= opened_ms]
    return bool(before and after) and after[0] > before[-1]


def flags_of(spans: Iterable[Span]) -> Flagged:
    """The flags of the half-hours that these spans touch."""
    return [(at_ms, "before_plug_in") for span in spans for at_ms in _half_hours(span)]


def _half_hours(span: Span) -> Iterator[int]:
    start_ms, end_ms = span
    yield from range(start_ms // HALF_HOUR_MS * HALF_HOUR_MS, end_ms, HALF_HOUR_MS)
