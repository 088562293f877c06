"""The clock every function and simulator reads.

On AWS it is the wall clock. On the local stack it may run faster, so that a night passes in a minute:
``DRIVEWAY_CLOCK=start=2026-01-15T21:50:00Z,scale=300,since=2026-11-22T18:00:00Z`` means: at the real instant ``since``
the clock showed ``start``, and ``scale`` seconds pass for every real second. Processes with the same text have the same
time.
"""

import time
from datetime import UTC, datetime, timedelta

from driveway.domain.instants import utc_text


class ClockError(ValueError):
    """The text of ``DRIVEWAY_CLOCK`` is malformed, or a scaled clock was set on AWS."""


class Clock:
    """Wall time, optionally scaled.

    Args:
        start: what this clock showed (aware UTC) at the real instant ``since``; None for the wall clock.
        since: the real instant (aware UTC) of ``start``.
        scale: seconds of this clock for each real second.
    """

    def __init__(self, start: datetime | None = None, since: datetime | None = None, scale: float = 1.0) -> None:
        self.start, self.since, self.scale = start, since, scale

    def now(self) -> datetime:
        """The present instant of this clock, aware UTC."""
        real = datetime.now(UTC)
        if self.start is None or self.since is None:
            return real
        return self.start + (real - self.since) * self.scale

    def real_now(self) -> datetime:
        """The real instant, aware UTC, at any scale: what others compare with their own clocks."""
        return datetime.now(UTC)

    def real_s(self, span: timedelta) -> float:
        """How many real seconds a span of this clock takes; never negative."""
        return max(0.0, span.total_seconds() / self.scale)

    def real_time(self, seconds: float) -> timedelta:
        """How much of this clock passes during real ``seconds``, which queues and calls take at any scale."""
        return timedelta(seconds=seconds * self.scale)

    def sleep_until(self, instant: datetime) -> None:
        """Block until this clock reaches ``instant`` (aware UTC)."""
        while (wait_s := self.real_s(instant - self.now())) > 0:
            time.sleep(wait_s)

    def sleep(self, seconds: float) -> None:
        """Block for so many seconds of this clock."""
        time.sleep(self.real_s(timedelta(seconds=seconds)))

    def text(self) -> str | None:
        """The ``DRIVEWAY_CLOCK`` text that gives this clock, or None for the wall clock."""
        if self.start is None or self.since is None:
            return None
        return f"start={utc_text(self.start)},scale={self.scale:g},since={utc_text(self.since)}"


def parse_clock(text: str | None, *, on_aws: bool) -> Clock:
    """The clock that ``DRIVEWAY_CLOCK`` describes; the wall clock when ``text`` is empty.

    ``since`` defaults to the present real instant, which suits a single process only.

    Raises:
        ClockError: the text is malformed, or a scaled clock was set on AWS.
    """
    if not text:
        return Clock()
    if on_aws:
        raise ClockError("DRIVEWAY_CLOCK is set, but a scaled clock is only for the local stack. Unset it.")
    try:
        parts = dict(part.split("=", 1) for part in text.split(","))
        start = datetime.fromisoformat(parts.pop("start"))
        scale = float(parts.pop("scale", "1"))
        since_text = parts.pop("since", None)
        since = datetime.fromisoformat(since_text) if since_text else datetime.now(UTC)
    except (KeyError, ValueError) as error:
        raise ClockError(
            f"DRIVEWAY_CLOCK={text!r} is not 'start=<ISO instant>,scale=<number>[,since=<ISO instant>]': {error}"
        ) from error
    if parts or scale <= 0 or start.tzinfo is None or since.tzinfo is None:
        raise ClockError(
            f"DRIVEWAY_CLOCK={text!r}: instants need an offset, scale must be positive, and nothing else is allowed."
        )
    return Clock(start=start.astimezone(UTC), since=since.astimezone(UTC), scale=scale)
