"""The half-hours in the table: recording samples, and what is due to be reported."""

import random
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from driveway.domain.half_hours import half_hour_of
from driveway.domain.metering.plugged_slots import next_to_make, plugged_slot, successors, without_holes
from driveway.domain.metering.recording import Metered, Window, record, window_start
from driveway.domain.metering.samples import Sample
from driveway.domain.metering.slot import Slot
from driveway.domain.twin import Link
from driveway.store.conditional import CONDITION_FAILED, ContentionError, cancellation_reasons, write_if
from driveway.store.inbox import read_many
from driveway.store.items import TWIN, asset_key, decode_item, encode_item, link_of, shard_of, stamp
from driveway.store.slot_items import KEPT, REFUSED, SLOT, slot_item, slot_of
from driveway.store.table import UnknownAssetError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

INDEX = "SlotsDue"
AFTER_ALL_SLOTS = "SLOT$"
EARLIER_AT_ONCE = 16
KEYS_AT_ONCE = 100
MAX_TRIES = 12
EVER = datetime(9999, 1, 1, tzinfo=UTC)

Key = tuple[str, str]


def _twin_is_gone(error: ClientError) -> bool:
    """Whether a slot was not created because of its twin."""
    return cancellation_reasons(error)[1:] == [CONDITION_FAILED]


@dataclass(frozen=True, slots=True)
class SlotStore:
    """The half-hours in the table ``name``. Every write is conditional on the version that was read."""

    client: "DynamoDBClient"
    name: str
    shards: int
    kept: timedelta = KEPT
    rng: random.Random = field(default_factory=random.SystemRandom)

    def record(self, metered: Metered, samples: Iterable[Sample], *, now: datetime) -> tuple[Slot, ...]:
        """Put samples into the half-hours of an asset; gives the slots it changed, as they were written.

        Reading, deciding and writing are repeated until nothing is left to write. So the last of several recorders
        completes the work of the others, also after a crash. Recording the same again writes nothing.

        Raises:
            ContentionError: others kept changing these slots; calling again finishes the work.
            UnknownAssetError: there is no such asset (any more).
        """
        samples = tuple(samples)
        written: dict[datetime, Slot] = {}
        if not samples:
            return ()
        first = window_start(samples)
        for attempt in range(MAX_TRIES):
            changes, first = self._decide(metered, samples, first, now)
            if not changes:
                return tuple(written.values())
            for slot in changes:
                stored = self.put(slot)
                if stored is None:
                    # What follows depends on it, as the samples do: it is decided again.
                    time.sleep(self.rng.uniform(0, 0.01 * 2 ** min(attempt, 5)))
                    break
                written[slot.start] = stored
        raise ContentionError(f"the half-hours of {metered.asset} are being changed by others")

    def unrecorded(self, asset: str, samples: Iterable[Sample]) -> tuple[Sample, ...]:
        """Those samples of an asset that its half-hours do not hold, strongly consistent."""
        starts: dict[datetime, list[Sample]] = {}
        for sample in samples:
            starts.setdefault(half_hour_of(sample.at), []).append(sample)
        slots = {start: self.get(asset, start) for start in starts}
        return tuple(
            sample
            for start, held in starts.items()
            for sample in held
            if (slot := slots[start]) is None or sample not in slot.samples
        )

    def _decide(
        self, metered: Metered, samples: Sequence[Sample], first: datetime, now: datetime
    ) -> tuple[tuple[Slot, ...], datetime]:
        """What to write, and from where on the read was necessary."""
        window = Window(tuple(self.read(metered.asset, first)), all_before=False)
        while (changes := record(window, samples, metered, now=now)) is None:
            earlier = self._read_before(metered.asset, window.slots[0].start if window.slots else first)
            all_before = len(earlier) < EARLIER_AT_ONCE
            window = Window((*earlier, *window.slots), all_before=all_before)
        if not changes and window.slots:
            # Plugged in again in a half-hour that was already reported: no claim of it will create the next one.
            following = next_to_make(window.slots[-1], now=now, grace=metered.grace)
            changes = (following,) if following is not None else ()
        return changes, min([first, *(slot.start for slot in window.slots[:1])])

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
        slots = without_holes([*self._read_before(asset, start, 1), *self.read(asset, start, end)], now=now)
        return [slot for slot in slots if start <= slot.start and (end is None or slot.start < end)]

    def _read_before(self, asset: str, start: datetime, at_most: int = EARLIER_AT_ONCE) -> list[Slot]:
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

    def put(self, slot: Slot) -> Slot | None:
        """Write a slot that was read at its ``version`` (0: that was not there); None when another write came first.

        A write whose acknowledgement was lost is recognised: claims carry their maker's id, so no two are alike.

        Raises:
            UnknownAssetError: it was not there, and nor is its asset, as Axle knows it, any more.
        """
        after = replace(slot, version=slot.version + 1)
        item = slot_item(after, self.shards, self.kept)
        if not slot.version:
            written = write_if(self._create, slot=after, item=item)
        else:
            written = write_if(
                self.client.put_item,
                TableName=self.name,
                Item=item,
                ConditionExpression="version = :version",
                ExpressionAttributeValues=encode_item({":version": slot.version}),
            )
        return after if written or self.get(slot.asset, slot.start) == after else None

    def _create(self, slot: Slot, item: dict[str, Any]) -> None:
        # Nothing is written of an asset that was erased meanwhile; what is there already went with it.
        twin = encode_item({"pk": asset_key(slot.asset), "sk": TWIN})
        put: TransactWriteItemTypeDef = {
            "Put": {"TableName": self.name, "Item": item, "ConditionExpression": "attribute_not_exists(pk)"}
        }
        check: TransactWriteItemTypeDef = {
            "ConditionCheck": {
                "TableName": self.name,
                "Key": twin,
                "ConditionExpression": "#link.#axle_asset_id = :axle_asset_id",
                "ExpressionAttributeNames": {"#link": "link", "#axle_asset_id": "axle_asset_id"},
                "ExpressionAttributeValues": encode_item({":axle_asset_id": slot.axle_asset_id}),
            }
        }
        try:
            self.client.transact_write_items(TransactItems=[put, check])
        except ClientError as error:
            if _twin_is_gone(error):
                raise UnknownAssetError(slot.asset) from error
            raise

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

    def follow_on(self, slot: Slot, *, now: datetime, grace: timedelta) -> None:
        """Make the half-hours that a plugged-in slot is followed by, as far as they are not there yet."""
        for start in successors(slot, now=now):
            if self.get(slot.asset, start) is not None:
                return
            try:
                made = self.put(plugged_slot(slot, start, grace=grace))
            except UnknownAssetError:
                return
            if made is None:
                return
            # A plug-out recorded meanwhile did not see this slot; one recorded from now on will.
            present = self.get(slot.asset, slot.start)
            if present is None or not present.plugged_at_end:
                self._unmake(made)
                return

    def _unmake(self, slot: Slot) -> None:
        write_if(
            self.client.delete_item,
            TableName=self.name,
            Key=encode_item({"pk": asset_key(slot.asset), "sk": SLOT + stamp(slot.start)}),
            ConditionExpression="version = :version",
            ExpressionAttributeValues=encode_item({":version": slot.version}),
        )
