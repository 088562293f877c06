"""Waiting on conditions, never on luck."""

import time
from collections.abc import Callable

PATIENCE_S = 45.0


def until(condition: Callable[[], bool], what: str) -> None:
    """Wait until a condition holds, or fail saying what did not come."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"waited {PATIENCE_S:.0f} s in vain until {what}"
        time.sleep(0.1)
