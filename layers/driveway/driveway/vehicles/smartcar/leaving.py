"""Ends the connection to a vehicle at Smartcar: its webhook subscriptions first, then the connection itself.

Subscriptions are on the management API (``call.extra["management_url"]``), connections on the vehicle API, as Smartcar
API v3 has them (https://smartcar.com/docs/api-reference/list-subscriptions, .../list-connections).
"""

from typing import Any
from urllib.parse import quote

from driveway.domain.twin import Vehicle
from driveway.vehicles.http_call import Answer, send
from driveway.vehicles.json_values import mapping, sequence, text
from driveway.vehicles.leaving import TIMEOUT_S, InUse, NotEndedError, refused
from driveway.vehicles.provider import Call
from driveway.vehicles.smartcar.outcomes import refuses_token

MOST_ROUNDS = 20


class SmartcarLeaving:
    """A subscription and a connection belong to one vehicle and one user."""

    def disconnect(self, call: Call, vehicle: Vehicle, in_use: InUse) -> None:
        """End the connection. Raises NotEndedError."""
        del in_use
        management_url = call.extra.get("management_url", call.base_url).rstrip("/")
        _delete_all(call, f"{management_url}/subscriptions", vehicle)
        _delete_all(call, f"{call.base_url}/connections", vehicle)


def _delete_all(call: Call, url: str, vehicle: Vehicle) -> None:
    """Delete the resources of a vehicle, a page at a time."""
    query = f"filter%5BvehicleId%5D={quote(vehicle.vehicle_id, safe='')}"
    if vehicle.user_id is not None:
        query += f"&filter%5BuserId%5D={quote(vehicle.user_id, safe='')}"
    for _ in range(MOST_ROUNDS):
        listed = _answer(call, "GET", f"{url}?{query}")
        found = [one for item in sequence(listed.fields.get("data")) if _is_of(one := mapping(item), vehicle)]
        if not found:
            return
        for one in found:
            _answer(call, "DELETE", f"{url}/{quote(str(one['id']), safe='')}")
    raise NotEndedError("Smartcar goes on listing what was deleted.")


def _is_of(resource: dict[str, Any], vehicle: Vehicle) -> bool:
    """Whether a resource is of this vehicle: a filter that is ignored must not end other connections."""
    related = mapping(mapping(mapping(resource.get("relationships")).get("vehicle")).get("data")).get("id")
    stated = text(related) or text(mapping(resource.get("attributes")).get("vehicleId"))
    return text(resource.get("id")) is not None and stated == vehicle.vehicle_id


def _answer(call: Call, method: str, url: str) -> Answer:
    return refused(send(call, method, url, timeout_s=TIMEOUT_S, refuses_token=refuses_token, kind="data"), call)
