"""The documented sequences (docs/sites.md): add an asset, swap a charger, change the provider, move a car."""

import pytest

from simulators.common import Fault
from tests.support.functions.rig import Rig
from tests.support.functions.sites import VEHICLE, car, carry_out, delete, held, let_pass, put, site_body, status

OTHER = {"provider": "smartcar", "vehicle_id": "smartcar-vehicle-1", "user_id": "smartcar-user-1"}
SECOND_MPAN = "1100000000008"


def charger(asset: str, charge_point: str) -> dict[str, object]:
    return car(asset, type="charger", vehicle={"provider": "ocpp", "vehicle_id": charge_point})


def names(rig: Rig, site: str = "home-1") -> list[str]:
    return [asset["asset"] for asset in status(rig, site).body["assets"]]


def test_an_asset_is_added_by_naming_it_and_the_others_stay(rig: Rig) -> None:
    put(rig, site_body())
    first = rig.twin("car-1")
    reply = put(rig, site_body(car("car-2", vehicle=OTHER)))
    assert (reply.status, reply.body["assets"][0]["created"]) == (200, True)
    assert names(rig) == ["car-1", "car-2"]
    assert rig.twin("car-1") == first
    rig.pump()
    assert rig.events_at_axle("car-2") == ["tariff_update", "intent_update", "plug_out"]


def test_a_new_home_counts_for_the_assets_that_are_not_named_too(rig: Rig) -> None:
    put(rig, site_body())
    put(rig, site_body(car("car-2", vehicle=None), home={"latitude": 51.5, "longitude": -0.13}))
    home = rig.twin("car-1").link.home
    assert home is not None
    assert home.latitude == 51.5


@pytest.mark.parametrize("charge_point", ["CP-2", "CP-1"])
def test_a_charger_is_swapped_by_naming_the_new_and_removing_the_old(rig: Rig, charge_point: str) -> None:
    put(rig, site_body(charger("charger-1", "CP-1")))
    body = site_body(charger("charger-2", charge_point), remove_assets=["charger-1"])
    reply = put(rig, body)
    assert (reply.status, reply.body["removed"]) == (200, ["charger-1"]), reply.text
    assert names(rig) == ["charger-2"]
    assert list(rig.axle.world.asset_by_external_id) == ["charger-2"]
    assert rig.runtime.records.asset_for("ocpp", charge_point) == "charger-2"
    assert not any("charger-1" in str(item) for item in rig.items())
    assert put(rig, body).body["removed"] == ["charger-1"]
    assert rig.serve("status", "GET /assets/{asset}", asset="charger-1").status == 404


def test_a_removal_without_an_answer_from_axle_is_shown_as_unfinished_and_finished_later(rig: Rig) -> None:
    put(rig, site_body(charger("charger-1", "CP-1")))
    body = site_body(charger("charger-2", "CP-2"), remove_assets=["charger-1"])
    rig.axle.faults.add(Fault(method="DELETE", when="after", drop=True, count=2))
    assert put(rig, body).status == 202
    assert status(rig).body["unfinished"] is not None
    let_pass(rig, minutes=2)
    assert put(rig, body).status == 200
    assert (names(rig), status(rig).body["unfinished"]) == (["charger-2"], None)


def test_an_asset_of_another_site_cannot_be_removed(rig: Rig) -> None:
    put(rig, site_body())
    reply = put(rig, site_body(car("car-2", vehicle=None), mpan=SECOND_MPAN, remove_assets=["car-1"]), site="home-2")
    assert (reply.status, reply.body["owner"]) == (409, "home-1")
    assert names(rig) == ["car-1"]


def test_the_provider_of_a_car_changes_and_the_car_is_released_first(rig: Rig) -> None:
    held(rig)
    body = site_body(car(vehicle=OTHER, plugged_in=True))
    reply = put(rig, body)
    assert (reply.status, len(reply.body["to_come"])) == (202, 1)
    assert rig.twin("car-1").link.leaving
    rig.pump()
    assert carry_out(rig, "car-1") == "start"
    before = rig.twin("car-1")
    let_pass(rig, minutes=1)
    assert put(rig, body).status == 200
    after = rig.twin("car-1")
    assert after.link.vehicle is not None
    assert (after.link.vehicle.provider, after.link.leaving) == ("smartcar", False)
    assert after.link.axle_asset_id == before.link.axle_asset_id
    assert after.presence.session is not None
    assert before.presence.session is not None
    assert after.presence.session.id != before.presence.session.id
    assert rig.runtime.records.asset_for("enode", VEHICLE["vehicle_id"]) is None
    assert rig.runtime.records.assets_of_user("enode", VEHICLE["user_id"]) == []
    assert rig.runtime.records.asset_for("smartcar", OTHER["vehicle_id"]) == "car-1"
    reported = len(rig.events_at_axle("car-1"))
    rig.pump()
    assert rig.events_at_axle("car-1")[reported:] == ["plug_out", "plug_in"]


def test_a_car_moves_by_leaving_the_one_site_and_joining_the_other(rig: Rig) -> None:
    put(rig, site_body(car(), car("car-2", vehicle=OTHER)))
    put(rig, site_body(car("car-3", vehicle=None), mpan=SECOND_MPAN), site="home-2")
    joined = site_body(car(), mpan=SECOND_MPAN)
    assert put(rig, joined, site="home-2").body["owner"] == "home-1"
    assert put(rig, site_body(car("car-2", vehicle=OTHER), remove_assets=["car-1"])).status == 200
    assert put(rig, joined, site="home-2").status == 200
    assert (names(rig), names(rig, "home-2")) == (["car-2"], ["car-1", "car-3"])


def test_the_only_car_moves_by_erasing_the_site_it_leaves(rig: Rig) -> None:
    put(rig, site_body())
    assert delete(rig).status == 204
    assert put(rig, site_body(mpan=SECOND_MPAN), site="home-2").status == 201
    assert names(rig, "home-2") == ["car-1"]
