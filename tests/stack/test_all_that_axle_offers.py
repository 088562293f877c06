"""What Axle offers a household, on the real template, and a household that leaves: nothing stays at anybody."""

import contextlib
import json
from typing import Any

import pytest

from driveway.store.packed import unpack
from tests.support.contract.axle_openapi import check_requests
from tests.support.stack.homes import KINDS, Home, Stack
from tests.support.stack.waiting import until

ADDRESS = "7 Stack Street, London, EC1A 1BB"


@pytest.fixture(scope="module")
def household(running: Stack) -> Home:
    """A home whose car is plugged in and known to Axle."""
    home = Home(running, "offered").join()
    home.move("plug-in")
    home.until(lambda: home.at_axle()["plugged_in"], "Axle acknowledged the plug-in")
    return home


def axle_site_id(home: Home) -> str:
    return str(home.running.api("GET", f"/sites/{home.name}").json()["axle_site_id"])


def requests_to_axle(running: Stack, path: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = running.simulator("axle", "GET", f"/requests?path={path}")["requests"]
    return found


def test_rewards_come_with_a_new_link_each_time_that_leads_back_into_the_app(household: Home) -> None:
    path = f"/sites/{household.name}/rewards?redirect_uri=myapp%3A%2F%2Fdone&hide_transactions=true"
    links = {household.running.api("GET", path).json()["withdrawal"]["url"] for _ in range(2)}
    assert len(links) == 2
    asked = requests_to_axle(household.running, "/url/balance")
    assert asked[-1]["query"] == {"redirect_uri": "myapp://done", "hide_transactions": "true"}
    assert check_requests(asked) == len(asked)


def test_flex_events_meters_and_component_tokens_are_passed_on(household: Home) -> None:
    running = household.running
    event = {"start_at": "2026-01-10T17:00:00Z", "end_at": "2026-01-10T18:00:00Z", "estimated_gross_revenue_gbp": -0.4}
    running.simulator("axle", "POST", f"/sites/{axle_site_id(household)}/flex-events", [event])
    answer = running.api("GET", f"/sites/{household.name}/flex-events")
    assert answer.json()["events"] == [{**event, "final_gross_revenue_gbp": None}]
    running.simulator("axle", "POST", "/meters", [{"mpan": "1200001234566", "address": ADDRESS}])
    (found,) = running.api("POST", "/meters/search", {"postcode": "EC1A 1BB"}).json()["meters"]
    by_ref = running.api("POST", "/meters/by-ref", {"meter_ref": found["meter_ref"]}).json()
    assert by_ref["mpan"] == "1200001234566"
    assert running.api("POST", "/meters/by-address", {"address": ADDRESS}).json() == by_ref
    consent = {"allowed_origin": "https://app.example", "gave_boundary_meter_consent_at": "2026-01-15T10:30:00Z"}
    assert running.api("POST", f"/sites/{household.name}/component-token", consent).status_code == 201
    for path in ("/flex-events", "/meter/", "/component-token"):
        asked = requests_to_axle(running, path)
        assert check_requests(asked) >= 1


def test_the_status_of_an_event_comes_back_to_axles_own_api(household: Home) -> None:
    running = household.running
    dispatch = {"payload": {"level_kw": 3.5, "from_time": "2026-01-16T01:00:00Z", "to_time": "2026-01-16T02:00:00Z"}}
    sent = running.simulator("axle", "POST", f"/assets/{household.name}/event", dispatch)

    def status() -> list[str]:
        found = running.simulator("axle", "GET", "/event-statuses")
        return [one["status"] for one in found if one["event_id"] == sent["event_id"]]

    until(lambda: status() == ["REJECTED"], "the status of the event is at Axle")
    assert check_requests(requests_to_axle(running, "/callback/")) >= 1
    until(lambda: "Axle sent an event that is not used" in running.logged(), "the event is logged")


def test_the_export_of_a_home_has_its_consent_assets_and_timeline(household: Home) -> None:
    document = household.running.api("GET", f"/sites/{household.name}/export").json()
    (asset,) = document["assets"]
    assert asset["asset"] == household.name
    assert {"timeline", "half_hours"} <= set(asset)
    assert document["consent"]["at"] == "2026-01-15T10:30:00Z"
    wrong = {"Authorization": f"Bearer {household.running.values['axle_token']}"}
    assert household.running.api("GET", f"/sites/{household.name}/export", **wrong).status_code == 403


def test_a_household_with_a_car_at_every_maker_leaves_and_nothing_stays_anywhere(running: Stack) -> None:
    homes = [Home(running, f"leaver-{kind}", kind) for kind in KINDS]
    for home in homes:
        home.join()
    for home in homes:
        home.until(home.in_sync, "Axle has acknowledged everything")
        home.move("plug-in")
    names = [part for home in homes for part in (home.name, home.vehicle_id, f"{home.name}-driver")]
    ids = [axle_site_id(home) for home in homes]
    for home in homes:
        path = f"/sites/{home.name}?forfeit_balance=true"
        until(lambda path=path: running.api("DELETE", path).status_code == 204, f"{home.name} is erased")  # type: ignore[misc]

    def left() -> list[str]:
        items = [item for item in running.items() if item["sk"]["S"] != "RECEIPT"]
        places = {f"{item['pk']['S']} {item['sk']['S']}": json.dumps(item, default=unpack) for item in items}
        places |= {maker: json.dumps(there) for maker, there in running.simulator("cars", "GET", "/kept").items()}
        places["Axle"] = json.dumps(running.simulator("axle", "GET", "/state")["sites"])
        marks = [mark for name in names for mark in (f'"{name}"', f"#{name}")] + ids
        return [f"{mark} in {place}" for place, text in places.items() for mark in marks if mark in text]

    # A charger keeps the profile that lets its car charge until the transaction ends.
    running.simulator("cars", "POST", "/bulk/plug-out", {"vehicle_ids": [home.vehicle_id for home in homes]})
    with contextlib.suppress(AssertionError):
        until(lambda: left() == [], "nothing of the household is left", patience_s=20)
    assert left() == []
    queues = running.aws("sqs")
    for url in queues.list_queues()["QueueUrls"]:
        for message in queues.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            assert not any(name in message["Body"] for name in names), url
    private = [f"{home.name}@example.com" for home in homes] + [home.vehicle_id for home in homes]
    assert [part for part in private if part in running.logged()] == []
