"""What Axle sends besides schedules, and the status of its events, which goes to Axle's own API."""

import json
import uuid
from typing import Any

import pytest

from simulators.common import Fault
from tests.support.contract.axle_openapi import check_requests
from tests.support.functions.leavers import queued
from tests.support.functions.rig import Rig, function
from tests.support.functions.schedule_calls import deliver, envelope, profile
from tests.support.functions.sites import car, put, site_body

EVENT_ID = "0b8f5f4c-6a52-4d0c-8a7f-5d3f0c9b1e22"
ELSEWHERE = "https://elsewhere.example/status"


@pytest.fixture
def home(rig: Rig) -> str:
    """Axle's id of the asset of a home with a plugged-in car."""
    put(rig, site_body(car(plugged_in=True)))
    rig.pump()
    rig.axle.requests.clear()
    return rig.twin("car-1").link.axle_asset_id


def event(asset_id: str, **payload: Any) -> dict[str, Any]:
    wanted = {"asset_id": asset_id, "event_id": EVENT_ID, "update_status_callback": ELSEWHERE, **payload}
    return {**envelope(), "payload": wanted}


def sync(rig: Rig) -> dict[str, Any]:
    """Let axle sync take what waits in its queue."""
    records = [{"messageId": str(n), "body": body, "eventSource": "aws:sqs"} for n, body in enumerate(queued(rig))]
    answer: dict[str, Any] = function("axle_sync").handler({"Records": records}, None)
    return answer


def statuses(rig: Rig) -> list[tuple[str, str]]:
    return [(one["event_id"], one["status"]) for one in rig.axle.world.event_statuses]


def test_the_status_of_a_schedule_with_a_callback_goes_to_axles_own_api_and_not_to_the_address(
    rig: Rig, home: str
) -> None:
    assert deliver(rig, event(home, charging_profile=profile())).status == 200
    assert sync(rig) == {"batchItemFailures": []}
    assert statuses(rig) == [(EVENT_ID, "ACCEPTED")]
    requests = rig.axle.requests.list()
    assert [one["path"] for one in requests] == [f"/entities/asset/{home}/callback/{EVENT_ID}"]
    assert check_requests(requests) == 1


def test_a_schedule_that_is_refused_for_good_is_reported_as_rejected(rig: Rig, home: str) -> None:
    broken = {**profile(), "chargingProfileKind": "Sometimes"}
    assert deliver(rig, event(home, charging_profile=broken)).status == 422
    sync(rig)
    assert statuses(rig) == [(EVENT_ID, "REJECTED")]


def test_an_event_without_a_callback_gets_no_status(rig: Rig, home: str) -> None:
    deliver(rig, {**envelope(), "payload": {"asset_id": home, "charging_profile": profile()}})
    assert queued(rig) == []


def test_a_status_is_repeated_until_axle_answers_and_one_that_axle_does_not_know_is_dropped(
    rig: Rig, home: str
) -> None:
    deliver(rig, event(home, charging_profile=profile()))
    (message,) = queued(rig)
    record = {"messageId": "1", "body": message, "eventSource": "aws:sqs"}
    rig.axle.faults.add(Fault(path="callback", status=503, count=1))
    sent = function("axle_sync").handler
    assert sent({"Records": [record]}, None) == {"batchItemFailures": [{"itemIdentifier": "1"}]}
    assert sent({"Records": [record]}, None) == {"batchItemFailures": []}
    assert statuses(rig) == [(EVENT_ID, "ACCEPTED")]
    report = json.loads(message)["event_status"]
    unknown = json.dumps({"event_status": {**report, "axle_asset_id": str(uuid.uuid4())}})
    assert sent({"Records": [{**record, "body": unknown}]}, None) == {"batchItemFailures": []}


@pytest.mark.parametrize(
    ("event_type", "counted"), [("asset:dispatch:requested", "asset:dispatch:requested"), ("asset:moved", "other")]
)
def test_an_event_that_is_not_used_is_counted_by_type_logged_by_name_and_rejected(
    rig: Rig, home: str, event_type: str, counted: str, capsys: pytest.CaptureFixture[str]
) -> None:
    times = {"from_time": "2026-01-15T19:00:00Z", "to_time": "2026-01-15T20:00:00Z"}
    sent = {**event(home, level_kw=-3.25, market_id="cm-secret", **times), "event_type": event_type}
    assert deliver(rig, sent).status == 200
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    (logged,) = [line for line in lines if line.get("message") == "Axle sent an event that is not used"]
    assert (logged["event_type"], logged["level"]) == (event_type, "WARNING")
    assert {"level_kw", "from_time", "to_time", "market_id"} <= set(logged["fields"])
    assert "cm-secret" not in json.dumps(lines), "values are not logged"
    counts = {name: line for line in lines for name in ("AxleEventsUnused", "AxleEventsUnusedOfType") if name in line}
    assert counts["AxleEventsUnused"]["AxleEventsUnused"] == [1.0]
    assert counts["AxleEventsUnusedOfType"]["event_type"] == counted
    sync(rig)
    assert statuses(rig) == [(EVENT_ID, "REJECTED")]
    assert deliver(rig, sent).status == 200
    assert queued(rig) == [], "a repetition is known"


def test_unknown_fields_of_axles_answers_are_reported_once_by_name(
    rig: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    rig.axle.world.config = rig.axle.world.config.model_copy(update={"unknown_fields": True})
    for _ in range(2):
        asked = rig.serve("onboarding", "POST /eligibility", {"mpan": "1200001234566", "asset_model": "axle_ev_v1"})
        assert asked.status == 200
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    logged = [line["fields"] for line in lines if line.get("message") == "Axle answered with unknown fields"]
    assert logged == [["tariff_advice"]]
    assert [line["AxleFieldsUnknown"] for line in lines if "AxleFieldsUnknown" in line] == [[1.0]]
