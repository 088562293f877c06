"""A home with a car or charger at each maker, onboarded as an app does it, on a stage with the simulated makers."""

import json
from typing import Any

from tests.support.functions import webhook_calls
from tests.support.functions.assets import SAMPLE_SECRETS, set_secret
from tests.support.functions.rig import QUEUES, Reply, Rig, aws, function
from tests.support.functions.sites import car, delete, let_pass, put, site_body, status
from tests.support.functions.stage import Stage

PLACE = {"latitude": 51.5034, "longitude": -0.1276}
VEHICLES = {
    "enode": {"vehicle_id": "enode-vehicle-1", "user_id": "enode-user-1"},
    "smartcar": {"vehicle_id": "smartcar-vehicle-1", "user_id": "smartcar-user-1"},
    "tesla": {"vehicle_id": "5YJ30000000000001", "user_id": "tesla-owner-1"},
    "ocpp": {"vehicle_id": "CP-1"},
}
NOTHING = {
    "enode": {"users": [], "vehicles": []},
    "smartcar": {"connections": [], "subscriptions": []},
    "tesla": {"telemetry": [], "owners": []},
    "ocpp": {"profiles": []},
}


def at_makers(stage: Stage) -> Any:
    """What the makers still have, without the owner who signed in at Tesla before the simulator began."""
    found = stage.cars.ok("GET", "/_sim/kept")
    found["tesla"]["owners"].remove("owner")
    return found


def linked(stage: Stage, provider: str, **changes: Any) -> dict[str, Any]:
    """A vehicle as a body names it, which its driver has just connected at the maker."""
    vehicle = {**VEHICLES[provider], **changes}
    stage.cars.car(provider, home=PLACE, **vehicle)
    vehicle.pop("vendor", None)
    if provider == "tesla" and vehicle["user_id"] not in at_makers(stage)["tesla"]["owners"]:
        token = stage.cars.ok("POST", f"/_sim/tesla/sign-in/{vehicle['user_id']}")["refresh_token"]
        vehicle["refresh_token"] = token
    return {"provider": provider, **vehicle}


def asset(stage: Stage, provider: str, name: str | None = None, **changes: Any) -> dict[str, Any]:
    """An asset of a body, with its vehicle."""
    kind = "charger" if provider == "ocpp" else "electric_vehicle"
    return car(name or f"{provider}-1", type=kind, vehicle=linked(stage, provider, **changes), plugged_in=False)


def onboard(stage: Stage, *assets: dict[str, Any], site: str = "home-1", **changes: Any) -> Reply:
    """The answer to the site's ``PUT``, with everything that follows from it."""
    reply = put(stage.rig, site_body(*assets, home=PLACE, **changes), site=site)
    follow_up(stage)
    return reply


def follow_up(stage: Stage) -> None:
    """Carry out what waits in the queues, and what charge control wants."""
    check_accounts(stage)
    stage.settle()
    check_accounts(stage)


def check_accounts(stage: Stage) -> None:
    """Let the commands function take the messages that wait for it."""
    for message in queued(stage.rig):
        record = {"messageId": "1", "body": message, "eventSource": "aws:sqs"}
        assert function("vehicle_commands").handler({"Records": [record]}, None) == {"batchItemFailures": []}


def queued(rig: Rig) -> list[str]:
    """The messages that wait in the queues; they are taken out."""
    found = []
    for setting in QUEUES:
        url = rig.runtime.settings.text(setting)
        while batch := aws("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            for message in batch:
                found.append(message["Body"])
                aws("sqs").delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return found


def leave(stage: Stage, site: str = "home-1") -> Reply:
    """The answer to the site's ``DELETE``."""
    return delete(stage.rig, site)


def go_on(stage: Stage, minutes: int) -> None:
    """Let minutes pass, with what charge control, the clock and the queues do in them."""
    for _ in range(minutes):
        let_pass(stage.rig, minutes=1)
        stage.run(0)
        follow_up(stage)


def is_gone(stage: Stage, site: str = "home-1") -> bool:
    return status(stage.rig, site).status == 404


def webhooks_of_all(stage: Stage) -> list[Reply]:
    """The answers to a webhook of each maker about the home's car, with its place."""
    at = stage.rig.clock.now()
    set_secret(stage.rig, "WEBHOOK_SECRETS", SAMPLE_SECRETS)
    update = webhook_calls.update(VEHICLES["enode"]["vehicle_id"], at)
    update["user"]["id"] = VEHICLES["enode"]["user_id"]
    update["vehicle"]["location"] |= PLACE
    lost = {"event": "user:credentials:invalidated", "createdAt": at.isoformat(), "user": update["user"]}
    signals = [
        {"code": "charge-ischargingcableconnected", "body": {"value": True}, "status": {"value": "SUCCESS"}},
        {"code": "location-preciselocation", "body": PLACE, "status": {"value": "SUCCESS"}},
    ]
    data = {
        "user": {"id": VEHICLES["smartcar"]["user_id"]},
        "vehicle": {"id": VEHICLES["smartcar"]["vehicle_id"]},
        "signals": signals,
    }
    state = {"eventId": "event-1", "eventType": "VEHICLE_STATE", "data": data, "meta": {"version": "4.0"}}
    record = {
        "Vin": VEHICLES["tesla"]["vehicle_id"],
        "CreatedAt": at.isoformat(),
        "DetailedChargeState": "DetailedChargeStateStopped",
        "Location": PLACE,
    }
    return [
        webhook_calls.enode([update, {**lost, "vendor": "BMW"}]),
        webhook_calls.smartcar(state),
        webhook_calls.tesla(json.dumps(record), at),
    ]
