"""How much time a run of a function has left: no call to another service begins, or lasts, beyond that."""

import math
from collections.abc import Callable
from typing import Any

ANSWER_S = 2.0
"""What is kept of a function's time for noting an outcome and for the answer."""

LEAST_CALL_S = 1.0
"""No call is begun with less: it could hardly be answered, and whether it was carried out would be unknown."""

ENOUGH_S = 15.0
"""What a call may take (13 s), and its note. Work that can wait for another run is not begun with less."""

TimeLeft = Callable[[], float]
"""The real seconds until the deadline."""


def no_deadline() -> float:
    """The time left where nothing ends: forever."""
    return math.inf


class Deadline:
    """When the present run of a function has to answer; without one, or outside of a run, never."""

    def __init__(self) -> None:
        self._context: Any = None

    def begin(self, context: Any) -> None:
        """Begin a run with its Lambda context, which says how much of the function's time is left."""
        self._context = context

    def left_s(self) -> float:
        """The real seconds until this run has to answer; every HTTP call and every wait keeps to them."""
        if self._context is None:
            return no_deadline()
        return float(self._context.get_remaining_time_in_millis()) / 1000 - ANSWER_S
