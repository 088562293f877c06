"""The energy of home sessions on the twin, and its reports to the app.

A session's energy is the sum of its parts of the half-hours, so the app and Axle get the same energy. The report to the
app is made once the grace after the plug-out is over, and again if a late value changes the energy.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from driveway.domain.metering.plug_facts import begins, facts_mark
from driveway.domain.metering.slot import GRACE, Slot
from driveway.domain.twin import Entry, Session, SessionEnergy, Twin
from driveway.domain.twin.events import Event
from driveway.domain.twin.reasons import Reason
from driveway.values import replace

KEPT = 3
NOTHING_UNKNOWN: Mapping[str, int] = MappingProxyType({})
FACTS_WAIT = timedelta(minutes=2)
COARSE_WH = 100
"""A session that goes on is written at steps of this size, unless a charge-now counts its energy."""


def metered_sessions(twin: Twin) -> tuple[SessionEnergy, ...]:
    """The sessions whose energy is kept, as presence has them, the running one last."""
    known = {session.id: session for session in twin.meter.sessions}
    for session in (twin.presence.last_session, twin.presence.session):
        if session is not None:
            known[session.id] = _as_present(session, known.get(session.id))
    return tuple(sorted(known.values(), key=lambda session: session.begun_at)[-KEPT:])


def _as_present(session: Session, known: SessionEnergy | None) -> SessionEnergy:
    known = known or SessionEnergy(session.id, begins(session))
    if session.closed_at == known.closed_at:
        return replace(known, begun_at=begins(session))
    report_at = None if session.closed_at is None else session.closed_at + GRACE
    return replace(known, begun_at=begins(session), closed_at=session.closed_at, report_at=report_at)


def session_energies(sessions: Iterable[SessionEnergy], slots: Iterable[Slot]) -> dict[str, int]:
    """The energy of sessions (watt-hours, by their ids) in the half-hours that cover them."""
    latest_first = sorted(sessions, key=lambda session: session.begun_at, reverse=True)
    energies_wh = dict.fromkeys((session.id for session in latest_first), 0)
    for begun_ms, energy_wh in (part for slot in slots for part in slot.sessions_wh):
        begun_at = datetime.fromtimestamp(begun_ms / 1000, UTC)
        # A plug-in that was reported late begins a part of its own in the same session.
        session = next((session for session in latest_first if session.begun_at <= begun_at), None)
        if session is not None:
            energies_wh[session.id] += energy_wh
    return energies_wh


def unknown_half_hours(sessions: Iterable[SessionEnergy], slots: Iterable[Slot]) -> dict[str, int]:
    """Of how many half-hours of each session (by its id) nothing shows whether energy flowed."""
    unknown = [slot for slot in slots if slot.value_wh is None]
    return {
        session.id: sum(
            session.begun_at < slot.end and (session.closed_at is None or slot.start < session.closed_at)
            for slot in unknown
        )
        for session in sessions
    }


def with_session_energy(
    twin: Twin, energies_wh: Mapping[str, int], unknown: Mapping[str, int] = NOTHING_UNKNOWN, *, now: datetime
) -> Twin:
    """The twin with the energy of its sessions from the half-hours, and the times of the reports to the app."""
    sessions = tuple(
        _updated(
            session,
            energies_wh.get(session.id, session.energy_wh),
            unknown.get(session.id, session.unknown_half_hours),
            twin,
            now,
        )
        for session in metered_sessions(twin)
    )
    return twin if sessions == twin.meter.sessions else replace(twin, meter=replace(twin.meter, sessions=sessions))


def _updated(session: SessionEnergy, energy_wh: int, unknown: int, twin: Twin, now: datetime) -> SessionEnergy:
    if session.closed_at is None:
        counted = twin.charge_now is not None and twin.charge_now.kwh is not None
        is_news = counted or abs(energy_wh - session.energy_wh) >= COARSE_WH
        return replace(session, energy_wh=energy_wh if is_news else session.energy_wh)
    session = replace(session, energy_wh=energy_wh, unknown_half_hours=unknown)
    if session.reported_wh is None:
        return session
    # A burst of late readings is one correction.
    due = None if session.reported_wh == energy_wh else session.report_at or now + GRACE
    return replace(session, report_at=due)


def sessions_due(twin: Twin) -> datetime | None:
    """When the next report of a session to the app is due (aware UTC)."""
    return min((session.report_at for session in twin.meter.sessions if session.report_at is not None), default=None)


def with_facts_recorded(twin: Twin, mark: str) -> Twin:
    """The twin once its half-hours hold the plug facts with this mark, if these are still its facts."""
    if twin.meter.facts == mark or facts_mark(twin.presence) != mark:
        return twin
    return replace(twin, meter=replace(twin.meter, facts=mark))


def facts_due(twin: Twin, now: datetime) -> datetime | None:
    """When to record the plug facts that the half-hours may not hold yet (aware UTC); None if they hold all.

    The function that changes the plug records them at once. This is for the case that it died before.
    """
    if twin.meter.facts == facts_mark(twin.presence):
        return None
    return now.replace(second=0, microsecond=0) + FACTS_WAIT


def with_sessions_reported(twin: Twin, now: datetime) -> Twin:
    """The twin once the due sessions are reported to the app."""
    due = [session for session in twin.meter.sessions if session.report_at is not None and session.report_at <= now]
    if not due:
        return twin
    reported = {session.id: replace(session, report_at=None, reported_wh=session.energy_wh) for session in due}
    sessions = tuple(reported.get(session.id, session) for session in twin.meter.sessions)
    news = (_entry(session, now) for session in due if session.reported_wh != session.energy_wh)
    return replace(twin, meter=replace(twin.meter, sessions=sessions)).tell(*news)


def _entry(session: SessionEnergy, now: datetime) -> Entry:
    energy_kwh = session.energy_wh / 1000
    detail: dict[str, object] = {"energy_kwh": energy_kwh, "session_id": session.id}
    if (unknown := session.unknown_half_hours) > 0:
        detail["unknown_half_hours"] = unknown
    if session.reported_wh is None:
        text = f"The session is over: {energy_kwh:.1f} kWh were charged."
        if unknown:
            text += f" In {unknown} half-hour{'s' if unknown > 1 else ''} it may be more: no report shows what flowed."
        return Entry(now, Event.SESSION_COMPLETED, Reason.SESSION_COMPLETED, text, detail)
    before_kwh = session.reported_wh / 1000
    text = f"A late reading changed the energy of the session from {before_kwh:.1f} to {energy_kwh:.1f} kWh."
    return Entry(
        now, Event.SESSION_CORRECTED, Reason.SESSION_CORRECTED, text, {**detail, "energy_before_kwh": before_kwh}
    )
