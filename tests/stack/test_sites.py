"""A site's whole life on the real template: can I join, join, pause, leave, join again, forget me."""

from typing import Any

from tests.support.stack.homes import Stack
from tests.support.stack.waiting import until

MPAN, VEHICLE, LOCATION = "1200001234575", "life-vehicle", "life-location"


def body(**more: Any) -> dict[str, Any]:
    return {
        "site": {
            "mpan": MPAN,
            "postcode": "EC1A 1BB",
            "street_address": "12 Sample Lane",
            "email": "life@example.com",
            "gave_boundary_meter_consent_at": "2026-01-15T10:30:00Z",
        },
        "timezone": "Europe/London",
        "assets": [
            {
                "asset": "life-car",
                "type": "electric_vehicle",
                "asset_model": "axle_ev_v1",
                "installation_date": "2025-06-15",
                "power_kw": 7.4,
                "battery_kwh": 64,
                "vehicle": {"provider": "enode", "vehicle_id": VEHICLE, "home_location_id": LOCATION},
                "tariff": {"off_peak": "00:00-24:00", "timezone": "Europe/London"},
                "intent": {"kwh": 10, "ready_by": "07:00"},
            }
        ],
    } | more


def asset(running: Stack) -> dict[str, Any]:
    answer = running.api("GET", "/assets/life-car")
    assert answer.status_code == 200
    shown: dict[str, Any] = answer.json()
    return shown


def at_axle(running: Stack) -> dict[str, Any]:
    shown: dict[str, Any] = running.simulator("axle", "GET", "/assets/life-car")
    return shown


def truth(running: Stack) -> dict[str, Any]:
    shown: dict[str, Any] = running.simulator("cars", "GET", f"/cars/{VEHICLE}")
    return shown


def test_a_driver_joins_pauses_leaves_comes_back_and_is_forgotten(running: Stack) -> None:
    eligible = running.api("POST", "/eligibility", {"mpan": MPAN, "asset_model": "axle_ev_v1"})
    assert eligible.status_code == 200
    assert eligible.json()["eligible"] is True

    spec = {"provider": "enode", "vehicle_id": VEHICLE, "home_location_id": LOCATION, "soc_pct": 20}
    running.simulator("cars", "POST", "/cars", spec | {"auto_start": False})
    first = running.api("PUT", "/sites/life", body())
    assert first.status_code == 201, first.text
    again = running.api("PUT", "/sites/life", body())
    assert again.status_code == 200
    assert again.json()["axle_site_id"] == first.json()["axle_site_id"]
    until(lambda: asset(running)["axle"]["in_sync"], "Axle has acknowledged everything")

    running.simulator("cars", "POST", f"/cars/{VEHICLE}/plug-in", {})
    until(lambda: at_axle(running)["plugged_in"], "Axle acknowledged the plug-in")
    until(lambda: truth(running)["charging"], "the car charges by Axle's schedule")

    tomorrow = running.clock.now().replace(microsecond=0).isoformat().replace("2026-01", "2026-02")
    assert running.api("POST", "/sites/life/snooze", {"until": tomorrow}).status_code == 200
    until(lambda: not at_axle(running)["plugged_in"], "Axle acknowledged the plug-out")
    assert asset(running)["desired"]["reason"] == "SNOOZED"
    assert running.api("POST", "/sites/life/snooze", {"until": None}).status_code == 200
    until(lambda: at_axle(running)["plugged_in"], "Axle acknowledged the plug-in again")

    assert running.api("POST", "/sites/life/unenrol").status_code == 200
    assert asset(running)["desired"]["reason"] == "NOT_ENROLLED"
    profile_url = f"/axle/assets/{asset(running)['axle_asset_id']}/charging-profile"
    refused = running.api(
        "POST", profile_url, {"stackLevel": 1}, Authorization=f"Bearer {running.values['axle_token']}"
    )
    assert 400 <= refused.status_code < 500
    assert running.api("GET", "/sites/life/rewards").status_code == 200
    withdrew = running.api("POST", "/sites/life/enrol", {})
    assert withdrew.status_code == 409
    assert withdrew.json()["type"].endswith("withdrew-before")
    assert running.api("POST", "/sites/life/enrol", {"rejoin": True}).status_code == 200
    until(lambda: asset(running)["axle"]["in_sync"], "Axle has acknowledged everything again")

    site_id = first.json()["axle_site_id"]
    running.simulator("axle", "POST", f"/sites/{site_id}/rewards", {"current_balance_pence": 1234})
    owed = running.api("DELETE", "/sites/life")
    assert owed.status_code == 409
    assert "1234" in owed.text or "12.34" in owed.text
    until(lambda: running.api("DELETE", "/sites/life?forfeit_balance=true").status_code == 204, "the site is erased")
    assert running.api("DELETE", "/sites/life").status_code == 204
    assert running.api("GET", "/sites/life").status_code == 404
    assert running.api("GET", "/assets/life-car").status_code == 404
    until(lambda: _left_of_the_asset(running) == [], "every item of the asset is gone")
    stored = "\n".join(str(item) for item in running.items())
    for private in (MPAN, "EC1A", "12 Sample Lane", "life@example.com"):
        assert private not in stored


def _left_of_the_asset(running: Stack) -> list[str]:
    keys = [item["pk"]["S"] for item in running.items()]
    return [key for key in keys if "life-car" in key or VEHICLE in key]
