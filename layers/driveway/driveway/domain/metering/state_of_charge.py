"""The energy that the state of charge shows between two of its readings."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from itertools import pairwise

from msgspec import Struct

from driveway.domain.metering.activity import (
    LATE_MS,
    MAX_SPAN_MS,
    POLLED_MS,
    Plugs,
    is_made_up,
    plausible,
    running_shares,
)
from driveway.domain.metering.pieces import UNITS_PER_WH, Piece, Pieces, Source, capped_shares
from driveway.domain.metering.power import LineEvent
from driveway.domain.metering.registers import Reading
from driveway.domain.metering.samples import Rating, Sample, to_ms

STEP_PCT = 1
AGREES_WITHIN_PCT = 10
PROVEN_STEPS = 10
"""A rise of so many steps in one session shows how far the state of charge and power agree in this car."""


class _Agreement(Struct):
    """How much the state of charge rose in a session while power was reported at both ends, and what power showed."""

    rise_wh: int = 0
    power_wh: int = 0

    def add(self, between: Sequence[Piece], rise_wh: int) -> None:
        if all(piece.source is not None and piece.source.quality == "power" for piece in between):
            self.rise_wh += rise_wh
            self.power_wh += sum(piece.units for piece in between) // UNITS_PER_WH

    def is_exceeded(self, rise_wh: int, power_wh: int, step_wh: int) -> bool:
        """Whether power shows clearly more than a rise, in proportion to those before; each is exact to a step."""
        if self.rise_wh < PROVEN_STEPS * step_wh:
            return False
        above = power_wh * self.rise_wh - rise_wh * self.power_wh
        return above > step_wh * (self.rise_wh + max(0, rise_wh))


def soc_step_wh(rating: Rating) -> int:
    """One per cent of the battery, converted to energy at the charger."""
    return (rating.battery_wh or 0) * STEP_PCT // 90


def soc_readings(samples: Iterable[Sample], rating: Rating) -> dict[str, list[Reading]]:
    """The readings of each battery by the car's id, in order. Of two readings at one instant the higher counts.

    A reading is left out if it is far from both its neighbours and these agree: some clouds report 0 or 50 % once.
    """
    found: dict[str, dict[int, int]] = {}
    for sample in samples:
        if sample.kind == "soc":
            readings = found.setdefault(sample.vehicle_id or "", {})
            readings[to_ms(sample)] = max(sample.value, readings.get(to_ms(sample), 0))
    step_wh = soc_step_wh(rating)
    return {car: _believed(sorted(readings.items()), rating, step_wh) for car, readings in found.items()}


def _believed(readings: list[Reading], rating: Rating, step_wh: int) -> list[Reading]:
    believed = readings[:1]
    for before, reading, after in zip(readings, readings[1:], readings[2:], strict=False):
        agree = after[1] >= before[1] - step_wh and _could_rise(before, after, rating, step_wh)
        apart = not before[1] - step_wh <= reading[1] <= after[1] + step_wh
        if not (agree and apart):
            believed.append(reading)
    return believed + readings[1:][-1:]


def _could_rise(before: Reading, after: Reading, rating: Rating, step_wh: int) -> bool:
    return plausible(max(0, after[1] - before[1]), after[0] - before[0], rating.power_w, step_wh)


def lay_state_of_charge(
    pieces: Pieces, readings: Sequence[Reading], line: Sequence[LineEvent], plugs: Plugs, rating: Rating
) -> None:
    """Lay the energy that a battery gained over the time that power leaves open.

    Six rules hold between two readings. If the state of charge rose while the car seemed idle, or by clearly more than
    it took at other times, a charge may not have been reported, and the idle time is unknown. Where power is assumed to
    hold and was lower afterwards, it fell all along; if the state of charge rose by over a step more, as late as that
    shows. Where power is assumed to hold and does not agree within a step, the state of charge decides. So it does if
    power shows more than it did of the rise before: it may have fallen unseen. If the car reported that it charges, the
    rest of a rise goes into the unknown time. If there was no rise, the time between two stops was idle, unless it is a
    value that clouds make up. Such a value that a session shows throughout says nothing: then the hour before a charge
    was first reported is unknown, too, and the hour after a report that says nothing of charging.
    """
    for own in _by_session(readings, plugs):
        agreement = _Agreement()
        is_moving = len({value_wh for _, value_wh in own}) > 1
        for before, after in pairwise(own):
            # No battery stays empty, and none charges without a rise: some clouds report 0 or 50 % throughout.
            is_repeated = before[1] == after[1] and (after[1] == 0 or not is_moving)
            if after[0] - before[0] > MAX_SPAN_MS:
                continue
            between = pieces.within(before[0], after[0])
            if is_repeated and is_made_up(after[1], soc_step_wh(rating)):
                _doubt_before_charging(between, line)
                _doubt_stale_stop(between, before[0], line)
            else:
                _lay_rise(between, before, after, line, rating, agreement)
                if _has_power(line, before[0]) and _has_power(line, after[0]):
                    agreement.add(between, after[1] - before[1])


def _by_session(readings: Sequence[Reading], plugs: Plugs) -> list[list[Reading]]:
    """The readings, parted where a session closed between two of them."""
    groups: list[list[Reading]] = []
    for reading in readings:
        if not groups or plugs.closed_in(groups[-1][-1][0], reading[0]):
            groups.append([])
        groups[-1].append(reading)
    return groups


def _has_power(line: Sequence[LineEvent], at_ms: int) -> bool:
    index = bisect_left(line, at_ms, key=lambda event: event.at_ms)
    return index < len(line) and line[index].at_ms == at_ms and any(line[index].power_w.values())


def _lay_rise(
    between: Sequence[Piece],
    before: Reading,
    after: Reading,
    line: Sequence[LineEvent],
    rating: Rating,
    agreement: _Agreement,
) -> None:
    step_wh, rise_wh = soc_step_wh(rating), after[1] - before[1]
    if not plausible(max(0, rise_wh), after[0] - before[0], rating.power_w, step_wh):
        return
    _doubt(between, rise_wh)
    _let_fall(between, rise_wh, step_wh)
    _decide(between, rise_wh, step_wh, rating, agreement)
    rest = rise_wh * UNITS_PER_WH - sum(piece.units for piece in between)
    unknown = [piece for piece in between if piece.source is None]
    if unknown and rest > 0 and _charged(line, before[0], after[0]):
        _fill(unknown, rest, rating)
    elif rise_wh <= 0 and not is_made_up(after[1], soc_step_wh(rating)):
        _lay_idle(unknown, line)
    _doubt_idle(between, rise_wh, step_wh)


def _doubt(between: Sequence[Piece], rise_wh: int) -> None:
    if rise_wh > 0 and all(piece.is_idle for piece in between):
        for piece in between:
            piece.doubt()


def _doubt_idle(between: Sequence[Piece], rise_wh: int, step_wh: int) -> None:
    """Where more was gained than the rest of the time explains, a charge in the idle time was not reported."""
    gained_wh = sum(piece.units for piece in between) // UNITS_PER_WH
    if rise_wh - gained_wh > step_wh + max(0, rise_wh) * AGREES_WITHIN_PCT // 100:
        for piece in between:
            if piece.is_idle:
                piece.doubt()


def _lay_idle(unknown: Sequence[Piece], line: Sequence[LineEvent]) -> None:
    for piece in unknown:
        if _between_stops(line, piece):
            piece.lay(Source("estimate", "battery"), 0, 0)


def _doubt_before_charging(between: Sequence[Piece], line: Sequence[LineEvent]) -> None:
    """A charge may have begun up to a poll before it was first reported, if no state of charge shows otherwise."""
    if not between:
        return
    first = max(0, bisect_left(line, between[0].start_ms, key=lambda event: event.at_ms) - 1)
    last = bisect_right(line, between[-1].end_ms + POLLED_MS, key=lambda event: event.at_ms) + 1
    for stop, begin in pairwise(line[first:last]):
        if not (stop.is_stop and begin.is_charging):
            continue
        since_ms = max(stop.at_ms, begin.at_ms - POLLED_MS)
        for piece in between:
            if piece.is_idle and since_ms < piece.end_ms <= begin.at_ms:
                piece.doubt()


def _doubt_stale_stop(between: Sequence[Piece], reading_ms: int, line: Sequence[LineEvent]) -> None:
    """A report that says nothing of charging may be that of its begin: a stop long before it shows no idle time.

    The doubt lasts a poll at most: a car that charges is reported again by then.
    """
    near = bisect_left(line, reading_ms - LATE_MS, key=lambda event: event.at_ms)
    if near < len(line) and line[near].at_ms <= reading_ms + LATE_MS:
        return
    for piece in between:
        is_near = piece.start_ms < reading_ms + POLLED_MS and (near == len(line) or piece.end_ms <= line[near].at_ms)
        if piece.is_idle and is_near:
            piece.doubt()


def _let_fall(between: Sequence[Piece], rise_wh: int, step_wh: int) -> None:
    """Let power fall evenly where it was assumed to hold; later, as far as the rise shows by more than a step."""
    falling = [
        (piece, piece.source, piece.least_units)
        for piece in between
        if piece.least_units is not None and piece.source is not None
    ]
    at_most = sum(piece.units for piece in between)
    at_least = at_most - sum(piece.units - least for piece, _, least in falling)
    shown = rise_wh * UNITS_PER_WH if (rise_wh - step_wh) * UNITS_PER_WH > at_least else at_least
    if not falling or shown >= at_most:
        return
    for piece, source, least in falling:
        more = (piece.units - least) * (shown - at_least) // (at_most - at_least)
        piece.lay(source, 0, least + more)
        piece.is_held = True


def _decide(between: Sequence[Piece], rise_wh: int, step_wh: int, rating: Rating, agreement: _Agreement) -> None:
    held = [piece for piece in between if piece.is_held and piece.units]
    if not held:
        return
    measured, assumed = (
        sum(piece.units for piece in between if not piece.is_held),
        sum(piece.units for piece in held),
    )
    apart_wh = abs(measured + assumed - rise_wh * UNITS_PER_WH) // UNITS_PER_WH
    agrees = apart_wh <= step_wh + max(0, rise_wh) * AGREES_WITHIN_PCT // 100
    if agrees and not agreement.is_exceeded(rise_wh, (measured + assumed) // UNITS_PER_WH, step_wh):
        return
    rest = max(0, rise_wh * UNITS_PER_WH - measured)
    shares = running_shares(rest, [piece.units for piece in held])
    for piece, share in zip(held, shares, strict=True):
        piece.lay(Source("estimate", "battery"), 0, min(share, piece.most_units(rating.power_w)))


def _fill(unknown: Sequence[Piece], rest: int, rating: Rating) -> None:
    most = [piece.most_units(rating.power_w) for piece in unknown]
    spans_ms = [piece.end_ms - piece.start_ms for piece in unknown]
    for piece, share in zip(unknown, capped_shares(min(rest, sum(most)), spans_ms, most), strict=True):
        piece.lay(Source("estimate", "battery"), 0, share)


def _charged(line: Sequence[LineEvent], start_ms: int, end_ms: int) -> bool:
    first = bisect_left(line, start_ms, key=lambda event: event.at_ms)
    last = bisect_right(line, end_ms, key=lambda event: event.at_ms)
    return any(event.is_charging for event in line[first:last])


def _between_stops(line: Sequence[LineEvent], piece: Piece) -> bool:
    last = bisect_right(line, piece.start_ms, key=lambda event: event.at_ms) - 1
    following = bisect_left(line, piece.end_ms, key=lambda event: event.at_ms)
    return last >= 0 and following < len(line) and line[last].is_stop and line[following].is_stop
