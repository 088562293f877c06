"""The due indexes read across their shards in the order of due time, from any place on.

A place is the row of a shard that was read last. It is good also when that row is gone, and where a million rows have
the same due time: DynamoDB goes on after its key.
"""

import heapq
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from driveway.store.items import stamp, unstamp
from driveway.store.table import DUE_ATTRIBUTES, DueIndex

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

PAGE = 500
AT_ONCE = 8
A_MOMENT = timedelta(milliseconds=1)
"""The precision of due times in the index."""

Place = tuple[str, str, str]
"""Due time, ``pk`` and ``sk`` of a row."""


class DueRow(Struct, frozen=True):
    """An asset, or a site by its key, that is due (aware UTC), and where it stands: the index, the shard, the place."""

    index: DueIndex
    shard: str
    place: Place

    @property
    def due(self) -> datetime:
        """When it is due."""
        return unstamp(self.place[0])

    @property
    def name(self) -> str:
        """The asset, or the key of the site."""
        return self.place[1].removeprefix("ASSET#")

    @property
    def source(self) -> str:
        """The index and the shard as one text."""
        return f"{self.index}/{self.shard}"


class DueIndexes(Struct, frozen=True):
    """The due indexes of the table ``name``, each in so many shards."""

    client: "DynamoDBClient"
    name: str
    shards: int

    def rows(
        self,
        indexes: Iterable[DueIndex],
        until: datetime,
        *,
        after: datetime | None = None,
        places: Mapping[str, Place] | None = None,
    ) -> Iterator[DueRow]:
        """What is due up to an instant, earliest first over all shards.

        Args:
            indexes: the indexes to read.
            until: the latest due time (aware UTC).
            after: leaves out what is due at this instant or before.
            places: the row that was read last, by ``DueRow.source``; what stands before it is left out.
        """
        from concurrent.futures import ThreadPoolExecutor

        first = stamp(after + A_MOMENT) if after is not None else ""
        sources = [(index, f"{shard:03d}") for index in indexes for shard in range(self.shards)]
        known = places or {}
        streams = [
            self._shard(index, shard, first, stamp(until), known.get(f"{index}/{shard}")) for index, shard in sources
        ]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            begun = list(pool.map(lambda stream: next(stream, None), streams))
        whole = [_rest(row, stream) for row, stream in zip(begun, streams, strict=True) if row is not None]
        return heapq.merge(*whole, key=_due_text)

    def _shard(self, index: DueIndex, shard: str, first: str, last: str, place: Place | None) -> Iterator[DueRow]:
        index_name, shard_name, due_name, prefix = DUE_ATTRIBUTES[index]
        if first > last or (place is not None and place[0] > last):
            return
        request: dict[str, Any] = {
            "TableName": self.name,
            "IndexName": index_name,
            "KeyConditionExpression": "#shard = :shard AND #due BETWEEN :first AND :last",
            "ExpressionAttributeNames": {"#shard": shard_name, "#due": due_name},
            "ExpressionAttributeValues": {
                ":shard": {"S": prefix + shard},
                ":first": {"S": min(first, place[0]) if place else first or "0"},
                ":last": {"S": last},
            },
            "Limit": PAGE,
        }
        if place is not None:
            due, pk, sk = place
            texts = {"pk": pk, "sk": sk, shard_name: prefix + shard, due_name: due}
            request["ExclusiveStartKey"] = {name: {"S": text} for name, text in texts.items()}
        while True:
            answer = self.client.query(**request)
            for item in answer["Items"]:
                yield DueRow(index, shard, (item[due_name]["S"], item["pk"]["S"], item["sk"]["S"]))
            if "LastEvaluatedKey" not in answer:
                return
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]


def _due_text(row: DueRow) -> str:
    return row.place[0]


def _rest(first: DueRow, stream: Iterator[DueRow]) -> Iterator[DueRow]:
    yield first
    yield from stream
