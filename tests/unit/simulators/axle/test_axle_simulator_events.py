"""The simulated Axle on events of an asset."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.simulators.axle_client import (
    INTENT,
    TARIFF,
    Axle,
    tell_all,
)


def test_an_asset_is_found_by_its_external_id_with_its_intent(axle: Axle) -> None:
    _, asset_id = axle.onboarded()
    assert axle.get("/entities/asset/external-id/car-1")["id"] == asset_id
    assert axle.http.get(f"{axle.url}/entities/asset/external-id/car-2").status_code == 404
    assert axle.http.get(f"{axle.url}/entities/asset/{asset_id}/intent").status_code == 404
    axle.event(asset_id, "intent", {"intent": INTENT})
    assert axle.get(f"/entities/asset/{asset_id}/intent")["intent"]["energy_required_kwh"] == 30


@pytest.mark.parametrize(
    ("event", "body", "status"),
    [
        ("tariff-update", {"tariff": TARIFF | {"off_peak_times": "23:30-05:30"}}, 400),
        ("tariff-update", {"tariff": TARIFF | {"timezone": "Europe/Nowhere"}}, 400),
        ("tariff-update", {"tariff": TARIFF | {"timezone": "../etc/passwd"}}, 400),
        ("tariff-update", {"tariff": TARIFF | {"tariff_type": "cheap"}}, 422),
        ("plug-in", {"tariff": TARIFF | {"off_peak_times": "Mo 00:00-05:30"}}, 400),
        ("plug-in", None, 422),
        ("plug-in", {"vehicle": {"charging_rate_kw": "7"}}, 422),
        ("plug-out", {"why": "left"}, 422),
        ("intent", {"intent": {"energy_required_kwh": 30}}, 422),
        ("intent", {"intent": INTENT | {"energy_required_kwh": -1}}, 422),
        ("intent", {"intent": INTENT | {"ready_by_local_time": "7am"}}, 422),
        ("intent", {"intent": INTENT | {"ready_by": "2026-01-16"}}, 422),
        ("charge-now", {"end_at": 1_800_000_000}, 422),
        ("charge-now", {}, 422),
    ],
)
def test_an_event_that_is_refused_changes_nothing(axle: Axle, event: str, body: Any, status: int) -> None:
    _, asset_id = axle.onboarded()
    assert axle.event(asset_id, event, body).status_code == status
    assert axle.asset(asset_id)["history"] == []
    assert axle.asset(asset_id)["unreported_since_enrolment"] == ["intent", "plug state", "tariff"]


def test_generic_events_have_the_same_effect_as_the_specific_ones(axle: Axle) -> None:
    _, asset_id = axle.onboarded()
    path = f"/entities/asset/{asset_id}/event"
    plug_in = {"event_type": "plug_in", "tariff": TARIFF, "intent": INTENT, "vehicle": {"charging_rate_kw": 11}}
    assert axle.post(path, plug_in).json()["status"] == "ACCEPTED"
    asset = axle.asset(asset_id)
    assert (asset["plugged_in"], asset["charging_rate_kw"], asset["schedules_issued"]) == (True, 11, 1)
    assert axle.post(path, {"event_type": "charge_now"}).status_code == 400
    assert axle.post(path, {"event_type": "intent_update"}).status_code == 400
    assert axle.post(path, {"event_type": "plug_out"}).status_code == 200
    assert not axle.asset(asset_id)["plugged_in"]


def test_events_are_refused_for_unknown_and_unenrolled_assets(axle: Axle) -> None:
    site_id, asset_id = axle.onboarded()
    assert axle.event(str(uuid.uuid4()), "plug-in", {}).status_code == 404
    assert axle.event("car-1", "plug-in", {}).status_code == 422
    axle.post(f"/entities/site/{site_id}/unenrol", {"proposition": "full_asset_schedule_control"})
    assert axle.event(asset_id, "plug-in", {}).status_code == 404
    axle.post("/_sim/config", {"events_of_unenrolled": "accept"})
    tell_all(axle, asset_id)
    assert axle.asset(asset_id)["schedules_issued"] == 0


def test_a_schedule_waits_for_tariff_intent_and_plug_and_follows_every_change(axle: Axle) -> None:
    _, asset_id = axle.onboarded()
    later = (datetime.now(UTC) + timedelta(minutes=30)).isoformat()
    reported: list[tuple[str, dict[str, Any]]] = [
        ("plug-in", {}),
        ("tariff-update", {"tariff": TARIFF}),
        ("intent", {"intent": INTENT}),
        ("charge-now", {"end_at": later}),
        ("charge-now-deleted", {}),
        ("plug-out", {}),
        ("intent", {"intent": INTENT}),
        ("plug-in", {"vehicle": {"charging_rate_kw": 3.6}}),
    ]
    issued = []
    for event, body in reported:
        assert axle.event(asset_id, event, body).status_code == 200
        issued.append(axle.asset(asset_id)["schedules_issued"])
    assert issued == [0, 0, 1, 2, 3, 3, 3, 4]
    assert axle.asset(asset_id)["unreported_since_enrolment"] == []
    assert [entry["event"] for entry in axle.asset(asset_id)["history"]][:3] == [
        "plug_in",
        "tariff_update",
        "intent_update",
    ]
