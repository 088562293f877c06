"""Lifetime registers: the history of a register that only grows, unless it rolls over or the meter is replaced."""

from collections.abc import Sequence
from itertools import pairwise

from msgspec import Struct

from driveway.domain.metering.activity import LATE_MS, MAX_SPAN_MS, Activity
from driveway.domain.metering.alternation import by_value
from driveway.domain.metering.registers import (
    SETTLED_READINGS,
    History,
    Reading,
    back_on_track,
    drains,
    goes_on,
    had_power,
    resolution_wh,
)
from driveway.values import replace

ROLL_OVER_WITHIN_PCT = 1


def lifetime_history(readings: Sequence[Reading], before: History, activity: Activity, *, at_home: bool) -> History:
    """The history of a lifetime register's readings, in order. It continues ``before``.

    A fall is a roll-over if the register was within 1 % of the next power of ten (or 2^32) of watt-hours and the energy
    up to there and beyond could flow. If the car was stopped before and after, it is none: that the meter was replaced
    explains the fall with less energy. Otherwise, if the register goes on where it was, the low readings are outliers,
    unless they rise to it step by step. Otherwise the meter was replaced, and counting starts again. The energy before
    the first reading, or in a silence of more than a week, is unknown and flagged. A register that stays at 0 after a
    reading with power shows nothing: it was replaced, or never counts.

    With ``at_home`` False the register travels with the car. A step counts only if the time outside home sessions is
    too short to charge elsewhere (five minutes), and nothing is flagged before the first reading.
    """
    history = replace(before, steps=[], unseen=[], flagged=[])
    found = by_value(readings, before.live, activity, may_restart=False)
    history.flag(found.other, "outlier")
    readings = found.own
    series = _Series(readings, activity, at_home, history)
    index = 0
    while index < len(readings):
        index = series.take(index)
    if found.is_undecided:
        history.leave_open(readings)
    return history


class _Series(Struct, frozen=True):
    readings: Sequence[Reading]
    activity: Activity
    at_home: bool
    history: History

    def take(self, index: int) -> int:
        """Explain the reading at ``index``. Returns the index of the next reading to explain."""
        reading, live = self.readings[index], self.history.live
        if live is None or reading[0] - live[0] > MAX_SPAN_MS:
            if self.at_home:
                self.history.flag([reading], "gap")
            self.history.live = reading
        elif self._may_have_charged_elsewhere(live, reading):
            if reading[1] < live[1] and (returned := self._returned(index, live)) is not None:
                return returned
            self.history.live = reading
        elif goes_on(live, reading, self.activity):
            self._went_on(live, reading)
        elif (rolled_wh := self._rolled_over(live, reading)) is not None:
            self._count(live, reading, rolled_wh)
            self.history.flag([reading], "rolled_over")
        elif not self.history.extend(live, reading, self.activity):
            return self._unexplained(index, live)
        return index + 1

    def _may_have_charged_elsewhere(self, live: Reading, reading: Reading) -> bool:
        plugs = self.activity.plugs
        if self.at_home or not (plugs.sessions or self.activity.travels):
            return False
        return plugs.outside_ms(live[0], reading[0]) > LATE_MS

    def _count(self, live: Reading, reading: Reading, energy_wh: int) -> None:
        self.history.count(live[0], reading[0], energy_wh)
        self.history.live = reading

    def _went_on(self, live: Reading, reading: Reading) -> None:
        if live[1] == reading[1] == 0 and had_power(live, self.activity) and reading[0] - live[0] > LATE_MS:
            # It was replaced meanwhile, or never counts.
            self.history.live = reading
            return
        self._count(live, reading, max(0, reading[1] - live[1]))

    def _returned(self, index: int, live: Reading) -> int | None:
        """The index at which the register is back at ``live`` or above after lower readings."""
        for place in range(index + 1, len(self.readings)):
            if self.readings[place][1] >= live[1] or drains(live, self.readings[place]):
                self.history.flag(self.readings[index:place], "outlier")
                return place
        return None

    def _unexplained(self, index: int, live: Reading) -> int:
        reading = self.readings[index]
        returned = back_on_track(live, self.readings, index, self.activity, in_plug=False)
        if returned is not None and not self._climbs(index, returned):
            self.history.flag(self.readings[index:returned], "outlier")
            return returned
        if self.history.rise_unseen(live, reading, self.activity, is_declared=True):
            return index + 1
        if reading[1] < live[1] and index + 1 == len(self.readings):
            # The last reading of the day. The next day shows where the register goes on.
            self.history.flag([reading], "outlier")
            return index + 1
        self.history.flag([reading], "refused_delta" if reading[1] > live[1] else "restarted")
        self.history.live = reading
        return index + 1

    def _climbs(self, index: int, returned: int) -> bool:
        """Whether low readings rise without a jump to where the register was: a new meter overtakes the old one."""
        climb = self.readings[index : returned + 1]
        rising = sum(after[1] > before[1] for before, after in pairwise(climb))
        return rising >= SETTLED_READINGS and all(goes_on(a, b, self.activity) for a, b in pairwise(climb))

    def _rolled_over(self, live: Reading, reading: Reading) -> int | None:
        (start_ms, start_wh), (end_ms, end_wh) = live, reading
        if end_wh >= start_wh or self.activity.seems_idle(start_ms, end_ms):
            return None
        for modulus_wh in (10 ** len(str(start_wh)), 2**32):
            energy_wh = modulus_wh - start_wh + end_wh
            was_near = 0 < (modulus_wh - start_wh) * 100 <= modulus_wh * ROLL_OVER_WITHIN_PCT
            if was_near and self.activity.could_flow(energy_wh, start_ms, end_ms, resolution_wh(start_wh, end_wh)):
                return energy_wh
        return None
