"""How long a command that failed for now is waited with at most before it is sent again. Pure."""

from datetime import timedelta

from driveway.domain.control.budgets import RELEASES
from driveway.domain.twin import CommandAction, Twin

LONGEST_PAUSE = timedelta(days=1)
LONGEST_RELEASE_PAUSE = timedelta(hours=1)
"""The longest pause before a command that leaves the car able to charge is sent again."""

LEAVING_PAUSE = timedelta(minutes=10)
"""The same for a car that leaves, which has an hour in all."""


def longest_pause(twin: Twin, action: CommandAction) -> timedelta:
    """The longest pause before a command to the settings in a car or charger is sent again."""
    if action not in RELEASES:
        return LONGEST_PAUSE
    return LEAVING_PAUSE if twin.link.leaving else LONGEST_RELEASE_PAUSE
