"""What a session took by half-hour: whole in those that it ran in only in part."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from driveway.domain.metering.pieces import Quality
from driveway.domain.metering.samples import Sample
from driveway.domain.metering.slot import Slot
from driveway.domain.sessions.kept_session import KeptSession
from driveway.domain.sessions.plan import InForce, Need
from driveway.domain.sessions.session_half_hours import session_half_hours
from driveway.domain.sessions.verdict import HalfHour, SessionFacts, Spread, Verdict, energy_kwh, judge
from driveway.domain.twin.reasons import Reason
from driveway.values import replace

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


def facts_of(
    opened_at: datetime, wanted_kwh: float, half_hours: Sequence[HalfHour], closed_at: datetime | None = None
) -> SessionFacts:
    """A session of a car of 7.4 kW that took this, and was wanted to take so much by the ready-by."""
    need = Need(READY_BY, opened_at, wanted_kwh)
    return SessionFacts(opened_at, closed_at, 7.4, "Europe/London", need, half_hours)


def test_what_a_session_took_in_its_first_and_last_half_hour_counts_whole() -> None:
    earlier, begun_at, closed_at = at(-60), at(6), at(56)
    kept = KeptSession("one", begun_at, begun_at, closed_at=closed_at)
    taken = session_half_hours([slot(0, (earlier, 500), (begun_at, 2900)), slot(30, (begun_at, 3100))], kept)
    facts = facts_of(begun_at, 6.0, taken, closed_at=closed_at)
    judged = judge(facts, READY_BY)
    assert (judged.verdict, judged.got_kwh) == (Verdict.READY, pytest.approx(6.0))
    assert energy_kwh(taken, begun_at, at(18)) == pytest.approx(1.45), "half of the time that it ran in, half of it"


def sample(minute: float, kind: str, value: int) -> Sample:
    return Sample(at(minute), kind, value)  # type: ignore[arg-type]


def spread(quality: Quality, *samples: Sample) -> bool:
    """Whether 300 Wh in the half-hour of the second hour count as a share of what was taken over hours."""
    half_hours = [slot(120, (at(0), 300)), slot(150, (at(0), 300))]
    half_hours[1] = replace(half_hours[1], samples=frozenset(samples))
    half_hours[0] = replace(half_hours[0], quality=quality)
    return session_half_hours(half_hours, KeptSession("one", at(0), at(0)))[0].spread is not None


FAST, SLOW = sample(60, "power", 7400), sample(60, "power", 600)
CHARGE = [sample(60, "soc", 50_000), sample(400, "soc", 54_000)]
REGISTER = [sample(60, "session", 0), sample(400, "session", 4000)]


@pytest.mark.parametrize(
    ("quality", "samples", "found"),
    [
        ("estimate", [FAST, *CHARGE], True),
        ("register", [FAST, *REGISTER], True),
        ("estimate", [SLOW, *CHARGE], False),
        ("estimate", CHARGE, False),
        ("estimate", [FAST, *CHARGE, sample(121, "soc", 51_000)], True),
        ("estimate", [FAST, *CHARGE, sample(110, "soc", 51_000), sample(160, "soc", 51_200)], False),
        ("register", [FAST, *REGISTER, sample(110, "power", 600), sample(160, "power", 600)], False),
        ("power", [FAST, *CHARGE], False),
    ],
    ids=[
        "a state of charge after hours",
        "a register after hours",
        "as slow as it showed",
        "no power was shown",
        "hours from one reading in it on",
        "readings around it",
        "power around it",
        "by power",
    ],
)
def test_energy_that_a_car_took_in_a_part_of_some_hours_shows_no_slow_charging(
    quality: Quality, samples: list[Sample], found: bool
) -> None:
    assert spread(quality, *samples) is found


@pytest.mark.parametrize(
    ("is_spread", "verdict"), [(True, Verdict.SHORT_CAR_DID_NOT_FOLLOW), (False, Verdict.SHORT_LIMIT_IN_CAR)]
)
def test_a_car_that_charged_for_a_part_of_the_time_is_not_called_limited(is_spread: bool, verdict: Verdict) -> None:
    share = Spread(START, at(240), 4.0, 7.4) if is_spread else None
    taken = [HalfHour(at(30 * number), 0.5, spread=share) for number in range(8)]
    parts = [InForce(START, READY_BY, 7.4, "default", Reason.DEFAULT_OFF_PEAK)]
    facts = replace(facts_of(START, 10.0, taken), parts=parts)
    assert judge(facts, READY_BY).verdict is verdict


def off(start: datetime, end: datetime) -> InForce:
    return InForce(start, end, 0.0, "default", Reason.DEFAULT_PEAK)


@pytest.mark.parametrize(
    ("first_w", "until", "filled"),
    [(3000, 480, True), (500, 480, False), (0, 480, False), (3000, 90, False)],
    ids=["it could have it all", "it was too slow for that", "it did not charge then", "it was stopped by its plan"],
)
def test_a_battery_found_full_hours_after_it_was_last_seen_charging_was_full_once_it_could_be(
    first_w: int, until: int, filled: bool
) -> None:
    seen = [
        sample(60, "power", 7400),
        sample(70, "power", first_w),
        sample(70, "soc", 50_000),
        sample(450, "soc", 51_300),
    ]
    slots = [replace(slot(30 * n, (at(0), 110)), quality="estimate") for n in range(2, 15)]
    slots[0] = replace(slots[0], samples=frozenset(seen))
    kept = KeptSession("one", at(0), at(0), closed_at=at(450), soc_pct=100.0, filled_at=at(450))
    parts = [InForce(at(0), at(until), 7.4, "default", Reason.DEFAULT_OFF_PEAK), off(at(until), at(480))]
    assert kept.has_filled_by(READY_BY, session_half_hours(slots, kept), parts) is filled
