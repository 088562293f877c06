"""Metering: samples become watt-hours per half-hour, exactly, whatever order they came in.

The energy of a half-hour is a function of the *set* of samples:

- Time is cut at every sample and every half-hour. A piece of time takes its energy from the best source that covers
  it: lifetime register, session register, power, estimate. Of two alike the one nearer the meter leads: charger, car's
  AC input, unknown, battery.
- A register step is whole watt-hours and all of it is kept. Inside a step it follows what the lesser sources show;
  what they leave over is spread evenly over the time they say nothing about, up to the asset's power; time they know
  to be idle or unplugged gets none, unless they leave no other.
- Power is linear between two power samples (trapezoid). The rate holds until a ``stopped`` sample and from a
  ``charging`` one, since these tell the instant of the change. After a ``stopped`` sample there is no energy until the
  next sample. Two samples more than 15 minutes apart leave the time between unknown: it is no energy and is flagged.
- An estimate is the rise of one car's state of charge while it says it charges and no source says how fast. A value
  that its neighbours contradict, as of a car that reports 0 % or 50 % for a moment, is left out.
- Of a car only what is told inside its home sessions counts, by the plug facts among the samples. Its own lifetime
  register is believed within a session, not across a plug-out.
- Boundaries are rounded, not half-hours: the watt-hours of a step, or of a stretch of power, add up to its total.

Amounts inside are integers of half a watt-millisecond, so nothing drifts.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

from driveway.domain.metering.plug_facts import plugs_of
from driveway.domain.metering.power import BIG_GAP_MS, LineEvent, idle_spans, power_line, power_spans
from driveway.domain.metering.registers import (
    MAX_SPAN_MS,
    Flag,
    Flagged,
    Plugs,
    Reading,
    lifetime_steps,
    plausible,
    session_steps,
    survivors,
)
from driveway.domain.metering.samples import Rating, Sample, SampleKind, to_ms
from driveway.domain.presence.observation import MeasuringPoint

Quality = Literal["register", "power", "estimate"]

UNITS_PER_WH = 2 * 3_600_000
HALF_HOUR_MS = 1_800_000
BEST_POINT_FIRST: tuple[MeasuringPoint, ...] = ("charger", "vehicle_ac_input", "unknown", "battery")
REGISTERS: tuple[SampleKind, SampleKind] = ("session", "lifetime")
WORST_QUALITY_FIRST: tuple[Quality, ...] = ("estimate", "power", "register")


@dataclass(frozen=True, slots=True)
class HalfHour:
    """The energy of one half-hour.

    ``quality`` is the worst source any of the energy came from (of no energy: the best that saw there was none; None
    if nothing was seen). ``carry`` is the part of a watt-hour that flowing power takes over into the next half-hour.
    """

    energy_wh: int = 0
    quality: Quality | None = None
    measuring_point: MeasuringPoint = "unknown"
    flags: tuple[Flag, ...] = ()
    carry: int = 0


@dataclass(frozen=True, slots=True)
class Source:
    """What covers a piece of time. A register's pieces carry the running total of their step."""

    quality: Quality
    measuring_point: MeasuringPoint


@dataclass(slots=True)
class Piece:
    """A piece of time without a sample inside: where its energy comes from, and its running total there."""

    start_ms: int
    end_ms: int
    source: Source | None = None
    from_units: int = 0
    to_units: int = 0

    @property
    def units(self) -> int:
        return self.to_units - self.from_units


@dataclass(slots=True)
class Energy:
    """The pieces of a stretch of time after every source was laid over them, and what was noticed on the way."""

    pieces: list[Piece]
    flagged: Flagged = field(default_factory=list)
    gaps: list[tuple[int, int]] = field(default_factory=list)

    def within(self, start_ms: int, end_ms: int) -> list[Piece]:
        """The pieces from one cut to another."""
        first = bisect_left(self.pieces, start_ms, key=lambda piece: piece.start_ms)
        last = bisect_left(self.pieces, end_ms, key=lambda piece: piece.start_ms)
        return self.pieces[first:last]


def readings_by_register(samples: Iterable[Sample]) -> dict[tuple[SampleKind, str], list[Reading]]:
    """The readings of each register, by kind and measuring point, in order of time; of two at one instant the higher.

    So are those of the state of charge, by the car it is of (without a name where none was named).
    """
    found: dict[tuple[SampleKind, str], dict[int, int]] = {}
    for sample in samples:
        if sample.kind in ("lifetime", "session", "soc"):
            register = sample.vehicle_id or "" if sample.kind == "soc" else sample.measuring_point
            readings = found.setdefault((sample.kind, register), {})
            at_ms = to_ms(sample)
            readings[at_ms] = max(sample.value, readings.get(at_ms, 0))
    return {key: sorted(readings.items()) for key, readings in found.items()}


def of_kind(kind: SampleKind, registers: Iterable[tuple[SampleKind, str]]) -> list[tuple[SampleKind, str]]:
    """Those of one kind, in an order of their own."""
    return sorted(register for register in registers if register[0] == kind)


def energy_of(samples: Sequence[Sample], rating: Rating) -> Energy:
    """Lay every source over the time the samples span, the lesser ones first."""
    instants = {to_ms(sample) for sample in samples}
    if not instants:
        return Energy([])
    first, last = min(instants) // HALF_HOUR_MS * HALF_HOUR_MS, max(instants)
    cuts = sorted(instants | set(range(first, last + HALF_HOUR_MS + 1, HALF_HOUR_MS)))
    energy = Energy([Piece(start, end) for start, end in pairwise(cuts)])
    plugs, line, readings = plugs_of(samples), power_line(samples), readings_by_register(samples)
    for start_ms, end_ms in idle_spans(line, plugs):
        for piece in energy.within(start_ms, end_ms):
            piece.source = Source("power", "unknown")
    for point in reversed(BEST_POINT_FIRST):
        _lay_power(energy, line, point, rating)
    for register in of_kind("soc", readings):
        _lay_estimate(energy, readings[register], line, plugs, rating)
    for kind in REGISTERS:
        for point in reversed(BEST_POINT_FIRST):
            _lay_register(energy, kind, point, readings.get((kind, point), []), plugs, rating)
    return energy


def _lay_power(energy: Energy, line: Sequence[LineEvent], point: MeasuringPoint, rating: Rating) -> None:
    source = Source("power", point)
    for span in power_spans(line, point):
        if span.end_ms - span.start_ms > MAX_SPAN_MS:
            continue
        if span.end_ms - span.start_ms > BIG_GAP_MS:
            energy.gaps.append((span.start_ms, span.end_ms))
        elif not plausible(max(span.start_w, span.end_w), 3_600_000, rating.power_w, 100):
            energy.flagged.append((span.end_ms, "power_above_asset"))
        else:
            for piece in energy.within(span.start_ms, span.end_ms):
                piece.source = source
                piece.from_units, piece.to_units = span.units_at(piece.start_ms), span.units_at(piece.end_ms)


def _lay_estimate(
    energy: Energy, readings: Sequence[Reading], line: Sequence[LineEvent], plugs: Plugs, rating: Rating
) -> None:
    kept = survivors(readings, plugs, rating.power_w)
    readings = [reading for reading, keep in zip(readings, kept, strict=True) if keep]
    measured = [event.at_ms for event in line if any(event.power_w.values())]
    charging = [event.at_ms for event in line if event.fact == "charging"]
    for (start_ms, start_wh), (end_ms, end_wh) in pairwise(readings):
        if end_wh <= start_wh or end_ms - start_ms > MAX_SPAN_MS or plugs.closed_in(start_ms, end_ms):
            continue
        saw_rate = bisect_left(measured, start_ms) != bisect_left(measured, end_ms + 1)
        says_it_charges = bisect_left(charging, start_ms) != bisect_left(charging, end_ms)
        if saw_rate or not says_it_charges:
            continue
        unknown = [piece for piece in energy.within(start_ms, end_ms) if piece.source is None]
        unknown_ms = sum(piece.end_ms - piece.start_ms for piece in unknown)
        allowance_wh = (rating.battery_wh or 0) // 100
        if not unknown_ms or not plausible(end_wh - start_wh, unknown_ms, rating.power_w, allowance_wh):
            continue
        past_ms = 0
        for piece in unknown:
            piece.source = Source("estimate", "battery")
            piece.from_units = (end_wh - start_wh) * UNITS_PER_WH * past_ms // unknown_ms
            past_ms += piece.end_ms - piece.start_ms
            piece.to_units = (end_wh - start_wh) * UNITS_PER_WH * past_ms // unknown_ms


def _lay_register(
    energy: Energy, kind: SampleKind, point: MeasuringPoint, readings: Sequence[Reading], plugs: Plugs, rating: Rating
) -> None:
    kept = survivors(readings, plugs, rating.power_w)
    energy.flagged.extend((at_ms, "outlier") for (at_ms, _), keep in zip(readings, kept, strict=True) if not keep)
    good = [reading for reading, keep in zip(readings, kept, strict=True) if keep]
    if kind == "session":
        steps = session_steps(good, plugs, rating.power_w, energy.flagged)
    else:
        at_home = point in ("charger", "unknown")
        steps = lifetime_steps(good, plugs, rating.power_w, energy.flagged, at_home=at_home)
    for step in steps:
        pieces = energy.within(step.start_ms, step.end_ms)
        _share(pieces, step.energy_wh * UNITS_PER_WH, rating.power_w)
        for piece in pieces:
            piece.source = Source("register", point)


def _share(pieces: Sequence[Piece], total: int, power_w: int) -> None:
    """Share a register step among its pieces, by what lesser sources already say of them."""
    known = sum(piece.units for piece in pieces)
    unknown_ms = sum(piece.end_ms - piece.start_ms for piece in pieces if piece.source is None)
    if not known and not unknown_ms:
        unknown_ms = pieces[-1].end_ms - pieces[0].start_ms
        for piece in pieces:
            piece.source = None
    rest = min(max(total - known, 0), 2 * power_w * unknown_ms) if known else total
    past_known, past_ms, past = 0, 0, 0
    for piece in pieces:
        past_known += piece.units
        past_ms += piece.end_ms - piece.start_ms if piece.source is None else 0
        by_shape = (total - rest) * past_known // known if known else 0
        evenly = rest * past_ms // unknown_ms if unknown_ms else 0
        piece.from_units, past = past, by_shape + evenly
        piece.to_units = past


def half_hours(
    energy: Energy, *, first_ms: int | None = None, last_ms: int | None = None, carry: int = 0
) -> dict[int, HalfHour]:
    """The energy by the start of the half-hour (milliseconds since 1970), for those the samples reach.

    ``first_ms`` and ``last_ms`` bound the half-hours wanted; ``carry`` is that of the one before the first.
    """
    by_start: dict[int, list[Piece]] = {}
    for piece in energy.pieces:
        by_start.setdefault(piece.start_ms // HALF_HOUR_MS * HALF_HOUR_MS, []).append(piece)
    flags = _flags_by_half_hour(energy, by_start)
    done: dict[int, HalfHour] = {}
    for start_ms in sorted(by_start):
        if (first_ms is not None and start_ms < first_ms) or (last_ms is not None and start_ms > last_ms):
            continue
        flows_in = _flows(by_start.get(start_ms - HALF_HOUR_MS), by_start[start_ms])
        flows_on = _flows(by_start[start_ms], by_start.get(start_ms + HALF_HOUR_MS))
        done[start_ms] = _half_hour(
            by_start[start_ms], carry if flows_in else 0, flows_on=flows_on, flags=flags.get(start_ms, set())
        )
        carry = done[start_ms].carry
    return done


def _flows(before: Sequence[Piece] | None, after: Sequence[Piece] | None) -> bool:
    if not before or not after:
        return False
    return all(p.source is not None and p.source.quality != "register" and p.units for p in (before[-1], after[0]))


def _half_hour(pieces: Sequence[Piece], carry: int, *, flows_on: bool, flags: set[Flag]) -> HalfHour:
    counted_wh, flowing = 0, carry
    for piece in pieces:
        if piece.source is None:
            continue
        if piece.source.quality == "register":
            counted_wh += _rounded_wh(piece.to_units) - _rounded_wh(piece.from_units)
        else:
            flowing += piece.units
    flowing_wh = flowing // UNITS_PER_WH if flows_on else _rounded_wh(flowing)
    sources = [p.source for p in pieces if p.source and p.units] or [p.source for p in pieces if p.source]
    gave_energy = any(p.source and p.units for p in pieces)
    pick = min if gave_energy else max
    quality = pick((s.quality for s in sources), key=WORST_QUALITY_FIRST.index, default=None)
    points = {s.measuring_point for s in sources if s.quality == quality}
    return HalfHour(
        energy_wh=counted_wh + flowing_wh,
        quality=quality,
        measuring_point=min(points, key=BEST_POINT_FIRST.index, default="unknown"),
        flags=tuple(sorted(flags)),
        carry=flowing % UNITS_PER_WH if flows_on else 0,
    )


def _rounded_wh(units: int) -> int:
    return (units + UNITS_PER_WH // 2) // UNITS_PER_WH


def _flags_by_half_hour(energy: Energy, by_start: Mapping[int, Sequence[Piece]]) -> dict[int, set[Flag]]:
    flags: dict[int, set[Flag]] = {}
    for at_ms, flag in energy.flagged:
        flags.setdefault(at_ms // HALF_HOUR_MS * HALF_HOUR_MS, set()).add(flag)
    for start_ms, end_ms in energy.gaps:
        for piece in energy.within(start_ms, end_ms):
            if piece.source is None:
                flags.setdefault(piece.start_ms // HALF_HOUR_MS * HALF_HOUR_MS, set()).add("gap")
    return {start_ms: found for start_ms, found in flags.items() if start_ms in by_start}
