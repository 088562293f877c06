"""The desired action of the car, its reason and its sentence, in every situation."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driveway.domain.control.desired import LEFT_ALONE_TEXTS, desired
from driveway.domain.control.held_back import HELD_BACK_TEXTS, HeldBack
from driveway.domain.control.protection import explain
from driveway.domain.control.settings import ControlRules
from driveway.domain.schedules.schedule_window import ScheduleWindow
from driveway.domain.twin import AwayDoubt, ChargeNow, Observed, Twin, UnaskedStops
from driveway.domain.twin.reasons import Reason
from driveway.values import replace
from tests.support.domain.control_car import START, axle_profile, new_twin
from tests.support.domain.control_car_life import MINUTE
from tests.support.domain.control_rig import here
from tests.support.domain.limits import limit_at

NIGHT = datetime(2026, 11, 25, 0, 30, tzinfo=UTC)
RULES = ControlRules()


def charging_now(twin: Twin) -> Twin:
    return replace(twin, charge_now=ChargeNow("b", START, START + 60 * MINUTE))


LEFT_ALONE: dict[Reason, Callable[[], Twin]] = {
    Reason.NOT_ENROLLED: lambda: charging_now(replace(here(), link=replace(here().link, enrolled=False))),
    Reason.SNOOZED: lambda: replace(here(), link=replace(here().link, snoozed_until=START + MINUTE)),
    Reason.PLUG_UNKNOWN: lambda: charging_now(new_twin()),
    Reason.NOT_PLUGGED_IN: lambda: charging_now(
        replace(new_twin(), presence=replace(new_twin().presence, plugged_in=Observed(False, START)))
    ),
    Reason.NOT_AT_HOME: lambda: replace(
        new_twin(),
        presence=replace(new_twin().presence, plugged_in=Observed(True, START), at_home=Observed(False, START)),
    ),
    Reason.HOME_UNKNOWN: lambda: replace(
        new_twin(), presence=replace(new_twin().presence, plugged_in=Observed(True, START))
    ),
    Reason.HOME_IN_DOUBT: lambda: charging_now(
        replace(here(), presence=replace(here().presence, doubt=AwayDoubt(START, START, START, START, False)))
    ),
    Reason.NO_VEHICLE_LINKED: lambda: replace(here(), link=replace(here().link, vehicle=None)),
    Reason.PROVIDER_NEEDS_USER: lambda: replace(here(), presence=replace(here().presence, needs_user="reconnect")),
    Reason.RELEASED_BY_OPERATOR: lambda: charging_now(
        replace(here(), control=replace(here().control, released_by_operator_at=START))
    ),
    Reason.DRIVER_STOP_RESPECTED: lambda: replace(
        here(), control=replace(here().control, unasked_stops=UnaskedStops("s1", respected_at=START))
    ),
    Reason.THIRD_PARTY_INTERFERENCE: lambda: replace(
        here(), control=replace(here().control, interference="s1", interference_at=START)
    ),
}


@pytest.mark.parametrize("reason", sorted(LEFT_ALONE_TEXTS))
def test_every_reason_to_leave_a_car_alone_has_its_situation_and_sentence(reason: Reason) -> None:
    want = desired(LEFT_ALONE[reason](), START)
    assert (want.want, want.reason) == ("leave", reason)
    assert want.text == LEFT_ALONE_TEXTS[reason]


def test_the_default_schedule_holds_at_peak_and_charges_off_peak() -> None:
    peak, off_peak = desired(here(), START), desired(here(), NIGHT)
    assert (peak.want, peak.reason, peak.source) == ("hold", Reason.DEFAULT_PEAK, "default")
    assert peak.text == "Peak until 23:30, and Axle has no schedule for now: charging is held."
    assert (off_peak.want, off_peak.limit_kw) == ("charge", None)
    assert off_peak.until == datetime(2026, 11, 25, 5, 30, tzinfo=UTC)


def test_axles_schedule_goes_before_the_default() -> None:
    twin = replace(here(), profiles=(axle_profile(START, (30, 3.0), (600, 0.0)),))
    assert desired(twin, START).limit_kw == 3.0
    assert desired(twin, START).reason is Reason.AXLE_SCHEDULE
    assert desired(twin, NIGHT).want == "hold"


def test_charge_now_goes_before_axles_schedule_and_before_interference() -> None:
    twin = replace(LEFT_ALONE[Reason.THIRD_PARTY_INTERFERENCE](), profiles=(axle_profile(START, (600, 0.0)),))
    want = desired(charging_now(twin), START)
    assert (want.want, want.reason) == ("charge", Reason.CHARGE_NOW)


def test_the_sentences_about_a_schedule_give_wall_time() -> None:
    summer = replace(here(), link=replace(here().link, timezone="Europe/Paris"))
    assert "until 00:30" in desired(summer, START).text


@pytest.mark.parametrize("reason", sorted(HELD_BACK_TEXTS))
def test_every_reason_to_hold_back_has_a_sentence(reason: Reason) -> None:
    until = datetime(2026, 7, 1, 22, 35, tzinfo=UTC)
    end = "next month" if reason is Reason.MONTHLY_BUDGET_SPENT else "23:35"
    assert HeldBack(reason, until).text("Europe/London").startswith(f"We wait until {end}: ")


def test_explain_gives_the_desired_action_and_the_guard_that_holds_it_back() -> None:
    twin = here()
    control = replace(twin.control, breaker_until=NIGHT + 30 * MINUTE)
    want, held_back = explain(replace(twin, control=control), NIGHT, RULES)
    assert want.want == "charge"
    assert held_back == HeldBack(Reason.BREAKER_OPEN, NIGHT + 30 * MINUTE)
    assert explain(twin, NIGHT, RULES)[1] is None


parts = st.lists(st.tuples(st.integers(1, 300), st.sampled_from([0.0, 3.0, 7.4])), min_size=1, max_size=6)


@settings(max_examples=40, deadline=None)
@given(schedule=parts, start_min=st.integers(-600, 600), ask_min=st.integers(0, 1200))
def test_a_schedule_window_equals_the_effective_schedule_at_every_instant(
    schedule: list[tuple[float, float]], start_min: int, ask_min: int
) -> None:
    twin = replace(here(), profiles=(axle_profile(START + start_min * MINUTE, *schedule),))
    at = START + ask_min * MINUTE
    schedule = ScheduleWindow(twin, START)
    found, straight = schedule.at(at), limit_at(twin, at)
    assert (found.limit_kw, found.source, found.reason) == (straight.limit_kw, straight.source, straight.reason)
    edge = ScheduleWindow(twin, at).edge_after(at)
    if edge is not None and edge < START + timedelta(hours=36):
        assert schedule.edge_after(at) == edge
