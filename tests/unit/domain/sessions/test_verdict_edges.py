"""What a verdict makes of half-hours in which charging began or ended, and of a battery that filled unseen."""

from datetime import UTC, datetime, timedelta

import pytest

from driveway.domain.sessions.causes import Cause, CauseSpan, cause_spans
from driveway.domain.sessions.kept_session import KeptSession, as_it_runs, sessions_to_keep
from driveway.domain.sessions.plan import InForce, Need
from driveway.domain.sessions.verdict import HalfHour, SessionFacts, Verdict, judge
from driveway.domain.twin import Entry, FullBattery, Observed, Session, Twin
from driveway.domain.twin.events import Event
from driveway.domain.twin.reasons import Reason
from driveway.values import replace
from tests.support.domain.control_car import new_twin

PLUGGED_AT = datetime(2026, 1, 15, 21, 30, tzinfo=UTC)
READY_BY = datetime(2026, 1, 16, 7, 0, tzinfo=UTC)
WINDOW = (datetime(2026, 1, 16, 1, 0, tzinfo=UTC), datetime(2026, 1, 16, 5, 0, tzinfo=UTC))
POWER_KW = 7.4
FULL_KWH = POWER_KW / 2


def part(start: datetime, end: datetime, limit_kw: float) -> InForce:
    return InForce(start, end, limit_kw, "default", Reason.DEFAULT_OFF_PEAK)


def night(wanted_kwh: float, *energies_kwh: float) -> Verdict:
    """The verdict on a night with these energies in the half-hours of the window of four hours."""
    start, end = WINDOW
    facts = SessionFacts(
        opened_at=PLUGGED_AT,
        closed_at=READY_BY + timedelta(minutes=30),
        power_kw=POWER_KW,
        timezone="Europe/London",
        need=Need(READY_BY, PLUGGED_AT, wanted_kwh),
        half_hours=[HalfHour(start + timedelta(minutes=30 * n), kwh) for n, kwh in enumerate(energies_kwh)],
        parts=[part(PLUGGED_AT, start, 0.0), part(start, end, POWER_KW), part(end, READY_BY, 0.0)],
    )
    return judge(facts, READY_BY + timedelta(hours=1)).verdict


def test_a_plan_that_is_too_short_leads_although_a_polled_car_showed_too_little_at_its_edges() -> None:
    assert night(33.0, FULL_KWH / 2, *[FULL_KWH] * 6, FULL_KWH / 3) is Verdict.SHORT_PLAN


def test_energy_that_only_the_edges_may_hold_is_unknown() -> None:
    assert night(29.0, FULL_KWH / 2, *[FULL_KWH] * 6, FULL_KWH / 3) is Verdict.ENERGY_UNKNOWN


def test_a_car_that_never_takes_what_is_allowed_is_limited() -> None:
    assert night(29.0, *[FULL_KWH / 2] * 8) is Verdict.SHORT_LIMIT_IN_CAR


@pytest.mark.parametrize(
    ("share", "verdict"), [(0.943, Verdict.SHORT_PLAN), (0.93, Verdict.SHORT_LIMIT_IN_CAR)], ids=["losses", "a limit"]
)
def test_a_car_whose_battery_shows_a_little_less_than_was_allowed_loses_more_on_the_way(
    share: float, verdict: Verdict
) -> None:
    assert night(30.8, *[share * FULL_KWH] * 8) is verdict


@pytest.mark.parametrize(
    ("filled_min", "verdict"),
    [(25, Verdict.SHORT_LIMIT_IN_CAR), (200, Verdict.ENERGY_UNKNOWN), (None, Verdict.ENERGY_UNKNOWN)],
    ids=["at its limit before", "at its limit only later", "nobody knows since when"],
)
def test_what_is_not_measured_after_the_battery_was_at_its_charge_limit_was_kept_from_it_by_the_limit(
    filled_min: float | None, verdict: Verdict
) -> None:
    start, end = WINDOW
    energies_kwh = [3.0, *[None] * 7]
    facts = SessionFacts(
        opened_at=start,
        closed_at=None,
        power_kw=POWER_KW,
        timezone="Europe/London",
        need=Need(READY_BY, start, 10.0),
        half_hours=[HalfHour(start + timedelta(minutes=30 * n), kwh) for n, kwh in enumerate(energies_kwh)],
        parts=[part(start, end, POWER_KW), part(end, READY_BY, 0.0)],
        is_full=True,
        charge_limit_pct=50.0,
        filled_at=None if filled_min is None else start + timedelta(minutes=filled_min),
    )
    assert judge(facts, READY_BY + timedelta(hours=1)).verdict is verdict


@pytest.mark.parametrize(
    ("soc_pct", "limit_pct", "filled"),
    [(100.0, None, True), (99.4, 100.0, False), (79.6, 80.0, True), (None, 80.0, False)],
)
def test_a_state_of_charge_at_the_limit_shows_that_the_battery_filled(
    soc_pct: float | None, limit_pct: float | None, filled: bool
) -> None:
    kept = KeptSession("one", PLUGGED_AT, PLUGGED_AT, soc_pct=soc_pct, charge_limit_pct=limit_pct)
    assert kept.has_filled is filled


def test_a_running_session_is_judged_by_the_present_state_of_charge() -> None:
    session = Session("one", PLUGGED_AT, PLUGGED_AT)
    presence = replace(new_twin("enode").presence, session=session, soc_pct=Observed(100.0, READY_BY))
    twin = replace(new_twin("enode"), presence=presence)
    kept = KeptSession("one", PLUGGED_AT, PLUGGED_AT, soc_pct=48.5)
    assert as_it_runs(kept, twin).has_filled
    assert not as_it_runs(replace(kept, id="another"), twin).has_filled
    assert not as_it_runs(replace(kept, closed_at=READY_BY), twin).has_filled


HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("filled_at", "took_since_kwh", "filled"),
    [
        (READY_BY, 0.0, True),
        (READY_BY - HOUR, 1.0, True),
        (READY_BY + HOUR, 1.0, False),
        (READY_BY + HOUR, 0.4, False),
        (READY_BY + HOUR, 0.05, True),
        (None, 1.0, True),
    ],
    ids=[
        "by then",
        "and warmed up since",
        "after more charging",
        "after its last per cent",
        "seen late",
        "by a version that kept no time",
    ],
)
def test_a_battery_that_fills_after_the_ready_by_was_not_full_by_then(
    filled_at: datetime | None, took_since_kwh: float, filled: bool
) -> None:
    kept = KeptSession("one", PLUGGED_AT, PLUGGED_AT, is_full=True, filled_at=filled_at)
    assert kept.has_filled_by(READY_BY, [HalfHour(READY_BY, took_since_kwh), HalfHour(READY_BY + HOUR, 5.0)]) is filled


def at_plug(**signals: object) -> Twin:
    presence = replace(new_twin("enode").presence, session=Session("one", PLUGGED_AT, PLUGGED_AT), **signals)
    return replace(new_twin("enode"), presence=presence)


def test_a_kept_session_has_since_when_the_battery_was_full_by_its_state_or_its_charge() -> None:
    by_charge = {"soc_pct": Observed(99.8, READY_BY + HOUR), "soc_since": READY_BY - HOUR}
    by_state = {"battery_full": Observed(True, READY_BY + HOUR), "full": FullBattery(since=READY_BY)}
    for signals, since in [({}, None), (by_charge, READY_BY - HOUR), (by_state, READY_BY)]:
        ((kept,), _) = sessions_to_keep(None, at_plug(**signals))
        assert kept.filled_at == since
    ((kept,), _) = sessions_to_keep(None, at_plug(**by_charge, **by_state))
    assert kept.filled_at == READY_BY - HOUR
    earlier = replace(kept, filled_at=PLUGGED_AT)
    assert as_it_runs(earlier, at_plug(**by_charge)).filled_at == PLUGGED_AT


@pytest.mark.parametrize(
    ("limit_kw", "alone", "found"),
    [(0.0, Reason.NOT_ENROLLED, True), (None, Reason.NOT_ENROLLED, True), (7.4, None, True), (0.0, None, False)],
)
def test_a_car_that_stops_while_it_may_charge_or_is_left_alone_was_stopped_in_the_car(
    limit_kw: float | None, alone: Reason | None, found: bool
) -> None:
    start = datetime(2026, 1, 15, 18, tzinfo=UTC)
    end = start + timedelta(hours=8)
    part = InForce(start, end, limit_kw, "default", Reason.DEFAULT_OFF_PEAK, alone)
    stop = Entry(start + timedelta(hours=1), Event.CHARGING_STOPPED, Reason.OBSERVED_STOPPED, "")
    spans = cause_spans([stop], [part], start, end)
    assert spans == ([CauseSpan(stop.at, end, Cause.STOPPED_IN_CAR)] if found else [])


@pytest.mark.parametrize(
    ("action", "outcome", "then"),
    [
        ("start", "ACCEPTED", Cause.DID_NOT_FOLLOW),
        ("start", "UNAVAILABLE", Cause.STOPPED_IN_CAR),
        ("stop", "ACCEPTED", Cause.STOPPED_IN_CAR),
    ],
)
@pytest.mark.parametrize("is_full", [False, True])
def test_a_car_that_stopped_of_itself_and_takes_a_start_without_charging_did_not_follow(
    action: str, outcome: str, then: Cause, *, is_full: bool
) -> None:
    start = datetime(2026, 1, 15, 18, tzinfo=UTC)
    end = start + timedelta(hours=8)
    stop = Entry(start + timedelta(hours=1), Event.CHARGING_STOPPED, Reason.OBSERVED_STOPPED, "")
    retried_at = start + timedelta(hours=2)
    detail = {"action": action, "outcome": outcome}
    retried = Entry(retried_at, Event.COMMAND_RETRIED, Reason.NOT_CONFIRMED_IN_TIME, "", detail)
    spans = cause_spans([stop, retried], [part(start, end, 7.4)], start, end, is_full=is_full)
    stopped = Cause.LIMIT_IN_CAR if is_full else Cause.STOPPED_IN_CAR
    expected = [CauseSpan(stop.at, end, stopped)]
    if then is Cause.DID_NOT_FOLLOW and not is_full:
        expected = [CauseSpan(stop.at, retried_at, stopped), CauseSpan(retried_at, end, then)]
    assert spans == expected
