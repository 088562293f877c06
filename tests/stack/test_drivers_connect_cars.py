"""Drivers connect cars on the pages of the makers, and connect one again: the links, how far they are, the events."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests

from tests.support.runtime.app_receiver import AppReceiver
from tests.support.stack.homes import Home, Stack
from tests.support.stack.waiting import until

RETURN = "http://127.0.0.1:9/connected"


def asked(running: Stack, site: str, **body: Any) -> dict[str, Any]:
    answer = running.api("POST", f"/sites/{site}/connections", {"return_url": RETURN, **body})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    assert made["status"] == "waiting"
    return made


def driver_opens(made: dict[str, Any], **typed: str) -> dict[str, str]:
    """The driver opens the page and signs in; what comes back to the app at its return address."""
    landed = requests.get(made["url"], params=typed, timeout=30, allow_redirects=False)
    assert landed.status_code == 302, landed.text
    assert landed.headers["location"].startswith(RETURN)
    back = {name: value for name, (value,) in parse_qs(urlsplit(landed.headers["location"]).query).items()}
    assert back["state"] == made["state"]
    return back


def shown(running: Stack, site: str) -> dict[str, Any]:
    (one,) = running.api("GET", f"/sites/{site}/connections").json()["connections"]
    return dict(one)


def events(running: Stack, app: AppReceiver, kind: str, site: str) -> list[dict[str, Any]]:
    """The events of a site that the app received and verified, each once."""
    verified = app.verified(running.values["app_webhook_secret"])
    found = {one["id"]: one for one in verified if one["type"] == kind and one["data"]["site"] == site}
    return list(found.values())


def test_a_new_car_at_enode_is_named_in_an_event_and_joins(running: Stack, app: AppReceiver) -> None:
    home = Home(running, "connect-enode")
    running.simulator("cars", "POST", "/cars", home.spec() | {"linked": False})
    made = asked(running, home.name, provider="enode", user_id=home.user_id)
    driver_opens(made)
    until(lambda: events(running, app, "VehicleConnected", home.name), "the app gets the event")
    (event,) = events(running, app, "VehicleConnected", home.name)
    assert event["data"]["detail"]["vehicle_id"] == home.vehicle_id
    assert event["data"]["asset"] is None
    assert (shown(running, home.name)["status"], shown(running, home.name)["vehicle_ids"]) == (
        "done",
        [home.vehicle_id],
    )
    assert running.api("PUT", f"/sites/{home.name}", home.body()).status_code == 201


def test_a_car_whose_account_was_lost_is_connected_again(running: Stack, app: AppReceiver) -> None:
    home = Home(running, "connect-again").join()
    home.set(account_connected=False)
    running.simulator("cars", "POST", f"/enode/invalidate/{home.user_id}")
    home.until(lambda: home.asset()["needs_user"], "the account is lost")
    assert home.asset()["connect"] == f"/sites/{home.name}/connections"
    asked_for = next(one for one in home.timeline() if one["reason"] == "PROVIDER_NEEDS_USER")
    assert asked_for["connect"] == f"/sites/{home.name}/connections"
    made = asked(running, home.name, asset=home.name)
    assert shown(running, home.name)["status"] == "waiting"
    driver_opens(made)
    # Enode's next report of the car shows it. An idle car may have none for hours.
    home.move("plug-in")
    home.until(lambda: shown(running, home.name)["status"] == "done", "the account works again")
    until(lambda: events(running, app, "Reconnected", home.name), "the app gets the event")
    (lost,) = events(running, app, "NeedsAttention", home.name)
    assert lost["data"]["connect"] == f"/sites/{home.name}/connections"
    assert home.asset()["needs_user"] is None


def test_a_new_car_at_smartcar_is_connected_once_the_put_names_it(running: Stack, app: AppReceiver) -> None:
    home = Home(running, "connect-smartcar", provider="smartcar")
    running.simulator("cars", "POST", "/cars", home.spec() | {"linked": False, "subscribed": False})
    back = driver_opens(asked(running, home.name, provider="smartcar"), user=home.user_id)
    assert back["user_id"] == home.user_id
    assert running.api("PUT", f"/sites/{home.name}", home.body()).status_code == 201
    until(lambda: events(running, app, "VehicleConnected", home.name), "the app gets the event")
    assert shown(running, home.name)["status"] == "done"


def test_an_owner_signs_in_at_tesla_and_the_app_brings_the_token(running: Stack, app: AppReceiver) -> None:
    home = Home(running, "connect-tesla", provider="tesla")
    running.simulator("cars", "POST", "/cars", home.spec())
    back = driver_opens(asked(running, home.name, provider="tesla"), user=home.user_id)
    settings = running.simulator("cars", "GET", "/config")["tesla"]
    form = {"grant_type": "authorization_code", "code": back["code"], "redirect_uri": RETURN}
    form |= {name: settings[name] for name in ("client_id", "client_secret")}
    url = running.values["providers"]["tesla"]["base_url"] + "/oauth2/v3/token"
    granted = requests.post(url, data=form, timeout=30)
    assert granted.status_code == 200, granted.text
    home.refresh_token = granted.json()["refresh_token"]
    assert running.api("PUT", f"/sites/{home.name}", home.body()).status_code == 201
    until(lambda: events(running, app, "VehicleConnected", home.name), "the app gets the event")
    assert shown(running, home.name)["status"] == "done"
    home.move("plug-in")
    home.until(lambda: home.asset()["session"], "the car is controlled")


def test_no_page_of_a_driver_is_in_any_log(running: Stack) -> None:
    connections = [shown(running, f"connect-{name}") for name in ("enode", "again", "smartcar", "tesla")]
    logged = running.logged()
    assert [one["provider"] for one in connections if one["url"] in logged or one["state"] in logged] == []
