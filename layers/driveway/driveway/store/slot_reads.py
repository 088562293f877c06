"""Reading the half-hours in the table, and what is due to be reported."""

import random
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from driveway.domain.metering.plugged_slots import without_holes
from driveway.domain.metering.slot import Slot
from driveway.domain.twin import Link
from driveway.store.inbox import read_many
from driveway.store.items import TWIN, asset_key, decode_item, encode_item, link_of, shard_of, stamp
from driveway.store.slot_items import KEPT, REFUSED, SLOT, slot_of

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

INDEX = "SlotsDue"
AFTER_ALL_SLOTS = "SLOT$"
EARLIER_AT_ONCE = 16
KEYS_AT_ONCE = 100
EVER = datetime(9999, 1, 1, tzinfo=UTC)

Key = tuple[str, str]


class SlotReads(Struct, frozen=True):
    """The half-hours in the table ``name``, to read; ``shards`` spreads the index of those that are due."""

    client: "DynamoDBClient"
    name: str
    shards: int
    kept: timedelta = KEPT
    rng: random.Random = field(default_factory=random.SystemRandom)

    def read(self, asset: str, start: datetime, end: datetime | None = None) -> Iterator[Slot]:
        """The slots of an asset that start in ``[start, end)``, in order, strongly consistent."""
        last = SLOT + stamp(end - timedelta(milliseconds=1)) if end else AFTER_ALL_SLOTS
        pages = self.client.get_paginator("query").paginate(
            TableName=self.name,
            KeyConditionExpression="pk = :asset AND sk BETWEEN :first AND :last",
            ExpressionAttributeValues=encode_item(
                {":asset": asset_key(asset), ":first": SLOT + stamp(start), ":last": last}
            ),
            ConsistentRead=True,
        )
        for page in pages:
            yield from (slot_of(item) for item in page["Items"])

    def read_whole(self, asset: str, start: datetime, end: datetime | None = None, *, now: datetime) -> list[Slot]:
        """As ``read``, and with those that are missing up to ``now`` although the car was plugged in."""
        slots = without_holes([*self.read_before(asset, start, 1), *self.read(asset, start, end)], now=now)
        return [slot for slot in slots if start <= slot.start and (end is None or slot.start < end)]

    def read_before(self, asset: str, start: datetime, at_most: int = EARLIER_AT_ONCE) -> list[Slot]:
        answer = self.client.query(
            TableName=self.name,
            KeyConditionExpression="pk = :asset AND sk BETWEEN :first AND :last",
            ExpressionAttributeValues=encode_item(
                {":asset": asset_key(asset), ":first": SLOT, ":last": SLOT + stamp(start - timedelta(milliseconds=1))}
            ),
            ConsistentRead=True,
            ScanIndexForward=False,
            Limit=at_most,
        )
        return [slot_of(item) for item in reversed(answer["Items"])]

    def get(self, asset: str, start: datetime) -> Slot | None:
        """One slot, strongly consistent."""
        key = encode_item({"pk": asset_key(asset), "sk": SLOT + stamp(start)})
        answer = self.client.get_item(TableName=self.name, Key=key, ConsistentRead=True)
        return slot_of(answer["Item"]) if "Item" in answer else None

    def due(self, shard: str, *, now: datetime, at_once: int) -> Iterator[list[Key]]:
        """The keys of the slots of a shard that are due at ``now``, longest due first, at most ``at_once`` at a time.

        The index lags behind the table, so a key may be of a slot that is not due any more.
        """
        pages = self.client.get_paginator("query").paginate(
            TableName=self.name,
            IndexName=INDEX,
            KeyConditionExpression="slots_shard = :shard AND slots_due <= :now",
            ExpressionAttributeValues=encode_item({":shard": shard, ":now": stamp(now)}),
            ProjectionExpression="pk, sk",
            PaginationConfig={"PageSize": at_once},
        )
        for page in pages:
            if page["Items"]:
                keys = [decode_item(item) for item in page["Items"]]
                yield [(key["pk"], key["sk"]) for key in keys]

    def refused(self, asset: str | None = None) -> Iterator[Key]:
        """The keys of the slots with a row that Axle refuses, of an asset or of all, the longest refused first."""
        for name in self.shard_names() if asset is None else [shard_of(asset, self.shards)]:
            for keys in self.due(REFUSED + name, now=EVER, at_once=KEYS_AT_ONCE):
                yield from (key for key in keys if asset is None or key[0] == asset_key(asset))

    def shard_names(self) -> list[str]:
        """The names of the due index's shards."""
        return [f"{shard:03d}" for shard in range(self.shards)]

    def get_many(self, keys: Sequence[Key]) -> list[Slot]:
        """The slots that are there of these keys, strongly consistent, in no particular order."""
        return [slot_of(item) for item in self._read_many([encode_item({"pk": pk, "sk": sk}) for pk, sk in keys])]

    def _read_many(self, keys: Sequence[Any]) -> Iterator[Any]:
        return read_many(self.client, self.name, keys, self.rng)

    def in_batches(self, keys: Iterable[Key]) -> Iterator[list[Slot]]:
        """The slots of many keys, some at a time."""
        left = iter(keys)
        while some := list(islice(left, KEYS_AT_ONCE)):
            yield self.get_many(some)

    def links(self, assets: Collection[str]) -> dict[str, Link]:
        """The links of these assets, strongly consistent, without those of assets that are gone."""
        found = self._read_many([encode_item({"pk": asset_key(asset), "sk": TWIN}) for asset in assets])
        return {link.asset: link for link in (link_of(item) for item in found)}
