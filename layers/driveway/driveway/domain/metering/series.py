"""The readings of a session register, what is known about it, and the questions that explain its readings."""

from collections.abc import Sequence
from itertools import pairwise

from msgspec import Struct

from driveway.domain.metering.activity import LATE_MS, Activity, plausible
from driveway.domain.metering.registers import SETTLED_READINGS, Proof, Reading, goes_on, is_behind, resolution_wh
from driveway.domain.presence.observation import RegisterKind

MAY_SHOW_0: tuple[RegisterKind | None, ...] = (None, "zero_while_idle")


class Series(Struct, frozen=True):
    """The readings of a session register, in order of time.

    ``activity`` is what other samples show of that time, ``declared`` the kind of register by the provider's table or
    the app, and ``known`` what its readings prove about it.
    """

    readings: Sequence[Reading]
    activity: Activity
    declared: RegisterKind | None
    known: frozenset[Proof]

    def could_count(self, reading: Reading, since_ms: int, from_wh: int = 0) -> bool:
        """Whether the register could count from ``from_wh`` to the reading in the time since."""
        energy_wh = max(0, reading[1] - from_wh)
        return self.activity.could_flow(energy_wh, since_ms, reading[0], resolution_wh(reading[1], from_wh))

    def could_fill(self, reading: Reading, since_ms: int) -> bool:
        """The same from 0, whatever is known of the time since."""
        return plausible(reading[1], reading[0] - since_ms, self.activity.power_w, resolution_wh(reading[1], 0))

    def is_certain(self, live: Reading, reading: Reading) -> bool:
        """Whether a register that did not rise proves that nothing flowed: in a charge not if it sank or is late."""
        # One that shows 0 may do so whatever flows.
        shows_nothing = reading[1] < live[1] or (reading[1] == 0 and self.declared in MAY_SHOW_0)
        shows_nothing |= is_behind(live, reading, self.activity)
        return not shows_nothing or not self.activity.charged_in(live[0] - 1, reading[0] - 1)

    def is_settled(self, index: int) -> bool:
        """Whether the register continues from a reading through the next three."""
        following = self.readings[index : index + 1 + SETTLED_READINGS]
        is_long = len(following) > SETTLED_READINGS
        return is_long and all(goes_on(a, b, self.activity) for a, b in pairwise(following))

    def is_outside(self, live: Reading, at_ms: int) -> bool:
        """Whether the session of the reading ``live`` is over at an instant."""
        plugs = self.activity.plugs
        if not self.activity.travels:
            return plugs.closed_before(at_ms) is not None
        return plugs.closed_before(at_ms) is not None or plugs.outside_ms(live[0], at_ms) > LATE_MS

    def end_of_plug(self, first: int, end: int) -> int:
        """The index of the first reading from ``first`` to ``end`` that follows another plug-in; else ``end``."""
        begun_ms = self.readings[first][0]
        for index in range(first, end):
            if self.activity.plugs.last_opening(begun_ms, self.readings[index][0]) is not None:
                return index
        return end

    def in_plug(self, index: int, last: Reading) -> Reading | None:
        """The reading at ``index`` if it belongs to the same session as ``last``; else None."""
        if index >= len(self.readings) or self.is_outside(last, self.readings[index][0]):
            return None
        opened = self.activity.plugs.last_opening(last[0], self.readings[index][0])
        return self.readings[index] if opened is None else None
