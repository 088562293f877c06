"""The table: reads and conditional writes of twins, and the due indexes.

Every write is conditional on the item's ``version``. After a lost race the item is read and the rule applied again.
"""

import random
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

import msgspec
from msgspec import Struct, field

from driveway.domain.due import Dues
from driveway.domain.metering.completeness import judged_at, local_day
from driveway.domain.sessions.quiet_change import concerns_nobody
from driveway.domain.twin import WANTED_OR_OBSERVED, Twin, changed_groups
from driveway.store.conditional import ContentionError, write_if
from driveway.store.due_stamps import DueStamps, same_dues, stamps, with_earlier_look
from driveway.store.items import (
    COUNTERS,
    PACKED,
    TWIN,
    asset_key,
    decode_item,
    encode,
    encode_item,
    packed_groups,
    shard_of,
    stamp,
    unstamp,
)
from driveway.store.lists import attention_list
from driveway.values import replace

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

MAX_CONTENTION_TRIES = 12
DueIndex = Literal["AxleDue", "ControlDue", "DaysDue", "SitesUnfinished"]
# Index, attributes and prefix of the shards' names. Days share the index of the half-hours.
DUE_ATTRIBUTES: dict[DueIndex, tuple[str, str, str, str]] = {
    "AxleDue": ("AxleDue", "axle_shard", "axle_due", ""),
    "ControlDue": ("ControlDue", "control_shard", "control_due", ""),
    "DaysDue": ("SlotsDue", "slots_shard", "slots_due", "day-"),
    "SitesUnfinished": ("ControlDue", "control_shard", "control_due", "site-"),
}

WANTED_OR_OBSERVED_SET = frozenset(WANTED_OR_OBSERVED)
QUIET = "quiet"
"""``yes`` marks a write of a twin that concerns nobody: the stream's filter keeps it from the announcer. Else no."""

SET_ONCE = frozenset({"slots_due", "list_place"})
"""What a write leaves as it is, if it is there: when the pending day is checked, and since when attention is needed."""

GROUPS = tuple(name for name in Twin.__struct_fields__ if name not in COUNTERS)

Rule = Callable[[Twin], Twin | None]


class UnknownAssetError(LookupError):
    """There is no such asset, or it was erased."""


class RevisionMismatchError(Exception):
    """The caller asked to change a revision that is not the present one."""

    def __init__(self, present: int) -> None:
        super().__init__(f"The asset is at revision {present}.")
        self.present = present


DueRule = Callable[[Twin, datetime], Dues]


class StoredTwin(Struct, frozen=True):
    """A twin as it was read or written, with the due times beside it."""

    twin: Twin
    dues: DueStamps = field(default_factory=dict)

    @classmethod
    def of(cls, item: Mapping[str, Any]) -> "StoredTwin":
        """What a table item holds."""
        values = decode_item(item)
        dues = {name: values.get(name) for name in ("axle_due", "control_due")}
        return cls(msgspec.convert(values, Twin), dues)


class Change(Struct, frozen=True):
    """A twin before and after a change; the same object twice when nothing was written."""

    before: Twin
    after: Twin
    dues: DueStamps = field(default_factory=dict)

    @property
    def written(self) -> bool:
        return self.after is not self.before

    @property
    def stored(self) -> StoredTwin:
        """The twin as this change left it."""
        return StoredTwin(self.after, self.dues)


class Table(Struct, frozen=True):
    """The DynamoDB table ``name``. ``dues`` gives a twin's due times; ``shards`` spreads the due indexes."""

    client: "DynamoDBClient"
    name: str
    dues: DueRule
    shards: int = 4
    jitter: random.Random = field(default_factory=random.SystemRandom)

    def twin(self, asset: str) -> Twin:
        """The asset's twin, strongly consistent. Raises UnknownAssetError."""
        return self.stored(asset).twin

    def stored(self, asset: str) -> StoredTwin:
        """The asset's twin with its due times, strongly consistent. Raises UnknownAssetError."""
        answer = self.client.get_item(
            TableName=self.name, Key=encode_item({"pk": asset_key(asset), "sk": TWIN}), ConsistentRead=True
        )
        if "Item" not in answer:
            raise UnknownAssetError(asset)
        return StoredTwin.of(answer["Item"])

    def change_twin(
        self,
        asset: str,
        rule: Rule,
        *,
        now: datetime,
        expect_revision: int | None = None,
        read: Callable[[str], StoredTwin] | None = None,
    ) -> Change:
        """Apply a pure rule to the twin and store what it gives, in one conditional write.

        ``rule`` gets the present twin, without news, and gives the twin to store; the same one, or None, changes
        nothing. It runs again when another write came between, so it must have no effects of its own. ``read`` reads
        the twin in place of ``stored``, before each run of the rule.

        Raises:
            UnknownAssetError: no such asset.
            RevisionMismatchError: ``expect_revision`` is not the present revision, and the rule changes the twin. If it
                changes nothing, the caller's own write may have been made before (RFC 9110, 13.1.1).
            ContentionError: too many lost races; nothing is written.
        """
        tried: Change | None = None
        for attempt in range(MAX_CONTENTION_TRIES):
            stored = (read or self.stored)(asset)
            if tried is not None and stored.twin == tried.after:
                # The write was made and its acknowledgement was lost.
                return tried
            before = replace(stored.twin, news=())
            wanted = rule(before) or before
            changed = changed_groups(before, wanted)
            if expect_revision is not None and before.revision != expect_revision and (changed or wanted.news):
                raise RevisionMismatchError(before.revision)
            dues = stamps(self.dues(wanted, now))
            quiet = concerns_nobody(before, wanted, now)
            dues = with_earlier_look(stored.dues, dues, now) if quiet else dues
            quiet = quiet and same_dues(stored.dues, dues, now)
            if quiet and not changed:
                return Change(before, before, stored.dues)
            bump = not WANTED_OR_OBSERVED_SET.isdisjoint(changed)
            after = replace(wanted, version=before.version + 1, revision=before.revision + bump)
            tried = Change(before, after, dues)
            request = self._update(before.version, after, dues, now, quiet=quiet)
            if write_if(self.client.update_item, **request):
                return tried
            time.sleep(self.jitter.uniform(0, 0.01 * 2 ** min(attempt, 5)))
        raise ContentionError(f"{asset} is being changed by others; try again.")

    def twin_update(self, before: Twin, after: Twin, now: datetime) -> dict[str, Any]:
        """The request that changes a stored twin from ``before``, as it was read, to ``after``."""
        return self._update(before.version, after, stamps(self.dues(after, now)), now)

    def _update(
        self, version: int, after: Twin, dues: dict[str, str | None], now: datetime, *, quiet: bool = False
    ) -> dict[str, Any]:
        # The groups stood in attributes of their own once.
        values: dict[str, Any] = dict.fromkeys(GROUPS)
        values[QUIET] = "yes" if quiet else "no"
        values |= {"version": after.version, "revision": after.revision, "axle_asset_id": after.link.axle_asset_id}
        for due_name, due in dues.items():
            shard_name = due_name.replace("_due", "_shard")
            values[due_name] = due
            values[shard_name] = shard_of(after.link.asset, self.shards) if due else None
        values |= {"list_shard": None, "list_place": None, "shown": None, **attention_list(after, now, self.shards)}
        values |= _day_to_judge(after, now, self.shards)
        kept = {name: value for name, value in values.items() if value is not None}
        gone = [name for name, value in values.items() if value is None]
        expression = f"SET {PACKED} = :{PACKED}, " + ", ".join(map(_assignment, kept))
        if gone:
            expression += " REMOVE " + ", ".join(f"#{name}" for name in gone)
        return {
            "TableName": self.name,
            "Key": encode_item({"pk": asset_key(after.link.asset), "sk": TWIN}),
            "UpdateExpression": expression,
            "ConditionExpression": "#version = :read_version",
            "ExpressionAttributeNames": {f"#{name}": name for name in values},
            "ExpressionAttributeValues": {
                **{f":{name}": encode(value) for name, value in kept.items()},
                f":{PACKED}": packed_groups(after),
                ":read_version": encode(version),
            },
        }

    def twin_item(self, twin: Twin, now: datetime) -> dict[str, Any]:
        """The whole item of a twin, with its places in the due indexes, for a first write."""
        shard = shard_of(twin.link.asset, self.shards)
        dues = stamps(self.dues(twin, now))
        item = encode_item(
            {
                "pk": asset_key(twin.link.asset),
                "sk": TWIN,
                "asset": twin.link.asset,
                "axle_asset_id": twin.link.axle_asset_id,
                "version": twin.version,
                "revision": twin.revision,
                QUIET: "no",
                **dues,
                **_day_to_judge(twin, now, self.shards),
                "axle_shard": shard if dues["axle_due"] else None,
                "control_shard": shard if dues["control_due"] else None,
                **attention_list(twin, now, self.shards),
            }
        )
        return {**item, PACKED: packed_groups(twin)}

    def judge_next_day(self, asset: str, judged: datetime, following: datetime) -> bool:
        """Note that the day due at ``judged`` was checked, and when the next is due. False if another run was first."""
        return write_if(
            self.client.update_item,
            TableName=self.name,
            Key=encode_item({"pk": asset_key(asset), "sk": TWIN}),
            UpdateExpression="SET slots_due = :following",
            ConditionExpression="slots_due = :judged",
            ExpressionAttributeValues=encode_item({":judged": stamp(judged), ":following": stamp(following)}),
        )

    def due(self, index: DueIndex, until: datetime) -> Iterator[tuple[str, datetime]]:
        """The assets due in an index up to an instant (aware UTC), each with its due time, earliest first by shard.

        ``AxleDue`` has sites, too, by their key. ``DaysDue`` are the assets with a day to check for completeness, and
        ``SitesUnfinished`` the keys of the sites that have been unfinished for too long.
        """
        index_name, shard_name, due_name, prefix = DUE_ATTRIBUTES[index]
        for shard in range(self.shards):
            pages = self.client.get_paginator("query").paginate(
                TableName=self.name,
                IndexName=index_name,
                KeyConditionExpression="#shard = :shard AND #due <= :until",
                ExpressionAttributeNames={"#shard": shard_name, "#due": due_name},
                ExpressionAttributeValues={":shard": encode(f"{prefix}{shard:03d}"), ":until": encode(stamp(until))},
            )
            for page in pages:
                for item in page["Items"]:
                    row = decode_item(item)
                    yield row["pk"].removeprefix("ASSET#"), unstamp(row[due_name])


def _assignment(name: str) -> str:
    value = f"if_not_exists(#{name}, :{name})" if name in SET_ONCE else f":{name}"
    return f"#{name} = {value}"


def _day_to_judge(twin: Twin, now: datetime, shards: int) -> dict[str, str]:
    """The due time of today's completeness check, for a twin that has none pending."""
    link = twin.link
    return {
        "slots_shard": "day-" + shard_of(link.asset, shards),
        "slots_due": stamp(judged_at(local_day(now, link.timezone), link.timezone)),
    }
