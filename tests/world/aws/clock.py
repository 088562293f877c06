"""The time of the world."""

from datetime import datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """The clock that the world moves."""

    def now(self) -> datetime:
        """The present instant, aware UTC."""
        ...

    def advance(self, seconds: float) -> None:
        """Move on."""
        ...


def after(instant: datetime, seconds: float) -> datetime:
    """The instant so many seconds later."""
    return instant + timedelta(seconds=seconds) if seconds else instant
