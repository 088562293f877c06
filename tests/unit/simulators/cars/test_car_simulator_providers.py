"""The simulated Smartcar, Tesla and OCPP central system; and the simulator as a process on a running clock."""

import hashlib
import hmac
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from driveway.runtime.clock import Clock
from simulators.cars.wire import hmac_hex
from simulators.common import running
from tests.support.vehicles.car_rig import Received, Receiver, Rig, until

SECRET = "webhook-secret"


@pytest.fixture
def smartcar(rig: Rig) -> Rig:
    fields = {"grant_type": "client_credentials", "client_id": "client-id", "client_secret": "client-secret"}
    token = rig.ok("POST", "/smartcar/oauth2/token", fields)
    rig.headers = {"Authorization": f"Bearer {token['access_token']}", "sc-user-id": "user-1"}
    rig.listen("smartcar", webhook_secret=SECRET, hold_open_s=0)
    return rig


@pytest.fixture
def tesla(rig: Rig) -> Rig:
    fields = {"grant_type": "refresh_token", "client_id": "client-id", "refresh_token": "refresh-1"}
    token = rig.ok("POST", "/tesla/oauth2/v3/token", fields)
    rig.headers = {"Authorization": f"Bearer {token['access_token']}"}
    rig.listen("tesla", webhook_secret=SECRET, sample_every_s=0)
    return rig


@pytest.fixture
def ocpp(rig: Rig) -> Rig:
    rig.headers = {"Authorization": "Bearer ocpp-token"}
    rig.configure("ocpp", webhook_url=rig.hook, sample_every_s=0)
    return rig


def command(rig: Rig, kind: str, **headers: str) -> requests.Response:
    return rig.call("POST", f"/smartcar/vehicles/car-1/commands/charge/{kind}", None, **headers)


def code(response: requests.Response) -> tuple[int, str]:
    return response.status_code, response.json()["errors"][0]["code"]


def signals(request: Received) -> dict[str, Any]:
    return {one["code"]: one["body"] and one["body"].get("value") for one in request.body["data"]["signals"]}


def test_a_smartcar_command_ends_with_what_the_car_did(smartcar: Rig) -> None:
    smartcar.car("smartcar")
    smartcar.do("plug-in")
    stopped = command(smartcar, "stop")
    assert stopped.status_code == 200
    assert stopped.json()["data"]["attributes"]["status"]["value"] == "SUCCESS"
    assert not smartcar.truth()["charging"]


@pytest.mark.parametrize(
    ("fault", "status", "is_charging"),
    [
        ("fails", "FAILURE", True),
        ("never_confirmed", "PENDING", False),
        ("confirmed_without_effect", "SUCCESS", True),
    ],
)
def test_a_smartcar_command_can_be_made_to_go_wrong(smartcar: Rig, fault: str, status: str, is_charging: bool) -> None:
    smartcar.car("smartcar", action_fault=fault)
    smartcar.do("plug-in")
    assert command(smartcar, "stop").json()["data"]["attributes"]["status"]["value"] == status
    assert smartcar.truth()["charging"] == is_charging


def test_a_long_smartcar_command_gets_an_early_202_and_its_outcome_in_the_body(smartcar: Rig) -> None:
    smartcar.configure("smartcar", hold_open_s=200)
    smartcar.car("smartcar", action_fault="fails")
    smartcar.do("plug-in")
    answer = command(smartcar, "stop")
    assert answer.status_code == 202
    assert answer.json()["data"]["attributes"]["status"]["value"] == "FAILURE"


def test_smartcar_refuses_what_the_car_will_not_do(smartcar: Rig) -> None:
    smartcar.car("smartcar")
    assert code(command(smartcar, "start", **{"sc-user-id": ""})) == (400, "MISSING_PARAMETER")
    assert code(command(smartcar, "start")) == (409, "CHARGING_PLUG_NOT_CONNECTED")
    smartcar.do("plug-in")
    assert code(command(smartcar, "start")) == (409, "CHARGING_IN_PROGRESS")
    assert command(smartcar, "stop").status_code == 200
    assert code(command(smartcar, "stop")) == (409, "NOT_CHARGING")
    smartcar.change(soc_pct=100)
    assert code(command(smartcar, "start")) == (409, "FULLY_CHARGED")
    smartcar.change(asleep=True)
    assert code(command(smartcar, "start")) == (409, "ASLEEP")
    assert command(smartcar, "start", Authorization="Bearer no").status_code == 401


def test_a_smartcar_webhook_is_signed_and_has_all_signals(smartcar: Rig) -> None:
    smartcar.car("smartcar")
    smartcar.do("plug-in")
    smartcar.pass_s(300)
    plugged, sampled = smartcar.sent()
    assert plugged.headers["sc-signature"] == hmac.new(SECRET.encode(), plugged.raw, hashlib.sha256).hexdigest()
    assert plugged.body["eventType"] == "VEHICLE_STATE"
    triggers = {trigger["code"] for trigger in plugged.body["data"]["triggers"]}
    assert triggers == {"charge-ischargingcableconnected", "charge-ischarging", "charge-detailedchargingstatus"}
    assert signals(plugged)["charge-ischargingcableconnected"] is True
    assert signals(sampled)["charge-wattage"] == 7400
    assert signals(sampled)["charge-energyadded"] == pytest.approx(0.9 * 7.4 / 12)
    meta = plugged.body["data"]["signals"][0]["meta"]
    assert isinstance(meta["oemUpdatedAt"], int)


def test_a_signal_the_car_lacks_is_an_error_without_a_body(smartcar: Rig) -> None:
    smartcar.configure("smartcar", home_flag_capable=False, timestamps="iso")
    smartcar.car("smartcar")
    smartcar.do("plug-in")
    found = {one["code"]: one for one in smartcar.sent()[0].body["data"]["signals"]}
    assert found["location-isathome"]["status"]["value"] == "ERROR"
    assert found["location-isathome"]["body"] is None
    assert datetime.fromisoformat(found["charge-ischarging"]["meta"]["oemUpdatedAt"]) == smartcar.clock.now()
    listed = smartcar.ok("GET", "/smartcar/vehicles/car-1/signals/charge-ischarging")
    assert listed["data"]["attributes"]["body"] == {"value": True}


def test_a_webhook_that_knows_the_key_is_verified(smartcar: Rig) -> None:
    assert smartcar.ok("POST", "/_sim/smartcar/verify?challenge=abc123") == {"verified": False}
    smartcar.receiver.reply = lambda got: {
        "challenge": hmac.new(SECRET.encode(), got.body["data"]["challenge"].encode(), hashlib.sha256).hexdigest()
    }
    assert smartcar.ok("POST", "/_sim/smartcar/verify?challenge=abc123") == {"verified": True}


def test_signatures_agree_with_known_vectors() -> None:
    expected = "sha1=e417e6fc2e7f8a78c93a35a7b344d36ce179fc8d"
    assert "sha1=" + hmac_hex("example-secret", b'{"payload":"example"}', "sha1") == expected
    challenge = "e33d147e452b62be8bf2a36759a6366a253bd0528489bb61f86575fa552be0eb"
    assert hmac_hex("example-amt", b"abc123", "sha256") == challenge


def test_a_smartcar_error_is_reported(smartcar: Rig) -> None:
    smartcar.car("smartcar")
    body = {"vehicle_id": "car-1", "type": "CONNECTED_SERVICES_ACCOUNT", "code": "AUTHENTICATION_FAILED"}
    smartcar.ok("POST", "/_sim/smartcar/error", body)
    (reported,) = smartcar.sent()
    assert reported.body["eventType"] == "VEHICLE_ERROR"
    assert reported.body["data"]["errors"][0]["state"] == "ERROR"


def tesla_command(rig: Rig, name: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    return dict(rig.ok("POST", f"/tesla/api/1/vehicles/car-1/command/{name}", body or {})["response"])


def test_a_tesla_starts_and_stops_and_says_why_it_does_not(tesla: Rig) -> None:
    tesla.car("tesla")
    assert tesla_command(tesla, "charge_start") == {"result": False, "reason": "disconnected"}
    tesla.do("plug-in")
    assert tesla_command(tesla, "charge_start") == {"result": False, "reason": "is_charging"}
    assert tesla_command(tesla, "charge_stop") == {"result": True, "reason": ""}
    assert tesla_command(tesla, "charge_stop") == {"result": False, "reason": "not_charging"}
    tesla.change(soc_pct=100)
    assert tesla_command(tesla, "charge_start") == {"result": False, "reason": "complete"}


def test_amperes_limit_the_power(tesla: Rig) -> None:
    tesla.car("tesla")
    tesla.do("plug-in")
    tesla_command(tesla, "set_charging_amps", {"charging_amps": 16})
    assert tesla.truth()["power_kw"] == pytest.approx(3.68)


@pytest.mark.parametrize("status", [408, 500])
def test_a_sleeping_tesla_takes_commands_only_after_it_was_woken(tesla: Rig, status: int) -> None:
    tesla.configure("tesla", asleep_status=status, wake_s=20)
    tesla.car("tesla", asleep=True)
    tesla.do("plug-in")
    path = "/tesla/api/1/vehicles/car-1"
    refusal = tesla.call("POST", path + "/command/charge_stop", {})
    assert refusal.status_code == status
    assert "asleep" in refusal.json()["error"]
    assert tesla.call("GET", path + "/vehicle_data").status_code == 408
    assert tesla.ok("POST", path + "/wake_up")["response"]["state"] == "asleep"
    tesla.pass_s(19)
    assert tesla.ok("GET", path)["response"]["state"] == "asleep"
    tesla.pass_s(1)
    assert tesla.ok("GET", path)["response"]["state"] == "online"
    assert tesla_command(tesla, "charge_stop")["result"] is True
    statuses = [one.body["status"] for one in tesla.sent() if "status" in one.body]
    assert statuses == ["CONNECTED"]


def test_a_refresh_token_works_once(rig: Rig) -> None:
    fields = {"grant_type": "refresh_token", "client_id": "client-id", "refresh_token": "refresh-1"}
    first = rig.ok("POST", "/tesla/oauth2/v3/token", fields)
    again = rig.call("POST", "/tesla/oauth2/v3/token", fields)
    assert (again.status_code, again.json()["error"]) == (401, "login_required")
    second = rig.ok("POST", "/tesla/oauth2/v3/token", fields | {"refresh_token": first["refresh_token"]})
    assert second["refresh_token"] != first["refresh_token"]


def test_a_relayed_record_is_signed_with_its_time(tesla: Rig) -> None:
    tesla.car("tesla")
    tesla.do("plug-in")
    (request,) = tesla.sent()
    unix_s, digest = request.headers["x-driveway-signature"].removeprefix("t=").split(",v1=")
    assert int(unix_s) == int(tesla.clock.now().timestamp())
    assert digest == hmac.new(SECRET.encode(), f"{unix_s}.".encode() + request.raw, hashlib.sha256).hexdigest()


def test_telemetry_has_all_fields_when_the_cable_moves_and_then_what_changed(tesla: Rig) -> None:
    tesla.car("tesla")
    tesla.do("plug-in")
    tesla.pass_s(3600)
    tesla_command(tesla, "charge_stop")
    tesla.pass_s(0)
    plugged, stopped = (one.body for one in tesla.sent())
    assert plugged["DetailedChargeState"] == "DetailedChargeStateCharging"
    assert plugged["LocatedAtHome"] is True
    assert plugged["ACChargingEnergyIn"] == 0
    assert stopped["DetailedChargeState"] == "DetailedChargeStateStopped"
    assert stopped["ACChargingEnergyIn"] == pytest.approx(7.4)
    assert "LocatedAtHome" not in stopped


def test_telemetry_has_a_raw_form(tesla: Rig) -> None:
    tesla.configure("tesla", form="proto_json")
    tesla.car("tesla")
    tesla.do("plug-in")
    (request,) = tesla.sent()
    data = {datum["key"]: datum["value"] for datum in request.body["data"]}
    assert request.body["vin"] == "car-1"
    assert data["DetailedChargeState"] == {"detailedChargeStateValue": "DetailedChargeStateCharging"}
    assert data["LocatedAtHome"] == {"booleanValue": True}


def test_a_charge_schedule_is_kept_read_back_replaced_and_removed(tesla: Rig) -> None:
    tesla.car("tesla")
    schedule = {
        "id": 7, "lat": 51.5034, "lon": -0.1276, "days_of_week": "All", "enabled": True, "one_time": False,
        "start_enabled": True, "start_time": 1410, "end_enabled": True, "end_time": 330,
    }  # fmt: skip
    assert tesla_command(tesla, "add_charge_schedule", schedule)["result"] is True
    assert tesla_command(tesla, "add_charge_schedule", schedule | {"end_time": 300})["result"] is True
    path = "/tesla/api/1/vehicles/car-1/vehicle_data?endpoints=charge_schedule_data"
    kept = tesla.ok("GET", path)["response"]["charge_schedule_data"]["charge_schedules"]
    assert [(one["id"], one["end_time"]) for one in kept] == [(7, 300)]
    tesla.do("plug-in")
    assert not tesla.truth()["charging"]
    assert tesla_command(tesla, "remove_charge_schedule", {"id": 7})["result"] is True
    assert tesla.truth()["charging"]
    assert tesla_command(tesla, "remove_charge_schedule", {"id": 7})["result"] is False


def profile(limit: float, **more: Any) -> dict[str, Any]:
    return {
        "connectorId": 1,
        "csChargingProfiles": {
            "chargingProfileId": 5,
            "stackLevel": 1100,
            "chargingProfilePurpose": "TxDefaultProfile",
            "chargingProfileKind": "Absolute",
            "chargingSchedule": {
                "chargingRateUnit": "W",
                "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit}],
            },
            **more,
        },
    }


def test_a_charger_obeys_its_profiles_and_reports_its_registers(ocpp: Rig) -> None:
    ocpp.car("ocpp", asset="asset-1")
    path = "/ocpp/chargers/car-1"
    ocpp.do("plug-in")
    ocpp.pass_s(3600)
    assert ocpp.ok("POST", path + "/SetChargingProfile", profile(0))["status"] == "Accepted"
    state = ocpp.ok("GET", path)
    assert (state["status"], state["charging"], state["plugged_in"]) == ("SuspendedEVSE", False, True)
    assert state["energy_lifetime_kwh"] == pytest.approx(7.4)
    assert ocpp.ok("POST", path + "/ClearChargingProfile", {"id": 5})["status"] == "Accepted"
    assert ocpp.ok("GET", path)["charging"] is True
    assert ocpp.ok("POST", path + "/ClearChargingProfile", {"id": 5})["status"] == "Unknown"
    sent = ocpp.sent()
    assert {request.path for request in sent} == {"/hook/assets/asset-1/observations"}
    assert {request.headers["authorization"] for request in sent} == {"Bearer app-token"}
    reported = [request.body["observations"][0] for request in sent]
    assert [(one["plugged_in"], one["charging"]) for one in reported] == [(True, True), (True, False), (True, True)]
    assert reported[1]["energy_session_kwh"] == pytest.approx(7.4)


def test_a_charger_refuses_what_ocpp_refuses(ocpp: Rig) -> None:
    ocpp.car("ocpp")
    path = "/ocpp/chargers/car-1/SetChargingProfile"
    assert ocpp.ok("POST", path, {"connectorId": 1, "csChargingProfiles": {}}) == {"status": "Rejected"}
    assert ocpp.ok("POST", path, profile(0, chargingProfilePurpose="TxProfile")) == {"status": "Rejected"}
    assert ocpp.call("POST", path, profile(0), Authorization="Bearer no").status_code == 401
    assert ocpp.call("GET", "/ocpp/chargers/none").status_code == 404


def test_an_offline_charger_keeps_charging_by_its_default(ocpp: Rig) -> None:
    now = ocpp.clock.now()
    ocpp.car("ocpp", soc_pct=10)
    daily = profile(
        0,
        chargingProfileKind="Recurring",
        recurrencyKind="Daily",
        chargingSchedule={
            "startSchedule": now.isoformat(),
            "chargingRateUnit": "W",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 0}, {"startPeriod": 3600, "limit": 99999}],
        },
    )
    ocpp.ok("POST", "/ocpp/chargers/car-1/SetChargingProfile", daily)
    ocpp.do("plug-in")
    ocpp.change(reachable=False)
    ocpp.pass_s(7200)
    assert ocpp.call("POST", "/ocpp/chargers/car-1/SetChargingProfile", profile(0)).status_code == 503
    assert ocpp.ok("GET", "/ocpp/chargers/car-1")["connected"] is False
    assert ocpp.truth()["meter_wh"] == pytest.approx(7400)


def test_the_process_tells_what_happens_by_the_shared_clock_without_being_asked(tmp_path: Path) -> None:
    since = datetime.now(UTC)
    clock = f"start=2026-01-15T22:00:00Z,scale=600,since={since.isoformat()}"
    port_file, receiver = tmp_path / "port", Receiver(Clock())
    with subprocess.Popen(
        [sys.executable, "-m", "simulators.cars", "--port", "0", "--port-file", str(port_file)],
        env={**os.environ, "DRIVEWAY_CLOCK": clock, "PYTHONPATH": os.pathsep.join(["layers/driveway", "."])},
        stdout=subprocess.DEVNULL,
    ) as process:
        try:
            until(port_file.exists, real_s=30)
            url = f"http://127.0.0.1:{port_file.read_text().strip()}"
            with requests.Session() as http, running(receiver.app) as hook:
                spec = {"provider": "enode", "vehicle_id": "car-1"}
                http.post(f"{url}/_sim/config", json={"enode": {"webhook_url": hook + "/hook"}}, timeout=10)
                assert http.post(f"{url}/_sim/cars", json=spec, timeout=10).status_code == 201
                now = datetime.fromisoformat(http.get(f"{url}/_sim/clock", timeout=10).json()["now"])
                at = (now + timedelta(minutes=5)).replace(microsecond=0)
                http.post(f"{url}/_sim/cars/car-1/plug-in", json={"at": at.isoformat()}, timeout=10)
                until(lambda: len(receiver.requests) > 0)
            reported = receiver.requests[0].body[0]["vehicle"]["chargeState"]
            assert reported["isPluggedIn"] is True
            assert datetime.fromisoformat(reported["lastUpdated"]) == at
        finally:
            process.terminate()
