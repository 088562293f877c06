"""The effective schedule from an instant on, computed once for a whole reconcile step. Pure."""

from datetime import datetime

from driveway.domain.schedules.effective_schedule import HORIZON, Stretch, effective_schedule
from driveway.domain.twin import Twin


class ScheduleWindow:
    """The effective schedule of a twin from ``start`` (aware UTC) until ``HORIZON``.

    It is computed when it is first needed: most steps of an unplugged car never need it.
    """

    __slots__ = ("_spread_s", "_stretches", "_twin", "start")

    def __init__(self, twin: Twin, start: datetime, *, spread_s: int = 0) -> None:
        self.start = start
        self._twin = twin
        self._spread_s = spread_s
        self._stretches: list[Stretch] | None = None

    @property
    def stretches(self) -> list[Stretch]:
        """The effective schedule, ascending and contiguous."""
        if self._stretches is None:
            until = self.start + HORIZON
            self._stretches = effective_schedule(self._twin, self.start, until, spread_s=self._spread_s)
        return self._stretches

    def at(self, instant: datetime) -> Stretch:
        """The stretch at an instant. Before the start it is the first, after the end the last."""
        return next((part for part in self.stretches if instant < part.end), self.stretches[-1])

    def edge_after(self, instant: datetime) -> datetime | None:
        """The next instant at which the limit changes; None if it does not change within ``HORIZON``."""
        limit_kw = self.at(instant).limit_kw
        later = (part for part in self.stretches if part.start > instant)
        return next((part.start for part in later if part.limit_kw != limit_kw), None)
