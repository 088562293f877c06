"""What a session took by half-hour: whole in those that it ran in only in part."""

from datetime import UTC, datetime, timedelta

import pytest

from driveway.domain.metering.slot import Slot
from driveway.domain.sessions.kept_session import KeptSession
from driveway.domain.sessions.plan import Need
from driveway.domain.sessions.session_half_hours import session_half_hours
from driveway.domain.sessions.verdict import SessionFacts, Verdict, energy_kwh, judge

START = datetime(2026, 1, 15, 16, 0, tzinfo=UTC)
READY_BY = START + timedelta(hours=4)


def at(minute: float) -> datetime:
    return START + timedelta(minutes=minute)


def ms(instant: datetime) -> int:
    return int(instant.timestamp() * 1000)


def slot(minute: float, *sessions: tuple[datetime, int]) -> Slot:
    energy_wh = sum(wh for _, wh in sessions)
    sessions_wh = tuple((ms(begun_at), wh) for begun_at, wh in sessions)
    return Slot("car-1", "axle-1", at(minute), energy_wh=energy_wh, quality="register", sessions_wh=sessions_wh)


def test_what_a_session_took_in_its_first_and_last_half_hour_counts_whole() -> None:
    earlier, begun_at, closed_at = at(-60), at(6), at(56)
    kept = KeptSession("one", begun_at, begun_at, closed_at=closed_at)
    taken = session_half_hours([slot(0, (earlier, 500), (begun_at, 2900)), slot(30, (begun_at, 3100))], kept)
    facts = SessionFacts(
        opened_at=begun_at,
        closed_at=closed_at,
        power_kw=7.4,
        timezone="Europe/London",
        need=Need(READY_BY, begun_at, 6.0),
        half_hours=taken,
    )
    judged = judge(facts, READY_BY)
    assert (judged.verdict, judged.got_kwh) == (Verdict.READY, pytest.approx(6.0))
    assert energy_kwh(taken, begun_at, at(18)) == pytest.approx(1.45), "half of the time that it ran in, half of it"
