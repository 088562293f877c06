"""The first reading of a session register after a plug-in: it restarted, or shows the count before."""

from driveway.domain.metering.activity import POLLED_MS
from driveway.domain.metering.registers import COARSE_WH, JITTER_WH, History, Reading, drains, resolution_wh
from driveway.domain.metering.series import Series

SAME_COUNT_MS = 3_600_000


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
