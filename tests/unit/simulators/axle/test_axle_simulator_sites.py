"""The simulated Axle on eligibility, onboarding, leaving and rewards."""

import uuid
from typing import Any

import pytest

from tests.support.simulators.axle_client import (
    Axle,
    onboarding,
)


def test_mpans_are_checked_for_form_and_connection(axle: Axle) -> None:
    assert axle.post("/validation/mpan", {"mpan": "1234567890123"}).json() == {"isValid": True}
    malformed = axle.post("/validation/mpan", {"mpan": "12345"})
    assert (malformed.status_code, malformed.json()) == (400, {"detail": ["MPAN must be 13 digits"]})
    axle.post("/_sim/mpans/1200000000001", {"connected": False})
    assert axle.post("/validation/mpan", {"mpan": "1200000000001"}).status_code == 404
    axle.post("/_sim/config", {"mpan_check_digit": True})
    assert axle.post("/validation/mpan", {"mpan": "1234567890123"}).status_code == 400


def test_eligibility_answers_with_the_codes(axle: Axle) -> None:
    mpan = "1200000000001"
    answer = axle.post("/entities/site/check-eligibility", {"mpan": mpan, "asset_model": "axle_ev_v1"}).json()
    assert answer["propositions"][1] == {
        "proposition": "full_asset_schedule_control",
        "is_eligible": True,
        "issues": [],
    }
    axle.post(f"/_sim/mpans/{mpan}", {"half_hourly_settled": False})
    answer = axle.post("/entities/site/check-eligibility", {"mpan": mpan}).json()
    assert answer["propositions"][1]["issues"] == ["asset_model_not_set"]
    axle.post(f"/_sim/mpans/{mpan}", {"issues": ["non_domestic_site"]})
    answer = axle.post("/entities/site/check-eligibility", {"mpan": mpan, "asset_model": "zappi"}).json()
    assert answer["propositions"][1] == {
        "proposition": "full_asset_schedule_control",
        "is_eligible": False,
        "issues": ["non_domestic_site"],
    }
    unknown = axle.post("/entities/site/check-eligibility", {"mpan": mpan, "asset_model": "nothing"})
    assert unknown.status_code == 404


def test_onboarding_twice_is_onboarding_once(axle: Axle) -> None:
    first = axle.post("/entities/site/onboard", onboarding()).json()
    second = axle.post("/entities/site/onboard", onboarding()).json()
    assert first["site"]["site_created"]
    assert first["enrolment"]["status"] == "enrolled"
    assert not second["site"]["site_created"]
    assert not second["assets"][0]["asset_created"]
    assert second["enrolment"] == {"site_id": first["site"]["site_id"], "status": "already_enrolled"}
    assert second["assets"][0]["asset_id"] == first["assets"][0]["asset_id"]
    assert second["assets"][0]["fields_updated"] == second["site"]["fields_updated"] == []


def test_onboarding_merges_new_fields_and_lists_them(axle: Axle) -> None:
    axle.onboarded()
    changed = onboarding(site={"street_address": "10 Example Street"}, asset={"properties": {"power_kw": 11}})
    changed["assets"].append({"external_id": "charger-1", "type": "charger"})
    answer = axle.post("/entities/site/onboard", changed).json()
    assert answer["site"]["fields_updated"] == ["street_address"]
    assert [asset["fields_updated"] for asset in answer["assets"]] == [["power_kw"], []]
    assert [asset["asset_created"] for asset in answer["assets"]] == [False, True]
    assert answer["assets"][1]["warnings"] == ["power_kw is not set"]
    site = axle.get(f"/entities/site/{answer['site']['site_id']}")
    assert site["asset_ids"] == [asset["asset_id"] for asset in answer["assets"]]
    assert site["dispatch_methods"] == ["full_asset_schedule_control"]


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"site": {"email": "nobody"}}, 400),
        ({"site": {"mpan": "123"}}, 400),
        ({"site": {"postcode": "nowhere"}}, 400),
        ({"assets": []}, 400),
        ({"asset": {"asset_model": "unknown_model"}}, 404),
        ({"asset": {"type": "toaster"}}, 422),
        ({"asset": {"properties": {"power_kw": "7.4"}}}, 422),
        ({"asset": {"properties": {"power_kw": None}}}, 422),
        ({"site": {"gave_boundary_meter_consent_at": "2026-01-15T10:30:00"}}, 422),
        ({"proposition": "cm_infrequent_dispatch"}, 422),
        ({"override": True}, 422),
    ],
)
def test_an_onboarding_that_is_refused_stores_nothing(axle: Axle, changes: dict[str, Any], status: int) -> None:
    assert axle.post("/entities/site/onboard", onboarding(**changes)).status_code == status
    assert axle.get("/_sim/state")["sites"] == axle.get("/_sim/state")["assets"] == {}


def test_onboarding_needs_the_consent_once(axle: Axle) -> None:
    without = onboarding()
    del without["site"]["gave_boundary_meter_consent_at"]
    refused = axle.post("/entities/site/onboard", without)
    assert refused.status_code == 400
    assert "consent" in refused.json()["detail"]
    axle.onboarded()
    assert axle.post("/entities/site/onboard", without).status_code == 200


def test_an_asset_belongs_to_one_site_and_keeps_its_type(axle: Axle) -> None:
    axle.onboarded()
    assert axle.post("/entities/site/onboard", onboarding(asset={"type": "charger"})).status_code == 409
    assert axle.post("/entities/site/onboard", onboarding(2, asset={"external_id": "car-1"})).status_code == 409
    assert len(axle.get("/_sim/state")["sites"]) == 1


def test_an_ineligible_asset_is_not_enrolled(axle: Axle) -> None:
    axle.post("/_sim/mpans/1200000000001", {"half_hourly_settled": False})
    refused = axle.post("/entities/site/onboard", onboarding(asset={"asset_model": "unqualified_charger_v1"}))
    assert (refused.status_code, "asset_model_not_cop11_qualified" in refused.json()["detail"]) == (422, True)
    assert axle.get("/_sim/state")["sites"] == {}
    assert axle.post("/entities/site/onboard", onboarding()).status_code == 200


def test_a_household_that_withdrew_returns_only_on_purpose(axle: Axle) -> None:
    site_id, _ = axle.onboarded()
    body = {"proposition": "full_asset_schedule_control"}
    assert axle.post(f"/entities/site/{site_id}/unenrol", body).json()["status"] == "unenrolled"
    assert axle.post(f"/entities/site/{site_id}/unenrol", body).json()["status"] == "already_unenrolled"
    assert axle.post(f"/entities/site/{site_id}/enrol", body).status_code == 422
    refused = axle.post("/entities/site/onboard", onboarding())
    assert (refused.status_code, "withdrew" in refused.json()["detail"]) == (422, True)
    again = axle.post(f"/entities/site/{site_id}/enrol", body | {"override_withdrawal": True})
    assert again.json() == {"site_id": site_id, "status": "enrolled"}
    assert axle.post(f"/entities/site/{site_id}/enrol", body).json()["status"] == "already_enrolled"


def test_an_offboarded_site_is_gone_and_can_come_back_as_a_new_one(axle: Axle) -> None:
    site_id, asset_id = axle.onboarded()
    answer = axle.post(f"/entities/site/{site_id}/offboard-site-and-assets").json()
    assert (answer["site"]["id"], answer["asset"]["id"]) == (site_id, asset_id)
    assert axle.post(f"/entities/site/{site_id}/offboard-site-and-assets").status_code == 404
    assert axle.http.get(f"{axle.url}/rewards/{site_id}/info").status_code == 404
    assert axle.event(asset_id, "plug-out", {}).status_code == 404
    assert axle.onboarded()[0] != site_id


def test_rewards_are_what_was_set_and_stay_after_leaving_the_proposition(axle: Axle) -> None:
    site_id, _ = axle.onboarded()
    transaction = {"transaction_id": str(uuid.uuid4()), "credit_pence": 250, "transaction_type": "flex event"}
    axle.post(f"/_sim/sites/{site_id}/rewards", {"current_balance_pence": 750, "transactions": [transaction]})
    axle.post(f"/entities/site/{site_id}/unenrol", {"proposition": "full_asset_schedule_control"})
    info = axle.get(f"/rewards/{site_id}/info")
    assert (info["current_balance_pence"], info["can_withdraw"]) == (750, True)
    assert axle.get(f"/rewards/{site_id}/transactions")["transactions"] == [transaction]
    assert axle.http.get(f"{axle.url}/rewards/{site_id}/url/balance").status_code == 422
    link = axle.get(f"/rewards/{site_id}/url/balance?redirect_uri=https://app.example.com")
    assert link["balance_withdrawal_url"].startswith("http")
