"""What the home sessions of an asset took."""

from datetime import datetime

from msgspec import Struct


class SessionEnergy(Struct, frozen=True):
    """What a home session took, as its half-hours have it, and what was reported of it to the app.

    ``begun_at`` is when metering of it began, ``report_at`` when it is reported to the app next, ``reported_wh`` what
    was reported last. Of ``unknown_half_hours`` of a session that is over
    nothing shows whether energy flowed.
    """

    id: str
    begun_at: datetime
    energy_wh: int = 0
    closed_at: datetime | None = None
    report_at: datetime | None = None
    reported_wh: int | None = None
    unknown_half_hours: int = 0


class ExcessPower(Struct, frozen=True):
    """A power in watts above that of the asset, as it was seen at ``at`` (aware UTC)."""

    at: datetime
    power_w: int


class Meter(Struct, frozen=True):
    """The energy of the latest sessions, the running one last. The half-hours themselves are items of their own.

    ``facts`` is the mark of the plug facts that the half-hours hold (``plug_facts.facts_mark``).
    """

    sessions: tuple[SessionEnergy, ...] = ()
    facts: str = ""
    excess: tuple[ExcessPower, ...] = ()
    excess_reported_for_kw: float | None = None

    def session_wh(self, session_id: str | None) -> int:
        """What a session took so far, in watt-hours; 0 of one that is not known."""
        return next((session.energy_wh for session in self.sessions if session.id == session_id), 0)
