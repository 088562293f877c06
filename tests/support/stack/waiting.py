"""Waits for conditions, never for a fixed time."""

import time
from collections.abc import Callable

PATIENCE_S = 45.0


def until(condition: Callable[[], object], what: str, *, patience_s: float = PATIENCE_S) -> None:
    """Wait until a condition holds, or fail with what did not happen."""
    deadline = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < deadline, f"waited {patience_s:.0f} s in vain until {what}"
        time.sleep(0.1)
