"""The driver changes tariff and intent while plugged in: Axle plans again and the car follows."""

from datetime import timedelta
from typing import Any

from tests.support.stack.homes import Stack
from tests.support.stack.waiting import until

CAR, VEHICLE, LOCATION = "mid-car", "mid-vehicle", "mid-location"


def truth(running: Stack) -> dict[str, Any]:
    shown: dict[str, Any] = running.simulator("cars", "GET", f"/cars/{VEHICLE}")
    return shown


def at_axle(running: Stack) -> dict[str, Any]:
    shown: dict[str, Any] = running.simulator("axle", "GET", f"/assets/{CAR}")
    return shown


def test_the_car_follows_a_tariff_and_a_charge_now_that_change_while_it_is_plugged_in(running: Stack) -> None:
    spec = {"provider": "enode", "vehicle_id": VEHICLE, "home_location_id": LOCATION, "soc_pct": 5, "battery_kwh": 200}
    running.simulator("cars", "POST", "/cars", spec | {"auto_start": False})
    body = {
        "site": {
            "mpan": "1200001234584",
            "postcode": "EC1A 1BB",
            "email": "mid@example.com",
            "gave_boundary_meter_consent_at": "2026-01-15T10:30:00Z",
        },
        "timezone": "UTC",
        "assets": [
            {
                "asset": CAR,
                "type": "electric_vehicle",
                "asset_model": "axle_ev_v1",
                "installation_date": "2025-06-15",
                "power_kw": 7.4,
                "battery_kwh": 200,
                "vehicle": {"provider": "enode", "vehicle_id": VEHICLE, "home_location_id": LOCATION},
                "tariff": {"off_peak": "00:00-24:00", "timezone": "UTC"},
                "intent": {"kwh": 100, "ready_by": _hours_from_now(running, 20)},
            }
        ],
    }
    assert running.api("PUT", "/sites/mid", body).status_code == 201
    until(lambda: running.api("GET", f"/assets/{CAR}").json()["axle"]["in_sync"], "Axle acknowledged everything")
    running.simulator("cars", "POST", f"/cars/{VEHICLE}/plug-in", {})
    until(lambda: truth(running)["charging"], "the car charges")

    later = {
        "off_peak": [{"start": _hours_from_now(running, 10), "end": _hours_from_now(running, 14)}],
        "timezone": "UTC",
    }
    answer = running.api("PUT", f"/assets/{CAR}/tariff", later)
    assert answer.status_code == 202
    until(lambda: not truth(running)["charging"], "the car stops, since it is peak now")
    until(lambda: at_axle(running)["intent"]["energy_required_kwh"] == 100, "Axle still knows the intent")

    changed = {"kwh": 42, "ready_by": _hours_from_now(running, 20)}
    assert running.api("PUT", f"/assets/{CAR}/intent", changed).status_code == 202
    until(lambda: at_axle(running)["intent"]["energy_required_kwh"] == 42, "Axle knows the new intent")

    boost = running.api("PUT", f"/assets/{CAR}/charge-now", {"for_minutes": 600})
    assert boost.status_code == 202
    until(lambda: truth(running)["charging"], "the car charges at once")
    assert running.api("DELETE", f"/assets/{CAR}/charge-now").status_code == 202
    until(lambda: not truth(running)["charging"], "the plan resumes")


def _hours_from_now(running: Stack, hours: int) -> str:
    at = running.clock.now() + timedelta(hours=hours)
    return f"{at:%H}:00"
