"""Pieces of time. Each has the energy that its best source gives it.

Amounts are integers of half a watt-millisecond, so nothing drifts.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Literal

from msgspec import Struct

from driveway.domain.metering.activity import POWER_TOLERANCE_PCT, Span, running_shares
from driveway.domain.presence.observation import MeasuringPoint

Quality = Literal["register", "power", "estimate"]

UNITS_PER_WH = 2 * 3_600_000
HALF_HOUR_MS = 1_800_000


class Source(Struct, frozen=True):
    """The source of a piece of time. A register's pieces carry the running total of their step."""

    quality: Quality
    measuring_point: MeasuringPoint


class Piece(Struct):
    """A piece of time without a sample inside: the source of its energy, and the source's running total.

    ``is_idle``: certainly nothing flowed. ``is_held``: power is assumed to hold, it was not measured. ``least_units``
    is then the energy if power fell all along instead, None if it did not fall. ``most_w`` is an upper bound of the
    power.
    """

    start_ms: int
    end_ms: int
    source: Source | None = None
    from_units: int = 0
    to_units: int = 0
    is_idle: bool = False
    is_held: bool = False
    least_units: int | None = None
    most_w: int | None = None

    @property
    def units(self) -> int:
        return self.to_units - self.from_units

    @property
    def span_ms(self) -> int:
        return self.end_ms - self.start_ms

    def lay(self, source: Source, from_units: int, to_units: int) -> None:
        """Take the energy from this source instead of the one before."""
        self.source, self.from_units, self.to_units = source, from_units, to_units
        self.is_held, self.least_units = False, None

    def doubt(self) -> None:
        """Take no source: what flowed is unknown."""
        self.source, self.is_idle = None, False

    def draws_units(self, power_w: int) -> int:
        """The most that the asset can draw in this time."""
        return 2 * power_w * self.span_ms * (100 + POWER_TOLERANCE_PCT) // 100

    def most_units(self, power_w: int) -> int:
        """The most that can have flowed, by the asset's power and ``most_w``."""
        return self.draws_units(power_w if self.most_w is None else min(power_w, self.most_w))


class Pieces(Struct):
    """The pieces of a stretch of time, in order and without holes."""

    pieces: list[Piece]

    @classmethod
    def cut(cls, first_ms: int, end_ms: int, instants: Iterable[int]) -> "Pieces":
        """The time from ``first_ms`` to ``end_ms`` cut at half-hours and at these instants."""
        cuts = {at_ms for at_ms in instants if first_ms <= at_ms <= end_ms}
        first_ms, end_ms = first_ms // HALF_HOUR_MS * HALF_HOUR_MS, -(-end_ms // HALF_HOUR_MS) * HALF_HOUR_MS
        cuts |= set(range(first_ms, end_ms + 1, HALF_HOUR_MS))
        return cls([Piece(start, end) for start, end in pairwise(sorted(cuts))])

    def within(self, start_ms: int, end_ms: int) -> list[Piece]:
        """The pieces from one cut to another."""
        first = bisect_left(self.pieces, start_ms, key=lambda piece: piece.start_ms)
        last = bisect_left(self.pieces, end_ms, key=lambda piece: piece.start_ms)
        return self.pieces[first:last]

    def lay_idle(self, span: Span) -> None:
        """Let nothing flow in the pieces from one cut to another."""
        for piece in self.within(*span):
            piece.lay(Source("power", "unknown"), 0, 0)
            piece.is_idle = True


def capped_shares(total: int, weights: Sequence[int], most: Sequence[int]) -> list[int]:
    """Shares of a total by weight, each up to its ``most``. The rest goes where there is room.

    The shares add up to the total, or to the sum of ``most`` if that is less.
    """
    shares = [0] * len(weights)
    left = min(total, sum(most))
    by_weight = weights
    while left:
        open_weights = [
            weight if share < top else 0 for weight, share, top in zip(by_weight, shares, most, strict=True)
        ]
        if not any(open_weights):
            # Only shares without a weight have room left.
            by_weight = [top - share for share, top in zip(shares, most, strict=True)]
            continue
        added = running_shares(left, open_weights)
        shares = [min(share + more, top) for share, more, top in zip(shares, added, most, strict=True)]
        left = min(total, sum(most)) - sum(shares)
    return shares


def share_step(pieces: Sequence[Piece], total: int, power_w: int) -> list[int]:
    """The shares of a register step among its pieces, in proportion to the lesser sources. They add up to the step.

    The energy beyond that goes into the time that no lesser source covers. A piece gets no more than the asset can
    draw, and idle time gets nothing, unless the step needs it.
    """
    most = [0 if piece.is_idle else piece.draws_units(power_w) for piece in pieces]
    unknown_ms = [piece.span_ms if piece.source is None else 0 for piece in pieces]
    shares = _by_shape([piece.units for piece in pieces], unknown_ms, most, total)
    rest = total - sum(shares)
    if rest and any(unknown_ms):
        room = [top - share for top, share in zip(most, shares, strict=True)]
        shares = _added(shares, capped_shares(rest, unknown_ms, room))
        rest = total - sum(shares)
    if not rest:
        return shares
    # The step is at the limit of what could flow, or lesser sources cover all its time.
    weights = [0 if piece.is_idle else piece.span_ms for piece in pieces]
    return _added(shares, running_shares(rest, weights if any(weights) else [piece.span_ms for piece in pieces]))


def _by_shape(known: Sequence[int], unknown_ms: Sequence[int], most: Sequence[int], total: int) -> list[int]:
    """The shares that follow the lesser sources. If these show less than the step, unknown time takes the rest."""
    if not any(known):
        return [0] * len(known)
    room = sum(top for top, span_ms in zip(most, unknown_ms, strict=True) if span_ms)
    return capped_shares(total - min(max(total - sum(known), 0), room), known, most)


def _added(shares: Sequence[int], more: Sequence[int]) -> list[int]:
    return [share + extra for share, extra in zip(shares, more, strict=True)]
