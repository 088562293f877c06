"""Which timeline entries the app's webhook gets, in the order in which they were written: the index ``AppEvents``.

The entries themselves are in the timelines and are erased with them; the index holds their keys only. So a replay costs
one write unit an event, and none where the app has no webhook.
"""

import heapq
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from driveway.store.items import decode_item, encode_item, shard_of, stamp

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

INDEX = "AppEvents"
SHARD, PLACE = "events_shard", "events_place"
SETTLED = timedelta(seconds=90)
"""Entries this old are in the index: the function that writes them ends within 60 s, and the index lags by seconds."""


class UnreadError(RuntimeError):
    """The table did not give all entries. The whole read may be repeated."""


def index_attributes(asset: str, site: str, event_id: str, now: datetime, shards: int) -> dict[str, str]:
    """The attributes that put a timeline entry into the index, as written at ``now``."""
    return {SHARD: shard_of(asset, shards), PLACE: f"{stamp(now)}~{event_id}", "site": site}


class AppEvents(Struct, frozen=True):
    """Reads the index of the table ``name``, in so many shards."""

    client: "DynamoDBClient"
    name: str
    shards: int

    def after(self, place: str, until: datetime, limit: int) -> list[dict[str, Any]]:
        """The entries behind a place, written before ``until`` (aware), in order; at most ``limit``.

        Raises:
            UnreadError: the table was too busy.
        """
        shards = [self._keys(f"{shard:03d}", place, stamp(until), limit) for shard in range(self.shards)]
        keys = list(islice(heapq.merge(*shards, key=lambda key: str(key[PLACE])), limit))
        if not keys:
            return []
        wanted = [encode_item({"pk": key["pk"], "sk": key["sk"]}) for key in keys]
        answer = self.client.batch_get_item(RequestItems={self.name: {"Keys": wanted}})
        if answer.get("UnprocessedKeys"):
            raise UnreadError("The table did not give every entry.")
        found = {(row["pk"], row["sk"]): row for row in map(decode_item, answer["Responses"][self.name])}
        return [found[at] for key in keys if (at := (key["pk"], key["sk"])) in found]

    def _keys(self, shard: str, place: str, until: str, limit: int) -> Sequence[dict[str, Any]]:
        answer = self.client.query(
            TableName=self.name,
            IndexName=INDEX,
            KeyConditionExpression=f"{SHARD} = :shard AND {PLACE} BETWEEN :after AND :until",
            ExpressionAttributeValues=encode_item({":shard": shard, ":after": place, ":until": max(place, until)}),
            # One more, as the entry at the place itself is found again.
            Limit=limit + 1,
        )
        return [row for row in map(decode_item, answer["Items"]) if row[PLACE] != place][:limit]
