"""A night of one home, and what can go wrong: the calls whose requests and answers are the examples."""

from datetime import UTC, datetime, timedelta
from typing import Any

from driveway.domain.half_hours import HALF_HOUR
from driveway.domain.metering.slot import ReportedValue, Slot
from driveway.domain.schedules.installation import MOST_SCHEDULES_HELD
from driveway.domain.twin import Twin
from driveway.values import replace
from local.openapi.axle_answers import AXLE_ASSET, AXLE_SITE, METER_REFERENCE, ONBOARDED, PROPOSITION
from local.openapi.world import World
from simulators.axle.documented import scenario_profile

VEHICLE = "0f5f1c0e-58a5-4a3b-9b0e-1d2c3b4a5f60"
HOME_LOCATION = "3d0c5b1e-7b3c-4a51-8d3f-2f6f6f4d9a10"
MPAN = "1200001234566"

SITE: dict[str, Any] = {
    "site": {
        "mpan": MPAN,
        "postcode": "SW1A 1AA",
        "street_address": "10 Example Street",
        "email": "driver@example.com",
        "gave_boundary_meter_consent_at": "2026-01-15T10:30:00Z",
    },
    "consent_version": "smart-charging-2026-01",
    "timezone": "Europe/London",
    "home": {"latitude": 51.5034, "longitude": -0.1276, "radius_m": 200},
    "assets": [
        {
            "asset": "car-1",
            "type": "electric_vehicle",
            "asset_model": "axle_ev_v1",
            "installation_date": "2025-06-15",
            "power_kw": 7.4,
            "battery_kwh": 64,
            "vehicle": {"provider": "enode", "vehicle_id": VEHICLE, "home_location_id": HOME_LOCATION},
            "plugged_in": False,
            "tariff": {
                "off_peak": [{"start": "23:30", "end": "05:30"}],
                "timezone": "Europe/London",
                "tariff_type": "dual_rate",
            },
            "intent": {"kwh": 30, "ready_by": "07:00"},
        }
    ],
    "rejoin": False,
}
TARIFF = {"off_peak": "23:30-05:30", "timezone": "Europe/London", "tariff_type": "dual_rate"}
PRICES = {"prices": [7.5] * 11 + [28.0] * 36 + [7.5], "timezone": "Europe/London", "tariff_type": "smart"}
INTENT = {"kwh": 30, "ready_by": "07:00"}
SECOND_CAR = {"target_soc_pct": 90, "battery_kwh": 40, "ready_by": "08:30"}
WEEK = {
    "target_soc_pct": 80,
    "minimum_soc_pct": 20,
    "ready_by": {"mon": "07:00", "tue": "07:00", "wed": "07:00", "thu": "07:00", "fri": "07:00", "sat": "09:30"},
    "exceptions": {"2026-12-25": "11:00"},
    "may_charge_peak": False,
    "charging_mode": "maximise_charging_time",
}
PLUGGED_IN = {
    "observations": [
        {
            "at": "2026-01-15T22:00:05Z",
            "plugged_in": True,
            "at_home": True,
            "charging": False,
            "power_kw": 0.0,
            "energy_session_kwh": 0.0,
            "energy_lifetime_kwh": 1234.567,
            "soc_pct": 41,
        }
    ]
}
PROFILE = scenario_profile()
OVER = PROFILE | {"chargingSchedule": PROFILE["chargingSchedule"] | {"startSchedule": "2026-01-14T10:00:00+00:00"}}


def envelope(number: int, payload: object) -> dict[str, object]:
    """Axle's webhook envelope."""
    return {
        "id": f"7f0d3c52-9a3e-4d5b-8c1f-0000000000{number:02d}",
        "version": 1,
        "event_type": "asset:dispatch:requested",
        "created_at": "2026-01-15T22:00:40Z",
        "payload": payload,
    }


def tell(world: World) -> None:
    """Make every documented call."""
    world.at("2026-01-15T21:50:00+00:00")
    _join(world)
    _prefer(world)
    world.at("2026-01-15T22:00:10+00:00")
    _plug_in_and_schedule(world)
    _tell_readings(world)
    _look(world)
    _refusals(world)
    _begin_and_not_finish(world)
    _offers(world)
    _switch(world)
    _console(world)
    _leave(world)


def _ask(world: World) -> None:
    ask, check = "POST /eligibility", "/entities/site/check-eligibility"
    world.call(ask, "eligible", "A meter that can join", {"mpan": MPAN})
    issues = ["asset_model_not_set"]
    proposition = {"proposition": PROPOSITION, "is_eligible": False, "issues": issues}
    with world.axle_says(check, 200, {"is_half_hourly_settled": False, "propositions": [proposition]}):
        world.call(ask, "not-yet", "A meter that cannot join yet, and why", {"mpan": MPAN})
    with world.axle_says("/validation/mpan", 404, {"detail": "No connected import meter was found."}):
        world.call(ask, "no-import-meter", "Not an import meter", {"mpan": MPAN})
    with world.axle_says(check, 404, {"detail": "Asset model axle_ev_v9 was not found."}):
        unknown = {"mpan": MPAN, "asset_model": "axle_ev_v9"}
        world.call(ask, "unknown-asset-model", "An asset model Axle does not know", unknown)
    world.call(ask, "typing-error", "A digit is wrong", {"mpan": "1200001234567"})


def _join(world: World) -> None:
    _ask(world)
    world.call("GET /sites/{site}", "unknown-site", "Nothing is known of this site", site="home-2")
    with world.axle_says("/entities/site/onboard", 400, {"detail": "Meter consent is required."}):
        world.call("PUT /sites/{site}", "axle-invalid", "Axle finds it invalid", SITE, site="home-1")
    with world.axle_says("/entities/site/onboard", 404, {"detail": "Asset model axle_ev_v1 not found."}):
        world.call("PUT /sites/{site}", "axle-not-found", "Axle does not know it", SITE, site="home-1")
    with world.axle_says("/entities/site/onboard", 409, {"detail": "Asset car-1 is registered at another site."}):
        world.call("PUT /sites/{site}", "axle-conflict", "Axle has it elsewhere", SITE, site="home-1")
    with world.axle_says("/entities/site/onboard", 422, {"detail": "The site is not eligible."}):
        world.call("PUT /sites/{site}", "axle-not-eligible", "The site is not eligible", SITE, site="home-1")
    with world.axle_says("/entities/site/onboard", 422, {"detail": "The user has withdrawn from this proposition."}):
        world.call("PUT /sites/{site}", "withdrew-before", "The driver withdrew before", SITE, site="home-1")
    with world.axle_says("/entities/site/onboard", 410, {"detail": "This version of the API is gone."}):
        world.call("PUT /sites/{site}", "axle-refused", "Axle refuses for another reason", SITE, site="home-1")
    world.call("PUT /sites/{site}", "a-home-with-one-car", "A home with one car", SITE, site="home-1")
    world.call("PUT /sites/{site}", "the-same-again", "The same again changes nothing", SITE, site="home-1")
    world.call("PUT /sites/{site}", "owned-elsewhere", "The asset belongs to another site", SITE, site="home-2")
    wrong = SITE | {"timezone": "Europe/Londn", "site": {"mpan": "1200001234567", "postcode": "SW1A 1AA"}}
    world.call("PUT /sites/{site}", "faults", "Every fault is named with a pointer", wrong, site="home-1")


def _prefer(world: World) -> None:
    world.call("PUT /assets/{asset}/tariff", "opening-hours", "As opening hours", TARIFF, asset="car-1")
    windows = TARIFF | {"off_peak": [{"start": "23:30", "end": "05:30"}, {"start": "13:00", "end": "16:00"}]}
    world.call("PUT /assets/{asset}/tariff", "windows", "As windows", windows, asset="car-1")
    world.call(
        "PUT /assets/{asset}/tariff", "prices", "As prices, reduced to windows with a warning", PRICES, asset="car-1"
    )
    weekdays = TARIFF | {"off_peak": "Mo-Fr 23:30-05:30"}
    world.call("PUT /assets/{asset}/tariff", "weekdays", "Weekday selectors are refused", weekdays, asset="car-1")
    world.call("PUT /assets/{asset}/tariff", "again", "The same tariff again: nothing changes", TARIFF, asset="car-1")
    world.call("PUT /assets/{asset}/intent", "a-target-for-the-week", "A target for the week", WEEK, asset="car-1")
    key = {"idempotency-key": "0b5fdd1e-intent-1"}
    world.call("PUT /assets/{asset}/intent", "energy", "Energy by a time", INTENT, headers=key, asset="car-1")
    world.call(
        "PUT /assets/{asset}/intent", "key-reused", "The same key with another body", WEEK, headers=key, asset="car-1"
    )
    own = "/assets/{asset}/vehicles/{vehicle_id}/intent"
    put, delete = f"PUT {own}", f"DELETE {own}"
    world.call(put, "another-car", "Another car, its battery is smaller", SECOND_CAR, asset="car-1", vehicle_id="leaf")
    world.call(delete, "gone", "It has no intent of its own any more", asset="car-1", vehicle_id="leaf")
    two = INTENT | {"hours": 4}
    world.call("PUT /assets/{asset}/intent", "two-amounts", "More than one amount", two, asset="car-1")
    world.settle("car-1")


def _plug_in_and_schedule(world: World) -> None:
    profile = "POST /axle/assets/{axle_asset_id}/charging-profile"
    world.call(profile, "not-plugged-in", "The car is not plugged in", PROFILE, axle_asset_id=AXLE_ASSET)
    world.call("POST /assets/{asset}/observations", "plugged-in", "Plugged in at home", PLUGGED_IN, asset="car-1")
    wrong = {"observations": [{"at": "2026-01-15T22:00:05", "soc_pct": 141}]}
    world.call("POST /assets/{asset}/observations", "faults", "Faults are listed", wrong, asset="car-1")
    world.settle("car-1")
    request = {"connectorId": 1, "csChargingProfiles": PROFILE}
    world.call(profile, "request", "A SetChargingProfileRequest", request, axle_asset_id=AXLE_ASSET)
    world.call(profile, "bare", "A bare ChargingProfile", PROFILE, axle_asset_id=AXLE_ASSET)
    world.call(profile, "over", "The schedule is over", OVER, axle_asset_id=AXLE_ASSET)
    with world.twin_changed("car-1", _with_many_schedules):
        one_more = PROFILE | {"stackLevel": 99}
        world.call(profile, "too-many", "The asset has too many schedules", one_more, axle_asset_id=AXLE_ASSET)
    broken = PROFILE | {"stackLevel": -1}
    world.call(profile, "invalid", "A profile that cannot be read", broken, axle_asset_id=AXLE_ASSET)
    _webhooks(world)
    world.settle("car-1")


def _with_many_schedules(twin: Twin) -> Twin:
    held = twin.profiles[0]
    levels = range(MOST_SCHEDULES_HELD)
    return replace(twin, profiles=tuple(replace(held, profile=replace(held.profile, stack_level=n)) for n in levels))


def _webhooks(world: World) -> None:
    payload = {"asset_id": AXLE_ASSET, "charging_profile": PROFILE}
    world.call("POST /axle/webhooks", "schedule", "A schedule in Axle's envelope", envelope(1, payload))
    other = envelope(2, {"user_id": "5d2c"}) | {"event_type": "user:onboarding:complete"}
    world.call("POST /axle/webhooks", "other", "Another event: acknowledged and ignored", other)
    forged = {"x-axle-sig": "t=1768514400,v1=00"}
    world.call("POST /axle/webhooks", "forged", "A wrong signature", envelope(3, {}), headers=forged)
    plugged = {
        "event": "user:vehicle:updated",
        "createdAt": "2026-01-15T22:00:10Z",
        "version": "2024-10-01",
        "user": {"id": "app-user-77"},
        "vehicle": {
            "id": VEHICLE,
            "userId": "app-user-77",
            "isReachable": True,
            "chargeState": {
                "batteryLevel": 41,
                "isPluggedIn": True,
                "isCharging": False,
                "lastUpdated": "2026-01-15T22:00:05Z",
            },
            "location": {"id": HOME_LOCATION, "lastUpdated": "2026-01-15T22:00:05Z"},
        },
        "updatedFields": ["chargeState"],
    }
    world.call("POST /webhooks/{provider}", "enode", "Enode: an array of events", [plugged], provider="enode")
    verify = {
        "eventId": "a1",
        "eventType": "VERIFY",
        "data": {"challenge": "abc123"},
        "meta": {"version": "4.0", "webhookId": "w1", "deliveryId": "d1", "deliveredAt": "2026-01-15T22:00:10Z"},
    }
    world.call(
        "POST /webhooks/{provider}", "smartcar", "Smartcar: the check of a new webhook", verify, provider="smartcar"
    )
    unsigned = {"x-enode-signature": ""}
    world.call("POST /webhooks/{provider}", "unsigned", "No signature", [plugged], headers=unsigned, provider="enode")
    world.call("POST /webhooks/{provider}", "unknown-provider", "Not a provider", [], provider="acme")


def _tell_readings(world: World) -> None:
    """Two half-hours of the night before. Axle rejected one."""
    start = datetime(2026, 1, 15, 4, 30, tzinfo=UTC)
    accepted, answered_at = ReportedValue(3700, accepted_wh=3700), start + timedelta(minutes=41)
    reported = Slot(
        "car-1",
        AXLE_ASSET,
        start,
        energy_wh=3700,
        quality="register",
        measuring_point="charger",
        state="accepted",
        reported=accepted,
        first_accepted_at=answered_at,
        first_accepted_wh=3700,
    )
    refused = ReportedValue(3902, rejected_wh=3902, words="Value exceeds the asset's power")
    parked = replace(
        reported,
        start=start + HALF_HOUR,
        energy_wh=3902,
        state="rejected",
        reported=refused,
        first_accepted_at=None,
        first_accepted_wh=None,
        rejected_at=answered_at + HALF_HOUR,
    )
    for slot in (reported, replace(parked, flags=("power_above_asset",))):
        world.runtime.slots.put(slot)


def running_session(world: World) -> str:
    """The id of the car's open session."""
    session = world.runtime.table.twin("car-1").presence.session
    return session.id if session is not None else ""


def _offers(world: World) -> None:
    """What Axle offers a household besides schedules."""
    search, by_ref, by_address = (f"POST /meters/{name}" for name in ("search", "by-ref", "by-address"))
    world.call(search, "postcode", "The addresses at a postcode", {"postcode": "EC1A 1BB"})
    world.call(by_ref, "picked", "The address that the driver picked", {"meter_ref": METER_REFERENCE})
    address = {"address": "4 Sample Road, London, EC1A 1BB"}
    world.call(by_address, "whole", "A whole address", address)
    with world.axle_says("/meter/by-address", 202, {"detail": "Unique meter was not found."}):
        world.call(by_address, "no-meter", "An address with several meters", address)
    token = {"allowed_origin": "https://app.example", "gave_boundary_meter_consent_at": "2026-01-15T10:30:00Z"}
    world.call("POST /sites/{site}/component-token", "first", "The first token of a household", token, site="home-1")
    world.call("GET /sites/{site}/flex-events", "events", "Estimated and final", site="home-1")
    _connect(world)
    world.call("GET /sites/{site}/export", "export", "All that is held about a home", site="home-3")


def _connect(world: World) -> None:
    connect = "POST /sites/{site}/connections"
    again = {"asset": "car-1", "return_url": "https://app.example/connected"}
    new = {"provider": "enode", "user_id": "app-user-77", "return_url": "exampleapp://connected", "language": "en-GB"}
    token = ("/oauth2/token", 200, {"access_token": "unused", "expires_in": 3599, "token_type": "bearer"})
    link = {"linkUrl": "https://link.enode.com/YzI1NjM2MWIt", "linkToken": "YzI1NjM2MWIt"}
    with world.maker_called(), world.axle_says(*token):
        with world.axle_says(f"/assets/{VEHICLE}/relink", 200, link):
            world.call(connect, "again", "A car that is connected again", again, site="home-1")
        with world.axle_says("/users/app-user-77/link", 200, link):
            world.call(connect, "new", "A new car", new, site="home-1")
            for name, summary in (("named", "With a state of the app's"), ("repeated", "The same call again")):
                world.call(connect, name, summary, new | {"state": "b5d2c9e0f1a7"}, site="home-1")
        with world.axle_says("/users/app-user-77/link", 403, {"title": "Connections limit reached"}):
            world.call(connect, "quota", "Enode's quota is used up", new, site="home-1")
    world.call("GET /sites/{site}/connections", "waiting", "Pages that drivers were given", site="home-1")


def _look(world: World) -> None:
    night = {"from": "2026-01-15T22:00:00Z", "to": "2026-01-16T08:00:00Z"}
    world.call("GET /sites/{site}", "active", "A site whose car is plugged in", site="home-1")
    world.call("GET /sites/{site}/rewards", "earned", "What the site has earned", site="home-1")
    world.call("GET /assets/{asset}", "holding", "Held until the cheap hours", asset="car-1")
    world.call("GET /assets/{asset}/schedule", "night", "One night", query=night, asset="car-1")
    svg = {"accept": "image/svg+xml"}
    world.call("GET /assets/{asset}/schedule", "picture", "As a picture", query=night, headers=svg, asset="car-1")
    backwards = {"from": night["to"], "to": night["from"]}
    world.call("GET /assets/{asset}/schedule", "backwards", "To before from", query=backwards, asset="car-1")
    hours = {"from": "2026-01-15T04:00:00Z", "to": "2026-01-15T06:00:00Z"}
    world.call("GET /assets/{asset}/readings", "morning", "Two half-hours", query=hours, asset="car-1")
    as_csv = {"accept": "text/csv"}
    world.call("GET /assets/{asset}/readings", "csv", "As CSV", query=hours, headers=as_csv, asset="car-1")
    world.call("GET /assets/{asset}/sessions", "nights", "The nights of an asset", asset="car-1")
    world.call("GET /assets/{asset}/sessions", "wrong-cursor", "Not a cursor", query={"before": "x"}, asset="car-1")
    one = "GET /assets/{asset}/sessions/{session}"
    world.call(one, "running", "The running session", asset="car-1", session=running_session(world))
    world.call(one, "picture", "As a picture", headers=svg, asset="car-1", session=running_session(world))
    world.call(one, "unknown-session", "No such session", asset="car-1", session="s-1")
    world.call("GET /assets/{asset}/timeline", "latest", "The latest entries", query={"limit": "3"}, asset="car-1")
    world.at("2026-01-15T22:05:00+00:00")
    since = {"after": "2026-01-15T21:50:00Z", "limit": "2"}
    world.call("GET /events", "missed", "What was missed since an instant", query=since)
    world.call("GET /events", "wrong-place", "Not a place", query={"after": "yesterday"})
    world.at("2026-01-15T22:00:10+00:00")
    world.call("GET /assets/{asset}", "unknown-asset", "Nothing is known of this asset", asset="car-9")


def _refusals(world: World) -> None:
    put, minutes = "PUT /assets/{asset}/charge-now", {"for_minutes": 90}
    world.call(put, "minutes", "For a time", minutes, headers={"idempotency-key": "boost-1"}, asset="car-1")
    world.settle("car-1")
    world.call("GET /assets/{asset}", "charging-now", "Charging at once", asset="car-1")
    world.call(put, "until", "Until an instant", {"until": "2026-01-15T23:00:00Z"}, asset="car-1")
    world.call(put, "energy", "An amount", {"kwh": 5}, asset="car-1")
    world.call(put, "unbounded", "Without an end", {}, asset="car-1")
    world.call(put, "outdated", "The asset has changed meanwhile", minutes, headers={"if-match": '"2"'}, asset="car-1")
    with world.contended():
        world.call(put, "busy", "Others are changing the asset", minutes, asset="car-1")
    world.call(put, "no-token", "No token", minutes, headers={"authorization": ""}, scope="", asset="car-1")
    world.call(put, "wrong-scope", "Axle's token", minutes, scope="axle", asset="car-1")
    world.call(put, "malformed", "Not JSON", raw='{"kwh": 5', asset="car-1")
    world.call(put, "too-large", "Too large a body", raw=" " * 270_000, asset="car-1")
    world.call("POST /assets/{asset}/test-charge", "asked", "A test at sign-up", asset="car-1")
    world.call("DELETE /assets/{asset}/charge-now", "ended", "The plan goes on", asset="car-1")
    world.settle("car-1")
    with world.broken():
        world.call("POST /webhooks/{provider}", "our-fault", "A fault of ours", [], provider="enode")
    world.call("DELETE /axle/assets/{axle_asset_id}/charging-profile", "cleared", "Cleared", axle_asset_id=AXLE_ASSET)


def _begin_and_not_finish(world: World) -> None:
    other = SITE["assets"][0] | {"asset": "car-3", "vehicle": {"provider": "smartcar", "vehicle_id": "36ab27d0"}}
    site = SITE | {"assets": [other]}
    with world.axle_says("/entities/site/onboard", 503, {"detail": "Try later."}):
        world.call("PUT /sites/{site}", "axle-unavailable", "Axle cannot answer now", site, site="home-3")
    world.call("GET /sites/{site}", "unfinished", "An onboarding that did not finish", site="home-3")
    world.call("POST /sites/{site}/enrol", "not-onboarded", "The onboarding is not finished", {}, site="home-3")


def _replace_the_car(world: World) -> None:
    vehicle = {"provider": "smartcar", "vehicle_id": "5e7d0c11"}
    site = SITE | {"assets": [SITE["assets"][0] | {"asset": "car-4", "vehicle": vehicle}], "remove_assets": ["car-1"]}
    new = ONBOARDED["assets"][0] | {"asset_id": "9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d", "external_id": "car-4"}
    onboarded = ONBOARDED | {"assets": [new], "enrolment": {"site_id": AXLE_SITE, "status": "already_enrolled"}}
    unavailable = {"detail": "Try later."}
    with (
        world.axle_says("/entities/site/onboard", 200, onboarded),
        world.axle_says(f"/entities/asset/{AXLE_ASSET}", 503, unavailable),
    ):
        world.call("PUT /sites/{site}", "goes-on", "Another car takes the place of the first", site, site="home-1")


def _switch(world: World) -> None:
    world.call("GET /control", "running", "Cars are controlled")
    world.call("PUT /control", "released", "Release every car", {"state": "released"})
    world.call("PUT /control", "no-switch", "Another state", {"state": "off"})
    world.call("PUT /control", "running", "Take control up again", {"state": "running"})


def _console(world: World) -> None:
    world.call("GET /console", "page", "The page")
    world.call("GET /console/{file}", "file", "A file of it", file="style.css")
    world.call("GET /console/{file}", "none", "Another file", file="other.css")
    world.call("GET /caller", "support", "A token of support")
    world.call("GET /caller", "app", "A token of the app's", scope="app")
    with world.twin_changed("car-1", _without_account):
        world.call("GET /assets", "attention", "Cars that need attention", query={"attention": "any"})
    world.call("GET /assets", "found", "Whose car is it?", query={"find": VEHICLE})
    world.call("GET /assets", "nothing", "Neither of both")
    with world.twin_changed("car-1", lambda twin: replace(twin, link=replace(twin.link, vehicle=None))):
        world.call("POST /assets/{asset}/look", "no-car", "Without a car", asset="car-1")
    world.call("POST /assets/{asset}/look", "look", "Read the car's state", asset="car-1")
    world.call("POST /assets/{asset}/retell", "retell", "Of one day", {"day": "2026-01-15"}, asset="car-1")
    world.judge_nights()
    world.call("GET /nights/{night}", "night", "A night", night="2026-01-15")
    world.call("GET /nights/{night}", "no-night", "Another word", night="yesterday")
    world.call("GET /nights/{night}/sessions", "sessions", "Its sessions", night="2026-01-15")
    world.call("GET /nights/{night}/sessions", "no-verdict", "No verdict", query={"verdict": "BAD"}, night="last")


def _without_account(twin: Twin) -> Twin:
    return replace(twin, presence=replace(twin.presence, needs_user="The account is not connected."))


def _leave(world: World) -> None:
    until = {"until": "2026-01-20T08:00:00Z"}
    world.call("POST /sites/{site}/snooze", "until", "Until an instant", until, site="home-1")
    world.call("POST /sites/{site}/snooze", "end", "End it at once", {"until": None}, site="home-1")
    with world.axle_says(f"/entities/site/{AXLE_SITE}/unenrol", 503, {"detail": "Try later."}):
        world.call("POST /sites/{site}/unenrol", "goes-on", "Axle cannot answer now", site="home-1")
    world.call("POST /sites/{site}/unenrol", "unenrolled", "The driver opts out", site="home-1")
    profile = "POST /axle/assets/{axle_asset_id}/charging-profile"
    world.call(profile, "not-enrolled", "The site is not enrolled", PROFILE, axle_asset_id=AXLE_ASSET)
    with world.axle_says(f"/entities/site/{AXLE_SITE}/enrol", 503, {"detail": "Try later."}):
        world.call("POST /sites/{site}/enrol", "goes-on", "Axle cannot answer now", {}, site="home-1")
    world.call("POST /sites/{site}/enrol", "enrolled", "The driver opts in again", {}, site="home-1")
    _replace_the_car(world)
    world.call("DELETE /sites/{site}", "balance", "A balance is outstanding", site="home-1")
    forfeit = {"forfeit_balance": "true"}
    with world.axle_says(f"/entities/site/{AXLE_SITE}/offboard-site-and-assets", 503, {"detail": "Try later."}):
        world.call("DELETE /sites/{site}", "interrupted", "Axle cannot answer now", query=forfeit, site="home-1")
    world.call("POST /sites/{site}/enrol", "leaving", "The site is being erased", {}, site="home-1")
    world.at((world.runtime.at + timedelta(minutes=2)).isoformat())
    world.call("DELETE /sites/{site}", "forfeited", "Erased", query=forfeit, site="home-1")
