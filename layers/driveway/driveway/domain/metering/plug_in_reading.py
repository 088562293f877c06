"""The first reading of a session register after a plug-in: it restarted, or shows the count before; and pauses at 0."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import islice
from typing import Protocol

from driveway.domain.metering.activity import Activity
from driveway.domain.metering.registers import COARSE_WH, NEAR_ZERO_WH, History, Proof, Reading, drains, resolution_wh
from driveway.domain.presence.observation import RegisterKind
from driveway.domain.presence.rules import POLLED

SAME_COUNT_MS = 3_600_000
JITTER_WH = 50
POLLED_MS = POLLED // timedelta(milliseconds=1)


class Series(Protocol):
    """The readings of a session register, and what is known about the register."""

    readings: Sequence[Reading]
    activity: Activity
    declared: RegisterKind | None
    known: frozenset[Proof]

    def could_count(self, reading: Reading, since_ms: int, from_wh: int = 0) -> bool:
        """Whether the register could count from ``from_wh`` to the reading in the time since."""
        ...

    def could_fill(self, reading: Reading, since_ms: int) -> bool:
        """The same from 0, whatever is known of the time since."""
        ...

    def is_certain(self, live: Reading, reading: Reading) -> bool:
        """Whether a register that did not rise proves that nothing flowed."""
        ...


def first_after_plug_in(series: Series, index: int, opened_ms: int, history: History) -> None:
    """Add the first reading after a plug-in to the history."""
    at_ms, value_wh = reading = series.readings[index]
    live, history.live, history.is_stale = history.live, reading, False
    since_ms = opened_ms
    if series.declared == "per_charge":
        since_ms = series.activity.last_begin(opened_ms - 1, at_ms) or opened_ms
    is_lower = live is not None and value_wh < live[1] and not drains(live, reading)
    if not series.could_count(reading, since_ms):
        if live is None or is_lower or value_wh > live[1]:
            history.flag([reading], "before_plug_in" if _may_have_flowed_here(series, reading) else "refused_delta")
        else:
            history.count(opened_ms, at_ms, 0)
        history.is_stale = True
        return
    if is_lower:
        history.proven |= {"resets_at_plug_in"}
    elif live is not None and value_wh:
        energy_wh = _counted_since(series, index, live, since_ms, history)
        if energy_wh is not None:
            history.count(since_ms, at_ms, energy_wh)
        history.is_stale = not energy_wh
        return
    count_from_0(series, reading, since_ms, history)


def is_a_pause(series: Series, index: int, opened_ms: int | None, live: Reading | None) -> bool:
    """Whether a reading of 0 hides the count of a register that goes on later, maybe over a false plug-out.

    A register that restarted, or had not counted before, could have counted so much since, too. Only a state of charge
    that was known at the 0, since the plug-in, and rose by less than half of it rules that out. By the state of charge
    before it, what the 0 hid must have flowed.
    """
    activity, low = series.activity, series.readings[index]
    if live is None or low[1] > NEAR_ZERO_WH or series.declared == "per_charge":
        return False
    following = next((one for one in islice(series.readings, index, None) if one[1] > NEAR_ZERO_WH), None)
    if following is None:
        return False
    if activity.plugs.last_opening(low[0], following[0]) is not None:
        return False
    since_ms = live[0] if opened_ms is None else opened_ms
    gained_wh = activity.gained_wh(since_ms, low[0], following[0])
    hidden_wh, before_wh = following[1] - live[1], activity.gained_wh(0, live[0], low[0]) or 0
    if gained_wh is None or hidden_wh < 0 or hidden_wh - 2 * before_wh > activity.soc_step_wh:
        return False
    return following[1] - 2 * gained_wh > activity.soc_step_wh


def count_from_0(series: Series, reading: Reading, since_ms: int, history: History) -> None:
    """Add the first reading of a register that started at 0, unless it shows 0 although the car charged."""
    if reading[1] or series.is_certain((since_ms, 0), reading):
        history.count(since_ms, *reading)
    else:
        # What it misses is counted from there.
        history.live = (since_ms, 0)


def _may_have_flowed_here(series: Series, reading: Reading) -> bool:
    """Whether the car may have taken it at home before it was seen plugged in: not more than in an hour, a poll's."""
    at_ms, value_wh = reading
    return series.could_fill(reading, at_ms - POLLED_MS) and value_wh > 0


def _counted_since(series: Series, index: int, live: Reading, since_ms: int, history: History) -> int | None:
    """The energy of this session in a reading that did not fall at the plug-in; None if unknown."""
    at_ms, value_wh = reading = series.readings[index]
    following_wh = _next_value(series, index)
    falls = following_wh is not None and following_wh < value_wh - JITTER_WH
    if falls or (series.declared == "per_charge" and not series.activity.charged_in(since_ms - 1, at_ms)):
        return 0
    if value_wh == live[1]:
        # A fine register does not reach the same value by chance: it still shows the session before.
        if following_wh is not None and resolution_wh(value_wh, following_wh) >= COARSE_WH:
            return value_wh
        history.flag([reading], "not_reset")
        return None
    if series.declared is not None:
        return value_wh
    # The register restarted, or it counted on from the session before.
    less_wh = max(0, value_wh - live[1])
    favoured = series.activity.favours_more(less_wh, value_wh, since_ms, at_ms)
    if favoured is None and "resets_at_plug_in" in series.known:
        return value_wh
    if favoured is None:
        history.flag([reading], "ambiguous_register")
    return value_wh if favoured else less_wh


def _next_value(series: Series, index: int) -> int | None:
    """The next different value that the register shows in the same plug-in, within the hour."""
    at_ms, value_wh = series.readings[index]
    for later_ms, later_wh in series.readings[index + 1 :]:
        opened = series.activity.plugs.last_opening(at_ms, later_ms)
        if later_ms - at_ms > SAME_COUNT_MS or opened is not None:
            return None
        if later_wh != value_wh:
            return later_wh
    return None
