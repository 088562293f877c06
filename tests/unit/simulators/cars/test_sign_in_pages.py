"""The pages on which a driver connects a car, or connects it again, at the simulated makers."""

from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import requests

from tests.support.vehicles.car_rig import Rig

RETURN = "https://app.example/back?from=driveway"
CLIENTS = {"smartcar": ("application_id", "application-id"), "tesla": ("client_id", "client-id")}
PAGES = {"smartcar": "/smartcar/oauth/authorize", "tesla": "/tesla/oauth2/v3/authorize"}


def opened(rig: Rig, url: str) -> requests.Response:
    return rig.http.get(url, timeout=10, allow_redirects=False)


def page(rig: Rig, provider: str, **changes: str) -> str:
    name, value = CLIENTS[provider]
    sent = {"response_type": "code", name: value, "redirect_uri": RETURN, "state": "state-1"} | changes
    return f"{rig.url}{PAGES[provider]}?{urlencode(sent)}"


def back(landed: requests.Response) -> dict[str, str]:
    assert landed.status_code == 302, landed.text
    return {name: value for name, (value,) in parse_qs(urlsplit(landed.headers["location"]).query).items()}


@pytest.mark.parametrize("provider", PAGES)
def test_a_driver_who_signs_in_is_sent_back_and_the_cars_are_connected(rig: Rig, provider: str) -> None:
    rig.car(provider, user_id="driver-1", account_connected=False, linked=provider == "tesla")
    landed = back(opened(rig, page(rig, provider)))
    assert (landed["from"], landed["state"], bool(landed["code"])) == ("driveway", "state-1", True)
    assert landed.get("user_id") == ("driver-1" if provider == "smartcar" else None)
    spec = rig.simulator.world.cars["car-1"].spec
    assert (spec.account_connected, spec.linked) == (True, True)


@pytest.mark.parametrize("provider", PAGES)
@pytest.mark.parametrize(
    "wrong", [{"client_id": "x", "application_id": "x"}, {"redirect_uri": ""}, {"response_type": "t"}]
)
def test_a_page_for_another_application_or_without_a_way_back_is_refused(
    rig: Rig, provider: str, wrong: dict[str, str]
) -> None:
    assert opened(rig, page(rig, provider, **wrong)).status_code == 400


def test_a_code_of_teslas_is_good_once_and_with_the_secret(rig: Rig) -> None:
    rig.car("tesla", user_id="owner-1")
    code = back(opened(rig, page(rig, "tesla", user="owner-1")))["code"]

    def exchanged(**changes: str) -> requests.Response:
        form = {"grant_type": "authorization_code", "client_id": "client-id", "client_secret": "client-secret"}
        return rig.http.post(f"{rig.url}/tesla/oauth2/v3/token", data=form | {"code": code} | changes, timeout=10)

    assert exchanged(code="another").status_code == 400
    granted: dict[str, Any] = exchanged().json()
    assert granted["access_token"]
    assert granted["refresh_token"].startswith("refresh-owner-1")
    assert exchanged().status_code == 400


def test_a_car_that_is_new_at_enode_is_reported_by_its_description_first(rig: Rig) -> None:
    rig.listen("enode")
    token = rig.http.post(
        f"{rig.url}/enode/oauth2/token",
        auth=("client-id", "client-secret"),
        data={"grant_type": "client_credentials"},
        timeout=10,
    ).json()["access_token"]
    rig.headers = {"Authorization": f"Bearer {token}"}
    rig.car("enode", user_id="driver-1", linked=False)
    asked = {"vendorType": "vehicle", "scopes": ["vehicle:read:data"], "language": "en-GB", "redirectUri": RETURN}
    url = rig.ok("POST", "/enode/users/driver-1/link", asked)["linkUrl"]
    assert back(opened(rig, url)) == {"from": "driveway"}
    assert opened(rig, url).status_code == 410
    (event,) = [event for request in rig.sent() for event in request.body]
    assert (event["event"], event["user"]["id"], event["vehicle"]["id"]) == (
        "user:vehicle:discovered",
        "driver-1",
        "car-1",
    )
    assert event["vehicle"]["chargeState"] is None
    rig.pass_s(20)
    assert [event["event"] for request in rig.sent() for event in request.body][-1] == "user:vehicle:updated"
