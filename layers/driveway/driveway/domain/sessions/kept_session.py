"""The short record of a home session that is kept after the twin has forgotten it. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from msgspec import Struct

from driveway.domain.control.required_command import is_full
from driveway.domain.sessions.plan import InForce, energy_allowed_kwh
from driveway.domain.sessions.verdict import HalfHour, Spread, energy_kwh
from driveway.domain.twin import Session, Twin
from driveway.values import replace

ROUNDED_PCT = 0.5
"""Some makers report whole per cents."""

NOTHING_KWH = 0.1
"""A battery that took no more than this until it was found full was full before: its last per cents are slow, and a
state of charge that is rounded up hides up to half a per cent of them."""

LAST_POWER = 0.5
"""Of its power a battery that fills up takes so much on average from then on: its last per cents are slow."""


class KeptSession(Struct, frozen=True):
    """A home session, from ``opened_at`` until ``closed_at`` (aware UTC; None: it still runs).

    What is None besides ``closed_at`` is not known by this record, and an earlier record of the session still holds.

    Attributes:
        plugged_at: when the car was plugged in. Home may have become known later.
        energy_wh: what the half-hours have of it; of a running session in coarse steps.
        vehicle_id: the car that the app named as plugged in.
        soc_pct: the latest state of charge, while the session ran.
        is_full: whether the battery was full, or at its charge limit, while the session ran.
        charge_limit_pct: the charge limit that the car showed.
        filled_at: since when the battery was found full, or at its charge limit.
    """

    id: str
    opened_at: datetime
    plugged_at: datetime
    closed_at: datetime | None = None
    energy_wh: int = 0
    vehicle_id: str | None = None
    soc_pct: float | None = None
    is_full: bool | None = None
    charge_limit_pct: float | None = None
    filled_at: datetime | None = None

    @property
    def has_filled(self) -> bool:
        """Whether the battery was found full or at its charge limit, by its state or by its state of charge."""
        return bool(self.is_full) or self.shows_filled

    @property
    def shows_filled(self) -> bool:
        """Whether the state of charge is at the charge limit."""
        limit_pct = 100.0 if self.charge_limit_pct is None else self.charge_limit_pct
        return self.soc_pct is not None and self.soc_pct >= limit_pct - ROUNDED_PCT

    def has_filled_by(self, by: datetime, half_hours: Iterable[HalfHour], parts: Sequence[InForce] = ()) -> bool:
        """Whether the battery was full by an instant: found so by then, or later without energy in between to speak of.

        What a car took unseen until it was found full does not count as taken since then, if it could charge on by the
        limits in force (``parts``) and so had it all before. Of a session that an earlier version kept it is not known
        since when.
        """
        if self.filled_at is None or self.filled_at <= by:
            return self.has_filled
        since = [one for one in half_hours if one.spread is None or not _had_all_by(one.spread, by, parts)]
        return self.has_filled and energy_kwh(since, by, self.filled_at) <= NOTHING_KWH

    @property
    def begun_at(self) -> datetime:
        """When it began (aware UTC): the plug-in, or the start if that is earlier."""
        return min(self.plugged_at, self.opened_at)


def _had_all_by(spread: Spread, by: datetime, parts: Sequence[InForce]) -> bool:
    """Whether a car that filled up unseen had all by an instant, if it charged on at half its power or more."""
    power_kw = spread.first_kw * LAST_POWER
    could_kwh = energy_allowed_kwh(parts, spread.start, by, power_kw=power_kw, where_unknown=False)
    return spread.energy_kwh <= could_kwh


def sessions_to_keep(before: Twin | None, after: Twin) -> tuple[tuple[KeptSession, ...], tuple[KeptSession, ...]]:
    """The records to write and those to delete after a write of a twin.

    A record is written when a session opens, ends, is found full, or has another energy after its end. Its place is its
    start, so a session whose start moves leaves a record to delete.
    """
    known = {kept.id: kept for kept in _kept(before, before)} if before is not None else {}
    written = tuple(kept for kept in _kept(after, before) if _is_news(known.get(kept.id), kept))
    moved = tuple(known[kept.id] for kept in written if kept.id in known and known[kept.id].opened_at != kept.opened_at)
    return written, moved


def as_it_runs(kept: KeptSession, twin: Twin) -> KeptSession:
    """The record of a session with the present facts of the twin while the session runs; else as it was kept.

    Records of a running session are written at its turns only, so the state of charge in them is an old one.
    """
    running = twin.presence.session
    if running is None or running.id != kept.id or kept.closed_at is not None:
        return kept
    live = _record(twin, running, is_live=True)
    known = [at for at in (live.filled_at, kept.filled_at) if at is not None]
    return replace(live, is_full=bool(live.is_full or kept.is_full), filled_at=min(known, default=None))


def _is_news(known: KeptSession | None, kept: KeptSession) -> bool:
    if known is None:
        return True
    if (known.opened_at, known.plugged_at, known.closed_at) != (kept.opened_at, kept.plugged_at, kept.closed_at):
        return True
    if kept.closed_at is None:
        return known.is_full != kept.is_full
    return known.energy_wh != kept.energy_wh


def _kept(twin: Twin, before: Twin | None) -> Iterator[KeptSession]:
    last, running = twin.presence.last_session, twin.presence.session
    if last is not None:
        open_before = before.presence.session if before is not None else None
        # The battery's facts are those of the running session until another car or drive changes them.
        yield _record(twin, last, is_live=open_before is not None and open_before.id == last.id)
    if running is not None:
        yield _record(twin, running, is_live=True)


def _record(twin: Twin, session: Session, *, is_live: bool) -> KeptSession:
    presence = twin.presence
    named, soc, limit = presence.vehicle, presence.soc_pct, presence.charge_limit_pct
    was_full = is_full(twin) if session.closed_at is None else None
    kept = KeptSession(
        id=session.id,
        opened_at=session.opened_at,
        plugged_at=session.plugged_at,
        closed_at=session.closed_at,
        energy_wh=twin.meter.session_wh(session.id),
        vehicle_id=named.vehicle_id if named is not None and is_live else None,
        soc_pct=float(soc.value) if soc is not None and is_live else None,
        is_full=was_full if is_live else None,
        charge_limit_pct=float(limit.value) if limit is not None and is_live else None,
    )
    return replace(kept, filled_at=_filled_at(twin, kept)) if is_live else kept


def _filled_at(twin: Twin, kept: KeptSession) -> datetime | None:
    """Since when the battery of a running session is known to be full, by its state or by its state of charge."""
    full, soc_since = twin.presence.full, twin.presence.soc_since
    by_state = full.since if full is not None and is_full(twin) else None
    by_charge = soc_since if kept.shows_filled else None
    return min((at for at in (by_state, by_charge) if at is not None), default=None)
