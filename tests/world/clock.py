"""The world's time: it stands still until somebody moves it, and every part of the world reads it."""

from collections.abc import Callable
from datetime import datetime, timedelta

from driveway.runtime.clock import Clock


class WorldClock(Clock):
    """The true time of the world. Its seconds are real seconds to everybody, but waiting takes none."""

    def __init__(self, at: datetime) -> None:
        """A clock that shows ``at`` (aware UTC)."""
        super().__init__()
        self._at = at

    def now(self) -> datetime:
        """The present instant, aware UTC."""
        return self._at

    def advance(self, seconds: float) -> None:
        """Let seconds pass; nothing happens in them."""
        self.put(self.now() + timedelta(seconds=seconds))

    def put(self, at: datetime) -> None:
        """Go to an instant (aware UTC); never back."""
        self._at = max(at, self.now())

    def sleep_until(self, instant: datetime) -> None:
        """Go to an instant."""
        self.put(instant)

    def sleep(self, seconds: float) -> None:
        """Let seconds pass."""
        self.advance(seconds)


class InstanceClock(Clock):
    """The clock of one instance of a function, which differs from the true time by some seconds.

    Args:
        true: the time of the world.
        ahead_s: by how many seconds this clock is ahead; negative: behind.
        wait: lets seconds pass in the world, with what happens in them.
    """

    def __init__(self, true: WorldClock, ahead_s: float, wait: Callable[[float], None]) -> None:
        super().__init__()
        self._true, self._ahead, self._wait = true, timedelta(seconds=ahead_s), wait

    def now(self) -> datetime:
        """What this clock shows, aware UTC."""
        return self._true.now() + self._ahead

    def sleep_until(self, instant: datetime) -> None:
        """Wait until this clock shows an instant."""
        self.sleep((instant - self.now()).total_seconds())

    def sleep(self, seconds: float) -> None:
        """Wait for seconds."""
        if seconds > 0:
            self._wait(seconds)
