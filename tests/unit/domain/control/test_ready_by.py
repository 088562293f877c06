"""The ready-by guard: a driver gets a warning of a shortfall while there is still time."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driveway.domain.axle_sync.differences import wanted_intent
from driveway.domain.control.ready_by_risk import TOLERATED, expected_shortfall_kwh, next_risk_look, with_ready_by_guard
from driveway.domain.control.settings import ControlRules
from driveway.domain.schedules.schedule_window import ScheduleWindow
from driveway.domain.twin import Intent, Meter, Observed, SessionEnergy, Twin
from driveway.domain.twin.reasons import Reason
from driveway.values import replace
from tests.support.domain.control_car import START, axle_profile, new_twin
from tests.support.domain.control_car_life import MINUTE
from tests.support.domain.control_rig import Rig, here

RULES = ControlRules()
ESCALATING = ControlRules(escalate=True)
ROUNDING_KWH = 0.11
SEVEN = datetime(2026, 11, 25, 7, 0, tzinfo=UTC)
EVERY_DAY = Intent(dict.fromkeys(("mon", "tue", "wed", "thu", "fri", "sat", "sun"), "07:00"), kwh=30.0)


def asking(kwh: float, twin: Twin | None = None) -> Twin:
    return replace(twin or here(), intent=replace(EVERY_DAY, kwh=kwh))


def guarded(twin: Twin, now: datetime = START, rules: ControlRules = RULES) -> Twin:
    return with_ready_by_guard(twin, now, ScheduleWindow(twin, now), rules)


def shortfall_kwh(twin: Twin, now: datetime = START) -> float:
    intent = wanted_intent(twin, now)
    assert intent is not None
    return expected_shortfall_kwh(twin, intent, now, ScheduleWindow(twin, now), RULES)


def test_a_plan_that_delivers_enough_gives_no_warning() -> None:
    twin = asking(30)
    assert guarded(twin) is twin


def test_a_shortfall_gives_one_warning_with_its_size() -> None:
    after = guarded(asking(60))
    (entry,) = after.news
    assert (entry.event, entry.reason) == ("ReadyByAtRisk", Reason.READY_BY_AT_RISK)
    assert entry.detail["shortfall_kwh"] == round(60 - 6 * 7.4, 1)
    assert "By 07:00 about 15.6 kWh" in entry.text
    assert guarded(after, START + MINUTE) is after


def test_the_next_departure_has_a_warning_of_its_own() -> None:
    after = guarded(asking(60))
    assert guarded(after, SEVEN + MINUTE).control.at_risk_for == SEVEN + timedelta(days=1)


def test_axles_holding_counts_against_the_plan() -> None:
    assert shortfall_kwh(replace(asking(30), profiles=(axle_profile(START, (60 * 14, 0.0)),))) == 30


def test_the_energy_of_this_session_counts() -> None:
    asked = asking(60)
    assert asked.presence.session is not None
    session = SessionEnergy(asked.presence.session.id, START, energy_wh=20_000)
    metered = replace(asked, meter=Meter((session,)))
    assert shortfall_kwh(metered) == 0


def test_a_broken_car_is_not_expected_to_charge_before_it_is_tried_again() -> None:
    broken = replace(asking(30), control=replace(here().control, breaker_until=SEVEN - timedelta(hours=4)))
    assert round(shortfall_kwh(broken), 6) == round(30 - 2.5 * 7.4, 6)


def test_a_full_car_lacks_nothing() -> None:
    full = replace(here().presence, battery_full=Observed(True, START))
    assert shortfall_kwh(replace(asking(60), presence=full)) == 0


def with_limit(pct: float, soc_pct: float = 20.0, **presence: Any) -> Twin:
    """A car of 64 kWh with a charge limit, which asks for 30 kWh."""
    twin = asking(30)
    seen = {"charge_limit_pct": Observed(pct, START), "soc_pct": Observed(soc_pct, START), **presence}
    return replace(twin, link=replace(twin.link, battery_kwh=64.0), presence=replace(twin.presence, **seen))


def test_a_charge_limit_in_the_car_leaves_room_for_so_much_and_the_warning_says_so() -> None:
    assert shortfall_kwh(with_limit(50)) == pytest.approx(30 - 0.3 * 64 / 0.9)
    (entry,) = guarded(with_limit(50)).news
    assert "raise that limit" in entry.text
    assert shortfall_kwh(with_limit(80)) == 0
    assert shortfall_kwh(with_limit(100)) == 0


def test_a_limit_does_not_warn_while_energy_flows_that_is_not_metered_yet() -> None:
    charging = with_limit(50, charging=Observed(True, START))
    assert guarded(charging) is charging
    warned = guarded(with_limit(50))
    still = replace(warned, presence=charging.presence)
    assert guarded(still) is still


def test_a_car_that_is_full_at_its_limit_lacks_what_was_not_delivered() -> None:
    full = with_limit(50, battery_full=Observed(True, START))
    assert shortfall_kwh(full) == 30


def test_a_limit_in_the_car_is_no_reason_to_charge_at_once() -> None:
    assert guarded(with_limit(50), rules=ESCALATING).charge_now is None


def test_a_car_whose_account_is_lost_is_not_expected_to_charge_and_the_warning_says_what_helps() -> None:
    twin = asking(30)
    lost = replace(twin, presence=replace(twin.presence, needs_user="Connect it again.", needs_user_at=START))
    assert shortfall_kwh(lost) == 30
    assert "Connect the car maker's account again" in guarded(lost).news[-1].text
    charges = replace(lost, presence=replace(lost.presence, charging=Observed(True, START)))
    assert shortfall_kwh(charges) == 0


def test_the_warning_about_a_car_that_does_not_follow_does_not_advise_to_choose_charge_now() -> None:
    broken = replace(asking(30), control=replace(here().control, breaker_until=SEVEN - timedelta(hours=4)))
    assert "start it in its own app" in guarded(broken).news[-1].text


def test_a_departure_of_the_next_evening_is_named_with_its_day() -> None:
    at_eight = SEVEN + timedelta(hours=1)
    assert "By 07:00 on Thursday about" in guarded(asking(60), at_eight).news[-1].text


def test_escalation_charges_at_once_until_the_energy_is_delivered_or_the_departure() -> None:
    after = guarded(asking(60), rules=ESCALATING)
    assert after.charge_now is not None
    assert (after.charge_now.until, after.charge_now.kwh, after.charge_now.metered_wh) == (SEVEN, 60, 0)
    assert after.news[-1].reason == Reason.READY_BY_ESCALATION


def test_escalation_starts_the_car_at_once() -> None:
    rig = Rig(twin=asking(60, new_twin()), rules=ESCALATING)
    rig.car.plugged = True
    rig.run(2 * MINUTE)
    assert rig.car.charging
    assert rig.command.reason == Reason.CHARGE_NOW


def test_a_snoozed_unplugged_or_leaving_car_gives_no_warning() -> None:
    twin = asking(60)
    link = twin.link
    for other in (
        replace(twin, link=replace(link, snoozed_until=SEVEN)),
        replace(twin, link=replace(link, enrolled=False)),
        replace(twin, link=replace(link, leaving=True)),
        asking(60, new_twin()),
    ):
        assert guarded(other) is other


def test_a_warning_is_given_again_once_the_shortfall_has_grown_by_two_kilowatt_hours() -> None:
    warned = guarded(asking(60))
    off_peak = datetime(2026, 11, 24, 23, 30, tzinfo=UTC)
    assert guarded(warned, off_peak + timedelta(minutes=16)) is warned
    again = guarded(warned, off_peak + timedelta(minutes=17))
    assert [entry.event for entry in again.news[1:]] == ["ReadyByAtRisk"]
    assert again.news[-1].detail["shortfall_kwh"] == round(60 - (6 - 17 / 60) * 7.4, 1)


def test_a_warning_is_taken_back_once_and_given_again_when_the_shortfall_returns() -> None:
    warned = guarded(asking(60))
    safe = guarded(asking(30, warned))
    assert [entry.event for entry in safe.news[1:]] == ["ReadyBySafe"]
    assert "By 07:00 your car will have the 30.0 kWh" in safe.news[-1].text
    assert guarded(safe) is safe
    assert [entry.event for entry in guarded(asking(60, safe)).news[2:]] == ["ReadyByAtRisk"]


def test_an_escalation_takes_its_warning_back_and_does_not_overrule_a_driver_who_ends_it() -> None:
    escalated = guarded(asking(60), rules=ESCALATING)
    safe = guarded(escalated, rules=ESCALATING)
    assert safe.news[-1].reason == Reason.READY_BY_SAFE
    ended = guarded(replace(safe, charge_now=None), rules=ESCALATING)
    assert ended.news[-1].reason == Reason.READY_BY_AT_RISK
    assert ended.charge_now is None


def test_a_car_that_does_not_follow_its_charge_now_is_at_risk_again() -> None:
    charging_now = guarded(guarded(asking(60), rules=ESCALATING), rules=ESCALATING)
    broken = replace(charging_now, control=replace(charging_now.control, breaker_until=SEVEN - timedelta(hours=4)))
    assert guarded(broken, rules=ESCALATING).news[-1].event == "ReadyByAtRisk"


def test_the_guard_covers_a_departure_beyond_the_schedule_window() -> None:
    later = replace(asking(60), intent=Intent({"fri": "07:00"}, kwh=120.0))
    assert shortfall_kwh(later) == 0


def compared_at(twin: Twin, now: datetime) -> datetime | None:
    return next_risk_look(twin, now, ScheduleWindow(twin, now), RULES)


@settings(deadline=None)
@given(minute=st.integers(0, 900), kwh=st.floats(1, 60))
def test_the_energy_is_compared_again_ten_minutes_after_a_car_can_have_become_short(minute: int, kwh: float) -> None:
    now = START + minute * MINUTE + timedelta(seconds=1)
    twin = asking(kwh)
    if guarded(twin, now) is not twin:
        return
    at, intent = compared_at(twin, now), wanted_intent(twin, now)
    assert at is not None
    assert intent is not None
    assert now < at <= intent.ready_by
    assert guarded(twin, max(now, at - TOLERATED - timedelta(seconds=1))) is twin
    if at < intent.ready_by:
        assert guarded(twin, at) is not twin


def test_after_a_warning_the_energy_is_compared_when_much_more_can_be_missing() -> None:
    now = START
    warned = guarded(asking(60), now)
    at = compared_at(warned, now)
    assert at is not None
    assert at > now + TOLERATED
    assert guarded(warned, at - TOLERATED - timedelta(seconds=1)).news == warned.news
    assert guarded(warned, at).news != warned.news


def test_the_energy_of_an_unplugged_car_is_not_compared() -> None:
    assert compared_at(new_twin(), START) is None


@settings(max_examples=40, deadline=None)
@given(kwh=st.floats(1, 200), more_kwh=st.floats(0, 50), minute=st.integers(0, 800))
def test_the_shortfall_grows_with_the_request_and_is_never_negative(kwh: float, more_kwh: float, minute: int) -> None:
    now = START + minute * MINUTE
    less, more = shortfall_kwh(asking(kwh), now), shortfall_kwh(asking(kwh + more_kwh), now)
    assert 0 <= less <= more <= less + more_kwh + ROUNDING_KWH
