"""Tesla's Fleet Telemetry records as vehicle events: the decoded form and proto-JSON, whichever way they came.

A record holds only the fields that changed, so each says little and leaves all else as it was known.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from driveway.domain.presence.observation import Observation, Position, Whereabouts
from driveway.vehicles.json_values import AHEAD, flag, instant, mapping, number, sequence, text
from driveway.vehicles.provider import Inbound, VehicleEvent

SOURCE = "tesla"
KM_PER_MILE = 1.609344

PLUGGED_CHARGING_FULL: dict[str, tuple[bool, bool | None, bool | None]] = {
    "Disconnected": (False, False, None),
    "NoPower": (True, False, None),
    "Starting": (True, None, None),
    "Charging": (True, True, False),
    "Complete": (True, False, True),
    "Stopped": (True, False, None),
    "Calibrating": (True, None, None),
}
"""What a charging state says. One that is not listed, ``Unknown`` among them, says nothing."""

NO_POWER = "NoPower"
"""The charging state of a car whose charger gives no power."""

_REACHABLE = {"CONNECTED": True, "DISCONNECTED": False}
_ENVELOPE = frozenset({"vin", "createdat", "isresend", "data", "connectionid", "status", "networkinterface"})


class RecordError(ValueError):
    """A record that gives no event, and why. The text holds nothing of the car."""


class UnusedRecordError(RecordError):
    """A record of fields that are not used."""


def events(records: Iterable[Any], received_at: datetime) -> Inbound:
    """The events of a batch of parsed records; a record that gives none is dropped with its reason, the rest stand."""
    found: list[VehicleEvent] = []
    dropped: list[str] = []
    unused = 0
    for index, record in enumerate(records):
        try:
            found.append(_event(record, received_at))
        except RecordError as error:
            dropped.append(f"record {index}: {error}")
            unused += isinstance(error, UnusedRecordError)
    return Inbound(events=tuple(found), dropped=tuple(dropped), unused=unused)


def _event(record: Any, received_at: datetime) -> VehicleEvent:
    if not isinstance(record, dict):
        raise RecordError("not a JSON object")
    envelope = {key.replace("_", "").lower(): value for key, value in record.items()}
    vin, at = text(envelope.get("vin")), instant(envelope.get("createdat"))
    if vin is None:
        raise RecordError("no VIN")
    if at is None:
        raise RecordError("no readable time of creation")
    if at > received_at + AHEAD:
        raise RecordError("created in the future")
    fields = _fields(record, envelope)
    observation = _observation(fields, at)
    if observation is None:
        raise UnusedRecordError("no field that is used")
    return VehicleEvent(vehicle_id=vin, dedupe_key=_dedupe_key(vin, at, fields), observations=(observation,))


def _fields(record: Mapping[str, Any], envelope: Mapping[str, Any]) -> dict[str, Any]:
    """The record's own fields by name, each value out of its type wrapper; the connectivity status among them."""
    if "data" in envelope:
        pairs = [(mapping(datum).get("key"), mapping(datum).get("value")) for datum in sequence(envelope["data"])]
    else:
        pairs = [(key, value) for key, value in record.items() if key.replace("_", "").lower() not in _ENVELOPE]
    fields = {key: _bare(value) for key, value in pairs if isinstance(key, str)}
    fields["status"] = envelope.get("status")
    return {name: value for name, value in fields.items() if value is not None}


def _bare(value: Any) -> Any:
    """A value without its proto-JSON wrapper (``{"stringValue": …}``); None where the car marks it invalid."""
    if isinstance(value, dict):
        if "invalid" in value:
            return None
        if len(value) == 1 and (name := next(iter(value))).lower().endswith("value"):
            return value[name]
    return None if value == "<invalid>" else value


def _dedupe_key(vin: str, at: datetime, fields: Mapping[str, Any]) -> str:
    """The key ignores the re-send flag and the wire format, so that both deliveries of a record get the same key.

    The key outlives an erased car, so it must not show the VIN. A hash of a position could be searched for, so the
    position stays out of it.
    """
    keyed = {name: None if name == "Location" else value for name, value in fields.items()}
    canonical = json.dumps(keyed, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(f"{vin}|{at.astimezone(UTC).isoformat()}|{canonical}".encode()).hexdigest()


def _observation(fields: Mapping[str, Any], at: datetime) -> Observation | None:
    state = str(fields.get("DetailedChargeState", "")).removeprefix("DetailedChargeState")
    plugged_in, charging, battery_full = PLUGGED_CHARGING_FULL.get(state, (None, None, None))
    moving = _moving(fields)
    soc_pct = number(fields.get("Soc"), low=0, high=100)
    signals: dict[str, Any] = {
        "plugged_in": plugged_in,
        "charging": charging,
        "battery_full": battery_full,
        "starting": True if plugged_in and charging is None else None,
        "not_full": True if state == "Stopped" else None,
        "charge_limit_pct": number(fields.get("ChargeLimitSoc"), low=1, high=100),
        "charging_fault": True if state == NO_POWER else None,
        "moving": moving,
        "soc_pct": number(fields.get("BatteryLevel"), low=0, high=100) if soc_pct is None else soc_pct,
        "reachable": _REACHABLE.get(str(fields.get("status")).rpartition("_")[2].upper()),
        "whereabouts": _whereabouts(fields, at),
        "odometer_km": _odometer_km(fields),
        "fast_charging": True if _is_fast_charging(fields) else None,
    }
    energy = _alternating_current(fields)
    known = {name: value for name, value in (signals | energy).items() if value is not None}
    if not known:
        return None
    return Observation(at=at, source=SOURCE, **known, measuring_point="vehicle_ac_input" if energy else "unknown")


def _alternating_current(fields: Mapping[str, Any]) -> dict[str, float]:
    """Power and session energy at the AC input. During DC charging the AC fields are not of this session."""
    if _is_fast_charging(fields):
        return {}
    read = {
        "power_kw": number(fields.get("ACChargingPower"), low=0),
        "energy_session_kwh": number(fields.get("ACChargingEnergyIn"), low=0),
    }
    return {name: value for name, value in read.items() if value is not None}


def _is_fast_charging(fields: Mapping[str, Any]) -> bool:
    return bool(flag(fields.get("FastChargerPresent"))) or (number(fields.get("DCChargingPower")) or 0) > 0


def _odometer_km(fields: Mapping[str, Any]) -> float | None:
    """The odometer, which the car gives in miles; 0 is no reading."""
    miles = number(fields.get("Odometer"), low=0)
    return miles * KM_PER_MILE if miles else None


def _moving(fields: Mapping[str, Any]) -> bool | None:
    gear = str(fields.get("Gear", "")).removeprefix("ShiftState")
    speed = number(fields.get("VehicleSpeed"))
    if gear in ("D", "R") or (speed is not None and speed > 0):
        return True
    return False if gear == "P" or speed == 0 else None


def _whereabouts(fields: Mapping[str, Any], at: datetime) -> Whereabouts | None:
    home_flag, location = flag(fields.get("LocatedAtHome")), mapping(fields.get("Location"))
    latitude = number(location.get("latitude"), low=-90, high=90)
    longitude = number(location.get("longitude"), low=-180, high=180)
    position = None
    if latitude is not None and longitude is not None:
        position = Position(latitude, longitude, at)
    if home_flag is None and position is None:
        return None
    return Whereabouts(home_flag=home_flag, position=position)
