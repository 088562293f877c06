"""Connections that drivers were asked for, and the vehicles that came of them: they lie with their site, and expire."""

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from driveway.domain.sites.connections import ConnectedVehicle, Connection
from driveway.store.conditional import write_if
from driveway.store.items import alias_key, decode_item, encode_item, fits_key, site_key, stamp
from driveway.store.records import Records

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

BEGUN, MADE = "CONNECT#", "CONNECTED#"
SHOWN_AFTERWARDS = timedelta(days=7)
"""How long a connection can still be looked up after its end."""
MADE_KEPT = timedelta(days=30)


class Begun(Struct, frozen=True):
    """What a site's partition has of connections, newest first, and the vehicles that came of them."""

    connections: tuple[Connection, ...]
    found: tuple[ConnectedVehicle, ...]


class Connections(Struct, frozen=True):
    """The connections in the table ``name``."""

    client: "DynamoDBClient"
    name: str
    records: Records

    def begin(self, connection: Connection) -> None:
        """Store a connection in place of an earlier one of the same car or driver, with the way from driver to site."""
        expires_at = int((connection.until + SHOWN_AFTERWARDS).timestamp())
        item = {**msgspec.to_builtins(connection), **_place(connection), "expires_at": expires_at}
        items = [item]
        if connection.asset is None and connection.user_id is not None:
            items.append({**_way(connection.provider, connection.user_id, connection.site), "expires_at": expires_at})
        puts: list[Any] = [{"Put": {"TableName": self.name, "Item": encode_item(one)}} for one in items]
        write_if(self.client.transact_write_items, TransactItems=puts)

    def of_site(self, site: str) -> Begun:
        """The connections of a site, strongly consistent."""
        pages = self.client.get_paginator("query").paginate(
            TableName=self.name,
            KeyConditionExpression="pk = :pk AND begins_with(sk, :first)",
            ExpressionAttributeValues=encode_item({":pk": site_key(site), ":first": BEGUN.rstrip("#")}),
            ConsistentRead=True,
        )
        rows = [decode_item(item) for page in pages for item in page["Items"]]
        begun = [msgspec.convert(row, Connection) for row in rows if row["sk"].startswith(BEGUN)]
        found = [msgspec.convert(row, ConnectedVehicle) for row in rows if row["sk"].startswith(MADE)]
        return Begun(tuple(sorted(begun, key=lambda one: one.created_at, reverse=True)), tuple(found))

    def sites_of(self, provider: str, user_id: str) -> list[str]:
        """The sites that asked a driver for a new car."""
        if not fits_key(user_id):
            return []
        keys = self.records.partition(_way(provider, user_id, "")["pk"])
        return [key["sk"].removeprefix(site_key("")) for key in keys]

    def found(self, connection: Connection, vehicle: ConnectedVehicle, values: Mapping[str, Any]) -> bool:
        """Note a vehicle that came of a connection, and ``values`` with it. False if that is noted already.

        Nothing is noted for a connection that was erased meanwhile.
        """
        expires_at = int((vehicle.at + MADE_KEPT).timestamp())
        item = {**values, **msgspec.to_builtins(vehicle), **_made(connection.site, vehicle), "expires_at": expires_at}
        asked = {
            "TableName": self.name,
            "Key": encode_item(_place(connection)),
            "ConditionExpression": "attribute_exists(pk)",
        }
        noted = {
            "TableName": self.name,
            "Item": encode_item({**item, "at": stamp(vehicle.at)}),
            "ConditionExpression": "attribute_not_exists(pk) OR #at < :since",
            "ExpressionAttributeNames": {"#at": "at"},
            "ExpressionAttributeValues": encode_item({":since": stamp(connection.created_at)}),
        }
        transaction: list[Any] = [{"ConditionCheck": asked}, {"Put": noted}]
        return write_if(self.client.transact_write_items, TransactItems=transaction)

    def forget(self, site: str, asset: str | None = None, vehicle: tuple[str, str] | None = None) -> None:
        """Erase the connections of a site; of one ``asset`` and its vehicle (provider, id) if that is given."""
        begun = self.of_site(site)
        connections = [one for one in begun.connections if asset is None or one.asset == asset]
        found = [one for one in begun.found if asset is None or (one.provider, one.vehicle_id) == vehicle]
        ways = [_way(one.provider, one.user_id, site) for one in connections if one.user_id is not None]
        # The ways first: without them no further vehicle is found.
        self.records.drop([*ways, *map(_place, connections), *(_made(site, one) for one in found)])


def _place(connection: Connection) -> dict[str, str]:
    name = connection.asset if connection.asset is not None else f"{connection.provider}#{connection.user_id or ''}"
    return {"pk": site_key(connection.site), "sk": BEGUN + name}


def _made(site: str, vehicle: ConnectedVehicle) -> dict[str, str]:
    return {"pk": site_key(site), "sk": f"{MADE}{vehicle.provider}#{vehicle.vehicle_id}"}


def _way(provider: str, user_id: str, site: str) -> dict[str, str]:
    return {"pk": alias_key(f"{provider}-connect", user_id), "sk": site_key(site)}
