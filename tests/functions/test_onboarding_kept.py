"""Fields that a repeated ``PUT /sites/{site}`` leaves out are kept, or refused with a pointer, never lost silently."""

from typing import Any

import pytest

from driveway.domain.twin import Home
from tests.support.functions.rig import Reply, Rig
from tests.support.functions.sites import car, put, site_body

LONDON = {"latitude": 51.5034, "longitude": -0.1276, "radius_m": 200}
PARIS = {"latitude": 48.8566, "longitude": 2.3522, "radius_m": 150}
TARGET = {"target_soc_pct": 80, "ready_by": "07:00"}


def home(rig: Rig, asset: str = "car-1") -> Home | None:
    return rig.twin(asset).link.home


def pointers(reply: Reply) -> list[str]:
    return [error["pointer"] for error in reply.body["errors"]]


def without(body: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in body.items() if key != name}


def test_a_body_without_a_home_keeps_it_and_null_erases_it(rig: Rig) -> None:
    assert put(rig, site_body(home=LONDON)).status == 201
    assert put(rig, site_body()).status == 200
    assert home(rig) == Home(51.5034, -0.1276, 200)
    assert put(rig, site_body(home=PARIS)).status == 200
    assert home(rig) == Home(48.8566, 2.3522, 150)
    assert put(rig, site_body(home=None)).status == 200
    assert home(rig) is None
    assert put(rig, site_body()).status == 200
    assert home(rig) is None


def test_an_asset_that_joins_a_site_later_has_its_home(rig: Rig) -> None:
    put(rig, site_body(home=LONDON))
    second = car("car-2", vehicle={"provider": "enode", "vehicle_id": "enode-vehicle-2"})
    assert put(rig, site_body(second)).status == 200
    assert home(rig, "car-2") == home(rig, "car-1") == Home(51.5034, -0.1276, 200)


def test_a_body_without_a_zone_keeps_it(rig: Rig) -> None:
    assert put(rig, site_body(timezone="Europe/Paris")).status == 201
    assert put(rig, without(site_body(), "timezone")).status == 200
    assert rig.twin("car-1").link.timezone == "Europe/Paris"


def test_the_first_body_without_a_zone_is_in_london(rig: Rig) -> None:
    assert put(rig, without(site_body(), "timezone")).status == 201
    assert rig.twin("car-1").link.timezone == "Europe/London"


def test_the_battery_cannot_be_left_out_while_a_target_needs_it(rig: Rig) -> None:
    assert put(rig, site_body(car(intent=TARGET))).status == 201
    before = rig.items()
    reply = put(rig, site_body(car(battery_kwh=None, intent=None)))
    assert (reply.status, pointers(reply)) == (422, ["/assets/0/battery_kwh"])
    assert rig.items() == before
    assert put(rig, site_body(car(battery_kwh=None, intent={"kwh": 20, "ready_by": "07:00"}))).status == 200
    assert rig.twin("car-1").link.battery_kwh is None
    assert put(rig, site_body(car(battery_kwh=None, intent=None))).status == 200


def test_a_target_of_the_body_itself_is_refused_at_its_own_place(rig: Rig) -> None:
    put(rig, site_body())
    reply = put(rig, site_body(car(battery_kwh=None, intent=TARGET)))
    assert (reply.status, pointers(reply)) == (422, ["/assets/0/intent/target_soc_pct"])


@pytest.mark.parametrize(("own", "status"), [({}, 422), ({"battery_kwh": 40}, 200)])
def test_a_target_of_a_cars_own_needs_the_battery_as_well_unless_the_car_has_its_own(
    rig: Rig, own: dict[str, Any], status: int
) -> None:
    put(rig, site_body())
    route = "PUT /assets/{asset}/vehicles/{vehicle_id}/intent"
    assert rig.serve("preferences", route, TARGET | own, asset="car-1", vehicle_id="leaf").status == 202
    reply = put(rig, site_body(car(battery_kwh=None)))
    assert reply.status == status
    if status == 422:
        assert pointers(reply) == ["/assets/0/battery_kwh"]


def test_energy_above_the_battery_is_cut_with_a_warning(rig: Rig) -> None:
    reply = put(rig, site_body(car(intent={"kwh": 300, "ready_by": "07:00"})))
    (asset,) = reply.body["assets"]
    assert (reply.status, asset["intent"]["kwh"]) == (201, 64)
    assert "300 kWh is more than the battery's 64 kWh, so Axle is asked for 64 kWh." in asset["warnings"]


def test_a_weekday_left_out_and_windows_a_minute_apart_are_warned_of(rig: Rig) -> None:
    tariff = {"off_peak": "22:00-23:59, 00:00-05:00", "timezone": "Europe/London"}
    intent = {"kwh": 30, "ready_by": dict.fromkeys(("mon", "tue", "wed", "thu", "fri", "sat"), "07:00")}
    (asset,) = put(rig, site_body(car(tariff=tariff, intent=intent))).body["assets"]
    warnings = " ".join(asset["warnings"])
    assert "No departure is given for Sunday" in warnings
    assert "23:59" in warnings
