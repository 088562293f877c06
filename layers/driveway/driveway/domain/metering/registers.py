"""Cumulative energy registers: what a step from one reading to the next can be.

A register rises by what flows. It may sink by what standby draws, start again at a plug-in or at a charge, show 0 while
nothing flows, roll over, or be replaced. ``session_register`` and ``lifetime_register`` find the history of one rising
register that explains a series of readings; here are the rules that both share.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from driveway.domain.metering.activity import LATE_MS, MAX_SPAN_MS, Activity

NEAR_ZERO_WH = 200
DRAIN_WH = 50
DRAIN_W = 100
SETTLED_READINGS = 3

Flag = Literal[
    "refused_delta",
    "outlier",
    "not_reset",
    "restarted",
    "rolled_over",
    "power_above_asset",
    "gap",
    "ambiguous_register",
]
Proof = Literal["resets_at_plug_in", "restarts", "returns"]
Reading = tuple[int, int]
Flagged = list[tuple[int, Flag]]


@dataclass(frozen=True, slots=True)
class Step:
    """Energy a register counted between two instants (milliseconds since 1970), in whole watt-hours."""

    start_ms: int
    end_ms: int
    energy_wh: int


@dataclass(slots=True)
class History:
    """The history that explains a register's readings.

    ``live`` is the reading on which the next one builds. ``pending`` is the first of the readings near zero after it,
    of which it is not known yet whether the register started again or goes on where it was. ``proven`` is what the
    readings prove about the register. ``is_stale``: it still shows the count from before the plug-in.
    """

    live: Reading | None = None
    pending: Reading | None = None
    proven: frozenset[Proof] = frozenset()
    is_stale: bool = False
    steps: list[Step] = field(default_factory=list)
    flagged: Flagged = field(default_factory=list)

    def count(self, start_ms: int, end_ms: int, energy_wh: int) -> None:
        """Add a step, if it took any time."""
        if start_ms < end_ms:
            self.steps.append(Step(start_ms, end_ms, energy_wh))

    def extend(self, live: Reading, reading: Reading, activity: Activity) -> bool:
        """Add a rise that came too late to flow to the step before it, if it is the last of that charge.

        Some cars tell the last value of a charge seconds after its end.
        """
        last = self.steps[-1] if self.steps else None
        if last is None or last.end_ms != live[0] or reading[0] - live[0] > LATE_MS or reading[1] < live[1]:
            return False
        energy_wh = last.energy_wh + reading[1] - live[1]
        if not activity.could_flow(energy_wh, last.start_ms, last.end_ms, resolution_wh(live[1], reading[1])):
            return False
        self.steps[-1] = Step(last.start_ms, last.end_ms, energy_wh)
        self.live = (live[0], reading[1])
        return True

    def flag(self, readings: Sequence[Reading], flag: Flag) -> None:
        """Flag these readings."""
        self.flagged.extend((at_ms, flag) for at_ms, _ in readings)


def resolution_wh(*values_wh: int) -> int:
    """The coarsest of 1000, 100, 10 and 1 Wh in which a register may be counting, going by the values it showed."""
    return next(step for step in (1000, 100, 10, 1) if all(value % step == 0 for value in values_wh))


def drains(before: Reading, after: Reading) -> bool:
    """Whether the register went from one reading to the other by what standby draws: 50 Wh and 100 W at most."""
    sunk_wh = before[1] - after[1]
    return sunk_wh > 0 and (sunk_wh - DRAIN_WH) * 3_600_000 <= DRAIN_W * (after[0] - before[0])


def rises(before: Reading, after: Reading, activity: Activity) -> bool:
    """Whether the register went from one reading to the other by counting energy that could flow in the time."""
    if not after[1] - before[1] >= 0 or after[0] - before[0] > MAX_SPAN_MS:
        return False
    allowance_wh = resolution_wh(before[1], after[1])
    return activity.could_flow(after[1] - before[1], before[0], after[0], allowance_wh)


def goes_on(before: Reading, after: Reading, activity: Activity) -> bool:
    """Whether the register simply went on from one reading to the other."""
    return rises(before, after, activity) or drains(before, after)


def back_on_track(
    live: Reading, readings: Sequence[Reading], first: int, activity: Activity, *, in_plug: bool
) -> int | None:
    """Where the register goes on from ``live`` after readings, from ``first`` on, that do not fit; None if nowhere.

    Of a fall the least energy explains what follows: the register goes on where it was. Of a jump too high it has to
    come down again; else what follows builds on the jump. ``in_plug``: before the next plug-in only.
    """
    jumped = readings[first][1] > live[1]
    for index in range(first + 1, len(readings)):
        if in_plug and activity.plugs.last_opening(live[0], readings[index][0]) is not None:
            return None
        came_down = readings[index][1] < readings[index - 1][1]
        if goes_on(live, readings[index], activity) and (came_down or not jumped):
            return index
    return None
