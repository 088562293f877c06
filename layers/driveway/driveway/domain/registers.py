"""Cumulative energy registers: which steps between their samples are energy, and which are refused.

A session register counts from the plug-in and starts again at each; a lifetime register only grows, apart from
rolling over and from the meter being replaced. A step is believed if the asset could have drawn it in the time.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

MAX_SPAN_MS = 7 * 24 * 3_600_000
POWER_TOLERANCE_PCT = 10

Flag = Literal["refused_delta", "outlier", "restarted", "rolled_over", "power_above_asset", "gap"]


@dataclass(frozen=True, slots=True)
class Step:
    """Energy a register counted between two instants (milliseconds since 1970), in whole watt-hours."""

    start_ms: int
    end_ms: int
    energy_wh: int


@dataclass(frozen=True, slots=True)
class Plugs:
    """The instants (milliseconds since 1970, sorted) at which home sessions opened and closed."""

    opened_ms: Sequence[int] = ()
    closed_ms: Sequence[int] = ()

    def last_opening(self, after_ms: int, until_ms: int) -> int | None:
        """The last session opening in ``(after_ms, until_ms]``."""
        index = bisect_right(self.opened_ms, until_ms) - 1
        return self.opened_ms[index] if index >= 0 and self.opened_ms[index] > after_ms else None

    def closed_in(self, start_ms: int, end_ms: int) -> bool:
        """Whether a session closed in ``[start_ms, end_ms)``."""
        index = bisect_left(self.closed_ms, start_ms)
        return index < len(self.closed_ms) and self.closed_ms[index] < end_ms


Reading = tuple[int, int]
Flagged = list[tuple[int, Flag]]


def plausible(energy_wh: int, duration_ms: int, power_w: int, allowance_wh: int) -> bool:
    """Whether an asset of this power can have drawn the energy: power x time, 10 % and one allowance more."""
    drawable = power_w * duration_ms * (100 + POWER_TOLERANCE_PCT)
    return 0 <= energy_wh * 360_000_000 <= drawable + allowance_wh * 360_000_000


def resolution_wh(*values_wh: int) -> int:
    """The coarsest of 1000, 100, 10 and 1 Wh in which a register may be counting, going by the values it showed."""
    return next(step for step in (1000, 100, 10, 1) if all(value % step == 0 for value in values_wh))


def grows(before: Reading, after: Reading, power_w: int) -> bool:
    """Whether the register went from one reading to the other by counting energy."""
    (start_ms, start_wh), (end_ms, end_wh) = before, after
    allowance_wh = resolution_wh(start_wh, end_wh)
    return end_ms - start_ms <= MAX_SPAN_MS and plausible(end_wh - start_wh, end_ms - start_ms, power_w, allowance_wh)


def is_outlier(before: Reading, reading: Reading, after: Reading, plugs: Plugs, power_w: int) -> bool:
    """Whether a reading lies outside what its neighbours, which agree with each other, leave room for."""
    if before[1] <= reading[1] <= after[1] or not grows(before, after, power_w):
        return False
    return plugs.last_opening(before[0], after[0]) is None


def survivors(readings: Sequence[Reading], plugs: Plugs, power_w: int) -> list[bool]:
    """For each reading whether it is kept. The first and the last always are: they have one neighbour only."""
    kept = [True] * len(readings)
    for i in range(1, len(readings) - 1):
        kept[i] = not is_outlier(readings[i - 1], readings[i], readings[i + 1], plugs, power_w)
    return kept


def session_steps(readings: Sequence[Reading], plugs: Plugs, power_w: int, flagged: Flagged) -> list[Step]:
    """The steps of a session register.

    Across a plug-in, and after a fall, the register counts from nought: its whole value is energy since the plug-in,
    or since the reading before the fall. A value exactly as before the plug-in has not been reset yet and is none;
    a fall of up to 1 % is jitter and is none.
    """
    steps = []
    previous: Reading | None = None
    for reading in readings:
        start_ms, energy_wh = _session_step(previous, reading, plugs)
        if start_ms is not None and energy_wh:
            allowance_wh = resolution_wh(reading[1], reading[1] - energy_wh)
            duration_ms = reading[0] - start_ms
            if duration_ms and plausible(energy_wh, duration_ms, power_w, allowance_wh):
                steps.append(Step(start_ms, reading[0], energy_wh))
            else:
                flagged.append((reading[0], "refused_delta"))
        elif start_ms is not None and start_ms < reading[0]:
            steps.append(Step(start_ms, reading[0], 0))
        previous = reading
    return steps


def _session_step(previous: Reading | None, reading: Reading, plugs: Plugs) -> tuple[int | None, int]:
    at_ms, value_wh = reading
    since_ms = previous[0] if previous else at_ms - MAX_SPAN_MS
    connected = previous is not None and at_ms - since_ms <= MAX_SPAN_MS
    opened_ms = plugs.last_opening(max(since_ms, at_ms - MAX_SPAN_MS), at_ms)
    if opened_ms is not None:
        not_reset_yet = previous is not None and previous[1] == value_wh
        return (None, 0) if not_reset_yet and value_wh else (opened_ms, value_wh)
    if previous is None or not connected:
        return None, 0
    growth_wh = value_wh - previous[1]
    if growth_wh >= 0:
        return since_ms, growth_wh
    return since_ms, 0 if -growth_wh * 100 <= previous[1] else value_wh


def lifetime_steps(
    readings: Sequence[Reading], plugs: Plugs, power_w: int, flagged: Flagged, *, at_home: bool
) -> list[Step]:
    """The steps of a lifetime register.

    A fall is a roll-over if the energy from there to the next power of ten (or 2^32) of watt-hours and on is
    plausible, else the meter was replaced and counting starts anew. With ``at_home`` False the register travels with
    the car: a step during which a home session closed may have been drawn elsewhere and is left out.
    """
    steps = []
    for before, after in pairwise(readings):
        (start_ms, start_wh), (end_ms, end_wh) = before, after
        if end_ms - start_ms > MAX_SPAN_MS or (not at_home and plugs.closed_in(start_ms, end_ms)):
            continue
        if grows(before, after, power_w):
            steps.append(Step(start_ms, end_ms, end_wh - start_wh))
        elif end_wh >= start_wh:
            flagged.append((end_ms, "refused_delta"))
        elif (rolled_wh := _rolled_over(before, after, power_w)) is not None:
            steps.append(Step(start_ms, end_ms, rolled_wh))
            flagged.append((end_ms, "rolled_over"))
        else:
            flagged.append((end_ms, "restarted"))
    return steps


def _rolled_over(before: Reading, after: Reading, power_w: int) -> int | None:
    (start_ms, start_wh), (end_ms, end_wh) = before, after
    for modulus_wh in (10 ** len(str(start_wh)), 2**32):
        energy_wh = modulus_wh - start_wh + end_wh
        allowance_wh = resolution_wh(start_wh, end_wh)
        if start_wh < modulus_wh and plausible(energy_wh, end_ms - start_ms, power_w, allowance_wh):
            return energy_wh
    return None
