"""The half-hours in the table: recording samples, and what is due to be reported."""

import time
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from driveway.domain.half_hours import HALF_HOUR, half_hour_of
from driveway.domain.metering.plugged_slots import next_to_make, plugged_slot, successors
from driveway.domain.metering.recording import Metered, Recorded, Window, day_start, record, window_start
from driveway.domain.metering.samples import Sample
from driveway.domain.metering.slot import Slot
from driveway.domain.metering.thinning import thinned
from driveway.store.conditional import CONDITION_FAILED, ContentionError, cancellation_reasons, write_if
from driveway.store.items import TWIN, asset_key, encode_item, link_of, stamp
from driveway.store.leases import Leases
from driveway.store.slot_items import SLOT, slot_item, slot_of
from driveway.store.slot_reads import EARLIER_AT_ONCE, EVER, SlotReads
from driveway.store.table import StoredTwin, UnknownAssetError
from driveway.values import replace

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

EARLIER_AT_FIRST = 2
MAX_TRIES = 12


def _twin_is_gone(error: ClientError) -> bool:
    """Whether a slot was not created because of its twin."""
    return cancellation_reasons(error)[1:] == [CONDITION_FAILED]


def _new(samples: Sequence[Sample], slot: Slot | None) -> Sequence[Sample]:
    """The samples that a half-hour would keep, and does not have."""
    if slot is None:
        return samples
    kept = thinned({*slot.samples, *samples})
    return [sample for sample in samples if sample in kept and sample not in slot.samples]


def _reach(first: datetime, now: datetime) -> int:
    """How many of the latest slots to read so that they reach to ``first`` and a little further."""
    return (max(now + 2 * HALF_HOUR, first) - first) // HALF_HOUR + EARLIER_AT_FIRST


def _reaches(window: Window, first: datetime) -> bool:
    return window.all_before or (bool(window.slots) and window.slots[0].start < first)


class SlotStore(SlotReads, frozen=True):
    """The half-hours in the table. Every write is conditional on the version that was read."""

    @property
    def leases(self) -> Leases:
        """Who works on which shard of the due half-hours."""
        return Leases(self.client, self.name)

    def record(self, metered: Metered, samples: Iterable[Sample], *, now: datetime) -> tuple[Slot, ...]:
        """Put samples into the half-hours of an asset; gives the slots it changed, as they were written.

        Reading, deciding and writing are repeated until nothing is left to write. So the last of several recorders
        completes the work of the others, also after a crash. Recording the same again writes nothing.

        Raises:
            ContentionError: others kept changing these slots; calling again finishes the work.
            UnknownAssetError: there is no such asset (any more).
        """
        return self._record(metered, tuple(samples), now, verified=True).changed

    def record_once(
        self, metered: Metered, samples: Iterable[Sample], *, now: datetime, latest: Window | None = None
    ) -> Recorded:
        """As ``record``, but it ends with the first writes that nobody came between.

        Another lock has to order the recorders: the twin's version. The caller writes the twin afterwards, which shows
        that the asset is still there, or looks after what was created. ``latest`` is what ``with_twin`` read.
        """
        return self._record(metered, tuple(samples), now, verified=False, latest=latest)

    def _record(
        self,
        metered: Metered,
        samples: Sequence[Sample],
        now: datetime,
        *,
        verified: bool,
        latest: Window | None = None,
    ) -> Recorded:
        written: dict[datetime, Slot] = {}
        if not samples:
            return Recorded()
        first = window_start(samples)
        for attempt in range(MAX_TRIES):
            changes, window, first = self._decide(metered, samples, first, now, latest)
            latest = None
            for slot in changes:
                stored = self.put(slot) if verified else self._put(slot, is_checked=True)
                if stored is None:
                    # What follows depends on it, as the samples do: it is decided again.
                    time.sleep(self.rng.uniform(0, 0.01 * 2 ** min(attempt, 5)))
                    break
                written[slot.start] = stored
            else:
                if not (changes and verified):
                    around = {slot.start: slot for slot in window} | written
                    return Recorded(tuple(written.values()), tuple(around[start] for start in sorted(around)), first)
        raise ContentionError(f"the half-hours of {metered.asset} are being changed by others")

    def unrecorded(self, asset: str, samples: Iterable[Sample], *, latest: Window | None = None) -> tuple[Sample, ...]:
        """Those samples of an asset that its half-hours should hold and do not, strongly consistent.

        A half-hour in ``latest``, which ``with_twin`` read, is not read again.
        """
        starts: dict[datetime, list[Sample]] = {}
        for sample in samples:
            starts.setdefault(half_hour_of(sample.at), []).append(sample)
        near = {slot.start: slot for slot in latest.slots} if latest is not None else {}
        slots = {
            start: near.get(start) if latest is not None and _reaches(latest, start) else self.get(asset, start)
            for start in starts
        }
        return tuple(sample for start, held in starts.items() for sample in _new(held, slots[start]))

    def with_twin(self, asset: str, now: datetime) -> tuple[StoredTwin, Window]:
        """The twin and its latest half-hours, those of today in any case, in one read. Raises UnknownAssetError.

        The keys of the half-hours come just before that of the twin, and the read goes backwards from it: a half-hour
        is read after the twin.
        """
        at_most = _reach(day_start(now), now)
        answer = self.client.query(
            TableName=self.name,
            KeyConditionExpression="pk = :asset AND sk BETWEEN :first AND :last",
            ExpressionAttributeValues=encode_item({":asset": asset_key(asset), ":first": SLOT, ":last": TWIN}),
            ConsistentRead=True,
            ScanIndexForward=False,
            Limit=1 + at_most,
        )
        items = answer["Items"]
        if not items or items[0]["sk"]["S"] != TWIN:
            raise UnknownAssetError(asset)
        slots = tuple(slot_of(item) for item in reversed(items[1:]))
        return StoredTwin.of(items[0]), Window(slots, all_before="LastEvaluatedKey" not in answer)

    def _decide(
        self, metered: Metered, samples: Sequence[Sample], first: datetime, now: datetime, latest: Window | None
    ) -> tuple[tuple[Slot, ...], tuple[Slot, ...], datetime]:
        """What to write, the slots that were read for it, and from where on they had to be read."""
        window = latest if latest is not None and _reaches(latest, first) else self._window(metered.asset, first, now)
        while (changes := record(window, samples, metered, now=now)) is None:
            earlier = self.read_before(metered.asset, window.slots[0].start if window.slots else first)
            all_before = len(earlier) < EARLIER_AT_ONCE
            window = Window((*earlier, *window.slots), all_before=all_before)
        if not changes and window.slots:
            # Plugged in again in a half-hour that was already reported: no claim of it will create the next one.
            following = next_to_make(window.slots[-1], now=now, grace=metered.grace)
            changes = (following,) if following is not None else ()
        return changes, window.slots, min([first, *(slot.start for slot in window.slots[:1])])

    def _window(self, asset: str, first: datetime, now: datetime) -> Window:
        """The slots from ``first`` on and some before, because recording mostly needs the last of these."""
        at_most = _reach(first, now)
        found = self.read_before(asset, EVER, at_most)
        if len(found) < at_most:
            return Window(tuple(found), all_before=True)
        if found[0].start < first:
            return Window(tuple(found), all_before=False)
        return Window(tuple(self.read(asset, first)), all_before=False)

    def put(self, slot: Slot) -> Slot | None:
        """Write a slot that was read at its ``version`` (0: that was not there); None when another write came first.

        A write whose acknowledgement was lost is recognised: claims carry their maker's id, so no two are alike.

        Raises:
            UnknownAssetError: it was not there, and nor is its asset, as Axle knows it, any more.
        """
        return self._put(slot, is_checked=False)

    def _put(self, slot: Slot, *, is_checked: bool) -> Slot | None:
        """See ``put``. ``is_checked``: the caller looks itself whether the asset of a slot that it creates is there."""
        after = replace(slot, version=slot.version + 1)
        item = slot_item(after, self.shards, self.kept)
        if not slot.version:
            written = self._created(after, item, is_checked=is_checked)
        else:
            written = write_if(
                self.client.put_item,
                TableName=self.name,
                Item=item,
                ConditionExpression="version = :version",
                ExpressionAttributeValues=encode_item({":version": slot.version}),
            )
        return after if written or self.get(slot.asset, slot.start) == after else None

    def _created(self, slot: Slot, item: dict[str, Any], *, is_checked: bool) -> bool:
        """Create a slot, unless its asset was erased meanwhile; False when it is there.

        One that is due is written first, and deleted again if its asset is gone. If its writer dies before, the next
        drain finds it in the due index and deletes it. That costs a quarter of a transaction that checks the twin, in
        which every other slot is created.
        """
        if slot.due_at is None:
            return write_if(self._create_with_check, slot=slot, item=item)
        free = "attribute_not_exists(pk)"
        written = write_if(self.client.put_item, TableName=self.name, Item=item, ConditionExpression=free)
        if is_checked:
            return written
        twin = encode_item({"pk": asset_key(slot.asset), "sk": TWIN})
        answer = self.client.get_item(TableName=self.name, Key=twin, ConsistentRead=True)
        if "Item" not in answer or link_of(answer["Item"]).axle_asset_id != slot.axle_asset_id:
            self.delete(slot)
            raise UnknownAssetError(slot.asset)
        return written

    def _create_with_check(self, slot: Slot, item: dict[str, Any]) -> None:
        twin = encode_item({"pk": asset_key(slot.asset), "sk": TWIN})
        put: TransactWriteItemTypeDef = {
            "Put": {"TableName": self.name, "Item": item, "ConditionExpression": "attribute_not_exists(pk)"}
        }
        check: TransactWriteItemTypeDef = {
            "ConditionCheck": {
                "TableName": self.name,
                "Key": twin,
                # A twin that was not written since its groups are packed has the id in its group.
                "ConditionExpression": "#axle_asset_id = :axle_asset_id OR #link.#axle_asset_id = :axle_asset_id",
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
                self.delete(made)
                return

    def delete(self, slot: Slot) -> None:
        """Delete a slot, unless it was changed since it was read."""
        write_if(
            self.client.delete_item,
            TableName=self.name,
            Key=encode_item({"pk": asset_key(slot.asset), "sk": SLOT + stamp(slot.start)}),
            ConditionExpression="version = :version",
            ExpressionAttributeValues=encode_item({":version": slot.version}),
        )
