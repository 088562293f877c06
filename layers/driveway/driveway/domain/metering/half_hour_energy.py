"""The energy of half-hours, and of the home sessions in them."""

from collections.abc import Mapping, Sequence
from itertools import groupby

from msgspec import Struct

from driveway.domain.metering.activity import Plugs
from driveway.domain.metering.energy import BEST_POINT_FIRST, Energy
from driveway.domain.metering.pieces import HALF_HOUR_MS, UNITS_PER_WH, Piece, Quality
from driveway.domain.metering.power import is_idle_in
from driveway.domain.metering.registers import Flag
from driveway.domain.presence.observation import MeasuringPoint

WORST_QUALITY_FIRST: tuple[Quality, ...] = ("estimate", "power", "register")


class HalfHour(Struct, frozen=True):
    """The energy of one half-hour.

    ``quality`` is that of the worst source that gave energy. Without energy it is that of the best source that covered
    the half-hour, or None. ``carry`` is the part of a watt-hour that flowing power takes over into the next half-hour.
    ``unknown_ms`` is the plugged-in time that no source covers. ``idle_at_end``: at its end the car is plugged in and
    idle, and its source would report a change. ``sessions_wh`` is the energy of each home session, by the session's
    beginning (milliseconds since 1970); energy outside sessions is left out.
    """

    energy_wh: int = 0
    quality: Quality | None = None
    measuring_point: MeasuringPoint = "unknown"
    flags: tuple[Flag, ...] = ()
    carry: int = 0
    unknown_ms: int = 0
    idle_at_end: bool = False
    sessions_wh: tuple[tuple[int, int], ...] = ()


def half_hours(
    energy: Energy, *, first_ms: int | None = None, last_ms: int | None = None, carry: int = 0
) -> dict[int, HalfHour]:
    """The energy of each half-hour that the samples reach, by its start (milliseconds since 1970).

    ``first_ms`` and ``last_ms`` bound the half-hours; ``carry`` is that of the half-hour before the first.
    """
    by_start: dict[int, list[Piece]] = {}
    for piece in energy.pieces.pieces:
        by_start.setdefault(piece.start_ms // HALF_HOUR_MS * HALF_HOUR_MS, []).append(piece)
    flags = _flags_by_half_hour(energy, by_start)
    done: dict[int, HalfHour] = {}
    for start_ms in sorted(by_start):
        if (first_ms is not None and start_ms < first_ms) or (last_ms is not None and start_ms > last_ms):
            continue
        following = by_start.get(start_ms + HALF_HOUR_MS)
        done[start_ms] = _half_hour(by_start[start_ms], following, carry, energy, flags.get(start_ms, set()))
        carry = done[start_ms].carry
    return done


def _half_hour(
    pieces: Sequence[Piece], following: Sequence[Piece] | None, carry: int, energy: Energy, flags: set[Flag]
) -> HalfHour:
    by_session = [
        (begun_ms, list(group)) for begun_ms, group in groupby(pieces, lambda p: _begun(energy.plugs, p.start_ms))
    ]
    amounts: list[tuple[int | None, int]] = []
    for number, (begun_ms, group) in enumerate(by_session):
        is_last = number == len(by_session) - 1
        flows_on = is_last and _flows(group, following, begun_ms, energy.plugs)
        energy_wh, carry = _amount(group, carry, flows_on=flows_on)
        amounts.append((begun_ms, energy_wh))
    quality, point = _best_of(pieces)
    end_ms = pieces[-1].end_ms
    return HalfHour(
        energy_wh=sum(energy_wh for _, energy_wh in amounts),
        quality=quality,
        measuring_point=point,
        flags=tuple(sorted(flags)),
        carry=carry,
        unknown_ms=_unknown_ms(pieces, energy.plugs),
        idle_at_end=is_idle_in(energy.plugs.session_at(end_ms - 1), energy.line, end_ms - 1),
        sessions_wh=_by_session(amounts),
    )


def _best_of(pieces: Sequence[Piece]) -> tuple[Quality | None, MeasuringPoint]:
    """The worst quality that gave energy, and where it was measured. Without energy: the best quality there is."""
    gave = [piece.source for piece in pieces if piece.source and piece.units]
    sources = gave or [piece.source for piece in pieces if piece.source]
    pick = min if gave else max
    quality = pick((source.quality for source in sources), key=WORST_QUALITY_FIRST.index, default=None)
    points = {source.measuring_point for source in sources if source.quality == quality}
    return quality, min(points, key=BEST_POINT_FIRST.index, default="unknown")


def _unknown_ms(pieces: Sequence[Piece], plugs: Plugs) -> int:
    return sum(piece.span_ms for piece in pieces if piece.source is None and plugs.session_at(piece.start_ms))


def _by_session(amounts: Sequence[tuple[int | None, int]]) -> tuple[tuple[int, int], ...]:
    found: dict[int, int] = {}
    for begun_ms, energy_wh in amounts:
        if begun_ms is not None and energy_wh:
            found[begun_ms] = found.get(begun_ms, 0) + energy_wh
    return tuple(sorted(found.items()))


def _begun(plugs: Plugs, at_ms: int) -> int | None:
    session = plugs.session_at(at_ms)
    return session[0] if session is not None else None


def _flows(pieces: Sequence[Piece], following: Sequence[Piece] | None, begun_ms: int | None, plugs: Plugs) -> bool:
    """Whether power flows on from these pieces into the following ones, in the same session."""
    if not following or _begun(plugs, following[0].start_ms) != begun_ms:
        return False
    return all(p.source is not None and p.source.quality != "register" and p.units for p in (pieces[-1], following[0]))


def _amount(pieces: Sequence[Piece], carry: int, *, flows_on: bool) -> tuple[int, int]:
    """The watt-hours of the pieces of one session, and the part of a watt-hour left for the next half-hour."""
    counted_wh, flowing = 0, carry
    for piece in pieces:
        if piece.source is None:
            continue
        if piece.source.quality == "register":
            counted_wh += _rounded_wh(piece.to_units) - _rounded_wh(piece.from_units)
        else:
            flowing += piece.units
    if flows_on:
        return counted_wh + flowing // UNITS_PER_WH, flowing % UNITS_PER_WH
    return counted_wh + _rounded_wh(flowing), 0


def _rounded_wh(units: int) -> int:
    return (units + UNITS_PER_WH // 2) // UNITS_PER_WH


def _flags_by_half_hour(energy: Energy, by_start: Mapping[int, Sequence[Piece]]) -> dict[int, set[Flag]]:
    flags: dict[int, set[Flag]] = {}
    for at_ms, flag in energy.flagged:
        flags.setdefault(at_ms // HALF_HOUR_MS * HALF_HOUR_MS, set()).add(flag)
    for start_ms, pieces in by_start.items():
        if any(_is_gap(piece, energy) for piece in pieces):
            flags.setdefault(start_ms, set()).add("gap")
    return {start_ms: found for start_ms, found in flags.items() if start_ms in by_start}


def _is_gap(piece: Piece, energy: Energy) -> bool:
    """Whether energy may have flowed here that no source shows, although samples followed."""
    if piece.source is not None or piece.end_ms > energy.last_sample_ms:
        return False
    return piece.most_w is not None or energy.plugs.session_at(piece.start_ms) is not None
