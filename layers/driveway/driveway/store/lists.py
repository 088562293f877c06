"""The lists of the console in one sparse index: the twins that need attention, and the sessions of a night.

An item that is in a list carries the list's name with its shard, its place there, and what the list shows of it. The
twin is in no list as long as it needs nobody, so the index costs nothing for it.
"""

import heapq
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from driveway.domain.attention import attention
from driveway.domain.twin import Twin
from driveway.store.items import decode_item, encode_item, shard_of, stamp

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

INDEX = "Lists"
AT_ONCE = 8
ATTENTION = "attention"
STAMP = len("2026-01-15T23:30:00.000Z")


def attention_list(twin: Twin, now: datetime, shards: int) -> dict[str, Any]:
    """The list attributes of a twin that needs attention; empty if it needs none.

    Its place is that of one that begins to need it ``now`` (aware UTC): the one that has needed it longest comes first.
    """
    reason = attention(twin)
    if reason is None:
        return {}
    link = twin.link
    return {
        "list_shard": f"{ATTENTION}-{shard_of(link.asset, shards)}",
        "list_place": f"{stamp(now)}#{link.asset}",
        "shown": {"reason": reason.value, "site": link.site, "type": link.type},
    }


def night_list(night: date) -> str:
    """The name of the list of a night's sessions."""
    return f"night-{night.isoformat()}"


class Listed(Struct, frozen=True):
    """A row of a list: the asset, its place, and what the list shows of it."""

    asset: str
    place: str
    shown: dict[str, Any]


class Lists(Struct, frozen=True):
    """The lists in the table ``name``, each in so many shards. The index lags behind a write by a moment."""

    client: "DynamoDBClient"
    name: str
    shards: int

    def rows(
        self, kind: str, *, after: str | None = None, begins: str = "", page: int = 1000, **shown: str
    ) -> Iterator[Listed]:
        """The rows of a list in the order of their places.

        Args:
            kind: the list.
            after: leaves out the rows up to this place.
            begins: only places that begin so.
            page: how many rows a request reads at most.
            shown: only rows that show these values.
        """
        streams = [self._shard(f"{kind}-{shard:03d}", after or "", begins, page, shown) for shard in range(self.shards)]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            begun = list(pool.map(lambda stream: next(stream, None), streams))
        whole = [_rest(row, stream) for row, stream in zip(begun, streams, strict=True) if row is not None]
        return heapq.merge(*whole, key=lambda row: row.place)

    def _shard(self, shard: str, after: str, begins: str, page: int, shown: dict[str, str]) -> Iterator[Listed]:
        # Places are texts of letters that DynamoDB orders by their bytes, so "~" twice comes after all that begin so.
        request: dict[str, Any] = {
            "TableName": self.name,
            "IndexName": INDEX,
            "KeyConditionExpression": "list_shard = :shard AND list_place BETWEEN :first AND :last",
            "Limit": page,
        }
        values = {":shard": shard, ":first": max(after, begins) or "!", ":last": f"{begins}\U0010ffff"}
        if shown:
            request["FilterExpression"] = " AND ".join(f"shown.{name} = :{name}" for name in shown)
            values |= {f":{name}": value for name, value in shown.items()}
        request["ExpressionAttributeValues"] = encode_item(values)
        while True:
            answer = self.client.query(**request)
            for item in map(decode_item, answer["Items"]):
                if item["list_place"] != after:
                    yield Listed(item["pk"].removeprefix("ASSET#"), item["list_place"], item["shown"])
            if "LastEvaluatedKey" not in answer:
                return
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]


def _rest(first: Listed, stream: Iterator[Listed]) -> Iterator[Listed]:
    yield first
    yield from stream
