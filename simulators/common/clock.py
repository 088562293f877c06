"""The clock of a simulator process."""

import os

from driveway.runtime.clock import Clock, parse_clock


def clock_from_env() -> Clock:
    """The clock that ``DRIVEWAY_CLOCK`` gives this process; the wall clock when it is unset.

    Raises:
        ClockError: the text is malformed.
    """
    return parse_clock(os.environ.get("DRIVEWAY_CLOCK"), on_aws=False)
