"""Cumulative energy registers: the rules for a step from one reading to the next.

A register rises by the energy that flows. It may sink by standby losses, restart at a plug-in or at a charge, show 0
while nothing flows, roll over, or be replaced. ``session_register`` and ``lifetime_register`` find the history of one
rising register that explains a series of readings. This module holds the rules that both share.
"""

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct, field

from driveway.domain.metering.activity import LATE_MS, MAX_SPAN_MS, Activity, Span

NEAR_ZERO_WH = 200
COARSE_WH = 100
JITTER_WH = 50
DRAIN_WH = 50
DRAIN_W = 100
SETTLED_READINGS = 3

Flag = Literal[
    "refused_delta",
    "before_plug_in",
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


class Step(Struct, frozen=True):
    """The energy that a register counted between two instants (milliseconds since 1970), in whole watt-hours."""

    start_ms: int
    end_ms: int
    energy_wh: int


class History(Struct):
    """The history that explains a register's readings.

    ``live`` is the reading that the next one builds on. ``pending`` is the first of some readings near zero after it:
    the register restarted there, or it shows 0 and goes on where it was; a later reading decides. ``proven`` is what
    the readings prove about the register. ``is_stale``: it still shows the count from before the plug-in.
    ``is_contradicted``: readings since ``live`` contradict that the register simply goes on. ``unseen`` are the spans
    of a rise within a session in which, by the reports, nothing flowed: the reports of a charge may be missing.
    """

    live: Reading | None = None
    pending: Reading | None = None
    proven: frozenset[Proof] = frozenset()
    is_stale: bool = False
    is_contradicted: bool = False
    steps: list[Step] = field(default_factory=list)
    unseen: list[Span] = field(default_factory=list)
    flagged: Flagged = field(default_factory=list)

    def count(self, start_ms: int, end_ms: int, energy_wh: int) -> None:
        """Add a step, unless it took no time."""
        if start_ms < end_ms:
            self.steps.append(Step(start_ms, end_ms, energy_wh))

    def count_on(self, live: Reading, reading: Reading, energy_wh: int, *, is_certain: bool) -> None:
        """Add the step of a register that goes on. Without energy it counts only if nothing contradicts it."""
        if energy_wh or (is_certain and not self.is_contradicted):
            self.count(live[0], reading[0], energy_wh)

    def rise_unseen(self, live: Reading, reading: Reading, activity: Activity, *, is_declared: bool) -> bool:
        """Add a rise that could have flowed while plugged in, but not by the reports of charging.

        The charge may lie between two polls. Or its report is missing: the declaration of a register outranks the
        reports. Of an undeclared register it is then unknown whether the energy flowed: it is not added, but the time
        is not known to be idle either.
        """
        (start_ms, start_wh), (end_ms, end_wh) = live, reading
        flow = (end_wh - start_wh, start_ms, end_ms, resolution_wh(start_wh, end_wh))
        if end_wh <= start_wh or not activity.could_flow_unseen(*flow):
            return False
        is_between_polls = activity.could_flow_between_polls(*flow)
        if not is_between_polls:
            self.unseen.append((start_ms, end_ms))
        if not is_declared and not is_between_polls:
            return False
        self.count(start_ms, end_ms, end_wh - start_wh)
        self.live = reading
        return True

    def leave_open(self, readings: Sequence[Reading]) -> None:
        """Drop the steps without energy over the time of these readings, which contradict each other."""
        start_ms, end_ms = readings[0][0], readings[-1][0]
        self.steps = [s for s in self.steps if s.energy_wh or s.end_ms <= start_ms or s.start_ms >= end_ms]
        self.flag(readings[-1:], "ambiguous_register")

    def extend(self, live: Reading, reading: Reading, activity: Activity) -> bool:
        """Add a rise in idle time to the step before it, if it is the last value of that charge.

        Some cars report the last value of a charge seconds after its end.
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
    """The coarsest of 1000, 100, 10 and 1 Wh that divides all these values of a register."""
    return next(step for step in (1000, 100, 10, 1) if all(value % step == 0 for value in values_wh))


def drains(before: Reading, after: Reading) -> bool:
    """Whether the register sank no more than standby losses explain: 50 Wh plus 100 W x time."""
    sunk_wh = before[1] - after[1]
    return sunk_wh > 0 and (sunk_wh - DRAIN_WH) * 3_600_000 <= DRAIN_W * (after[0] - before[0])


def is_behind(before: Reading, after: Reading, activity: Activity) -> bool:
    """Whether a fine register shows after a charge, minutes later, what it showed while the charge had power.

    It cannot have stood still by chance. Some clouds hand on the last value of a charge after its stop.
    """
    is_fine = resolution_wh(before[1]) < COARSE_WH
    is_over = not activity.charged_in(before[0], after[0])
    is_still = before[1] == after[1] and after[0] - before[0] > LATE_MS
    return is_still and is_fine and is_over and had_power(before, activity)


def had_power(reading: Reading, activity: Activity) -> bool:
    """Whether power flowed at the instant of a reading."""
    return any(at_ms == reading[0] and power_w > 0 for at_ms, power_w in activity.powers)


def rises(before: Reading, after: Reading, activity: Activity) -> bool:
    """Whether the register rose by no more than could flow in the time, or stayed."""
    if after[1] < before[1] or after[0] - before[0] > MAX_SPAN_MS:
        return False
    allowance_wh = resolution_wh(before[1], after[1])
    return activity.could_flow(after[1] - before[1], before[0], after[0], allowance_wh)


def goes_on(before: Reading, after: Reading, activity: Activity) -> bool:
    """Whether the register continued from one reading to the other."""
    return rises(before, after, activity) or drains(before, after)


def back_on_track(
    live: Reading, readings: Sequence[Reading], first: int, activity: Activity, *, in_plug: bool
) -> int | None:
    """The index at which the register goes on from ``live`` after readings, from ``first`` on, that do not fit.

    None if it goes on nowhere. After a fall the register goes on where it was, because that is the history with the
    least energy. After a jump too high it must come down again, otherwise later readings build on the jump.
    ``in_plug``: only readings before the next plug-in count.
    """
    jumped = readings[first][1] > live[1]
    for index in range(first + 1, len(readings)):
        if in_plug and activity.plugs.last_opening(live[0], readings[index][0]) is not None:
            return None
        before, reading = readings[index - 1], readings[index]
        came_down = reading[1] < before[1] and not drains(before, reading)
        if goes_on(live, reading, activity) and (came_down or not jumped):
            return index
    return None
