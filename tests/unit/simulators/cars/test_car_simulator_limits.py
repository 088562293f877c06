"""What a driver set in the car, what a car does of itself, and what a provider's plan allows."""

from typing import Any

import pytest

from tests.support.vehicles.car_rig import Rig

TESLA, SMARTCAR = "/tesla/api/1/vehicles/car-1", "/smartcar/vehicles/car-1"


@pytest.fixture
def tesla(rig: Rig) -> Rig:
    form = {"grant_type": "refresh_token", "client_id": "client-id", "refresh_token": "refresh-1"}
    token = rig.http.post(f"{rig.url}/tesla/oauth2/v3/token", data=form, timeout=10).json()["access_token"]
    rig.headers = {"authorization": f"Bearer {token}"}
    return rig


@pytest.fixture
def smartcar(rig: Rig) -> Rig:
    form = {"grant_type": "client_credentials", "client_id": "client-id", "client_secret": "client-secret"}
    token = rig.http.post(f"{rig.url}/smartcar/oauth2/token", data=form, timeout=10).json()["access_token"]
    rig.headers = {"authorization": f"Bearer {token}"}
    return rig


def set_amps(rig: Rig, amps: int) -> dict[str, Any]:
    return dict(rig.ok("POST", f"{TESLA}/command/set_charging_amps", {"charging_amps": amps})["response"])


def amps_shown(rig: Rig) -> float:
    return float(rig.ok("GET", f"{TESLA}/vehicle_data")["response"]["charge_state"]["charge_amps"])


def test_a_tesla_shows_the_current_that_its_driver_chose_until_somebody_changes_it(tesla: Rig) -> None:
    tesla.car("tesla", driver_amps=8)
    tesla.do("plug-in")
    assert (amps_shown(tesla), tesla.truth()["power_kw"]) == (8, pytest.approx(1.84))
    set_amps(tesla, 16)
    tesla.do("plug-out")
    assert amps_shown(tesla) == 16, "nothing gives the driver's own value back"
    tesla.change(driver_amps=10)
    assert amps_shown(tesla) == 10


def test_a_tesla_whose_driver_chose_no_current_shows_its_greatest(tesla: Rig) -> None:
    tesla.car("tesla", power_kw=11, phases=3)
    assert amps_shown(tesla) == 16


@pytest.mark.parametrize(
    ("fault", "taken"), [({"ignores_amps": True}, True), ({"action_fault": "fails"}, False), ({}, True)]
)
def test_a_tesla_may_take_a_current_and_keep_its_own(tesla: Rig, fault: dict[str, Any], taken: bool) -> None:
    tesla.car("tesla", driver_amps=16, **fault)
    assert set_amps(tesla, 10)["result"] is taken
    assert amps_shown(tesla) == (16 if fault else 10)


def test_a_car_may_stop_by_itself_some_time_after_each_start(tesla: Rig) -> None:
    tesla.car("tesla", pauses_after_s=600)
    tesla.do("plug-in")
    for _ in range(2):
        tesla.pass_s(599)
        assert tesla.truth()["charging"] is True
        tesla.pass_s(1)
        assert tesla.truth()["charging"] is False
        tesla.ok("POST", f"{TESLA}/command/charge_start", {})
        tesla.pass_s(0)


def test_smartcar_answers_so_many_requests_about_a_car_in_a_month(smartcar: Rig) -> None:
    smartcar.configure("smartcar", car_month_requests=3)
    smartcar.car("smartcar")
    assert [smartcar.call("GET", f"{SMARTCAR}/signals").status_code for _ in range(5)] == [200] * 3 + [430] * 2
    over = smartcar.call("GET", f"{SMARTCAR}/signals").json()["errors"][0]
    assert (over["type"], over["code"]) == ("BILLING", "VEHICLE_REQUEST_LIMIT")


def test_smartcar_refills_the_bucket_of_requests_by_two_a_minute(smartcar: Rig) -> None:
    smartcar.configure("smartcar", bucket_requests=3)
    smartcar.car("smartcar")
    asked = [smartcar.call("GET", f"{SMARTCAR}/signals").status_code for _ in range(4)]
    smartcar.pass_s(30)
    asked += [smartcar.call("GET", f"{SMARTCAR}/signals").status_code for _ in range(2)]
    assert asked == [200, 200, 200, 429, 200, 429]


def test_tesla_answers_nothing_beyond_the_billing_limit(tesla: Rig) -> None:
    tesla.configure("tesla", billing_limit_usd=0.005)
    tesla.car("tesla")
    asked = [tesla.call("GET", f"{TESLA}/vehicle_data").status_code for _ in range(3)]
    asked.append(tesla.call("POST", f"{TESLA}/command/charge_stop", {}).status_code)
    asked.append(tesla.call("POST", f"{TESLA}/wake_up").status_code)
    assert asked == [200, 200, 402, 200, 402]
