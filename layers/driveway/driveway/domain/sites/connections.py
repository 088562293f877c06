"""A driver connects a car at its maker, or connects it again: what was begun, and how far it is. Pure."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Literal

from msgspec import Struct

from driveway.domain.twin import Twin

ConnectionStatus = Literal["waiting", "done", "expired"]


class Connection(Struct, frozen=True, kw_only=True):
    """A page that a driver was given.

    Attributes:
        asset: the asset whose car is connected again; None for a new car.
        vehicle_id: the vehicle of that asset.
        user_id: the app's own id of the driver at the maker, where a new car has one (Enode).
        state: comes back at ``return_url``. The app may choose it, and then it names the connection.
        until: when the page, or our patience with it, ends (aware UTC, as ``created_at``).
        known: the vehicles of this provider that the site had when a new car was asked for.
        lost_at: since when the account of the asset's car was out of order; None if it worked.
    """

    site: str
    provider: str
    url: str
    state: str
    return_url: str
    created_at: datetime
    until: datetime
    key_url: str | None = None
    asset: str | None = None
    vehicle_id: str | None = None
    user_id: str | None = None
    known: tuple[str, ...] = ()
    lost_at: datetime | None = None

    def takes(self, provider: str, vehicle_id: str, user_id: str | None) -> bool:
        """Whether a vehicle may be the new one that was asked for."""
        if self.asset is not None or provider != self.provider or vehicle_id in self.known:
            return False
        return self.user_id is None or user_id is None or user_id == self.user_id


class ConnectedVehicle(Struct, frozen=True, kw_only=True):
    """A new vehicle that became known at ``at`` (aware UTC)."""

    provider: str
    vehicle_id: str
    at: datetime
    user_id: str | None = None

    def is_of(self, other: "ConnectedVehicle") -> bool:
        """Whether both are the same vehicle."""
        return (self.provider, self.vehicle_id) == (other.provider, other.vehicle_id)


def vehicles_of(connection: Connection, found: Iterable[ConnectedVehicle], twins: Mapping[str, Twin]) -> list[str]:
    """The new vehicles that came of a connection: those that were found since, and those that the site has now."""
    linked = [twin.link.vehicle for twin in twins.values() if twin.link.vehicle is not None]
    named = [(one.provider, one.vehicle_id, one.user_id) for one in found if one.at >= connection.created_at]
    named += [(one.provider, one.vehicle_id, one.user_id) for one in linked]
    return list(dict.fromkeys(one[1] for one in named if connection.takes(*one)))


def status_of(
    connection: Connection, found: Iterable[ConnectedVehicle], twins: Mapping[str, Twin], now: datetime
) -> ConnectionStatus:
    """How far a connection is at ``now`` (aware UTC).

    A new car is connected once its vehicle is known. A car is connected again once its account works; after a later
    loss, too, because this connection ended the earlier one.

    Args:
        connection: what the driver was asked for.
        found: the vehicles that became known in the site.
        twins: the site's assets.
        now: the present instant.
    """
    if connection.asset is None:
        is_done = bool(vehicles_of(connection, found, twins))
    else:
        is_done = _works_again(connection, twins.get(connection.asset))
    if is_done:
        return "done"
    return "expired" if connection.until <= now else "waiting"


def _works_again(connection: Connection, twin: Twin | None) -> bool:
    """Whether the account of the car has worked since. Another vehicle of the asset says nothing about it."""
    vehicle = twin.link.vehicle if twin is not None else None
    if twin is None or vehicle is None or vehicle.vehicle_id != connection.vehicle_id:
        return False
    return twin.presence.needs_user is None or twin.presence.needs_user_at != connection.lost_at
