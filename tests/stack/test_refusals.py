"""What is refused, how, and that nothing changes, on the real template."""

from typing import Any

import pytest
import requests

from tests.support.stack.homes import Stack


def problem(answer: requests.Response, status: int) -> dict[str, Any]:
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert body["status"] == status
    assert all(body[member] for member in ("type", "title", "detail"))
    return body


@pytest.mark.parametrize(
    ("authorization", "status"),
    [(None, 401), ("Bearer wrong", 401), ("Basic abc", 401), ("axle", 403)],
    ids=["missing", "wrong", "another kind", "Axle's, not the app's"],
)
def test_a_caller_without_the_right_token_gets_a_problem(
    running: Stack, authorization: str | None, status: int
) -> None:
    token = f"Bearer {running.values['axle_token']}" if authorization == "axle" else authorization
    headers = {"Authorization": token} if token else {}
    problem(requests.get(f"{running.values['api_url']}/assets/car-1", headers=headers, timeout=30), status)


def test_malformed_json_is_refused_and_stores_nothing(running: Stack) -> None:
    before = len(running.items())
    url = f"{running.values['api_url']}/sites/home-9"
    headers = {"Authorization": f"Bearer {running.values['app_token']}"}
    problem(requests.put(url, data=b'{"site": ', headers=headers, timeout=30), 400)
    assert len(running.items()) == before


def test_an_unknown_field_is_named_with_its_place(running: Stack) -> None:
    body = problem(running.api("PUT", "/sites/home-9", {"sites": {}, "assets": []}), 422)
    assert "/sites" in [error["pointer"] for error in body["errors"]]


def test_an_unknown_asset_is_not_found(running: Stack) -> None:
    problem(running.api("GET", "/assets/nobody"), 404)
    problem(running.api("PUT", "/assets/nobody/intent", {"kwh": 5, "ready_by": "07:00"}), 404)


def test_a_webhook_with_a_bad_signature_is_refused_and_stores_nothing(running: Stack) -> None:
    before = len(running.items())
    url = f"{running.values['api_url']}/webhooks/enode"
    answer = requests.post(url, data=b"[]", headers={"x-enode-signature": "sha1=00"}, timeout=30)
    problem(answer, 401)
    assert len(running.items()) == before


def test_a_body_that_is_too_large_is_refused(running: Stack) -> None:
    answer = running.api("PUT", "/assets/car-1/tariff", {"off_peak": "0" * 300_000, "timezone": "UTC"})
    problem(answer, 413)


def test_a_schedule_for_an_unknown_asset_is_refused_for_good(running: Stack) -> None:
    url = f"{running.values['api_url']}/axle/assets/6b1c0000-0000-4000-8000-000000000000/charging-profile"
    headers = {"Authorization": f"Bearer {running.values['axle_token']}"}
    profile = {
        "stackLevel": 1100,
        "chargingProfilePurpose": "TxProfile",
        "chargingProfileKind": "Absolute",
        "chargingSchedule": {
            "duration": 3600,
            "startSchedule": "2030-01-01T00:00:00Z",
            "chargingRateUnit": "W",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 0.0}],
        },
    }
    problem(requests.post(url, json=profile, headers=headers, timeout=30), 404)
