"""Links with which a driver connects a car, or connects it again."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from msgspec import UNSET

from driveway.domain.reports.account_connection import disconnected
from driveway.domain.twin.reasons import Reason
from driveway.outbox.app_events import app_event
from driveway.values import replace
from tests.support.functions.assets import a_twin, place
from tests.support.functions.connect_calls import RETURN, ask
from tests.support.functions.rig import NOW, Rig
from tests.support.functions.stage import CLIENT, Stage


def query(url: str) -> dict[str, str]:
    return {name: value for name, (value,) in parse_qs(urlsplit(url).query).items()}


def test_a_new_car_at_enode_is_connected_on_a_page_that_leads_back_with_the_state(stage: Stage) -> None:
    reply = ask(stage, provider="enode", user_id="app-user-77")
    assert (reply.status, reply.headers["cache-control"]) == (201, "no-store")
    assert reply.body["expires_at"] == "2026-01-16T18:00:00Z"
    landed = requests.get(reply.body["url"], timeout=5, allow_redirects=False)
    assert landed.status_code == 302
    assert query(landed.headers["location"]) == {"from": "driveway", "state": reply.body["state"]}
    assert requests.get(reply.body["url"], timeout=5, allow_redirects=False).status_code == 410


def test_a_car_whose_account_was_disconnected_works_again_after_the_driver_used_the_link(stage: Stage) -> None:
    stage.park("enode")
    stage.cars.change("5YJ30000000000001", account_connected=False)
    reply = ask(stage, asset="car-1", state="from-the-app-1")
    assert (reply.status, reply.body["provider"], reply.body["state"]) == (201, "enode", "from-the-app-1")
    requests.get(reply.body["url"], timeout=5, allow_redirects=False)
    assert stage.cars.simulator.world.cars["5YJ30000000000001"].spec.account_connected


def test_smartcar_connect_has_the_application_and_the_permissions_that_control_needs(stage: Stage) -> None:
    reply = ask(stage, provider="smartcar")
    sent = query(reply.body["url"])
    assert sent["application_id"] == "5f0c-application"
    assert sent["redirect_uri"] == RETURN
    assert sent["state"] == reply.body["state"]
    assert "control_charge" in sent["scope"]
    assert CLIENT["client_secret"] not in reply.text


def test_an_owner_signs_in_at_tesla_and_lets_us_command_the_car(stage: Stage) -> None:
    reply = ask(stage, provider="tesla")
    sent = query(reply.body["url"])
    assert sent["client_id"] == CLIENT["client_id"]
    assert {"offline_access", "vehicle_charging_cmds"} <= set(sent["scope"].split())
    assert reply.body["key_url"] == "https://tesla.com/_ak/keys.example"
    assert CLIENT["client_secret"] not in reply.text


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({}, "invalid-body"),
        ({"provider": "enode", "asset": "car-1"}, "invalid-body"),
        ({"provider": "ocpp"}, "invalid-body"),
        ({"provider": "enode"}, "no-connect-link"),
        ({"provider": "enode", "user_id": "u", "return_url": "javascript"}, "invalid-body"),
        ({"asset": "car-1"}, "not-found"),
    ],
)
def test_what_cannot_be_connected_is_refused(stage: Stage, body: dict[str, Any], problem: str) -> None:
    assert ask(stage, **body).problem == problem


@pytest.mark.parametrize(("status", "problem"), [(403, "no-connect-link"), (503, "unavailable"), (429, "unavailable")])
def test_a_car_maker_that_gives_no_link_is_reported(stage: Stage, status: int, problem: str) -> None:
    stage.break_service("enode/users/.*/link", status=status)
    assert ask(stage, provider="enode", user_id="u").problem == problem


def test_an_event_that_asks_to_connect_again_names_the_route_that_gives_the_link() -> None:
    detail = {"id": "evt_1", "event": "NeedsAttention", "site": "home-1", "asset": "car-1", "at": NOW.isoformat()}
    detail |= {"text": "Connect again.", "detail": {}}
    asked = app_event({**detail, "reason": Reason.PROVIDER_NEEDS_USER})
    assert asked.data.connect == "/sites/home-1/connections"
    assert app_event({**detail, "reason": Reason.COMMAND_FAILED}).data.connect is UNSET


def test_whatever_asks_to_connect_a_car_names_the_route_that_gives_the_link(stage: Stage) -> None:
    route, now = "/sites/home-1/connections", stage.rig.clock.now()
    stage.park("enode")
    assert stage.shown()["connect"] is None
    stage.rig.change("car-1", lambda twin: disconnected(twin, "The account is not connected.", now))
    stage.rig.publish()
    timeline = stage.rig.serve("status", "GET /assets/{asset}/timeline", asset="car-1").body["entries"]
    assert {one.get("connect") for one in timeline if one["reason"] == "PROVIDER_NEEDS_USER"} == {route}
    assert not any("connect" in one for one in timeline if one["reason"] != "PROVIDER_NEEDS_USER")
    assert stage.shown()["connect"] == route
    stored = stage.rig.serve("preferences", "PUT /assets/{asset}/charge-now", {"for_minutes": 60}, asset="car-1")
    assert any(route in warning for warning in stored.body["warnings"])
    asked = stage.rig.serve("preferences", "POST /assets/{asset}/test-charge", asset="car-1")
    assert {one.get("connect") for one in asked.body["test_charge"]["steps"] if one["reason"]} == {route}


def test_an_asset_without_a_car_names_it_too(rig: Rig) -> None:
    twin = a_twin(NOW)
    place(rig, replace(twin, link=replace(twin.link, vehicle=None)))
    shown = rig.serve("status", "GET /assets/{asset}", asset="car-1").body
    assert shown["connect"] == "/sites/home-1/connections"
