"""What car makers and the app send to ``vehicle_events``: signed webhooks, and observations."""

import json
from datetime import UTC, datetime
from typing import Any

from driveway.auth.signatures import hmac_hex
from tests.support.functions.assets import ENODE_CAR, EVENTS, SAMPLE_SECRETS, called
from tests.support.functions.rig import Reply, Rig

AT = datetime(2026, 11, 22, 17, 42, 15, tzinfo=UTC)
ENODE, SMARTCAR, TESLA = SAMPLE_SECRETS["enode"][0], SAMPLE_SECRETS["smartcar"][0], SAMPLE_SECRETS["tesla"][0]
SIGNED_BY = tuple(f"{provider}_" for provider in SAMPLE_SECRETS)
WEBHOOKS = sorted({file.stem for file in EVENTS.glob("*.json") if file.stem.startswith(SIGNED_BY)} - {"tesla_kinesis"})
ENODE_ID = ENODE_CAR.vehicle_id


def enode(body: Any, secret: str = ENODE) -> Reply:
    raw = body if isinstance(body, str) else json.dumps(body)
    return webhook("enode", raw, {"X-Enode-Signature": "sha1=" + hmac_hex(secret, raw.encode(), "sha1")})


def smartcar(body: Any, secret: str = SMARTCAR) -> Reply:
    raw = body if isinstance(body, str) else json.dumps(body)
    return webhook("smartcar", raw, {"SC-Signature": hmac_hex(secret, raw.encode())})


def tesla(body: Any, at: datetime, secret: str = TESLA) -> Reply:
    raw, signed_s = body if isinstance(body, str) else json.dumps(body), int(at.timestamp())
    signature = hmac_hex(secret, f"{signed_s}.{raw}".encode())
    return webhook("tesla", raw, {"X-Driveway-Signature": f"t={signed_s},v1={signature}"})


def webhook(provider: str, raw: str, headers: dict[str, str]) -> Reply:
    event = {
        "version": "2.0",
        "routeKey": "POST /webhooks/{provider}",
        "rawPath": f"/webhooks/{provider}",
        "headers": headers,
        "pathParameters": {"provider": provider},
        "requestContext": {"requestId": "request-1"},
        "body": raw,
        "isBase64Encoded": False,
    }
    return called("vehicle_events", event)


def update(vehicle_id: str = ENODE_ID, at: datetime = AT, **charge: Any) -> dict[str, Any]:
    """An Enode event of a car that is at home."""
    stamp = at.isoformat()
    return {
        "event": "user:vehicle:updated",
        "createdAt": stamp,
        "user": {"id": "app-user-77"},
        "vehicle": {
            "id": vehicle_id,
            "vendor": "BMW",
            "lastSeen": stamp,
            "chargeState": {"isPluggedIn": True, "isCharging": False, "lastUpdated": stamp, **charge},
            "location": {"id": "3d0c5b1e-7b3c-4a51-8d3f-2f6f6f4d9a10", "lastUpdated": stamp},
        },
    }


def observe(rig: Rig, *observations: dict[str, Any], asset: str = "car-1", scope: str = "app") -> Reply:
    body = {"observations": list(observations)}
    return rig.serve("vehicle_events", "POST /assets/{asset}/observations", body, scope=scope, asset=asset)


def sessions(rig: Rig) -> list[bool]:
    return [rig.twin(asset).presence.session is not None for asset in ("car-1", "car-2", "car-3")]
