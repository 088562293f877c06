"""How long a release that has no effect is tried: for a day; then the driver is informed once. Pure.

The breaker lets one trial pass each hour, whatever is wrong with the car or its account. The trials begin again when
the account works again, when the car can be reached again, and with another release.
"""

from datetime import datetime, timedelta

from driveway.domain.control.desired import RELEASING, left_alone
from driveway.domain.control.released import leftovers
from driveway.domain.control.required_command import is_held_by_command
from driveway.domain.twin import Command, Entry, Twin
from driveway.domain.twin.events import Event
from driveway.domain.twin.reasons import Reason
from driveway.values import replace

TRIED_FOR = timedelta(days=1)


def with_release_trials(twin: Twin, now: datetime) -> Twin:
    """The twin whose release is given up at ``now`` (aware UTC) once its trials are over, or is not due any more."""
    control = twin.control
    if control.release_since is None:
        return twin
    if left_alone(twin, now) not in RELEASING or not is_held_by_command(twin, now):
        return replace(twin, control=replace(control, release_since=None, release_given_up_at=None))
    tried_until = control.release_since + TRIED_FOR
    if control.release_given_up_at is not None or now < tried_until or not _is_over(control.command, tried_until):
        return twin
    text = " ".join(("We tried for a day to release your car, without effect.", *leftovers(twin, now)))
    return replace(twin, control=replace(control, release_given_up_at=now)).tell(
        Entry(now, Event.NEEDS_ATTENTION, Reason.RELEASE_GIVEN_UP, text)
    )


def _is_over(command: Command | None, tried_until: datetime) -> bool:
    """Whether the last trial, the first one that ends after the day, is over, or waits for a provider that is out."""
    if command is None:
        return False
    return command.waits_for_provider or (command.ended_at is not None and command.ended_at >= tried_until)
