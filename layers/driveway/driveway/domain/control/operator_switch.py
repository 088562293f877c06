"""The operator's switch for everything: all control ends and every car is released, until it is switched on again.

The switch is one record (``store.control_switch``). Charge control copies it to a twin before all other decisions, so
that every rule reads the twin alone. Pure.
"""

from datetime import datetime, timedelta

from driveway.domain.twin import Entry, Twin
from driveway.domain.twin.events import Event
from driveway.domain.twin.reasons import Reason
from driveway.values import replace

LOOKS_AFTER = timedelta(hours=1)
"""The time between two reconciles of a released twin, as the switch may be on again by then."""


def with_switch(twin: Twin, now: datetime, *, released: bool, since: datetime | None) -> Twin:
    """The twin with the switch as it was read at ``now`` (aware UTC); the very same twin if it has it already.

    A reader that knows only an older switch than the twin was changed by changes nothing.

    Args:
        since: when the switch was set (aware UTC); None if it never was.
    """
    known = twin.control
    if _is_outdated(since, known.operator_switched_at):
        return twin
    if released == (known.released_by_operator_at is not None):
        is_known = since == known.operator_switched_at
        return twin if is_known else replace(twin, control=replace(known, operator_switched_at=since))
    control = replace(known, released_by_operator_at=now if released else None, operator_switched_at=since)
    if released:
        text = "Smart charging is switched off for everybody. Your car charges whenever it is plugged in."
        entry = Entry(now, Event.CONTROL_RELEASED, Reason.RELEASED_BY_OPERATOR, text)
    else:
        text = "Smart charging is switched on again."
        entry = Entry(now, Event.CONTROL_RESUMED, Reason.RESUMED_BY_OPERATOR, text)
    return replace(twin, control=control).tell(entry)


def _is_outdated(since: datetime | None, known: datetime | None) -> bool:
    return known is not None and (since is None or since < known)


def switch_due(twin: Twin, now: datetime) -> datetime | None:
    """When a twin that the operator released needs the next reconcile (aware UTC); None for any other."""
    return now + LOOKS_AFTER if twin.control.released_by_operator_at is not None else None
