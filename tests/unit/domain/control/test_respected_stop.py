"""A stop that we did not cause while the car should charge: we undo it once, then it counts as the driver's."""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driveway.domain.control.protection import explain
from driveway.domain.control.settings import ControlRules, RespectStops
from driveway.domain.enrolment import with_enrolment_times
from driveway.domain.twin import Intent, Observed, Tariff, Window
from driveway.domain.twin.reasons import Reason
from driveway.values import replace
from tests.support.domain.control_car import START, new_twin
from tests.support.domain.control_car_life import MINUTE
from tests.support.domain.control_rig import Rig

HOUR = timedelta(hours=1)
PROVIDERS = ("enode", "smartcar", "tesla")


def wanted_to_charge(respect: RespectStops = "second", provider: str = "enode", *, ours: bool = True) -> Rig:
    """A car that charges by Axle's schedule: started by us, or by itself at the plug-in."""
    rig = Rig(twin=new_twin(provider), rules=ControlRules(respect_stops=respect))
    if ours:
        rig.plug_in()
        rig.run(10 * MINUTE)
        rig.schedule((60 * 20, 7.4))
    else:
        rig.schedule((60 * 20, 7.4))
        rig.plug_in()
    rig.run(20 * MINUTE)
    assert rig.car.charging
    return rig


def starts(rig: Rig) -> int:
    return rig.actions().count("start")


def notices(rig: Rig) -> list[str]:
    return [one.text for one in rig.entries_of("NeedsAttention") if one.reason == Reason.DRIVER_STOP_RESPECTED]


def stopped_twice(respect: RespectStops = "second", provider: str = "enode") -> Rig:
    rig = wanted_to_charge(respect, provider)
    for _ in range(2):
        rig.self_stop()
        rig.run(45 * MINUTE)
    return rig


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("ours", [True, False])
def test_the_first_stop_is_undone_half_an_hour_after_it(provider: str, ours: bool) -> None:
    rig = wanted_to_charge(provider=provider, ours=ours)
    before = starts(rig)
    rig.run(3 * HOUR)
    rig.self_stop()
    rig.run(29 * MINUTE)
    assert (starts(rig), rig.car.charging) == (before, False)
    rig.run(3 * MINUTE)
    assert (starts(rig), rig.car.charging) == (before + 1, True)
    assert notices(rig) == []


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_second_is_respected_and_the_driver_gets_one_notice_with_a_remedy(provider: str) -> None:
    rig = stopped_twice(provider=provider)
    before = starts(rig)
    rig.run(5 * HOUR + 10 * MINUTE)
    assert (starts(rig), rig.car.charging) == (before, False), "nor does the schedule that the car keeps undo it"
    assert len(notices(rig)) == 1
    assert all(words in notices(rig)[0] for words in ("charge now", "snooze", "twice"))
    want, _ = explain(rig.twin, rig.now, rig.rules)
    assert (want.want, want.reason) == ("leave", Reason.DRIVER_STOP_RESPECTED)


def test_first_respects_the_first_and_never_undoes_each_with_growing_pauses() -> None:
    rig = wanted_to_charge("first")
    before = starts(rig)
    rig.self_stop()
    rig.run(3 * HOUR)
    assert (starts(rig), len(notices(rig))) == (before, 1)
    rig = wanted_to_charge("never")
    before = starts(rig)
    for _ in range(3):
        rig.self_stop()
        rig.run(3 * HOUR)
    assert (starts(rig), notices(rig)) == (before + 3, [])


def test_a_stop_before_a_hold_is_undone_at_the_next_start() -> None:
    rig = wanted_to_charge()
    rig.schedule((15, 7.4), (60, 0.0), (600, 7.4))
    rig.run(10 * MINUTE)
    rig.self_stop()
    before = starts(rig)
    rig.run(60 * MINUTE)
    assert (starts(rig), rig.car.charging) == (before, False)
    rig.run(10 * MINUTE)
    assert (starts(rig), rig.car.charging) == (before + 1, True)


def go_on(rig: Rig, how: str) -> None:
    match how:
        case "plug in again":
            rig.plug_out()
            rig.run(30 * MINUTE)
            rig.plug_in()
        case "charge now":
            rig.charge_now(30)
            rig.run(40 * MINUTE)
        case "new intent":
            rig.change(lambda twin: replace(twin, intent=Intent({"mon": "07:00"}, kwh=20)))
        case "another schedule of Axle":
            rig.schedule((30, 0.0), (60 * 20, 7.4))
            rig.run(35 * MINUTE)
        case _:
            rig.self_start()


@pytest.mark.parametrize(
    "how", ["plug in again", "charge now", "new intent", "another schedule of Axle", "start in the car"]
)
def test_the_respect_ends_with(how: str) -> None:
    rig = stopped_twice()
    go_on(rig, how)
    rig.run(40 * MINUTE)
    assert rig.car.charging


def test_the_same_schedule_sent_again_does_not_end_the_respect() -> None:
    rig = stopped_twice()
    ends_at = START + timedelta(hours=20, minutes=10)
    for _ in range(4):
        rig.schedule(((ends_at - rig.now) / MINUTE, 7.4))
        rig.run(30 * MINUTE)
    assert not rig.car.charging


def test_the_minimum_state_of_charge_ranks_above_a_respected_stop() -> None:
    rig = stopped_twice()
    low = replace(rig.twin.intent, minimum_soc_pct=30)
    rig.change(lambda twin: replace(twin, presence=replace(twin.presence, soc_pct=Observed(20, rig.now)), intent=low))
    rig.run(HOUR)
    assert rig.car.charging


def test_a_ready_by_at_risk_does_not_outrank_a_respected_stop() -> None:
    rules = ControlRules(escalate=True)
    rig = Rig(twin=replace(new_twin(), intent=Intent({"wed": "07:00"}, kwh=60)), rules=rules)
    rig.schedule((60 * 20, 7.4))
    rig.plug_in()
    rig.run(20 * MINUTE)
    for _ in range(2):
        rig.self_stop()
        rig.run(45 * MINUTE)
    assert rig.twin.charge_now is None
    rig.run(4 * HOUR)
    assert not rig.car.charging


@pytest.mark.parametrize(("fault", "charges"), [(None, True), ("refused", False)])
def test_a_stop_that_comes_with_another_schedule_of_ours_in_the_car_is_undone_at_once(
    fault: str | None, charges: bool
) -> None:
    rig = wanted_to_charge("first", "tesla")
    rig.run(HOUR)
    rig.fault = fault
    rig.change(lambda twin: replace(twin, tariff=Tariff((Window(60, 120),), "Europe/London")))
    rig.run(2 * MINUTE)
    rig.fault = None
    rig.self_stop()
    rig.run(5 * MINUTE)
    assert rig.car.charging is charges
    assert (notices(rig) == []) is charges


@pytest.mark.parametrize("order", ["together", "the stop first"])
def test_a_car_that_is_plugged_in_again_within_its_session_is_started_at_once_and_only_once(order: str) -> None:
    rig = wanted_to_charge()
    rig.sighting_every = None
    for notices_then, charges in ((0, True), (1, False)):
        if order == "together":
            rig.car.unwilling, rig.car.charging = True, False
        else:
            rig.self_stop()
        rig.run(timedelta(seconds=20))
        rig.observe(plugged_in=False, charging=False)
        rig.run(MINUTE)
        assert not rig.car.charging
        rig.observe(plugged_in=True, charging=False)
        rig.run(3 * MINUTE)
        assert rig.car.charging is charges
        assert len(notices(rig)) == notices_then
        rig.run(HOUR)
        rig.observe(plugged_in=True, charging=charges)


def test_a_plug_out_long_after_the_stop_did_not_cause_it() -> None:
    rig = wanted_to_charge()
    rig.sighting_every = None
    rig.self_stop()
    rig.run(5 * MINUTE)
    rig.observe(plugged_in=False, charging=False)
    rig.run(MINUTE)
    rig.observe(plugged_in=True, charging=False)
    rig.run(3 * MINUTE)
    assert not rig.car.charging


@pytest.mark.parametrize("cause", ["full", "fault", "at once", "resumed by itself"])
def test_a_stop_with_a_cause_is_not_the_drivers(cause: str) -> None:
    rig = wanted_to_charge("first")
    match cause:
        case "full":
            rig.fill()
        case "fault":
            rig.car.charging, rig.car.unwilling = False, True
            rig.observe(plugged_in=True, charging=False, charging_fault=True)
        case "at once":
            rig.self_stop()
            rig.charge_now(60)
            rig.run(2 * MINUTE)
            rig = wanted_to_charge("second")
            rig.self_stop()
            rig.run(31 * MINUTE)
            rig.self_stop()
        case _:
            rig = wanted_to_charge("second")
            for _ in range(3):
                rig.self_stop()
                rig.run(5 * MINUTE)
                rig.self_start()
                rig.run(5 * MINUTE)
    rig.run(10 * MINUTE)
    assert notices(rig) == []


@pytest.mark.parametrize("seen_again", [True, False], ids=["seen charging since", "not seen charging since"])
def test_a_stop_that_may_have_come_while_its_home_took_no_part_is_no_stop_against_the_plan(seen_again: bool) -> None:
    rig = wanted_to_charge()
    rig.sighting_every = None
    rig.link(enrolled=False)
    rig.run(40 * MINUTE)
    link = replace(rig.twin.link, enrolled=True)
    rig.change(lambda twin: replace(twin, link=with_enrolment_times(twin.link, link, rig.now)))
    rig.run(MINUTE)
    if seen_again:
        rig.observe(plugged_in=True, charging=True)
    rig.run(10 * MINUTE)
    rig.self_stop()
    rig.run(5 * MINUTE)
    assert rig.car.charging is not seen_again
    rig.run(30 * MINUTE)
    assert rig.car.charging
    assert rig.twin.control.unasked_stops is not None
    assert rig.twin.control.unasked_stops.undone == seen_again


def test_a_stop_long_after_its_home_joined_again_is_one_although_nothing_was_reported_in_between() -> None:
    rig = wanted_to_charge("first")
    rig.sighting_every = None
    rig.link(enrolled=False)
    rig.run(5 * MINUTE)
    link = replace(rig.twin.link, enrolled=True)
    rig.change(lambda twin: replace(twin, link=with_enrolment_times(twin.link, link, rig.now)))
    rig.run(2 * HOUR)
    rig.self_stop()
    rig.run(HOUR)
    assert not rig.car.charging
    assert len(notices(rig)) == 1


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["stop", "start", "wait"]), st.integers(3, 90)), max_size=14),
    st.sampled_from(["second", "first"]),
    st.sampled_from(PROVIDERS),
)
def test_a_driver_is_overruled_at_most_once_and_gets_at_most_one_notice(
    happenings: list[tuple[str, int]], respect: RespectStops, provider: str
) -> None:
    rig = wanted_to_charge(respect, provider)
    before = starts(rig)
    for what, minutes in happenings:
        if what == "stop" and rig.car.charging:
            rig.self_stop()
        elif what == "start" and not rig.car.charging:
            # The driver's own start ends the respect, so the count of notices begins again.
            return
        rig.run(minutes * MINUTE)
    assert starts(rig) - before <= (respect == "second") + sum(minutes < 4 for _, minutes in happenings)
    assert len(notices(rig)) <= 1
