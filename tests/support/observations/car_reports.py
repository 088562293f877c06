"""What each provider sends of a car at one instant: real-form payloads, signed and read as the functions read them."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from driveway.auth.signatures import hmac_hex
from driveway.vehicles.app import parse_observations
from driveway.vehicles.enode.webhooks import EnodeWebhooks
from driveway.vehicles.provider import VehicleEvent, WebhookRequest
from driveway.vehicles.smartcar.webhooks import SmartcarWebhooks
from driveway.vehicles.tesla.webhooks import TeslaWebhooks

SECRET = "a-secret-of-the-tests"
HOME_ID = "3d0c5b1e-7b3c-4a51-8d3f-2f6f6f4d9a10"
HOME = (51.5034, -0.1276)
KM_PER_MILE = 1.609344
PROVIDERS = ("enode", "smartcar", "tesla", "app")


@dataclass(frozen=True)
class Snapshot:
    """What a car's cloud reports of it at ``at``; None, or not given, is missing.

    ``at_home`` is the cloud's flag or its name of the place, ``position`` WGS 84 degrees; ``place_measured_at`` is how
    the cloud dates both. ``time_sentinel`` stands in place of the provider's times. ``stale_in_error`` is the code and
    the value of a Smartcar signal that is in error and carries an old body. ``full`` is a state that reports the
    battery full; the app has no such field, nor one for the charge limit. ``without_status`` and ``in_seconds`` are odd
    forms of Smartcar's signals: a body without a status, and times in seconds in place of milliseconds.
    """

    at: datetime
    plugged_in: bool | None = None
    charging: bool | None = None
    power_kw: float | None = None
    energy_session_kwh: float | None = None
    soc_pct: float | None = None
    at_home: bool | None = None
    position: tuple[float, float] | None = None
    place_measured_at: datetime | None = None
    odometer_km: float | None = None
    moving: bool | None = None
    fast_charger: bool = False
    time_sentinel: Any = None
    stale_in_error: tuple[str, Any] | None = None
    full: bool = False
    charge_limit_pct: float | None = None
    without_status: bool = False
    in_seconds: bool = False


def north_of_home(kilometres: float) -> tuple[float, float]:
    """A place so many kilometres north of home."""
    return HOME[0] + kilometres / 111.195, HOME[1]


def read(provider: str, snapshot: Snapshot, received_at: datetime) -> tuple[VehicleEvent, ...]:
    """The events that the provider's module reads from its payload of a snapshot."""
    return READERS[provider](snapshot, received_at)


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _time(snapshot: Snapshot, at: datetime | None) -> Any:
    return snapshot.time_sentinel if snapshot.time_sentinel is not None else _iso(at or snapshot.at)


def _read_enode(snapshot: Snapshot, received_at: datetime) -> tuple[VehicleEvent, ...]:
    body = json.dumps([enode_event(snapshot)]).encode()
    headers = {"x-enode-signature": "sha1=" + hmac_hex(SECRET, body, "sha1")}
    return EnodeWebhooks().receive(WebhookRequest(headers, body, received_at), [SECRET]).events


def enode_event(snapshot: Snapshot) -> dict[str, Any]:
    """A ``user:vehicle:updated`` of API version 2024-10-01."""
    state = {None: "UNKNOWN", False: "UNPLUGGED"}.get(snapshot.plugged_in)
    if state is None:
        idle = "PLUGGED_IN:COMPLETE" if snapshot.full else "PLUGGED_IN:STOPPED"
        state = "PLUGGED_IN:CHARGING" if snapshot.charging else idle
    latitude, longitude = snapshot.position or (None, None)
    located = snapshot.at_home is not None or snapshot.position is not None
    location = {"id": None, "latitude": None, "longitude": None, "lastUpdated": None}
    if located:
        location |= {
            "id": HOME_ID if snapshot.at_home else None,
            "latitude": latitude,
            "longitude": longitude,
            "lastUpdated": _time(snapshot, snapshot.place_measured_at),
        }
    if snapshot.at_home is None:
        location.pop("id")
    return {
        "event": "user:vehicle:updated",
        "createdAt": _iso(snapshot.at),
        "version": "2024-10-01",
        "user": {"id": "app-user-77"},
        "vehicle": {
            "id": "veh-1",
            "userId": "app-user-77",
            "vendor": "BMW",
            "lastSeen": _iso(snapshot.at),
            "isReachable": True,
            "chargeState": {
                "batteryLevel": snapshot.soc_pct,
                "isPluggedIn": snapshot.plugged_in,
                "isCharging": snapshot.charging,
                "isFullyCharged": snapshot.full if snapshot.plugged_in is not None else None,
                "chargeLimit": snapshot.charge_limit_pct,
                # What reaches the battery.
                "chargeRate": 0.9 * (snapshot.power_kw or 0.0) if snapshot.charging else None,
                "powerDeliveryState": state,
                "lastUpdated": _time(snapshot, None),
            },
            "odometer": {
                "distance": snapshot.odometer_km,
                "lastUpdated": None if snapshot.odometer_km is None else _iso(snapshot.at),
            },
            "location": location,
        },
        "updatedFields": ["chargeState"],
    }


def _read_smartcar(snapshot: Snapshot, received_at: datetime) -> tuple[VehicleEvent, ...]:
    body = json.dumps(smartcar_event(snapshot)).encode()
    request = WebhookRequest({"sc-signature": hmac_hex(SECRET, body)}, body, received_at)
    return SmartcarWebhooks().receive(request, [SECRET]).events


def smartcar_event(snapshot: Snapshot) -> dict[str, Any]:
    """A ``VEHICLE_STATE`` with every signal that the car can give."""
    position = snapshot.position
    watts = None if snapshot.power_kw is None else round(snapshot.power_kw * 1000)
    place = None
    if position is not None:
        place = {"latitude": position[0], "longitude": position[1], "locationType": "LAST_PARKED"}
    bodies: dict[str, tuple[dict[str, Any] | None, datetime | None]] = {
        "odometer-traveleddistance": (_value(snapshot.odometer_km), None),
        "charge-ischargingcableconnected": (_value(snapshot.plugged_in), None),
        "charge-ischarging": (_value(snapshot.charging), None),
        "charge-detailedchargingstatus": (_value(_status(snapshot)), None),
        "charge-chargelimits": (_limit(snapshot.charge_limit_pct), None),
        "charge-wattage": (_value(watts), None),
        "charge-energyadded": (_value(_stored_kwh(snapshot.energy_session_kwh)), None),
        "tractionbattery-stateofcharge": (_value(snapshot.soc_pct), None),
        "location-isathome": (_value(snapshot.at_home), snapshot.place_measured_at),
        "location-preciselocation": (place, snapshot.place_measured_at),
    }
    return {
        "eventId": f"{snapshot.at.timestamp()}",
        "eventType": "VEHICLE_STATE",
        "vehicleId": "veh-1",
        "data": {
            "user": {"id": "sc-user-9"},
            "vehicle": {"id": "veh-1", "make": "VOLVO", "mode": "live"},
            "triggers": [],
            "signals": [_signal(code, body, measured, snapshot) for code, (body, measured) in bodies.items()],
        },
        "meta": {"version": "4.0", "deliveredAt": int(snapshot.at.timestamp() * 1000), "mode": "LIVE"},
    }


def _status(snapshot: Snapshot) -> str | None:
    if snapshot.charging is None:
        return None
    return "CHARGING" if snapshot.charging else "FULLY_CHARGED" if snapshot.full else "NOT_CHARGING"


def _limit(limit_pct: float | None) -> dict[str, Any] | None:
    return None if limit_pct is None else {"values": [], "activeLimit": limit_pct}


def _stored_kwh(drawn_kwh: float | None) -> float | None:
    """What reaches the battery of what was drawn."""
    return None if drawn_kwh is None else 0.9 * drawn_kwh


def _value(value: Any) -> dict[str, Any] | None:
    return None if value is None else {"value": value}


def _signal(code: str, body: Mapping[str, Any] | None, measured: datetime | None, snapshot: Snapshot) -> dict[str, Any]:
    stale = snapshot.stale_in_error
    if body is None and stale is not None and stale[0] == code:
        body = {"value": stale[1]}
        error = {"type": "VEHICLE_STATE", "code": "UNREACHABLE"}
        return {"code": code, "body": body, "status": {"value": "ERROR", "error": error}}
    if body is None:
        error = {"type": "COMPATIBILITY", "code": "VEHICLE_NOT_CAPABLE"}
        return {"code": code, "body": body, "status": {"value": "ERROR", "error": error}}
    measured_at: Any = _time(snapshot, measured)
    if snapshot.in_seconds and snapshot.time_sentinel is None:
        measured_at = int((measured or snapshot.at).timestamp())
    retrieved_at = snapshot.at.timestamp()
    times = {"oemUpdatedAt": measured_at, "retrievedAt": int(retrieved_at * (1 if snapshot.in_seconds else 1000))}
    signal = {"code": code, "body": body, "status": {"value": "SUCCESS"}, "meta": times}
    if snapshot.without_status:
        del signal["status"]
    return signal


def _read_tesla(snapshot: Snapshot, received_at: datetime) -> tuple[VehicleEvent, ...]:
    body = json.dumps([tesla_record(snapshot)]).encode()
    stamp = str(int(received_at.timestamp()))
    signature = hmac_hex(SECRET, stamp.encode() + b"." + body)
    request = WebhookRequest({"x-driveway-signature": f"t={stamp},v1={signature}"}, body, received_at)
    return TeslaWebhooks().receive(request, [SECRET]).events


def tesla_record(snapshot: Snapshot) -> dict[str, Any]:
    """A decoded Fleet Telemetry record; a DC charger gives no power at the AC input."""
    state = None
    if snapshot.plugged_in is not None:
        idle = "Complete" if snapshot.full else "Stopped"
        charging = "Charging" if snapshot.charging else idle
        state = "DetailedChargeState" + (charging if snapshot.plugged_in else "Disconnected")
    position = snapshot.position
    fields = {
        "DetailedChargeState": state,
        "ACChargingPower": None if snapshot.fast_charger else snapshot.power_kw,
        "DCChargingPower": snapshot.power_kw if snapshot.fast_charger else None,
        "ACChargingEnergyIn": None if snapshot.fast_charger else snapshot.energy_session_kwh,
        "FastChargerPresent": True if snapshot.fast_charger else None,
        "Soc": snapshot.soc_pct,
        "ChargeLimitSoc": snapshot.charge_limit_pct,
        "LocatedAtHome": snapshot.at_home,
        "Location": None if position is None else {"latitude": position[0], "longitude": position[1]},
        "Odometer": None if snapshot.odometer_km is None else snapshot.odometer_km / KM_PER_MILE,
        "Gear": {None: None, True: "ShiftStateD", False: "ShiftStateP"}[snapshot.moving],
    }
    known = {name: value for name, value in fields.items() if value is not None}
    return {"Vin": "veh-1", "CreatedAt": _iso(snapshot.at), "IsResend": False, **known}


def _read_app(snapshot: Snapshot, received_at: datetime) -> tuple[VehicleEvent, ...]:
    body = app_body(snapshot)
    if len(body["observations"][0]) == 1:
        return ()
    return (VehicleEvent("veh-1", str(snapshot.at), observations=parse_observations(body, now=received_at)),)


def app_body(snapshot: Snapshot) -> dict[str, Any]:
    """The body of ``POST /assets/{asset}/observations``."""
    signals = {
        "plugged_in": snapshot.plugged_in,
        "at_home": snapshot.at_home,
        "charging": snapshot.charging,
        "power_kw": snapshot.power_kw,
        "energy_session_kwh": snapshot.energy_session_kwh,
        "soc_pct": snapshot.soc_pct,
    }
    known = {name: value for name, value in signals.items() if value is not None}
    return {"observations": [{"at": _iso(snapshot.at), **known}]}


READERS: Mapping[str, Callable[[Snapshot, datetime], tuple[VehicleEvent, ...]]] = {
    "enode": _read_enode,
    "smartcar": _read_smartcar,
    "tesla": _read_tesla,
    "app": _read_app,
}
