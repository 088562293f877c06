"""Ends the connection to a vehicle at Enode, and deletes the Enode user with the last one."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from driveway.domain.twin import Vehicle
from driveway.vehicles.http_call import Answer, send
from driveway.vehicles.json_values import mapping, sequence, text
from driveway.vehicles.leaving import TIMEOUT_S, InUse, NotEndedError, refused
from driveway.vehicles.provider import Call

MOST_PAGES = 20


class EnodeLeaving:
    """Enode ends connections by user and vendor, not by vehicle.

    So the vendor stays connected while another vehicle of it is in use here, and the user stays while Enode has
    anything else connected for the user. A deleted user's stored locations are deleted, too. Enode sends no webhook for
    any of it.
    """

    def disconnect(self, call: Call, vehicle: Vehicle, in_use: InUse) -> None:
        """End the connection. Raises NotEndedError."""
        user_id = vehicle.user_id or _user_of(call, vehicle)
        if user_id is None:
            return
        vendors = {str(one["id"]): text(one.get("vendor")) for one in _vehicles_of(call, user_id)}
        vendor = vendors.pop(vehicle.vehicle_id, None)
        if vendor is not None and not any(named == vendor and in_use(other) for other, named in vendors.items()):
            _delete(call, f"/users/{_quoted(user_id)}/vendors/{_quoted(vendor)}/vehicle")
        user = _read(call, f"/users/{_quoted(user_id)}")
        if user is not None and not sequence(user.get("linkedVendors")):
            _delete(call, f"/users/{_quoted(user_id)}")


def _user_of(call: Call, vehicle: Vehicle) -> str | None:
    found = _read(call, f"/vehicles/{_quoted(vehicle.vehicle_id)}")
    return text((found or {}).get("userId"))


def _vehicles_of(call: Call, user_id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    path = f"/users/{_quoted(user_id)}/vehicles"
    after: str | None = None
    for _ in range(MOST_PAGES):
        page = _read(call, path + (f"?after={_quoted(after)}" if after else ""))
        found += [mapping(one) for one in sequence((page or {}).get("data")) if text(mapping(one).get("id"))]
        after = text(mapping((page or {}).get("pagination")).get("after"))
        if after is None:
            return found
    raise NotEndedError("Enode lists more vehicles of the user than are read.")


def _read(call: Call, path: str) -> Mapping[str, Any] | None:
    """The resource; None if Enode does not have it."""
    answer = _answer(call, "GET", path)
    return answer.fields if answer.status != 404 else None


def _delete(call: Call, path: str) -> None:
    _answer(call, "DELETE", path)


def _answer(call: Call, method: str, path: str) -> Answer:
    return refused(send(call, method, call.base_url + path, timeout_s=TIMEOUT_S, kind="data"), call)


def _quoted(part: str) -> str:
    return quote(part, safe="")
