"""Readings near zero of a session register: it restarted, or it shows 0 and goes on where it was."""

from collections.abc import Sequence
from itertools import islice

from driveway.domain.metering.registers import NEAR_ZERO_WH, History, Reading, goes_on, resolution_wh, rises
from driveway.domain.metering.series import Series


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


def explain_near_zero(series: Series, index: int, live: Reading, history: History) -> int:
    """Explain the readings near zero from ``index`` on. Returns the index of the next reading to explain."""
    end = index
    while end < len(series.readings) and series.readings[end][1] <= NEAR_ZERO_WH:
        end += 1
    end = series.end_of_plug(index, end)
    low = series.readings[index:end]
    following = series.in_plug(end, low[-1])
    if series.declared == "per_charge":
        _count_restarted(series, low, live, history)
    elif following is None:
        # No later reading decides yet. If the session ended, the little energy since is left out.
        history.pending = low[0] if end == len(series.readings) else None
    else:
        returns = goes_on(live, following, series.activity)
        if _restarted(series, live, low, following, history, returns=returns):
            _count_restarted(series, low, live, history)
        elif series.declared != "zero_while_idle" or not returns:
            history.flag(low, "outlier")
    return end


def _restarted(
    series: Series, live: Reading, low: Sequence[Reading], following: Reading, history: History, *, returns: bool
) -> bool:
    """Whether the register restarted at readings near zero, by the reading that follows them."""
    counts = series.could_count(following, low[0][0], low[0][1]) or rises(low[-1], following, series.activity)
    restarts = counts and series.declared != "zero_while_idle"
    if returns and restarts:
        return _restart_is_likelier(series, live, low, following, history)
    if returns or restarts:
        history.proven |= {"restarts" if restarts else "returns"}
    return restarts


def _restart_is_likelier(
    series: Series, live: Reading, low: Sequence[Reading], following: Reading, history: History
) -> bool:
    less_wh, more_wh = max(0, following[1] - live[1]), following[1]
    if more_wh <= less_wh or series.declared == "per_plug_in":
        return False
    favoured = series.activity.favours_more(less_wh, more_wh, low[0][0], following[0])
    if favoured is None and len(proofs := series.known & {"restarts", "returns"}) == 1:
        favoured = "restarts" in proofs
    if favoured is None:
        history.flag([following], "ambiguous_register")
        history.is_contradicted = True
    return bool(favoured)


def _count_restarted(series: Series, low: Sequence[Reading], live: Reading, history: History) -> None:
    """Count the readings of a register that restarted right after ``live``."""
    previous = (live[0], 0)
    for reading in low:
        energy_wh = max(0, reading[1] - previous[1])
        if series.activity.could_flow(energy_wh, previous[0], reading[0], resolution_wh(reading[1])):
            history.count(previous[0], reading[0], energy_wh)
        previous = reading
    history.live = low[-1]
