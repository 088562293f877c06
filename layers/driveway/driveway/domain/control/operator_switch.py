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


def with_switch(twin: Twin, now: datetime, *, released: bool) -> Twin:
    """The twin with the switch as it is at ``now`` (aware UTC); the very same twin if it has it already."""
    since = twin.control.released_by_operator_at
    if released == (since is not None):
        return twin
    control = replace(twin.control, released_by_operator_at=now if released else None)
    if released:
        text = "Smart charging is switched off for everybody. Your car charges whenever it is plugged in."
        entry = Entry(now, Event.CONTROL_RELEASED, Reason.RELEASED_BY_OPERATOR, text)
    else:
        text = "Smart charging is switched on again."
        entry = Entry(now, Event.CONTROL_RESUMED, Reason.RESUMED_BY_OPERATOR, text)
    return replace(twin, control=control).tell(entry)


def switch_due(twin: Twin, now: datetime) -> datetime | None:
    """When a twin that the operator released needs the next reconcile (aware UTC); None for any other."""
    return now + LOOKS_AFTER if twin.control.released_by_operator_at is not None else None
