"""What the simulated providers report of places, odometers and times, stored in a twin as the functions do it."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import requests

from driveway.auth.tokens import StaticToken
from driveway.domain.twin import Vehicle
from driveway.vehicles import registry
from driveway.vehicles.provider import Call
from tests.support.simulators.listening_car import ListeningCar
from tests.support.vehicles.car_rig import START, Rig, rig_at, until

HALF_A_KILOMETRE_OFF = {"latitude": 51.5079, "longitude": -0.1276}


@pytest.fixture(scope="module")
def shared() -> Iterator[Rig]:
    with rig_at() as rig:
        yield rig


@pytest.fixture
def rig(shared: Rig) -> Rig:
    until(lambda: shared.simulator.outbox.pending() == 0)
    shared.ok("POST", "/_sim/reset", {"settings": True})
    shared.receiver.requests.clear()
    return shared


@pytest.mark.parametrize("provider", ["enode", "smartcar"])
def test_a_place_that_is_dated_by_parking_is_home_hours_later(rig: Rig, provider: str) -> None:
    car = ListeningCar(rig, provider, place_dated_by_parking=True).passes(270).does("plug-in")
    assert car.in_session
    assert car.twin.twin.presence.place_measured_at is not None
    assert rig.clock.now() - car.twin.twin.presence.place_measured_at >= timedelta(hours=4)


@pytest.mark.parametrize("provider", ["enode", "smartcar", "tesla"])
def test_a_car_whose_plug_out_was_lost_is_left_alone_at_work(rig: Rig, provider: str) -> None:
    car = ListeningCar(rig, provider, loses_plug_out=True, place_dated_by_parking=True).does("plug-in").passes(5)
    assert car.in_session
    rig.change(report_every_s=1800)  # from now on the cloud polls, so that the drive itself is not seen
    car.does("drive-away", "park-away").passes(20).does("plug-in").passes(31)
    sent = len(car.twin.sent)
    car.passes(300)
    assert not car.in_session
    assert len(car.twin.sent) == sent


@pytest.mark.parametrize("provider", ["enode", "smartcar"])
def test_a_stray_position_that_every_report_repeats_is_one_report(rig: Rig, provider: str) -> None:
    car = ListeningCar(rig, provider, place_dated_by_parking=True, report_every_s=300, auto_start=False)
    car.does("plug-in").passes(5)
    rig.change(stray=HALF_A_KILOMETRE_OFF)
    doubts = 0
    for _ in range(40):
        car.passes(5)
        doubts += car.twin.twin.presence.doubt is not None
    assert 10 <= doubts <= 14
    assert car.in_session


@pytest.mark.parametrize("provider", ["enode", "smartcar", "tesla"])
def test_a_drive_shows_on_the_odometer(rig: Rig, provider: str) -> None:
    car = (
        ListeningCar(rig, provider)
        .does("plug-in", "plug-out")
        .passes(30)
        .does("drive-away")
        .passes(30)
        .does("come-home")
    )
    assert car.twin.twin.presence.odometer_km is not None
    assert car.twin.twin.presence.odometer_km.value == pytest.approx(20_025, abs=0.1)
    assert car.twin.twin.presence.driven_after is not None


@pytest.mark.parametrize("no_time", ["0", "1970-01-01T00:00:00Z", "0001-01-01T00:00:00Z"])
@pytest.mark.parametrize("provider", ["enode", "smartcar"])
def test_invalid_times_do_not_hide_a_plug_in(rig: Rig, provider: str, no_time: str) -> None:
    assert ListeningCar(rig, provider, no_time=no_time).does("plug-in").in_session


@pytest.mark.parametrize("provider", ["enode", "smartcar", "tesla"])
def test_an_impossible_state_of_charge_is_not_used(rig: Rig, provider: str) -> None:
    car = ListeningCar(rig, provider, soc_pct=80, auto_start=False).does("plug-in").passes(5)
    rig.change(claimed_soc_pct=0)
    rig.do("report")
    car.listens()
    known, pending = car.twin.twin.presence.soc_pct, car.twin.twin.presence.pending_soc
    assert known is not None
    assert pending is not None
    assert (known.value, pending.value) == (80, 0)


@pytest.mark.parametrize("settings", [{"timestamps": "epoch_s"}, {"leaves_out_status": True}])
def test_smartcars_odd_forms_are_read(rig: Rig, settings: dict[str, Any]) -> None:
    rig.configure("smartcar", **settings)
    assert ListeningCar(rig, "smartcar").does("plug-in").in_session


@pytest.mark.parametrize("per_page", [None, 1, 5])
def test_smartcars_stored_signals_are_read_from_every_page(rig: Rig, per_page: int | None) -> None:
    rig.configure("smartcar", signals_per_page=per_page)
    rig.car("smartcar")
    fields = {"grant_type": "client_credentials", "client_id": "client-id", "client_secret": "client-secret"}
    token = rig.http.post(f"{rig.url}/smartcar/oauth2/token", data=fields, timeout=10).json()["access_token"]
    with requests.Session() as http:
        call = Call(f"{rig.url}/smartcar", http, StaticToken(token), max(rig.clock.now(), START), {})
        seen = registry.commands("smartcar").read_state(call, Vehicle("smartcar", "car-1", user_id="user-1"))
    assert any(one.plugged_in is not None for one in seen.observations)
    has_place = any(one.whereabouts is not None for one in seen.observations)
    assert has_place is (per_page != 1)  # eight pages are read at most
