"""Cumulative energy registers: which steps between their samples are energy, and which are refused.

A session register counts from the plug-in and starts again at each; a lifetime register only grows, apart from
rolling over and from the meter being replaced. A step is believed if the asset could have drawn it in the time.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import Literal

MAX_SPAN_MS = 7 * 24 * 3_600_000
MAX_RUN_MS = 3_600_000
POWER_TOLERANCE_PCT = 10
ROLL_OVER_WITHIN_PCT = 1
COARSE_WH = 100

Flag = Literal["refused_delta", "outlier", "not_reset", "restarted", "rolled_over", "power_above_asset", "gap"]


@dataclass(frozen=True, slots=True)
class Step:
    """Energy a register counted between two instants (milliseconds since 1970), in whole watt-hours."""

    start_ms: int
    end_ms: int
    energy_wh: int


@dataclass(frozen=True, slots=True)
class Plugs:
    """The instants (milliseconds since 1970, sorted) at which home sessions opened and closed.

    At those of ``joined_ms`` one opened that had been under way: session registers did not begin anew.
    """

    opened_ms: Sequence[int] = ()
    closed_ms: Sequence[int] = ()
    joined_ms: Sequence[int] = ()

    def begun_ms(self) -> list[int]:
        """Every instant at which a session opened."""
        return sorted((*self.opened_ms, *self.joined_ms))

    def last_opening(self, after_ms: int, until_ms: int) -> int | None:
        """The last session opening in ``(after_ms, until_ms]``."""
        index = bisect_right(self.opened_ms, until_ms) - 1
        return self.opened_ms[index] if index >= 0 and self.opened_ms[index] > after_ms else None

    def closed_in(self, start_ms: int, end_ms: int) -> bool:
        """Whether a session closed in ``[start_ms, end_ms)``."""
        index = bisect_left(self.closed_ms, start_ms)
        return index < len(self.closed_ms) and self.closed_ms[index] < end_ms

    def rejoined_in(self, start_ms: int, end_ms: int) -> bool:
        """Whether a session closed in ``[start_ms, end_ms)`` and another was joined under way by the end."""
        index = bisect_left(self.closed_ms, start_ms)
        if index == len(self.closed_ms) or self.closed_ms[index] >= end_ms:
            return False
        joined = bisect_left(self.joined_ms, self.closed_ms[index])
        return joined < len(self.joined_ms) and self.joined_ms[joined] <= end_ms


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
    return plugs.last_opening(before[0], after[0]) is None and not plugs.rejoined_in(before[0], after[0])


def runs(readings: Sequence[Reading]) -> list[tuple[int, int]]:
    """Where each run of readings with one value begins, and where the next one does."""
    begins = [i for i, reading in enumerate(readings) if i == 0 or reading[1] != readings[i - 1][1]]
    return list(pairwise([*begins, len(readings)])) if readings else []


def survivors(readings: Sequence[Reading], plugs: Plugs, power_w: int) -> list[bool]:
    """For each reading whether it is kept.

    A value that is repeated for an hour at most is judged as one. The first and the last always are kept: they have
    neighbours on one side only.
    """
    kept = [True] * len(readings)
    for first, end in runs(readings):
        if first == 0 or end == len(readings) or readings[end - 1][0] - readings[first][0] > MAX_RUN_MS:
            continue
        if is_outlier(readings[first - 1], readings[first], readings[end], plugs, power_w):
            kept[first:end] = [False] * (end - first)
    return kept


def session_steps(readings: Sequence[Reading], plugs: Plugs, power_w: int, flagged: Flagged) -> list[Step]:
    """The steps of a session register.

    Across a plug-in, and after a fall, the register counts from nought: its whole value is energy since the plug-in,
    or since the reading before the fall. A fall of up to 1 % is jitter and is none. The first value of a session that
    was joined under way is no energy: it may have been counted elsewhere.

    A value exactly as before the plug-in is energy of this session only if a register that counts in large steps goes
    on from there within the hour. If it falls within the hour it had not been reset yet; else that is not known. The
    value is then left out and flagged.
    """
    steps = []
    for index, reading in enumerate(readings):
        start_ms, energy_wh = _session_step(readings, index, plugs, flagged)
        if start_ms is not None and energy_wh:
            allowance_wh = resolution_wh(reading[1], reading[1] - energy_wh)
            duration_ms = reading[0] - start_ms
            if duration_ms and plausible(energy_wh, duration_ms, power_w, allowance_wh):
                steps.append(Step(start_ms, reading[0], energy_wh))
            else:
                flagged.append((reading[0], "refused_delta"))
        elif start_ms is not None and start_ms < reading[0]:
            steps.append(Step(start_ms, reading[0], 0))
    return steps


def _session_step(readings: Sequence[Reading], index: int, plugs: Plugs, flagged: Flagged) -> tuple[int | None, int]:
    at_ms, value_wh = readings[index]
    previous = readings[index - 1] if index else None
    since_ms = previous[0] if previous else at_ms - MAX_SPAN_MS
    connected = previous is not None and at_ms - since_ms <= MAX_SPAN_MS
    opened_ms = plugs.last_opening(max(since_ms, at_ms - MAX_SPAN_MS), at_ms)
    if opened_ms is not None:
        seen_before = previous is not None and previous[1] == value_wh
        if seen_before and value_wh and not _had_begun_again(readings, index, plugs, flagged):
            return None, 0
        return opened_ms, value_wh
    if previous is None or not connected or plugs.rejoined_in(since_ms, at_ms):
        # A session that was joined under way: the register may have counted elsewhere since it was last seen.
        return None, 0
    growth_wh = value_wh - previous[1]
    if growth_wh >= 0:
        return since_ms, growth_wh
    return since_ms, 0 if -growth_wh * 100 <= previous[1] else value_wh


def _had_begun_again(readings: Sequence[Reading], index: int, plugs: Plugs, flagged: Flagged) -> bool:
    """Whether the register counted up to a value that it showed before the plug-in, going by what it shows next."""
    at_ms, value_wh = readings[index]
    following_wh = _next_value(readings, index, plugs)
    if following_wh is not None and following_wh < value_wh:
        return False
    # A fine register comes to the very same value by no chance: it goes on counting the session before.
    if following_wh is None or resolution_wh(value_wh, following_wh) < COARSE_WH:
        flagged.append((at_ms, "not_reset"))
        return False
    return True


def _next_value(readings: Sequence[Reading], index: int, plugs: Plugs) -> int | None:
    """The next other value the register shows in the same session, within ``MAX_RUN_MS``."""
    at_ms, value_wh = readings[index]
    for later_ms, later_wh in islice(readings, index + 1, None):
        if later_ms - at_ms > MAX_RUN_MS or plugs.last_opening(at_ms, later_ms) is not None:
            return None
        if later_wh != value_wh:
            return later_wh
    return None


def lifetime_steps(
    readings: Sequence[Reading], plugs: Plugs, power_w: int, flagged: Flagged, *, at_home: bool
) -> list[Step]:
    """The steps of a lifetime register.

    A fall is a roll-over if the register was within 1 % of the next power of ten (or 2^32) of watt-hours and the energy
    to there and on is plausible, else the meter was replaced and counting starts anew. What was counted before a
    reading that has none in the week before it is not known, which is flagged.

    With ``at_home`` False the register travels with the car: a step during which a home session closed may have been
    drawn elsewhere and is left out, and nothing is missed of what was counted unheard.
    """
    steps = []
    if at_home and readings:
        flagged.append((readings[0][0], "gap"))
    for before, after in pairwise(readings):
        (start_ms, start_wh), (end_ms, end_wh) = before, after
        if end_ms - start_ms > MAX_SPAN_MS:
            if at_home:
                flagged.append((end_ms, "gap"))
            continue
        if not at_home and plugs.closed_in(start_ms, end_ms):
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
        was_near = 0 < (modulus_wh - start_wh) * 100 <= modulus_wh * ROLL_OVER_WITHIN_PCT
        if was_near and plausible(energy_wh, end_ms - start_ms, power_w, allowance_wh):
            return energy_wh
    return None
