"""A car that came back between two reports: it may have charged before it was first seen plugged in again."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from driveway.domain.metering.activity import POLLED_MS, Plugs, Span
from driveway.domain.metering.pieces import HALF_HOUR_MS
from driveway.domain.metering.plug_facts import OPENINGS
from driveway.domain.metering.power import LineEvent
from driveway.domain.metering.registers import Flagged, Reading
from driveway.domain.metering.samples import Sample, to_ms
from driveway.domain.presence.rules import FLOWING_KW


def returns_unseen(
    plugs: Plugs,
    known: Sequence[Sample],
    line: Iterable[LineEvent],
    soc: Mapping[str, Sequence[Reading]],
    registers: Iterable[tuple[str, str]],
) -> list[Span]:
    """From when until when a car may have charged unseen: from each plug-out to the plug-in within an hour after it.

    It may have if its first report charges, or shows a higher state of charge than the last one before, also if that
    was of the car on its way. A car that was never seen unplugged may have charged at home all the time, however long
    it seemed to be away. One that charges in the report at which its session ends was seen elsewhere later, and may
    have gone on. A lifetime register shows what a car charged, so nothing is unseen where the ``registers`` (kind and
    measuring point) have one.
    """
    if _shows_returns(registers):
        return []
    charging_ms = {event.at_ms for event in line if event.is_charging}
    found = [(closed_ms, closed_ms + 1) for closed_ms in plugs.closed_ms if _charges_at(known, closed_ms)]
    found += _arrivals(plugs, known)
    for opened_ms in sorted({*plugs.opened_ms, *plugs.joined_ms}):
        closed_ms = plugs.closed_before(opened_ms - 1)
        if closed_ms is None or (opened_ms - closed_ms > POLLED_MS and opened_ms not in plugs.joined_ms):
            continue
        if opened_ms in charging_ms or any(_rose(readings, closed_ms, opened_ms) for readings in soc.values()):
            found.append((closed_ms, opened_ms))
    return found


def may_return_unseen(plugs: Plugs, start_ms: int, registers: Iterable[tuple[str, str]]) -> bool:
    """Whether the car was unplugged in a half-hour and not seen back by its end: a later report may show it back."""
    end_ms = start_ms + HALF_HOUR_MS
    is_out = plugs.closed_in(start_ms, end_ms) and plugs.session_at(end_ms - 1) is None
    return is_out and not _shows_returns(registers)


def _shows_returns(registers: Iterable[tuple[str, str]]) -> bool:
    return any(kind == "lifetime" for kind, _ in registers)


def _arrivals(plugs: Plugs, known: Sequence[Sample]) -> Iterator[Span]:
    """From when until when a car on its way had a lower state of charge than at its plug-in."""
    for sample in known:
        at_ms = to_ms(sample)
        if sample.kind in OPENINGS and sample.value and at_ms in {*plugs.opened_ms, *plugs.joined_ms}:
            yield at_ms - sample.value * 1000, at_ms + 1


def _charges_at(known: Sequence[Sample], at_ms: int) -> bool:
    facts = [sample for sample in known if to_ms(sample) == at_ms and sample.kind in ("power", "charging", "stopped")]
    is_stop = any(sample.kind == "stopped" for sample in facts)
    return not is_stop and any(sample.kind == "charging" or sample.value >= FLOWING_KW * 1000 for sample in facts)


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
