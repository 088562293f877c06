"""A driver joins without a plug state: it is unknown, and the car's state is read afterwards."""

from datetime import timedelta
from typing import Any

import pytest

from driveway.domain.presence.observation import Observation
from driveway.observations.webhook_intake import take_observations
from tests.support.functions.rig import Rig
from tests.support.functions.sites import VEHICLE, car, put, site_body
from tests.support.functions.stage import Stage

HOME = {"latitude": 51.5034, "longitude": -0.1276}
CARS: dict[str, dict[str, Any]] = {
    "enode": {"provider": "enode", "vehicle_id": "5YJ30000000000001", "home_location_id": "home-place"},
    "smartcar": {"provider": "smartcar", "vehicle_id": "5YJ30000000000001", "user_id": "user-1"},
    "tesla": {
        "provider": "tesla",
        "vehicle_id": "5YJ30000000000001",
        "user_id": "user-1",
        "refresh_token": "refresh-1",
    },
}


def join(stage: Stage, provider: str) -> Any:
    """A driver joins in the evening; the simulated car is at home."""
    stage.cars.car(provider, vehicle_id="5YJ30000000000001", home_location_id="home-place")
    return put(stage.rig, site_body(car(vehicle=CARS[provider], plugged_in=None), home=HOME)).body["assets"][0]


def looks(stage: Stage) -> int:
    return sum(kind == "ChargingCommand" and detail["action"] == "look" for kind, detail in stage.rig.bus.events)


def test_a_plug_state_that_is_left_out_is_unknown_and_the_answer_warns(rig: Rig) -> None:
    (asset,) = put(rig, site_body(car(plugged_in=None))).body["assets"]
    assert rig.twin("car-1").presence.plugged_in is None
    assert asset["plugged_in"] is None
    assert any("No plug state was given" in warning for warning in asset["warnings"])
    (given,) = put(rig, site_body(car(plugged_in=False, vehicle={**VEHICLE, "vehicle_id": "other"}))).body["assets"]
    assert (given["plugged_in"], given["warnings"]) == (False, [])


def test_axle_receives_a_plug_out_while_nothing_is_known(rig: Rig) -> None:
    put(rig, site_body(car(plugged_in=None)))
    rig.pump()
    assert rig.events_at_axle("car-1") == ["tariff_update", "intent_update", "plug_out"]


def test_a_report_from_before_the_call_that_comes_after_it_counts(rig: Rig) -> None:
    put(rig, site_body(car(plugged_in=None)))
    at = rig.clock.now() - timedelta(minutes=10)
    take_observations("car-1", [Observation(at, "enode", plugged_in=True, at_home=True)], rig.runtime)
    session = rig.twin("car-1").presence.session
    assert session is not None
    assert session.plugged_at == at


@pytest.mark.parametrize("provider", CARS)
def test_the_cars_state_is_read_after_the_answer_and_sent_to_axle(stage: Stage, provider: str) -> None:
    stage.cars.configure(provider)
    asset = join(stage, provider)
    stage.cars.do("plug-in", "5YJ30000000000001")
    assert asset["plugged_in"] is None
    assert looks(stage) == 0, "not inside the call"
    stage.settle()
    stage.run(1)
    assert looks(stage) == 1
    assert stage.rig.twin("car-1").presence.session is not None
    for _ in range(5):
        stage.rig.look("axle", "car-1")
    assert stage.rig.events_at_axle("car-1")[-1] == "plug_in"


def test_the_state_of_a_car_with_a_given_plug_state_is_not_read(rig: Rig) -> None:
    put(rig, site_body(car(plugged_in=False)))
    rig.pump()
    assert not any(kind == "ChargingCommand" for kind, _ in rig.bus.events)
