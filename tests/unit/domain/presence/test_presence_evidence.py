"""How long a report of home counts, a plug-in that is reported late, and a state of charge that cannot be true."""

from datetime import datetime
from typing import Any

import pytest

from driveway.domain.presence.observe import presence_due
from driveway.domain.presence.rules import EffectKind, PresenceRules
from driveway.domain.twin import Observed
from driveway.domain.twin.reasons import Reason
from tests.support.domain.presence_car import HOUR, OPENED, Car, at, plugged_at_home

MINUTE = 60
PARKED: dict[str, Any] = {"at_home": True, "place_measured_at": at(0)}


def test_a_place_that_was_measured_at_parking_counts_hours_later() -> None:
    car = Car().says(0, plugged_in=False, **PARKED).says(4.6 * HOUR, plugged_in=True, **PARKED)
    assert car.effects == [OPENED]
    assert car.presence.session is not None
    assert car.presence.session.opened_at == at(4.6 * HOUR)
    assert car.presence.session.metered_from is None


def test_a_car_that_is_plugged_in_again_without_a_drive_is_at_home_still() -> None:
    car = Car().says(60, plugged_in=True, **PARKED).says(HOUR, plugged_in=False, **PARKED)
    car.says(20 * HOUR, plugged_in=True, **PARKED)
    assert OPENED in car.effects
    assert car.in_session


@pytest.mark.parametrize(
    "move",
    [{"moving": True}, {"odometer_km": 1010.0}, {"at_home": False, "place_measured_at": at(2 * HOUR)}],
    ids=["moving", "the odometer", "another place"],
)
def test_a_move_since_the_place_was_measured_makes_it_void(move: dict[str, Any]) -> None:
    car = Car().says(0, plugged_in=False, odometer_km=1000.0, **PARKED).says(HOUR, odometer_km=1000.0)
    car.says(2 * HOUR, **move).says(3 * HOUR, plugged_in=True, **PARKED)
    assert not car.in_session
    car.says(3 * HOUR + 60, plugged_in=True, at_home=True, place_measured_at=at(2.5 * HOUR))
    assert car.in_session


def test_a_drive_before_the_place_was_measured_does_not_make_it_void() -> None:
    car = Car().says(-HOUR, odometer_km=1000.0, at_home=False).says(2 * HOUR, odometer_km=1020.0)
    assert car.says(2 * HOUR, plugged_in=True, **PARKED).in_session


@pytest.mark.parametrize(("kilometres", "in_session"), [(1001.0, True), (1012.0, False)])
def test_an_odometer_from_just_before_the_parking_distinguishes_a_drive_from_the_arrival(
    kilometres: float, in_session: bool
) -> None:
    car = Car().says(-30, plugged_in=False, odometer_km=1000.0).says(60, **PARKED)
    car.says(5 * HOUR, odometer_km=kilometres).says(5 * HOUR, plugged_in=True, **PARKED)
    assert car.in_session is in_session


def test_a_home_that_gets_its_name_after_the_car_parked_counts() -> None:
    car = Car().says(HOUR, plugged_in=True, at_home=False, place_measured_at=at(0))
    assert car.says(2 * HOUR, plugged_in=True, **PARKED).in_session


@pytest.mark.parametrize(("moves_for_s", "at_home"), [(300, True), (301, False)])
def test_a_car_that_reports_home_as_it_arrives_moves_a_little_longer(moves_for_s: int, at_home: bool) -> None:
    rules = PresenceRules(reports_home_changes=True, refresh_s=0)
    car = Car(rules).says(-60, moving=True, at_home=False).says(0, at_home=True).says(moves_for_s, moving=True)
    assert car.says(400, plugged_in=True).in_session is at_home


def test_a_plug_in_that_is_reported_late_moves_the_start_of_its_session_back() -> None:
    car = Car().says(-HOUR, plugged_in=False, at_home=True).says(5 * MINUTE, plugged_in=True, at_home=True)
    opened = car.presence.session
    car.says(0, now=6 * MINUTE, plugged_in=True)
    moved = car.presence.session
    assert opened is not None
    assert moved is not None
    assert moved.id == opened.id
    assert moved.plugged_at == moved.opened_at == at(0)
    assert moved.false_starts == (at(5 * MINUTE),)
    assert car.step.changed


def test_a_late_plug_in_moves_a_plug_whose_home_is_not_known_yet() -> None:
    car = Car().says(300, plugged_in=True).says(0, now=310, plugged_in=True)
    assert car.presence.plugged_at == at(0)
    car.says(600, at_home=True)
    assert car.presence.session is not None
    assert car.presence.session.plugged_at == at(0)


@pytest.mark.parametrize(
    "between",
    [{"plugged_in": False}, {"moving": True}, {"at_home": False}],
    ids=["unplugged", "moving", "away"],
)
def test_a_late_plug_in_from_before_another_sign_is_of_another_plug(between: dict[str, Any]) -> None:
    car = Car().says(0, plugged_in=False, at_home=True).says(120, **between)
    car.says(300, plugged_in=True, at_home=True)
    assert car.says(60, now=310, plugged_in=True).presence.plugged_at == at(300)


def test_a_plug_in_from_before_the_last_day_is_of_another_plug() -> None:
    car = plugged_at_home().says(-25 * HOUR, now=60, plugged_in=True)
    assert car.presence.plugged_at == at(0)


@pytest.mark.parametrize("sentinel", [0.0, 50.0])
def test_a_state_of_charge_that_jumps_for_one_report_is_left_out(sentinel: float) -> None:
    car = plugged_at_home().says(60, soc_pct=80.0).says(360, soc_pct=sentinel)
    assert car.effects == [(EffectKind.IGNORED, Reason.OBSERVED_JUMP)]
    assert car.presence.soc_pct == Observed(80.0, at(60))
    car.says(660, soc_pct=80.4)
    assert car.presence.soc_pct == Observed(80.0, at(660))
    assert presence_due(car.presence) is None


def test_a_jump_counts_once_it_is_reported_again_or_half_an_hour_later() -> None:
    again = plugged_at_home().says(60, soc_pct=80.0).says(360, soc_pct=50.0).says(660, soc_pct=50.0)
    assert again.presence.soc_pct == Observed(50.0, at(660))
    later = plugged_at_home().says(60, soc_pct=80.0).says(360, soc_pct=50.0)
    assert presence_due(later.presence) == at(360 + 1800)
    assert later.waits_until(360 + 1800).presence.soc_pct == Observed(50.0, at(360))


def test_a_first_state_of_charge_of_zero_waits_for_a_second() -> None:
    car = plugged_at_home().says(60, soc_pct=0.0)
    assert car.presence.soc_pct is None
    assert car.says(120, soc_pct=41.0).presence.soc_pct == Observed(41.0, at(120))


@pytest.mark.parametrize(("before", "hours", "after"), [(30.0, 1, 75.0), (80.0, 10, 40.0), (3.0, 0.1, 0.0)])
def test_a_possible_state_of_charge_counts_at_once(before: float, hours: float, after: float) -> None:
    car = plugged_at_home().says(60, soc_pct=before).says(60 + hours * HOUR, soc_pct=after)
    assert car.presence.soc_pct == Observed(after, at(60 + hours * HOUR))


AT_HOME: dict[str, Any] = {"plugged_in": True, "at_home": True}


def arrives(*, away_pct: float, home_pct: float, later: float = 900, plug_first: bool = False) -> Car:
    """A car that is polled on its way, and again when it is plugged in at home."""
    car = Car().says(0, plugged_in=False, at_home=False, soc_pct=away_pct)
    if plug_first:
        return car.says(later, plugged_in=True, at_home=True).says(later + 900, soc_pct=home_pct)
    return car.says(later, plugged_in=True, soc_pct=home_pct).says(later, at_home=True)


def lower_at(car: Car) -> datetime | None:
    return car.presence.session.lower_at if car.presence.session else at(-1)


def test_a_session_has_when_a_car_had_less_in_its_battery_on_its_way() -> None:
    assert lower_at(arrives(away_pct=28, home_pct=30)) == at(0)
    assert lower_at(arrives(away_pct=28, home_pct=30, later=HOUR)) == at(0)


def test_a_car_that_was_seen_nowhere_else_for_hours_may_have_charged_until_its_plug_in_was_seen() -> None:
    away = Car().says(0, plugged_in=False, at_home=False, soc_pct=28).says(60, at_home=True, soc_pct=28)
    home = Car().says(0, plugged_in=False, at_home=True, soc_pct=28)
    assert lower_at(home.says(6 * HOUR, **AT_HOME, soc_pct=90)) == at(5 * HOUR)
    assert lower_at(away.says(6 * HOUR, **AT_HOME, soc_pct=90)) == at(5 * HOUR)


def test_what_a_car_gained_since_it_was_seen_elsewhere_hours_ago_may_have_been_charged_there() -> None:
    car = Car().says(0, plugged_in=False, at_home=True, soc_pct=28).says(HOUR, plugged_in=False, at_home=False)
    assert lower_at(car.says(6 * HOUR, **AT_HOME, soc_pct=90)) is None


@pytest.mark.parametrize(
    "car",
    [
        arrives(away_pct=30, home_pct=30),
        arrives(away_pct=31, home_pct=30),
        arrives(away_pct=28, home_pct=30, later=HOUR + 1),
        arrives(away_pct=28, home_pct=30, plug_first=True),
        Car().says(0, soc_pct=28).says(300, plugged_in=False, at_home=False, soc_pct=30).says(900, **AT_HOME),
        Car()
        .says(0, soc_pct=30)
        .says(60, soc_pct=31)
        .says(90, plugged_in=True, soc_pct=2)
        .waits_until(HOUR)
        .says(HOUR, at_home=True),
        Car().says(0, soc_pct=28).says(300, soc_pct=30).says(400, soc_pct=26).says(900, **AT_HOME, soc_pct=26),
        Car().says(0, soc_pct=28).says(300, soc_pct=30).says(900, **AT_HOME, soc_pct=26),
        Car().says(0, soc_pct=28).says(300, plugged_in=True).says(900, soc_pct=30).says(950, at_home=True),
    ],
    ids=[
        "as much",
        "more",
        "over an hour before",
        "later",
        "charged elsewhere",
        "it fell by much",
        "driven since",
        "driven on the way",
        "a charge after the plug-in",
    ],
)
def test_a_car_that_did_not_arrive_with_more_charged_nothing_before_its_plug_in(car: Car) -> None:
    assert lower_at(car) is None
