"""The simulated Axle sends schedules, also with faults."""

import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.simulators.axle_client import (
    Axle,
    Driveway,
    delivery_states,
    tell_all,
    until,
)


def test_a_profile_reaches_the_integrator_with_its_token(axle: Axle, driveway: Driveway) -> None:
    _, asset_id = axle.onboarded()
    axle.post("/_sim/config", {"driveway_url": driveway.url, "bearer_token": "secret"})
    tell_all(axle, asset_id)
    until(lambda: delivery_states(axle) == ["delivered"])
    [(method, path, headers, body)] = driveway.received
    assert (method, path) == ("POST", f"/axle/assets/{asset_id}/charging-profile")
    assert headers["authorization"] == "Bearer secret"
    assert json.loads(body) == axle.asset(asset_id)["charging_profile"]


def test_a_given_profile_is_sent_as_it_is_in_either_wrapping(axle: Axle, driveway: Driveway) -> None:
    _, asset_id = axle.onboarded()
    axle.post("/_sim/config", {"driveway_url": driveway.url, "webhook_secret": "hush"})
    assert axle.post("/_sim/assets/car-1/issue").status_code == 409
    axle.post("/_sim/assets/car-1/issue", {"profile": {"odd": 1}, "mode": "set_charging_profile_request"})
    until(lambda: len(driveway.received) == 1)
    assert json.loads(driveway.received[0][3]) == {"connectorId": 1, "csChargingProfiles": {"odd": 1}}
    issue = {"profile": {"odd": 2}, "mode": "envelope", "created_at": "2026-01-01T00:00:00Z"}
    issue["envelope_id"] = "f6f0c1de-25c0-4f7e-9f0f-0d6e1f3c7a11"
    axle.post("/_sim/config", {"retry_for_s": 1e9})
    axle.post("/_sim/assets/car-1/issue", issue)
    until(lambda: len(driveway.received) == 2)
    _, path, headers, raw = driveway.received[1]
    timestamp, signature = (part.split("=", 1)[1] for part in headers["x-axle-sig"].split(","))
    assert hmac.new(b"hush", f"{timestamp}.".encode() + raw, hashlib.sha256).hexdigest() == signature
    assert path == "/axle/webhooks"
    assert json.loads(raw) == {
        "id": issue["envelope_id"],
        "version": "1",
        "event_type": "asset:dispatch:requested",
        "created_at": "2026-01-01T00:00:00+00:00",
        "payload": {"asset_id": asset_id, "charging_profile": {"odd": 2}},
    }


def test_a_schedule_is_repeated_after_our_fault_and_given_up_after_a_refusal(axle: Axle, driveway: Driveway) -> None:
    _, asset_id = axle.onboarded()
    axle.post("/_sim/config", {"driveway_url": driveway.url, "retry_base_s": 0.02})
    driveway.statuses = [503, 500]
    tell_all(axle, asset_id)
    until(lambda: delivery_states(axle) == ["delivered"])
    [delivery] = axle.get("/_sim/deliveries")["deliveries"]
    assert [attempt["status"] for attempt in delivery["attempts"]] == [503, 500, 200]
    driveway.statuses = [422]
    axle.post("/_sim/assets/car-1/issue")
    until(lambda: delivery_states(axle) == ["delivered", "refused"])
    assert len(driveway.received) == 4


def test_a_bare_profile_is_not_repeated_once_a_newer_one_exists(axle: Axle, driveway: Driveway) -> None:
    _, asset_id = axle.onboarded()
    axle.post("/_sim/config", {"driveway_url": driveway.url, "retry_base_s": 0.3})
    driveway.statuses = [503]
    tell_all(axle, asset_id)
    until(lambda: len(driveway.received) == 1)
    axle.event(asset_id, "plug-in", {})
    until(lambda: delivery_states(axle) == ["superseded", "delivered"])


def test_schedules_are_dropped_duplicated_and_overtaken_on_request(axle: Axle, driveway: Driveway) -> None:
    axle.onboarded()

    def issue(*numbers: int) -> list[int]:
        seen = len(driveway.received)
        for number in numbers:
            axle.post("/_sim/assets/car-1/issue", {"profile": {"n": number}})
        until(lambda: "pending" not in delivery_states(axle))
        return [json.loads(body)["n"] for _, _, _, body in driveway.received[seen:]]

    axle.post("/_sim/config", {"driveway_url": driveway.url, "delivery_faults": {"drop": 1}})
    assert issue(1, 2) == [2]
    axle.post("/_sim/config", {"delivery_faults": {"duplicate": 2}})
    assert issue(3) == [3, 3, 3]
    axle.post("/_sim/config", {"delivery_faults": {"reorder_s": 0.5}})
    assert issue(4, 5) == [5, 4]
    axle.post("/_sim/config", {"delivery_faults": {}})
    assert issue(6, 7) == [6, 7]


def test_an_envelope_whose_answer_is_lost_is_sent_again_after_a_newer_clear(axle: Axle, driveway: Driveway) -> None:
    _, asset_id = axle.onboarded()
    settings = {"driveway_url": driveway.url, "delivery": "envelope", "webhook_secret": "s", "retry_base_s": 0.3}
    axle.post("/_sim/config", settings | {"delivery_faults": {"lose_answers": 1}})
    tell_all(axle, asset_id)
    until(lambda: len(driveway.received) == 1)
    axle.post("/_sim/assets/car-1/clear")
    until(lambda: delivery_states(axle) == ["delivered", "delivered"])
    assert [method for method, *_ in driveway.received] == ["POST", "DELETE", "POST"]
    assert driveway.received[0][3] == driveway.received[2][3]


def test_envelopes_are_dated_by_a_clock_that_may_be_ahead(axle: Axle, driveway: Driveway) -> None:
    _, asset_id = axle.onboarded()
    settings = {"driveway_url": driveway.url, "delivery": "envelope", "webhook_secret": "s", "clock_ahead_s": 600}
    axle.post("/_sim/config", settings)
    tell_all(axle, asset_id)
    until(lambda: len(driveway.received) == 1)
    ahead = datetime.fromisoformat(json.loads(driveway.received[0][3])["created_at"]) - datetime.now(UTC)
    assert timedelta(seconds=590) < ahead < timedelta(seconds=610)


@pytest.mark.parametrize(("unit", "phases", "limit"), [("A", 3, 16.0), ("A", None, 4.0), ("W", 1, 100.0)])
def test_schedules_are_written_in_the_unit_with_the_phases_and_the_limit_that_are_set(
    axle: Axle, driveway: Driveway, unit: str, phases: int | None, limit: float
) -> None:
    _, asset_id = axle.onboarded()
    form = {"rate_unit": unit, "number_phases": phases, "charging_limit": limit}
    axle.post("/_sim/config", {"driveway_url": driveway.url, **form})
    tell_all(axle, asset_id)
    until(lambda: len(driveway.received) == 1)
    schedule = json.loads(driveway.received[0][3])["chargingSchedule"]
    assert schedule["chargingRateUnit"] == unit
    assert {period["limit"] for period in schedule["chargingSchedulePeriod"]} == {0.0, limit}
    assert {period["numberPhases"] for period in schedule["chargingSchedulePeriod"]} == {phases}
