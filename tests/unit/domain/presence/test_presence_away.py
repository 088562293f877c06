"""A car in an open home session that is reported away: the doubt, how it ends, and the sessions after it."""

from typing import Any

import pytest

from driveway.domain.presence.observe import presence_due
from driveway.domain.presence.rules import EffectKind, PresenceRules
from driveway.domain.twin.reasons import Reason
from tests.support.domain.presence_car import HOUR, Car, at, plugged_at_home

MINUTE = 60
DOUBTED = (EffectKind.HOME_DOUBTED, Reason.HOME_IN_DOUBT)
LEFT = (EffectKind.PLUGGED_OUT, Reason.LEFT_HOME_UNSEEN)
CONFIRMED = (EffectKind.HOME_CONFIRMED, Reason.HOME_SEEN_AGAIN)
STRAY = (EffectKind.HOME_CONFIRMED, Reason.PLACE_WAS_STRAY)


def reported_every_five_minutes_until(seconds: int) -> Car:
    car = plugged_at_home()
    for passed in range(0, seconds + 1, 300):
        car.says(passed, plugged_in=True, at_home=True)
    return car


def test_one_unclear_report_of_being_away_leaves_the_session_in_doubt() -> None:
    car = plugged_at_home().says(HOUR, plugged_in=True, at_home=False)
    assert car.effects == [DOUBTED]
    assert car.in_session
    assert presence_due(car.presence) == at(2 * HOUR)


def test_a_second_measurement_ends_the_session_at_the_last_report_of_home() -> None:
    car = reported_every_five_minutes_until(HOUR)
    car.says(2 * HOUR, plugged_in=True, at_home=False).says(2 * HOUR + MINUTE, plugged_in=True, at_home=False)
    assert car.effects == [LEFT]
    assert car.closed_at == at(HOUR)
    assert not car.in_session


def test_reports_that_repeat_one_measurement_are_one_report() -> None:
    car = plugged_at_home()
    for minute in range(5, 60, 5):
        car.says(HOUR + minute * MINUTE, plugged_in=True, at_home=False, place_measured_at=at(HOUR))
        assert car.in_session
        assert car.presence.doubt is not None


@pytest.mark.parametrize("repeats", [False, True])
def test_one_measurement_without_time_to_leave_was_a_stray_and_is_never_away_again(repeats: bool) -> None:
    car = reported_every_five_minutes_until(HOUR)
    stray: dict[str, Any] = {"at_home": False, "place_measured_at": at(HOUR + 60)}
    car.says(HOUR + 5 * MINUTE, plugged_in=True, **stray)
    if repeats:
        car.says(HOUR + 30 * MINUTE, plugged_in=True, **stray)
    car.waits_until(2 * HOUR + 5 * MINUTE)
    assert car.effects == [STRAY]
    for hour in range(3, 9):
        car.says(hour * HOUR, plugged_in=True, **stray)
        assert car.effects == [(EffectKind.IGNORED, Reason.PLACE_WAS_STRAY)]
        assert car.in_session
        assert car.presence.doubt is None


def test_one_measurement_after_a_gap_in_the_reports_was_true() -> None:
    car = plugged_at_home().says(HOUR, plugged_in=True, at_home=False).waits_until(2 * HOUR)
    assert car.effects == [LEFT]
    assert car.closed_at == at(0.001)  # the last report of home is the plug-in itself


def test_a_doubt_that_was_true_keeps_when_the_car_was_last_reported_away() -> None:
    car = plugged_at_home().says(HOUR, plugged_in=True, at_home=False)
    car.says(HOUR + 30 * MINUTE, plugged_in=True, at_home=False, place_measured_at=at(HOUR)).waits_until(2 * HOUR)
    assert car.effects == [LEFT]
    assert car.presence.away_seen_at == at(HOUR + 30 * MINUTE)


@pytest.mark.parametrize(("gap_s", "left"), [(599, False), (600, True)])
def test_a_car_needs_ten_minutes_without_a_report_to_leave_and_plug_in(gap_s: int, left: bool) -> None:
    car = plugged_at_home().says(300, charging=True).says(300 + gap_s, at_home=False).waits_until(2 * HOUR)
    assert car.in_session is not left


def test_the_next_report_of_home_ends_the_doubt() -> None:
    car = plugged_at_home().says(HOUR, at_home=False).says(HOUR + 10 * MINUTE, at_home=True)
    assert car.effects == [CONFIRMED]
    assert car.in_session
    assert car.presence.session is not None
    assert car.presence.session.strays == (at(HOUR),)
    assert presence_due(car.presence) is None


@pytest.mark.parametrize(
    "sign", [{"clearly_away": True}, {"clearly_away": True, "power_kw": 50.0}, {"clearly_away": True, "charging": True}]
)
def test_a_clear_report_ends_the_session_at_once(sign: dict[str, Any]) -> None:
    car = reported_every_five_minutes_until(HOUR).says(HOUR + MINUTE, plugged_in=True, at_home=False, **sign)
    assert LEFT in car.effects
    assert car.closed_at == at(HOUR)
    assert car.presence.plugged_in is not None
    assert car.presence.plugged_in.value is True


FAR: dict[str, Any] = {"plugged_in": True, "at_home": False, "clearly_away": True}


def parked_at_20_025_km_for(hours: int) -> Car:
    return plugged_at_home().says(MINUTE, odometer_km=20_025.0).says(hours * HOUR, odometer_km=20_025.0, at_home=True)


def test_an_odometer_that_shows_no_drive_makes_a_clear_report_a_doubtful_one() -> None:
    car = parked_at_20_025_km_for(1).says(5 * HOUR, odometer_km=20_025.0, **FAR)
    assert car.effects == [DOUBTED]
    car.says(5 * HOUR + 30 * MINUTE, odometer_km=20_025.0, at_home=True)
    assert car.effects == [CONFIRMED]
    assert car.in_session


def test_a_clear_place_that_nothing_contradicts_for_an_hour_was_true_whatever_the_odometer_shows() -> None:
    car = parked_at_20_025_km_for(1).says(5 * HOUR, odometer_km=20_025.0, **FAR)
    assert not car.waits_until(6 * HOUR).in_session
    assert car.closed_at == at(HOUR)


def test_one_clear_place_that_is_repeated_for_hours_is_wrong_if_no_car_could_be_there_by_then() -> None:
    car = parked_at_20_025_km_for(1).says(HOUR + 2 * MINUTE, odometer_km=20_025.0, **FAR, place_measured_at=at(HOUR))
    for minute in range(7, 240, 5):
        again: dict[str, Any] = {**FAR, "place_measured_at": at(HOUR)}
        car.says(HOUR + minute * MINUTE, odometer_km=20_025.0, **again)
        assert car.in_session, minute
    assert not car.says(6 * HOUR, odometer_km=20_025.0, **FAR).in_session, "another measurement"


def test_one_clear_place_that_is_repeated_ends_the_session_if_the_car_could_be_there_by_then() -> None:
    """The odometer counts whole kilometres, and the car was plugged in elsewhere at once."""
    car = parked_at_20_025_km_for(1)
    there: dict[str, Any] = {**FAR, "place_measured_at": at(HOUR + 6 * MINUTE)}
    for minute in range(9, 75, 5):
        car.says(HOUR + minute * MINUTE, odometer_km=20_025.0, **there)
    assert not car.in_session


def test_a_second_clear_place_in_a_session_ends_it_whatever_the_odometer_shows() -> None:
    car = parked_at_20_025_km_for(1).says(5 * HOUR, odometer_km=20_025.0, **FAR)
    car.says(5 * HOUR + 30 * MINUTE, odometer_km=20_025.0, at_home=True)
    assert not car.says(8 * HOUR, odometer_km=20_025.0, **FAR).in_session


def test_two_clear_places_that_were_measured_apart_outrank_an_odometer_that_shows_no_drive() -> None:
    car = parked_at_20_025_km_for(1).says(5 * HOUR, odometer_km=20_025.0, **FAR)
    assert not car.says(5 * HOUR + MINUTE, odometer_km=20_025.0, **FAR).in_session
    assert car.closed_at == at(HOUR)


@pytest.mark.parametrize("odometer_km", [20_025.4, 20_024.0, 20_105.0, None])
def test_an_odometer_that_moved_or_is_not_shown_leaves_a_clear_report_clear(odometer_km: float | None) -> None:
    car = parked_at_20_025_km_for(1).says(5 * HOUR, odometer_km=odometer_km, **FAR)
    assert not car.in_session


def test_an_odometer_that_was_first_read_after_the_last_report_of_home_proves_nothing() -> None:
    car = plugged_at_home().says(HOUR, odometer_km=20_025.0).says(5 * HOUR, odometer_km=20_025.0, **FAR)
    assert not car.in_session


def test_a_plug_out_in_doubt_ends_the_session_at_the_last_report_of_home() -> None:
    car = reported_every_five_minutes_until(HOUR).says(HOUR + 5 * MINUTE, plugged_in=True, at_home=False)
    car.says(HOUR + 10 * MINUTE, plugged_in=False).waits_until(HOUR + 20 * MINUTE)
    assert car.closed_at == at(HOUR)
    assert car.presence.doubt is None


def test_coming_back_and_plugging_in_is_a_new_session() -> None:
    car = plugged_at_home().says(HOUR, plugged_in=True, at_home=False, clearly_away=True)
    first = car.presence.last_session
    car.says(9 * HOUR, plugged_in=True, at_home=True)
    assert first is not None
    assert car.presence.session is not None
    assert car.presence.session.id != first.id
    assert car.presence.session.opened_at == car.presence.session.metered_from == at(9 * HOUR)


def test_a_place_that_was_measured_before_the_known_one_is_too_late() -> None:
    car = plugged_at_home().says(HOUR, at_home=False, clearly_away=True, place_measured_at=at(-HOUR))
    assert car.effects == [(EffectKind.IGNORED, Reason.OBSERVED_TOO_LATE)]


def test_a_place_that_a_provider_measured_outranks_the_apps_report_of_home() -> None:
    car = Car().says(0, plugged_in=True, at_home=True, place_measured_at=at(-30 * 24 * HOUR))
    assert car.in_session
    car.says(60, plugged_in=True, at_home=False, clearly_away=True, place_measured_at=at(-8 * HOUR))
    assert not car.in_session


def test_a_late_report_of_home_moves_the_time_of_the_last_one() -> None:
    car = plugged_at_home().says(HOUR, at_home=False).says(HOUR - 60, now=HOUR + 10, at_home=True)
    car.says(HOUR + 20 * MINUTE, at_home=False)
    assert car.closed_at == at(HOUR - 60)


def test_a_drive_that_is_reported_with_the_plug_out_ends_the_session_where_the_plug_was_last_seen() -> None:
    car = plugged_at_home().says(MINUTE, odometer_km=1000.0).says(5 * HOUR, plugged_in=True, charging=False)
    car.says(10 * HOUR, plugged_in=False, at_home=False, odometer_km=1025.0)
    assert car.effects[:1] == [LEFT]
    assert car.closed_at == at(5 * HOUR)


CHANGES_ONLY = PresenceRules(reports_home_changes=True)
ELSEWHERE: dict[str, Any] = {"at_home": False, "clearly_away": True}
DRIVEN: dict[str, Any] = {"plugged_in": False, "at_home": False, "odometer_km": 1025.0}


def charged_from_one_to_four(rules: PresenceRules = CHANGES_ONLY) -> Car:
    """A car whose source reports the state of charge from the start of its charge on, and no plug."""
    car = plugged_at_home(rules).says(MINUTE, odometer_km=1000.0, soc_pct=40).says(HOUR, plugged_in=True, charging=True)
    for hour in (2, 3, 4):
        car.says(hour * HOUR, soc_pct=40 + 10 * hour)
    return car


@pytest.mark.parametrize("report", [DRIVEN, ELSEWHERE])
def test_a_car_that_left_unseen_was_at_home_until_its_charge_was_last_seen(report: dict[str, Any]) -> None:
    car = charged_from_one_to_four().says(4 * HOUR + 15 * MINUTE, soc_pct=80).says(10 * HOUR, **report)
    assert car.effects[1] == LEFT
    assert car.closed_at == at(4 * HOUR)


@pytest.mark.parametrize(("report", "seconds"), [(DRIVEN, HOUR), (ELSEWHERE, 0.001)])
def test_a_charge_without_a_report_of_its_plug_may_be_elsewhere_if_the_source_repeats_plugs(
    report: dict[str, Any], seconds: float
) -> None:
    car = charged_from_one_to_four(PresenceRules()).says(10 * HOUR, **report)
    assert car.closed_at == at(seconds)


def test_a_charge_that_was_seen_too_shortly_before_to_drive_so_far_was_elsewhere() -> None:
    car = charged_from_one_to_four().says(4 * HOUR + MINUTE, **DRIVEN)
    assert car.closed_at == at(HOUR)


def test_a_charge_after_a_report_of_being_away_that_comes_late_was_elsewhere() -> None:
    car = charged_from_one_to_four().says(3.5 * HOUR, now=5 * HOUR, **ELSEWHERE)
    assert car.closed_at == at(0.001)


def test_a_charge_after_the_place_away_was_measured_was_elsewhere() -> None:
    car = charged_from_one_to_four().says(10 * HOUR, **ELSEWHERE | {"place_measured_at": at(2 * HOUR)})
    assert car.closed_at == at(0.001)


def test_a_charge_during_a_doubt_or_before_a_report_of_another_plug_may_be_elsewhere() -> None:
    doubted = plugged_at_home(CHANGES_ONLY).says(MINUTE, soc_pct=40).says(HOUR, charging=True, at_home=False)
    doubted.says(HOUR + MINUTE, soc_pct=50).says(1.5 * HOUR, at_home=False)
    assert doubted.closed_at == at(0.001)
    plugged = charged_from_one_to_four().says(10 * HOUR, **FAR)
    assert plugged.closed_at == at(0.001)


def test_a_plug_that_was_seen_too_shortly_before_to_drive_so_far_was_another_one() -> None:
    car = plugged_at_home().says(MINUTE, odometer_km=1000.0).says(4 * HOUR - MINUTE, plugged_in=True, charging=True)
    car.says(4 * HOUR, plugged_in=False, at_home=False, odometer_km=1025.0)
    assert not car.in_session
    assert car.closed_at is not None
    assert car.closed_at < at(1)


def test_a_drive_that_is_reported_with_another_plug_ends_the_session_at_the_last_report_of_home() -> None:
    car = plugged_at_home().says(HOUR, odometer_km=1000.0, at_home=True).says(5 * HOUR, plugged_in=True)
    car.says(10 * HOUR, plugged_in=True, odometer_km=1025.0)
    assert car.effects[:1] == [LEFT]
    assert car.closed_at == at(HOUR)


def test_the_odometer_shows_that_a_car_was_driven_since_it_was_plugged_in() -> None:
    car = plugged_at_home().says(HOUR, odometer_km=1000.0, plugged_in=True, at_home=True)
    car.says(3 * HOUR, odometer_km=1012.0).says(3 * HOUR, plugged_in=True, at_home=True, place_measured_at=at(-HOUR))
    assert car.closed_at == at(HOUR)
    assert not car.in_session
    car.says(9 * HOUR, odometer_km=1024.0).says(9 * HOUR, plugged_in=True, at_home=True, place_measured_at=at(8 * HOUR))
    assert car.in_session


@pytest.mark.parametrize("kilometres", [1000.5, 999.0, 1609.3, 0.0, float("nan")])
def test_noise_a_lower_value_and_another_unit_are_no_drive(kilometres: float) -> None:
    car = plugged_at_home().says(HOUR, odometer_km=1000.0).says(HOUR + 60, odometer_km=kilometres)
    assert car.in_session
    assert car.presence.driven_after is None
