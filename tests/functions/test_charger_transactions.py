"""Chargers that differ in which profiles act on a running transaction are all held, started and released."""

from itertools import product
from typing import Any

import pytest

from driveway.values import replace
from driveway.vehicles.ocpp.profiles import OUR_IDS
from simulators.cars.ocpp import plan_of
from tests.support.domain.control_car import axle_profile
from tests.support.functions.stage import Stage

NEXT = {"default_profiles_apply": "next_transaction"}
CHARGERS: dict[str, dict[str, Any]] = {
    "defaults act at once": {},
    "defaults act on the next transaction": NEXT,
    "no profiles for transactions": {"takes_transaction_profiles": False},
}
EACH_CHARGER = pytest.mark.parametrize("charger", CHARGERS)


def want(stage: Stage, limit_kw: float) -> None:
    profile = axle_profile(stage.rig.clock.now(), (120, limit_kw))
    stage.rig.change("car-1", lambda twin: replace(twin, profiles=(profile,)))
    stage.settle()
    stage.run(6)
    stage.see()


def parked(stage: Stage, charger: str) -> Stage:
    stage.park("ocpp", **CHARGERS[charger])
    stage.rig.clock.move(seconds=1)
    return stage


def installed(stage: Stage) -> list[tuple[int | None, str]]:
    car = stage.cars.simulator.world.cars["5YJ30000000000001"]
    return [(one.profile.profile_id, one.profile.purpose) for one in plan_of(car).installed]


@EACH_CHARGER
def test_a_running_transaction_is_stopped_limited_and_started(stage: Stage, charger: str) -> None:
    parked(stage, charger)
    for limit_kw, power_kw in ((0.0, 0.0), (3.7, 3.7), (7.4, 7.4), (0.0, 0.0)):
        want(stage, limit_kw)
        assert stage.truth()["power_kw"] == pytest.approx(power_kw), (charger, limit_kw)


@EACH_CHARGER
@pytest.mark.parametrize("began", ["before the stop", "while it was held"])
def test_a_car_is_able_to_charge_once_nothing_of_ours_is_left(stage: Stage, charger: str, began: str) -> None:
    parked(stage, charger)
    want(stage, 0.0)
    if began == "while it was held":
        for move in ("plug-out", "plug-in"):
            stage.cars.do(move, "5YJ30000000000001")
            stage.see()
    stage.run(2)
    assert not stage.truth()["charging"]
    stage.link(enrolled=False)
    stage.run(6)
    assert stage.truth()["charging"]
    assert {profile_id for profile_id, purpose in installed(stage) if purpose != "TxProfile"} == set()


def test_a_central_system_that_names_no_transaction_stops_what_obeys_defaults(stage: Stage) -> None:
    stage.cars.configure("ocpp", names_transactions=False)
    parked(stage, "defaults act at once")
    want(stage, 0.0)
    assert not stage.truth()["charging"]


@pytest.mark.parametrize(("purpose", "level"), list(product(("ChargePointMaxProfile", "TxDefaultProfile"), (0, 1, 50))))
def test_the_profiles_of_the_installer_stay_in_the_charger(stage: Stage, purpose: str, level: int) -> None:
    parked(stage, "defaults act at once")
    profile = {
        "chargingProfileId": 7,
        "stackLevel": level,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": "Relative",
        "chargingSchedule": {
            "chargingRateUnit": "W",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 6000.0}],
        },
    }
    stage.cars.headers = {"authorization": "Bearer ocpp-token"}
    path, body = (
        "/ocpp/chargers/5YJ30000000000001/SetChargingProfile",
        {"connectorId": 1, "csChargingProfiles": profile},
    )
    assert stage.cars.ok("POST", path, body)["status"] == "Accepted"
    for limit_kw in (0.0, 7.4):
        want(stage, limit_kw)
        assert (7, purpose) in installed(stage)
    if purpose == "ChargePointMaxProfile":
        assert stage.truth()["power_kw"] == pytest.approx(6.0), "ours never lift it"
    stage.link(enrolled=False)
    stage.run(6)
    assert (7, purpose) in installed(stage)
    assert not {7} & set(OUR_IDS)


def test_unit_and_stack_level_of_a_charger_stand_in_place_of_the_stages(stage: Stage) -> None:
    twin = parked(stage, "defaults act at once").rig.twin("car-1")
    vehicle = twin.link.vehicle
    assert vehicle is not None
    stage.link(vehicle=replace(vehicle, rate_unit="A", stack_level=8, phases=1))
    want(stage, 3.68)
    sent = [command["params"]["csChargingProfiles"] for command in stage.truth()["commands"][-2:]]
    for profile in sent:
        assert (profile["stackLevel"], profile["chargingSchedule"]["chargingRateUnit"]) == (8, "A")
        assert profile["chargingSchedule"]["chargingSchedulePeriod"][0]["limit"] == 16.0
    assert stage.truth()["power_kw"] == pytest.approx(3.68)
