"""A day and a night of one car in which every event for the app happens once: the samples of the webhooks."""

from datetime import datetime
from typing import Any

from local.openapi.axle_answers import AXLE_ASSET
from local.openapi.scenario import PROFILE, SITE, VEHICLE
from local.openapi.world import World

USER = "app-user-77"
CAR: dict[str, Any] = SITE["assets"][0]
HOME = SITE | {"assets": [CAR | {"vehicle": CAR["vehicle"] | {"user_id": USER}}]}
TOKEN = {"access_token": "unused", "expires_in": 3599, "token_type": "bearer"}


def play(world: World) -> None:
    """Let all of it happen."""
    _connected(world)
    world.call("PUT /sites/{site}", "home", "A home with one car", HOME, site="home-1")
    _report(world, "2026-01-15T21:55:00+00:00", plugged_in=True, at_home=False)
    _report(world, "2026-01-15T21:58:00+00:00", plugged_in=False, at_home=True)
    _night(world)
    _test_charges(world)
    _account(world)


def _connected(world: World) -> None:
    """A driver connects a car at Enode before the site joins."""
    asked = {"provider": "enode", "user_id": USER, "return_url": "exampleapp://connected"}
    link = {"linkUrl": "https://link.enode.com/YzI1NjM2MWIt", "linkToken": "YzI1NjM2MWIt"}
    page = (f"/users/{USER}/link", 200, link)
    with world.maker_called(), world.axle_says("/oauth2/token", 200, TOKEN), world.axle_says(*page):
        world.call("POST /sites/{site}/connections", "new", "A new car", asked, site="home-1")
    found: dict[str, Any] = {
        "event": "user:vehicle:discovered",
        "createdAt": "2026-01-15T21:52:00Z",
        "version": "2024-10-01",
    }
    found |= {"user": {"id": USER}, "vehicle": {"id": VEHICLE, "userId": USER, "vendor": "TESLA"}}
    world.call("POST /webhooks/{provider}", "discovered", "From the car maker", [found], provider="enode")


def _night(world: World) -> None:
    _report(world, "2026-01-15T22:00:00+00:00", plugged_in=True, at_home=True, charging=False, soc_pct=41)
    profile = "POST /axle/assets/{axle_asset_id}/charging-profile"
    world.call(profile, "profile", "A schedule", PROFILE, axle_asset_id=AXLE_ASSET)
    for kwh in (60, 20):
        intent = {"kwh": kwh, "ready_by": "07:00"}
        world.call("PUT /assets/{asset}/intent", f"{kwh} kWh", "More than fits, then less", intent, asset="car-1")
        world.settle("car-1")
    _report(world, "2026-01-15T23:31:00+00:00", charging=True, power_kw=7.4, energy_lifetime_kwh=1000.0)
    _report(world, "2026-01-16T02:31:00+00:00", charging=False, power_kw=0.0, energy_lifetime_kwh=1020.0)
    _report(world, "2026-01-16T07:10:00+00:00", plugged_in=False, energy_lifetime_kwh=1020.0)
    world.at("2026-01-16T07:25:00+00:00")
    world.settle("car-1")
    world.at("2026-01-16T07:40:00+00:00")
    _report(world, "2026-01-16T03:31:00+00:00", late=True, energy_lifetime_kwh=1022.0)


def _test_charges(world: World) -> None:
    test = "POST /assets/{asset}/test-charge"
    _report(world, "2026-01-16T18:00:00+00:00", plugged_in=True, at_home=True, charging=False)
    world.call(test, "passes", "The car follows", asset="car-1")
    _report(world, "2026-01-16T18:02:00+00:00", charging=True, power_kw=7.0)
    _report(world, "2026-01-16T18:06:00+00:00", charging=False, power_kw=0.0)
    world.at("2026-01-16T19:00:00+00:00")
    world.call(test, "fails", "The car does nothing", asset="car-1")
    world.settle("car-1")
    world.at("2026-01-16T19:50:00+00:00")
    world.settle("car-1")


def _account(world: World) -> None:
    """The account is disconnected, connected again, and then does not allow a command."""
    maker, about = "POST /webhooks/{provider}", {"version": "2024-10-01", "user": {"id": USER}}
    gone = {"event": "user:credentials:invalidated", "createdAt": "2026-01-16T20:00:00Z", "vendor": "TESLA"}
    state = {"batteryLevel": 70, "isPluggedIn": True, "isCharging": False, "lastUpdated": "2026-01-16T20:10:00Z"}
    back = {
        "event": "user:vehicle:updated",
        "createdAt": "2026-01-16T20:10:00Z",
        "vehicle": {"id": VEHICLE, "userId": USER, "isReachable": True, "chargeState": state},
        "updatedFields": ["chargeState"],
    }
    for event in (gone, back):
        world.at(str(event["createdAt"]))
        world.call(maker, str(event["event"]), "From the car maker", [event | about], provider="enode")
        world.settle("car-1")
    world.at("2026-01-16T20:15:00+00:00")
    world.call("PUT /assets/{asset}/charge-now", "now", "Charge now", {"for_minutes": 60}, asset="car-1")
    world.settle("car-1")
    refusal = (f"/vehicles/{VEHICLE}/charging", 403, {"title": "The user has not allowed it"})
    with world.maker_called(), world.axle_says("/oauth2/token", 200, TOKEN), world.axle_says(*refusal):
        world.carry_out_commands()
    world.settle("car-1")


def _report(world: World, at: str, *, late: bool = False, **signals: Any) -> None:
    """The app reports something at its time, or late."""
    if not late:
        world.at(at)
    seen = {"at": datetime.fromisoformat(at).isoformat(), **signals}
    world.call("POST /assets/{asset}/observations", at, "A report", {"observations": [seen]}, asset="car-1")
    world.settle("car-1")
