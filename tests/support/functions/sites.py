"""What the tests of sites send."""

import json
from typing import Any

from driveway.domain.control.command_answers import answered
from driveway.domain.control.command_dispatch import claimed
from tests.support.functions.rig import Reply, Rig, function

MPAN = "1200001234566"
POSTCODE = "SW1A 1AA"
ADDRESS = "10 Example Street"
EMAIL = "driver@example.com"
VEHICLE = {"provider": "enode", "vehicle_id": "enode-vehicle-1", "user_id": "enode-user-1"}


def car(asset: str = "car-1", **changes: Any) -> dict[str, Any]:
    """An asset of a site's body."""
    body = {
        "asset": asset,
        "type": "electric_vehicle",
        "asset_model": "axle_ev_v1",
        "installation_date": "2025-06-15",
        "power_kw": 7.4,
        "battery_kwh": 64,
        "vehicle": VEHICLE,
        "plugged_in": False,
        "tariff": {"off_peak": [{"start": "23:30", "end": "05:30"}], "timezone": "Europe/London"},
        "intent": {"kwh": 30, "ready_by": "07:00"},
        **changes,
    }
    return {name: value for name, value in body.items() if value is not None}


def site_body(*assets: dict[str, Any], mpan: str = MPAN, **changes: Any) -> dict[str, Any]:
    """The body of a PUT of a site; with one car unless assets are given."""
    details = {
        "mpan": mpan,
        "postcode": POSTCODE,
        "street_address": ADDRESS,
        "email": EMAIL,
        "gave_boundary_meter_consent_at": "2026-01-15T10:30:00Z",
    }
    return {"site": details, "timezone": "Europe/London", "assets": list(assets or [car()]), **changes}


def put(rig: Rig, body: dict[str, Any], site: str = "home-1") -> Reply:
    return rig.serve("onboarding", "PUT /sites/{site}", body, site=site)


def post(rig: Rig, action: str, body: Any = None, site: str = "home-1") -> Reply:
    return rig.serve("onboarding", f"POST /sites/{{site}}/{action}", body, site=site)


def delete(rig: Rig, site: str = "home-1", **query: str) -> Reply:
    return rig.serve("onboarding", "DELETE /sites/{site}", site=site, query=query)


def status(rig: Rig, site: str = "home-1") -> Reply:
    return rig.serve("status", "GET /sites/{site}", site=site)


def sync(rig: Rig, site: str = "home-1") -> None:
    """Let the site sync go on with what is left of a site, as its queue would."""
    record = {"messageId": "1", "body": json.dumps({"site": site}), "eventSource": "aws:sqs"}
    assert function("axle_sync").handler({"Records": [record]}, None) == {"batchItemFailures": []}


def let_pass(rig: Rig, minutes: int) -> None:
    """Let minutes pass, in each of which the clock has what is due of sites gone on with."""
    for _ in range(minutes):
        rig.clock.move(minutes=1)
        for name, _ in list(rig.runtime.table.due("AxleDue", rig.clock.now())):
            if name.startswith("SITE#"):
                sync(rig, name.removeprefix("SITE#"))


def carry_out(rig: Rig, asset: str, outcome: str = "ACCEPTED") -> str | None:
    """Let the provider acknowledge the planned command, as the commands function would; gives its action."""
    now, rules = rig.clock.now(), rig.runtime.control_rules
    command = rig.twin(asset).control.command
    if command is None or command.state != "planned":
        return None
    sent = rig.change(asset, lambda twin: claimed(twin, command.id, now, rules) or twin).control.command
    assert sent is not None
    assert sent.state == "sent"
    rig.change(
        asset,
        lambda twin: answered(twin, command.id, outcome=outcome, detail="", now=now, rules=rules, spread=0.5),
    )
    return command.action


def held(rig: Rig) -> None:
    """A plugged-in car that we have stopped."""
    put(rig, site_body(car(plugged_in=True)))
    rig.pump()
    assert carry_out(rig, "car-1") == "stop"
    rig.clock.move(minutes=10)
