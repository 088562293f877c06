"""Registers that alternate: in turn with their own value they show another one, such as 0 or the count at the start.

Readings of the other value carry no information. They are left out before the history of the register is sought.
"""

from collections.abc import Sequence

from msgspec import Struct

from driveway.domain.metering.activity import Activity
from driveway.domain.metering.registers import Reading, drains, goes_on, resolution_wh, rises

PROVING_RETURNS = 2
"""A register alternates if it goes on where it was so often after readings of the same lower value."""


class ByValue(Struct, frozen=True):
    """The readings of a register's own value, and those of the other value that it shows in turn.

    ``is_undecided``: the register may alternate, or its high readings may be outliers. All readings are in ``own``.
    """

    own: Sequence[Reading]
    other: Sequence[Reading] = ()
    is_undecided: bool = False


def by_value(readings: Sequence[Reading], live: Reading | None, activity: Activity, *, may_restart: bool) -> ByValue:
    """The readings by value, if they prove that the register alternates; otherwise all are its own.

    ``live`` is the reading before them, if the register cannot have restarted since. The other value is the lowest one.
    A register that ``may_restart`` alternates only if at least one rise from the other value is more than could flow.
    It must return to its own value twice, or once and show it more often than the other one.

    The first reading of the other value is kept if nothing comes before it and the register can have risen from it.
    """
    other_wh = min((value_wh for _, value_wh in readings), default=0)
    own = [reading for reading in readings if reading[1] != other_wh]
    returns = _returns(readings, other_wh, live, activity, may_restart=may_restart) if own else 0
    if not returns:
        return ByValue(readings)
    other = [reading for reading in readings if reading[1] == other_wh]
    if returns < PROVING_RETURNS and len(own) <= sum(at_ms > own[0][0] for at_ms, _ in other):
        return ByValue(readings, is_undecided=True)
    if live is None and readings[0] == other[0] and rises(other[0], own[0], activity):
        return ByValue([other[0], *own], other[1:])
    return ByValue(own, other)


def _returns(
    readings: Sequence[Reading], other_wh: int, live: Reading | None, activity: Activity, *, may_restart: bool
) -> int:
    """How often the register goes on where it was after the other value; 0 if it does not always, or may restart."""
    returns, is_proven = 0, not may_restart
    before = live if live is not None and live[1] > other_wh else None
    low: Reading | None = None
    for reading in readings:
        if reading[1] == other_wh:
            low = low or reading
            continue
        if before is not None and low is not None:
            if drains(before, low) or not goes_on(before, reading, activity):
                return 0
            returns += 1
            allowance_wh = resolution_wh(other_wh, reading[1])
            is_proven |= not activity.could_flow(reading[1] - other_wh, low[0], reading[0], allowance_wh)
        before, low = reading, None
    return returns if is_proven else 0
