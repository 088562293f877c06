"""A driver has connected a new car: noted in its site, from where the stream publishes it to the app.

At Enode a webhook names the vehicle. At the other makers the driver comes back to the app, whose ``PUT`` names it.
"""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from itertools import product
from typing import Any

from driveway.domain.sites.connections import ConnectedVehicle, Connection
from driveway.domain.twin.events import Event
from driveway.domain.twin.reasons import Reason
from driveway.outbox.app_events import are_kept
from driveway.outbox.events import BusEvent
from driveway.runtime.context import Runtime
from driveway.store.app_events import index_attributes
from driveway.store.items import decode_item, fits_key, stamp

TEXT = "Your car is connected."
CLOCKS_APART = timedelta(minutes=1)
"""How far a maker's clock may be behind ours."""


def note_discovered(provider: str, user_id: str, vehicle_id: str, at: datetime, runtime: Runtime) -> None:
    """Note a vehicle that a maker reports as new for a driver ``at`` (aware UTC), in each site that asked for one.

    A report from before a page was made is not of that page: webhooks are repeated.
    """
    vehicle = ConnectedVehicle(provider=provider, vehicle_id=vehicle_id, at=at, user_id=user_id)
    for site in runtime.connections.sites_of(provider, user_id):
        note_vehicles(site, [vehicle], runtime)


def note_vehicles(site: str, vehicles: Iterable[ConnectedVehicle], runtime: Runtime) -> None:
    """Note vehicles for the connections of a site that they may come of. Repeating it does no harm."""
    begun = runtime.connections.of_site(site)
    for connection, vehicle in product(begun.connections, vehicles):
        takes = connection.takes(vehicle.provider, vehicle.vehicle_id, vehicle.user_id)
        takes = takes and vehicle.at >= connection.created_at - CLOCKS_APART
        if takes and not any(one.is_of(vehicle) and one.at >= connection.created_at for one in begun.found):
            _note(connection, vehicle, runtime)


def connected_event(change: Mapping[str, Any]) -> BusEvent:
    """The event for the app of a noted vehicle, from its stream record."""
    row = decode_item(change["NewImage"])
    names = ("id", "event", "site", "at", "reason", "text", "detail")
    return BusEvent(row["event"], {name: row[name] for name in names} | {"asset": None})


def _note(connection: Connection, vehicle: ConnectedVehicle, runtime: Runtime) -> None:
    if not fits_key(vehicle.vehicle_id):
        return
    site = connection.site
    unique = f"{site}|{vehicle.provider}|{vehicle.vehicle_id}|{stamp(connection.created_at)}"
    event_id = "evt_" + hashlib.sha256(unique.encode()).hexdigest()[:32]
    detail = {"provider": vehicle.provider, "vehicle_id": vehicle.vehicle_id, "user_id": vehicle.user_id}
    event = {"id": event_id, "event": Event.VEHICLE_CONNECTED, "reason": Reason.VEHICLE_CONNECTED, "text": TEXT}
    kept = (
        index_attributes(site, site, event_id, vehicle.at, runtime.settings.shards)
        if are_kept(runtime)
        else {"site": site}
    )
    runtime.connections.found(connection, vehicle, {**event, "detail": detail, **kept})
