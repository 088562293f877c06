"""Commands for an edge are planned a minute or two ahead, and give way to whatever is wanted meanwhile."""

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.domain.control_car_life import MINUTE
from tests.support.domain.control_rig import OFF_PEAK_STARTS, RULES, Rig, plugged

SECOND = timedelta(seconds=1)
SHORTLY = 30 * SECOND


def before_the_edge() -> Rig:
    """A car that is held, and its start is planned for the edge in half a minute."""
    rig = plugged()
    rig.run(OFF_PEAK_STARTS - SHORTLY - rig.now)
    assert (rig.command.action, rig.command.state, rig.command.not_before) == ("start", "planned", OFF_PEAK_STARTS)
    return rig


def test_a_charge_now_just_before_the_edge_is_sent_at_once() -> None:
    rig = before_the_edge()
    rig.charge_now(120)
    rig.run(10 * SECOND)
    assert rig.car.charging
    assert rig.sent[-1][0] < OFF_PEAK_STARTS - 20 * SECOND
    rig.run(5 * MINUTE)
    assert rig.actions() == ["stop", "start"]


def test_an_opt_out_just_before_the_edge_releases_the_car_at_once() -> None:
    rig = before_the_edge()
    rig.link(enrolled=False)
    rig.run(10 * SECOND)
    assert rig.car.charging
    assert (rig.command.release, rig.command.state) == (True, "confirmed")
    assert rig.sent[-1][0] < OFF_PEAK_STARTS - 20 * SECOND


def test_a_new_plan_that_goes_on_holding_drops_the_planned_start() -> None:
    rig = before_the_edge()
    rig.schedule((120, 0.0), (120, 7.4))
    rig.run(SHORTLY + MINUTE)
    assert not rig.car.charging
    assert rig.actions() == ["stop"]


@settings(deadline=None)
@given(st.integers(-25, 300))
def test_a_new_plan_with_another_start_is_met_to_the_second(moved_s: int) -> None:
    rig = before_the_edge()
    starts_at = OFF_PEAK_STARTS + moved_s * SECOND
    rig.schedule(((starts_at - rig.now) / MINUTE, 0.0), (120, 7.4))
    rig.run(SHORTLY + 10 * MINUTE)
    assert rig.actions() == ["stop", "start"]
    assert abs(rig.sent[-1][0] - starts_at) <= 3 * SECOND


def test_a_start_is_stopped_again_at_an_edge_that_comes_before_it_is_confirmed() -> None:
    rig = before_the_edge()
    rig.fault = "ignored"
    rig.schedule((1, 0.0), (8, 7.4), (180, 0.0))
    rig.run(9 * MINUTE + 10 * SECOND)
    assert rig.command.action == "stop" or rig.command.state == "superseded"


def test_the_cars_of_a_fleet_plan_evenly_between_two_minutes_and_one_minute_ahead() -> None:
    ahead_s = sorted(RULES.ahead(f"car-{number}").total_seconds() for number in range(1000))
    assert ahead_s[0] >= 60
    assert ahead_s[-1] <= 120
    assert all(sum(first <= one < first + 10 for one in ahead_s) > 100 for first in range(60, 120, 10))
