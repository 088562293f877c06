"""The time of the world."""

from datetime import datetime, timedelta
from typing import Protocol


class ReadClock(Protocol):
    """A clock that can be read."""

    def now(self) -> datetime:
        """The present instant, aware UTC."""
        ...


class Clock(ReadClock, Protocol):
    """The clock that the world moves."""

    def advance(self, seconds: float) -> None:
        """Move on."""
        ...


def after(instant: datetime, seconds: float) -> datetime:
    """The instant so many seconds later."""
    return instant + timedelta(seconds=seconds) if seconds else instant
