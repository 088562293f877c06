"""What a provider sends of a driver's account, or of an error of a car: real-form payloads, signed and read."""

import json
from datetime import datetime
from typing import Any

from driveway.auth.signatures import hmac_hex
from driveway.vehicles.enode.webhooks import EnodeWebhooks
from driveway.vehicles.provider import VehicleEvent, WebhookRequest
from driveway.vehicles.smartcar.webhooks import SmartcarWebhooks
from tests.support.observations.car_reports import SECRET

VENDOR = "BMW"
"""The make of the car of ``car_reports.enode_event``."""

UNUSED_SIGNALS = ("closure-doors", "internalcombustionengine-oillife", "closure-islocked")
"""Signals of Smartcar that Driveway does not read."""


def credentials_invalidated(at: datetime, vendor: str) -> tuple[VehicleEvent, ...]:
    """Enode's ``user:credentials:invalidated`` of an account of the driver."""
    event = {
        "event": "user:credentials:invalidated",
        "createdAt": at.isoformat(),
        "version": "2024-10-01",
        "user": {"id": "app-user-77"},
        "vendor": vendor,
    }
    body = json.dumps([event]).encode()
    request = WebhookRequest({"x-enode-signature": "sha1=" + hmac_hex(SECRET, body, "sha1")}, body, at)
    return EnodeWebhooks().receive(request, [SECRET]).events


def vehicle_error(
    at: datetime, kind: str, code: str | None, state: str, signals: tuple[str, ...] = ()
) -> tuple[VehicleEvent, ...]:
    """Smartcar's ``VEHICLE_ERROR``."""
    error: dict[str, Any] = {"type": kind, "code": code, "state": state, "description": f"{kind}/{code}"}
    error["signals"] = [{"code": signal} for signal in signals]
    event = {
        "eventId": f"{kind}-{state}-{at.timestamp()}",
        "eventType": "VEHICLE_ERROR",
        "vehicleId": "veh-1",
        "data": {"user": {"id": "sc-user-9"}, "vehicle": {"id": "veh-1"}, "errors": [error]},
        "meta": {"version": "4.0", "deliveredAt": int(at.timestamp() * 1000), "mode": "LIVE"},
    }
    body = json.dumps(event).encode()
    request = WebhookRequest({"sc-signature": hmac_hex(SECRET, body)}, body, at)
    return SmartcarWebhooks().receive(request, [SECRET]).events


def account_lost(provider: str, at: datetime) -> tuple[VehicleEvent, ...]:
    """The report that the account of this car is lost; Tesla sends none."""
    if provider == "enode":
        return credentials_invalidated(at, VENDOR)
    if provider == "smartcar":
        return vehicle_error(at, "CONNECTED_SERVICES_ACCOUNT", "AUTHENTICATION_FAILED", "ERROR")
    return ()


def account_resolved(provider: str, at: datetime) -> tuple[VehicleEvent, ...]:
    """The report that it works again; only Smartcar has one."""
    if provider == "smartcar":
        return vehicle_error(at, "CONNECTED_SERVICES_ACCOUNT", "AUTHENTICATION_FAILED", "RESOLVED")
    return ()


def part_error(provider: str, at: datetime, *, resolved: bool) -> tuple[VehicleEvent, ...]:
    """An error about a part that Driveway does not use, or about the driver's account at another make."""
    if provider == "enode":
        return credentials_invalidated(at, "TESLA")
    if provider == "smartcar":
        return vehicle_error(at, "PERMISSION", None, "RESOLVED" if resolved else "ERROR", UNUSED_SIGNALS)
    return ()
