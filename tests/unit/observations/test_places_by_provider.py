"""Where a car is, through every provider that can report it: down to the session, the commands and the half-hours."""

import dataclasses
from datetime import datetime, timedelta
from typing import Any

import pytest

from driveway.domain.twin.reasons import Reason
from driveway.values import replace
from tests.support.observations.car_reports import HOME, PROVIDERS, Snapshot, north_of_home
from tests.support.observations.home_car import EVENING, HomeCar

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
PARKED_AT = EVENING - 10 * MINUTE
HERE: dict[str, Any] = {"plugged_in": True, "at_home": True, "place_measured_at": PARKED_AT}
CHARGING: dict[str, Any] = {"charging": True, "power_kw": 6.0}


def at(minutes: float) -> datetime:
    return EVENING + minutes * MINUTE


def plugged_in_at_home(provider: str) -> HomeCar:
    """Plugged in at 18:00 and seen at home every five minutes until 19:00; stopped as it is peak."""
    car = HomeCar.of(provider)
    for minute in range(0, 61, 5):
        car.reports(Snapshot(at(minute), charging=False, **HERE))
    assert car.twin.presence.session is not None
    return car


def away(provider: str, minute: float, **more: Any) -> Snapshot:
    """At work, 100 km off, and charging at 6 kW, by name, flag or position, whatever the provider gives."""
    measured = at(minute)
    seen = {"plugged_in": True, "at_home": False, "place_measured_at": measured, **CHARGING, **more}
    return Snapshot(at(minute), **seen)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_missed_plug_out_leaves_the_car_at_work_alone_and_counts_nothing_there(provider: str) -> None:
    car = plugged_in_at_home(provider)
    counted, sent = car.energy_wh, len(car.sent)
    for minute in range(120, 360, 15):
        car.reports(away(provider, minute))
    assert car.twin.presence.session is None
    assert car.twin.presence.last_session is not None
    assert car.twin.presence.last_session.closed_at == at(60)
    assert len(car.sent) == sent
    assert car.energy_wh == counted


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_first_report_of_being_away_stops_commands_and_counting_at_once(provider: str) -> None:
    car = plugged_in_at_home(provider).reports(away(provider, 320))
    doubt = car.twin.presence.doubt
    assert doubt is not None
    assert doubt.home_at == at(60)
    sent = len(car.sent)
    car.passes_until(at(332))  # the off-peak edge at 23:30 lies in the doubt
    assert len(car.sent) == sent
    assert car.energy_wh == 0


CLEAR: dict[str, dict[str, Any]] = {
    "a position": {"at_home": None, "position": north_of_home(100)},
    "a position beside a flag": {"position": north_of_home(1.3)},
    "a fast charger": {"at_home": None, "fast_charger": True, "power_kw": 50.0},
    "too much power": {"at_home": None, "power_kw": 50.0},
}


@pytest.mark.parametrize(
    ("provider", "sign"),
    [(name, sign) for name in PROVIDERS for sign in CLEAR if name != "app" or sign == "too much power"],
)
def test_a_clear_report_ends_the_session_at_once(provider: str, sign: str) -> None:
    car = plugged_in_at_home(provider).reports(away(provider, 120, **CLEAR[sign]))
    assert car.twin.presence.session is None
    assert car.twin.presence.last_session is not None
    assert car.twin.presence.last_session.closed_at == at(60)


@pytest.mark.parametrize("provider", ["enode", "smartcar", "tesla"])
def test_a_position_of_zero_zero_is_ignored(provider: str) -> None:
    car = plugged_in_at_home(provider)
    car.reports(Snapshot(at(65), plugged_in=True, position=(0.0, 0.0)))
    assert car.twin.presence.session is not None
    assert car.twin.presence.doubt is None


@pytest.mark.parametrize("provider", ["enode", "smartcar"])
def test_a_stray_fix_that_every_report_repeats_is_one_report(provider: str) -> None:
    car = plugged_in_at_home(provider)
    stray = {"at_home": False, "position": north_of_home(0.5), "place_measured_at": at(62)}
    for minute in range(65, 420, 5):
        car.reports(Snapshot(at(minute), plugged_in=True, charging=minute > 332, **stray))
    assert car.twin.presence.session is not None
    assert car.twin.presence.doubt is None
    assert [command.action for _, command in car.sent][-1] == "start"


@pytest.mark.parametrize("provider", PROVIDERS)
def test_what_was_measured_in_doubt_counts_once_the_car_is_seen_at_home(provider: str) -> None:
    car = HomeCar.of(provider)
    for minute in range(330, 400, 5):  # off-peak
        charging = dict(CHARGING, energy_session_kwh=(minute - 330) / 10)
        place = {"at_home": False, "place_measured_at": at(365)} if minute == 365 else {}
        car.reports(Snapshot(at(minute), **{**HERE, **charging, **place}))
    assert car.twin.presence.session is not None
    assert 6200 <= car.energy_wh <= 6500


@pytest.mark.parametrize("provider", ["enode", "smartcar"])
@pytest.mark.parametrize("place", ["a name or flag", "a position"])
def test_a_place_that_is_dated_by_parking_opens_the_session_hours_later(provider: str, place: str) -> None:
    where = {"at_home": True} if place == "a name or flag" else {"position": HOME}
    car = HomeCar.of(provider)
    car.reports(Snapshot(at(0), plugged_in=False, place_measured_at=PARKED_AT, odometer_km=1000.0, **where))
    seen = Snapshot(at(270), plugged_in=True, place_measured_at=PARKED_AT, odometer_km=1000.0, **where)
    car.reports(seen)
    session = car.twin.presence.session
    assert session is not None
    assert session.opened_at == at(270)
    car.reports(dataclasses.replace(seen, at=at(300), charging=False)).passes_until(at(331))
    assert [command.action for _, command in car.sent] == ["start"]


@pytest.mark.parametrize("provider", ["enode", "smartcar"])
def test_the_odometer_shows_a_drive_that_the_place_does_not(provider: str) -> None:
    """An underground garage at work: no fix, so the place stays the one of the last parking, at home."""
    car = HomeCar.of(provider)
    parked = {"at_home": True, "place_measured_at": PARKED_AT}
    car.reports(Snapshot(at(0), plugged_in=False, odometer_km=1000.0, **parked))
    car.reports(Snapshot(at(120), plugged_in=True, odometer_km=1012.0, **parked))
    assert car.twin.presence.session is None
    home_again = {"at_home": True, "place_measured_at": at(300)}
    car.reports(Snapshot(at(305), plugged_in=True, odometer_km=1024.0, **home_again))
    assert car.twin.presence.session is not None


@pytest.mark.parametrize("provider", ["enode", "smartcar", "tesla"])
def test_the_odometer_ends_a_session_whose_plug_out_was_missed(provider: str) -> None:
    car = plugged_in_at_home(provider).reports(Snapshot(at(65), odometer_km=1000.0, **HERE))
    car.reports(Snapshot(at(125), plugged_in=True, odometer_km=1012.0, **CHARGING))
    assert car.twin.presence.session is None
    assert car.twin.presence.last_session is not None
    assert car.twin.presence.last_session.closed_at == at(65)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_plug_in_that_is_received_after_what_followed_it_loses_no_energy(provider: str) -> None:
    meter = {"charging": True, "power_kw": 6.0}
    first = Snapshot(at(330), plugged_in=True, at_home=True, **meter, energy_session_kwh=0.0)
    later = [
        Snapshot(at(330 + 5 * n), plugged_in=True, at_home=True, **meter, energy_session_kwh=0.5 * n)
        for n in range(1, 7)
    ]
    in_order, out_of_order = HomeCar.of(provider), HomeCar.of(provider)
    for snapshot in (first, *later):
        in_order.reports(snapshot)
    for snapshot in (later[0], first, *later[1:]):
        out_of_order.reports(snapshot)
    assert out_of_order.energy_wh == in_order.energy_wh == 3000
    assert out_of_order.twin.presence.session is not None
    assert out_of_order.twin.presence.session.plugged_at == at(330)


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("sentinel", [0.0, 50.0])
def test_a_state_of_charge_that_jumps_for_one_report_starts_nothing(provider: str, sentinel: float) -> None:
    car = HomeCar.of(provider)
    car.twin = replace(car.twin, intent=replace(car.twin.intent, minimum_soc_pct=60))
    for minute in (0, 5, 15, 20):
        car.reports(Snapshot(at(minute), charging=False, soc_pct=80.0, **HERE))
        if minute == 5:
            car.reports(Snapshot(at(10), charging=False, soc_pct=sentinel, **HERE))
    assert car.twin.presence.soc_pct is not None
    assert car.twin.presence.soc_pct.value == 80.0
    assert car.sent == []


@pytest.mark.parametrize("sentinel", [0, "0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z"])
@pytest.mark.parametrize("provider", ["enode", "smartcar"])
def test_times_that_are_none_give_way_to_the_next_best(provider: str, sentinel: Any) -> None:
    car = HomeCar.of(provider).reports(Snapshot(at(0), **HERE, time_sentinel=sentinel))
    assert car.twin.presence.session is not None
    assert car.twin.presence.session.plugged_at == at(0)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_driver_sees_why_nothing_is_commanded(provider: str) -> None:
    car = plugged_in_at_home(provider).reports(away(provider, 65))
    doubted = [entry for entry in car.twin.news if entry.reason == Reason.HOME_IN_DOUBT]
    assert [entry.event for entry in doubted] == ["HomeDoubted"]
    assert "not at home" in doubted[0].text


@pytest.mark.parametrize("provider", ["enode", "smartcar"])
@pytest.mark.parametrize(("lost_pct", "looks"), [(4, False), (5, True)])
def test_after_a_battery_lost_charge_while_unplugged_the_state_is_read_before_the_first_command(
    provider: str, lost_pct: int, looks: bool
) -> None:
    car = HomeCar.of(provider).reports(Snapshot(at(0), **HERE, charging=False, soc_pct=60.0))
    parked = {"at_home": True, "place_measured_at": PARKED_AT}
    car.reports(Snapshot(at(60), plugged_in=False, soc_pct=60.0, **parked)).passes_until(at(80))
    car.reports(Snapshot(at(335), plugged_in=True, charging=False, soc_pct=60.0 - lost_pct, **parked))
    assert car.twin.presence.session is not None
    assert (car.twin.control.request is not None) is looks
    assert ([command.action for _, command in car.sent] == ["start"]) is not looks
    car.passes_until(at(341))
    assert [command.action for _, command in car.sent] == ["start"]
