"""The table's small records: sites, aliases, dedupe records, tokens and timeline entries."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from driveway.domain.twin import Entry
from driveway.store.conditional import updated_if, write_if
from driveway.store.items import (
    SITE,
    alias_key,
    asset_key,
    decode_item,
    encode,
    encode_item,
    fits_key,
    seen_key,
    site_key,
    stamp,
)

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

LOG = "LOG#"
TIMELINE_KEPT = timedelta(days=396)
MOST_IN_A_TRANSACTION = 100
MOST_IN_A_BATCH = 25

Attributes = Callable[[str, int, int, Entry], Mapping[str, str]]
"""Further attributes of a timeline entry, from its asset, the version of the twin, its number in that write, itself."""


class UnwrittenError(RuntimeError):
    """A batch was written in part; the whole of it may be repeated, which does no harm."""


class Records(Struct, frozen=True):
    """Reads and writes of the records beside the twins, in the table ``name``."""

    client: "DynamoDBClient"
    name: str

    def asset_for(self, kind: str, identifier: str) -> str | None:
        """The asset that an Axle asset id (kind ``axle``) or a provider's vehicle id belongs to.

        None as well while the identifier is only reserved for an asset: what comes for it is not taken in yet.
        """
        item = self._alias(kind, identifier)
        return item["asset"] if item and not item.get("reserved") else None

    def owner_of(self, kind: str, identifier: str) -> str | None:
        """The asset that an identifier belongs to or is reserved for."""
        item = self._alias(kind, identifier)
        return item["asset"] if item else None

    def _alias(self, kind: str, identifier: str) -> dict[str, Any] | None:
        return self._get(alias_key(kind, identifier), "ALIAS") if fits_key(identifier) else None

    def assets_of_user(self, provider: str, user_id: str) -> list[str]:
        """The assets whose cars belong to a user's account at a provider."""
        keys = self.partition(alias_key(f"{provider}-user", user_id))
        return [key["sk"].removeprefix("ASSET#") for key in keys]

    def site(self, site: str) -> dict[str, Any] | None:
        """The site's record as plain values, strongly consistent; None when there is none."""
        return self._get(site_key(site), SITE)

    def receipt(self, site: str) -> dict[str, Any] | None:
        """The receipt of a site's erasure: ``erased_at`` and nothing personal; None when there is none."""
        return self._get(site_key(site), "RECEIPT")

    def remember(
        self, source: str, identifier: str, *, now: datetime, kept: timedelta, values: Mapping[str, Any] | None = None
    ) -> bool:
        """Remember an event or a call for a time; False when it is remembered already (and stays as it is)."""
        expires_at = int((now + kept).timestamp())
        item = {**(values or {}), "pk": seen_key(source, identifier), "sk": "SEEN", "expires_at": expires_at}
        return write_if(
            self.client.put_item,
            TableName=self.name,
            Item=encode_item(item),
            ConditionExpression="attribute_not_exists(pk)",
        )

    def remembered(self, source: str, identifier: str) -> dict[str, Any] | None:
        """What is remembered of an event or a call; None when nothing is."""
        return self._get(seen_key(source, identifier), "SEEN")

    def get(self, key: str) -> dict[str, Any] | None:
        """A versioned record (a shared token, a breaker) by its key; None when there is none."""
        return self._get(key, "STATE")

    def put_if(self, key: str, new: Mapping[str, Any], expected_version: int) -> bool:
        """Write a versioned record if it is still at a version (0: it does not exist yet); False when it is not.

        ``new`` carries its own next ``version``.
        """
        return write_if(
            self.client.put_item,
            TableName=self.name,
            Item=encode_item({**new, "pk": key, "sk": "STATE"}),
            ConditionExpression="version = :expected OR (:expected = :none AND attribute_not_exists(pk))",
            ExpressionAttributeValues={":expected": encode(expected_version), ":none": encode(0)},
        )

    def add(
        self,
        key: str,
        name: str,
        amount: int,
        *,
        least: int | None = None,
        most: int | None = None,
        expires_at: int | None = None,
    ) -> bool:
        """Add to a number of a shared record, in one write; False, and nothing changes, if it is out of these bounds.

        A number that does not exist yet counts as 0, which only ``least`` excludes.
        """
        values = {":amount": encode(amount), ":least": encode(least or 0)}
        bounds = [f"{name} >= :least"]
        if most is not None:
            values[":most"] = encode(most)
            bounds.append(f"{name} <= :most")
        condition = " AND ".join(bounds)
        if least is None and (most is None or most >= 0):
            condition = f"attribute_not_exists({name}) OR ({condition})"
        update = f"ADD {name} :amount"
        if expires_at is not None:
            values[":expires"] = encode(expires_at)
            update = f"SET expires_at = :expires {update}"
        return write_if(
            self.client.update_item,
            TableName=self.name,
            Key=encode_item({"pk": key, "sk": "STATE"}),
            UpdateExpression=update,
            ConditionExpression=condition,
            ExpressionAttributeValues=values,
        )

    def put_below(self, key: str, name: str, value: int, *, most: int) -> bool:
        """Set a number of a shared record, in one write, if it is not above ``most`` or does not exist yet."""
        return write_if(
            self.client.update_item,
            TableName=self.name,
            Key=encode_item({"pk": key, "sk": "STATE"}),
            UpdateExpression=f"SET {name} = :value",
            ConditionExpression=f"attribute_not_exists({name}) OR {name} <= :most",
            ExpressionAttributeValues={":value": encode(value), ":most": encode(most)},
        )

    def advance(self, key: str, name: str, amount: int, *, least: int, most: int | None = None) -> int | None:
        """Move a number of a shared record on, from ``least`` or from where it stands if that is more; the start.

        None, and nothing changes, where it stands above ``most``.
        """
        if self.put_below(key, name, least + amount, most=least):
            return least
        bound = "" if most is None else f" AND {name} <= :most"
        values = {":amount": encode(amount), ":least": encode(least)}
        after = updated_if(
            self.client.update_item,
            TableName=self.name,
            Key=encode_item({"pk": key, "sk": "STATE"}),
            UpdateExpression=f"ADD {name} :amount",
            ConditionExpression=f"{name} > :least{bound}",
            ExpressionAttributeValues=values | ({} if most is None else {":most": encode(most)}),
        )
        return None if after is None else int(decode_item(after)[name]) - amount

    def log(self, news: Iterable[tuple[str, int, Sequence[Entry]]], more: Attributes | None = None) -> None:
        """Write timeline entries: asset, version and entries of each twin write. The same ones again change nothing.

        Raises:
            UnwrittenError: the table took only some of them.
        """
        items = {
            (item["pk"]["S"], item["sk"]["S"]): item
            for asset, version, entries in news
            for number, entry in enumerate(entries)
            for item in [_log_item(asset, version, number, entry, more)]
        }
        puts: list[Any] = [{"PutRequest": {"Item": item}} for item in items.values()]
        for first in range(0, len(puts), MOST_IN_A_BATCH):
            answer = self.client.batch_write_item(RequestItems={self.name: puts[first : first + MOST_IN_A_BATCH]})
            if answer.get("UnprocessedItems"):
                raise UnwrittenError("The table did not take every timeline entry.")

    def timeline(
        self,
        asset: str,
        *,
        before: str | None,
        limit: int,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> tuple[list[dict[str, Any]], str | None]:
        """The latest entries, newest first, and the cursor of the next page (None at the end).

        ``since`` and ``until`` (aware) bound them: ``[since, until)``.
        """
        first = LOG + stamp(since) if since is not None else LOG
        last = min(before or f"{LOG}~", LOG + stamp(until) if until is not None else f"{LOG}~")
        answer = self.client.query(
            TableName=self.name,
            KeyConditionExpression="pk = :pk AND sk BETWEEN :first AND :last",
            ExpressionAttributeValues={
                ":pk": encode(asset_key(asset)),
                ":first": encode(first),
                ":last": encode(max(first, last)),
            },
            ScanIndexForward=False,
            # One more shows whether there is a next page, and the cursor's own entry is found again.
            Limit=limit + 2,
        )
        rows = [row for row in map(decode_item, answer["Items"]) if row["sk"] != before]
        cursor = rows[limit - 1]["sk"] if len(rows) > limit else None
        return rows[:limit], cursor

    def entries(self, asset: str, start: datetime, end: datetime) -> list[Entry]:
        """The timeline entries in ``[start, end)`` (aware UTC), in order of time."""
        pages = self.client.get_paginator("query").paginate(
            TableName=self.name,
            KeyConditionExpression="pk = :pk AND sk BETWEEN :first AND :last",
            ExpressionAttributeValues=encode_item(
                {":pk": asset_key(asset), ":first": LOG + stamp(start), ":last": LOG + stamp(end)}
            ),
        )
        return [msgspec.convert(decode_item(item), Entry) for page in pages for item in page["Items"]]

    def partition(self, key: str) -> Iterator[dict[str, str]]:
        """The keys of everything in a partition."""
        pages = self.client.get_paginator("query").paginate(
            TableName=self.name,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": encode(key)},
            ProjectionExpression="pk, sk",
            ConsistentRead=True,
        )
        for page in pages:
            for item in page["Items"]:
                row = decode_item(item)
                yield {"pk": row["pk"], "sk": row["sk"]}

    def items_of(self, key: str) -> Iterator[dict[str, Any]]:
        """Everything in a partition, as plain values."""
        pages = self.client.get_paginator("query").paginate(
            TableName=self.name,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": encode(key)},
            ConsistentRead=True,
        )
        for page in pages:
            yield from map(decode_item, page["Items"])

    def delete(self, pk: str, sk: str) -> None:
        """Delete one item; deleting what is not there is no error."""
        self.client.delete_item(TableName=self.name, Key=encode_item({"pk": pk, "sk": sk}))

    def drop(self, keys: Sequence[Mapping[str, str]]) -> None:
        """Delete items by their keys, many in a call; deleting what is not there is no error."""
        for first in range(0, len(keys), MOST_IN_A_TRANSACTION):
            some = keys[first : first + MOST_IN_A_TRANSACTION]
            deletes: list[Any] = [{"Delete": {"TableName": self.name, "Key": encode_item(key)}} for key in some]
            write_if(self.client.transact_write_items, TransactItems=deletes)

    def _get(self, pk: str, sk: str) -> dict[str, Any] | None:
        answer = self.client.get_item(TableName=self.name, Key=encode_item({"pk": pk, "sk": sk}), ConsistentRead=True)
        return decode_item(answer["Item"]) if "Item" in answer else None


def _log_item(asset: str, version: int, number: int, entry: Entry, more: Attributes | None) -> dict[str, Any]:
    return encode_item(
        {
            **(more(asset, version, number, entry) if more is not None else {}),
            "pk": asset_key(asset),
            "sk": f"{LOG}{stamp(entry.at)}#{version:08d}.{number:03d}",
            "expires_at": int((entry.at + TIMELINE_KEPT).timestamp()),
            **msgspec.to_builtins(entry),
        }
    )
