"""Enode's vehicle object turned into observations, each with the time that Enode gives for it."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from driveway.domain.presence.observation import Observation, Position, Whereabouts
from driveway.vehicles.json_values import first_instant, flag, mapping, number, text

SOURCE = "enode"

POWER_DELIVERY_STATES: Mapping[str, tuple[bool | None, bool | None]] = {
    "UNPLUGGED": (False, False),
    "PLUGGED_IN:INITIALIZING": (True, None),
    "PLUGGED_IN:CHARGING": (True, True),
    "PLUGGED_IN:STOPPED": (True, False),
    "PLUGGED_IN:COMPLETE": (True, False),
    "PLUGGED_IN:NO_POWER": (True, False),
    "PLUGGED_IN:FAULT": (True, False),
    "PLUGGED_IN:DISCHARGING": (True, False),
}
"""``powerDeliveryState`` as (plugged in, charging). UNKNOWN, and states added later, say nothing."""


FAULT_STATES = frozenset({"PLUGGED_IN:NO_POWER", "PLUGGED_IN:FAULT"})
"""States in which a car cannot be started remotely."""


def observations(vehicle: Mapping[str, Any], *, event_at: datetime, known_at: datetime) -> tuple[Observation, ...]:
    """What a vehicle object says of the car, the odometer first.

    Charge signals have the time ``chargeState.lastUpdated``, the odometer ``odometer.lastUpdated``. ``location.id``
    says where the vehicle *is*: it counts at ``lastSeen``, and ``location.lastUpdated``, which for many makes is
    when the car parked, is when the place was measured. Where a time is missing, ``lastSeen`` and then
    ``event_at``, the time of the event, stand in. Being reachable is Enode's own finding, of ``event_at``. Times
    are aware UTC; one that is ahead of ``known_at`` is not believed. Nulls and unknown values say nothing.
    """
    charge, location = mapping(vehicle.get("chargeState")), mapping(vehicle.get("location"))
    seen_at = first_instant(vehicle.get("lastSeen"), known_at=known_at) or event_at
    charge_at = first_instant(charge.get("lastUpdated"), known_at=known_at)
    located_at = first_instant(location.get("lastUpdated"), known_at=known_at)
    candidates = (
        _odometer(mapping(vehicle.get("odometer")), seen_at, known_at),
        _charging(charge, charge_at or seen_at),
        _whereabouts(vehicle, location, located_at, seen_at),
        _reachable(vehicle, event_at),
    )
    return tuple(found for found in candidates if found is not None)


def _odometer(odometer: Mapping[str, Any], seen_at: datetime, known_at: datetime) -> Observation | None:
    distance_km = number(odometer.get("distance"), low=0)
    if not distance_km:
        return None
    at = first_instant(odometer.get("lastUpdated"), known_at=known_at) or seen_at
    return Observation(at=at, source=SOURCE, odometer_km=distance_km)


def _charging(charge: Mapping[str, Any], at: datetime) -> Observation | None:
    state = charge.get("powerDeliveryState")
    by_state = POWER_DELIVERY_STATES.get(state, (None, None)) if isinstance(state, str) else (None, None)
    plugged_in, charging = _first_known(
        (flag(charge.get("isPluggedIn")), by_state[0]), (flag(charge.get("isCharging")), by_state[1])
    )
    full = flag(charge.get("isFullyCharged"))
    power_kw = number(charge.get("chargeRate"), low=0)
    if charging is False:
        power_kw = 0.0
    signals: dict[str, Any] = {
        "plugged_in": plugged_in,
        "charging": charging,
        "power_kw": power_kw,
        "soc_pct": number(charge.get("batteryLevel"), low=0, high=100),
        "charging_fault": True if isinstance(state, str) and state in FAULT_STATES else None,
        "battery_full": True if full is None and state == "PLUGGED_IN:COMPLETE" else full,
        "starting": True if charging is None and state == "PLUGGED_IN:INITIALIZING" else None,
        "not_full": True if full is None and state == "PLUGGED_IN:STOPPED" else None,
        "charge_limit_pct": number(charge.get("chargeLimit"), low=1, high=100),
    }
    if all(value is None for value in signals.values()):
        return None
    signals["charging_unknown"] = _is_unknown(charging, state)
    # The rate is what reaches the battery, not what the meter counts (chargeRate, API 2024-10-01).
    return Observation(
        at=at, source=SOURCE, **signals, measuring_point="battery" if power_kw is not None else "unknown"
    )


def _is_unknown(charging: bool | None, state: Any) -> bool | None:
    return True if charging is None and state in (None, "UNKNOWN") else None


def _first_known(*pairs: tuple[bool | None, bool | None]) -> Iterator[bool | None]:
    for first, second in pairs:
        yield second if first is None else first


def _whereabouts(
    vehicle: Mapping[str, Any], location: Mapping[str, Any], located_at: datetime | None, seen_at: datetime
) -> Observation | None:
    # 2024-10-01 has location.id; before it the vehicle's own locationId meant the same.
    location_id = text(location["id"] if "id" in location else vehicle.get("locationId"))
    position = _position(location, located_at)
    # A car without the location capability has nulls throughout, the time too: that says nothing of its place.
    if location_id is None and position is None and located_at is None:
        return None
    known = "id" in location or "locationId" in vehicle
    at = seen_at if located_at is None else max(seen_at, located_at)
    whereabouts = Whereabouts(
        location_id=location_id, location_id_known=known, position=position, measured_at=located_at
    )
    return Observation(at=at, source=SOURCE, whereabouts=whereabouts)


def _position(location: Mapping[str, Any], located_at: datetime | None) -> Position | None:
    latitude = number(location.get("latitude"), low=-90, high=90)
    longitude = number(location.get("longitude"), low=-180, high=180)
    # Without its own time a position may be of any age.
    if latitude is None or longitude is None or located_at is None:
        return None
    return Position(latitude=latitude, longitude=longitude, at=located_at)


def _reachable(vehicle: Mapping[str, Any], at: datetime) -> Observation | None:
    reachable = flag(vehicle.get("isReachable"))
    return None if reachable is None else Observation(at=at, source=SOURCE, reachable=reachable)
