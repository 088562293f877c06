"""The test charge: five steps, each with an end; the plan counts again afterwards, whatever went wrong."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driveway.domain.control.charge_test import (
    PREPARED_WITHIN,
    STARTED_WITHIN,
    STOPPED_WITHIN,
    ask_charge_test,
    step_reports,
)
from driveway.domain.control.desired import desired
from driveway.domain.control.required_command import schedule_window
from driveway.domain.control.settings import ControlRules
from driveway.domain.enrolment import NotEnrolledError
from driveway.domain.twin import ChargeTest, Observed, Twin
from driveway.domain.twin.reasons import Reason
from driveway.values import replace
from tests.support.domain.control_car import START, new_twin
from tests.support.domain.control_car_life import MINUTE
from tests.support.domain.control_rig import PROVIDER_FAULTS, RULES, Rig, here, plugged

LONGEST = PREPARED_WITHIN + STARTED_WITHIN + STOPPED_WITHIN


def ask(rig: Rig, test_id: str = "test-1") -> None:
    rig.change(lambda twin: ask_charge_test(twin, rig.now, test_id))


def charge_test_of(rig: Rig) -> ChargeTest:
    test = rig.twin.charge_test
    assert test is not None
    return test


def states(twin: Twin, now: datetime) -> list[str]:
    assert twin.charge_test is not None
    return [one.state for one in step_reports(twin, twin.charge_test, now, RULES, schedule_window(twin, now, RULES))]


@pytest.mark.parametrize("provider", ["enode", "smartcar", "tesla", "ocpp"])
def test_a_willing_car_is_started_and_stopped_once_and_the_test_passes(provider: str) -> None:
    rig = plugged(provider)
    before = len(rig.actions())
    ask(rig)
    rig.run(20 * MINUTE)
    assert charge_test_of(rig).outcome == "passed"
    assert rig.actions()[before:] == ["start", "stop"]
    assert states(rig.twin, rig.now) == ["passed"] * 5
    assert [entry.event for entry in rig.news if entry.event.startswith("TestCharge")] == [
        "TestChargeStarted",
        "TestChargePassed",
    ]
    assert not rig.car.charging


def test_the_plan_counts_again_after_a_test_in_off_peak() -> None:
    rig = plugged()
    rig.schedule((600, 7.4))
    rig.run(15 * MINUTE)
    assert rig.car.charging
    ask(rig)
    rig.run(30 * MINUTE)
    assert charge_test_of(rig).outcome == "passed"
    assert rig.car.charging


def test_a_car_that_is_plugged_in_meanwhile_is_tested_then() -> None:
    rig = Rig(twin=new_twin(), rules=RULES)
    ask(rig)
    rig.run(5 * MINUTE)
    assert charge_test_of(rig).outcome is None
    rig.plug_in()
    rig.run(20 * MINUTE)
    assert charge_test_of(rig).outcome == "passed"


NOW = START + timedelta(minutes=1)


def asked(twin: Twin, now: datetime = NOW) -> Twin:
    return ask_charge_test(twin, now, "test-1")


def seen(**changes: Any) -> Twin:
    twin = here()
    return replace(twin, presence=replace(twin.presence, **changes))


def linked(**changes: Any) -> Twin:
    twin = here()
    return replace(twin, link=replace(twin.link, **changes))


def over(twin: Twin, at: datetime) -> Twin:
    from driveway.domain.control.charge_test import with_charge_test

    return with_charge_test(twin, at, RULES, schedule_window(twin, at, RULES))


@pytest.mark.parametrize(
    ("twin", "step", "reason"),
    [
        (linked(vehicle=None), "connection", Reason.NO_VEHICLE_LINKED),
        (linked(snoozed_until=NOW + timedelta(hours=3)), "connection", Reason.SNOOZED),
        (seen(needs_user="Sign in again."), "connection", Reason.PROVIDER_NEEDS_USER),
        (seen(reachable=Observed(False, START)), "connection", Reason.CAR_OUT_OF_REACH),
        (seen(plugged_in=None, session=None), "connection", Reason.PLUG_UNKNOWN),
        (seen(at_home=Observed(False, START), session=None), "place", Reason.NOT_AT_HOME),
        (seen(at_home=None, session=None), "place", Reason.HOME_UNKNOWN),
        (seen(plugged_in=Observed(False, START), session=None), "plug", Reason.NOT_PLUGGED_IN),
    ],
)
def test_a_step_that_cannot_pass_ends_the_test_with_its_reason_and_what_helps(
    twin: Twin, step: str, reason: Reason
) -> None:
    ended = over(asked(twin), NOW + PREPARED_WITHIN)
    test = ended.charge_test
    assert test is not None
    assert (test.outcome, test.step, test.reason) == ("failed", step, reason)
    (report,) = [
        one
        for one in step_reports(ended, test, NOW, RULES, schedule_window(ended, NOW, RULES))
        if one.state == "failed"
    ]
    assert report.advice
    assert report.text
    assert ended.news[-1].event == "TestChargeFailed"
    assert ended.news[-1].detail["step"] == step


def test_a_second_call_while_one_runs_and_a_repeated_one_afterwards_change_nothing() -> None:
    rig = plugged()
    ask(rig)
    running = rig.twin
    assert ask_charge_test(running, rig.now, "test-2") is running
    rig.run(20 * MINUTE)
    ended = rig.twin
    assert ask_charge_test(ended, rig.now, "test-1") is ended
    assert ask_charge_test(ended, rig.now, "test-2").charge_test != ended.charge_test


def test_an_asset_that_does_not_take_part_is_refused() -> None:
    with pytest.raises(NotEnrolledError):
        asked(linked(enrolled=False))


def test_a_car_whose_driver_charges_now_is_started_and_not_stopped() -> None:
    rig = plugged()
    rig.charge_now(120)
    rig.run(5 * MINUTE)
    ask(rig)
    rig.run(30 * MINUTE)
    assert charge_test_of(rig).outcome == "passed"
    assert states(rig.twin, rig.now)[-1] == "left_out"
    assert rig.car.charging


def test_the_daily_budget_ends_a_test_that_it_leaves_nothing_for() -> None:
    rules = ControlRules(daily_commands=4)
    rig = plugged(rules=rules)
    ends = []
    for number in range(6):
        ask(rig, f"test-{number}")
        rig.run(50 * MINUTE)
        ends.append(charge_test_of(rig).outcome)
    assert "failed" in ends
    assert max(rig.per_day.values()) <= 4


@settings(max_examples=60, deadline=None)
@given(
    fault=st.sampled_from(["", *PROVIDER_FAULTS]),
    provider=st.sampled_from(["enode", "smartcar", "tesla", "ocpp"]),
    ends_after_min=st.integers(0, 40),
    full=st.booleans(),
)
def test_whatever_goes_wrong_a_test_ends_in_time_and_a_released_car_can_charge(
    fault: str, provider: str, ends_after_min: int, full: bool
) -> None:
    rig = plugged(provider)
    rig.car.full = full
    rig.fault = fault
    ask(rig)
    rig.run(ends_after_min * MINUTE)
    rig.fault = ""
    rig.run(LONGEST)
    assert charge_test_of(rig).ended_at is not None
    assert charge_test_of(rig).ended_at <= charge_test_of(rig).asked_at + LONGEST + MINUTE  # type: ignore[operator]
    assert desired(rig.twin, rig.now).source != "test_charge"
    rig.link(enrolled=False)
    rig.run(timedelta(hours=4))
    if rig.twin.presence.needs_user is None and not full:
        assert not rig.car.held
