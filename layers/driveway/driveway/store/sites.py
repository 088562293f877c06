"""Sites in the table: their record, and their twins and aliases in one transaction."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from driveway.domain.twin import WANTED_OR_OBSERVED, Twin, changed_groups
from driveway.store.conditional import ContentionError, write_if
from driveway.store.items import SITE, alias_key, asset_key, encode, encode_item, shard_of, site_key, stamp
from driveway.store.records import Records
from driveway.store.table import Table

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

SiteState = Literal["onboarding", "active", "unenrolling", "unenrolled", "leaving"]
UNFINISHED_AFTER = timedelta(minutes=5)
AXLE_SITE = "axle-site"


class OwnedError(Exception):
    """An identifier (of ``kind``) belongs to another asset or site, the ``owner``."""

    def __init__(self, kind: str, asset: str, owner: str) -> None:
        super().__init__(f"The {kind} id of {asset!r} belongs to {owner!r}.")
        self.kind = kind
        self.owner = owner


@dataclass(frozen=True, slots=True)
class SiteRecord:
    """A site. ``begun_at`` is set while a call to ``PUT`` was begun and not finished, ``pending`` are its assets.

    ``warnings`` are Axle's, without anything personal.
    """

    site: str
    state: SiteState = "onboarding"
    assets: tuple[str, ...] = ()
    axle_site_id: str | None = None
    enrolment: str | None = None
    timezone: str | None = None
    consent_at: datetime | None = None
    snoozed_until: datetime | None = None
    warnings: tuple[str, ...] = ()
    begun_at: datetime | None = None
    pending: tuple[str, ...] = ()
    version: int = 0

    @property
    def known_assets(self) -> tuple[str, ...]:
        """The site's assets, those of an unfinished ``PUT`` included."""
        return tuple(sorted({*self.assets, *self.pending}))


@dataclass(frozen=True, slots=True)
class Claim:
    """An identifier that belongs to an asset alone; ``shared`` ones (a user's account) may have several assets.

    Of the kind ``AXLE_SITE`` it is Axle's id of a site, and ``asset`` is our site.
    """

    kind: str
    identifier: str
    asset: str
    shared: bool = False

    @property
    def key(self) -> dict[str, str]:
        """The alias item's key."""
        sk = asset_key(self.asset) if self.shared else "ALIAS"
        return {"pk": alias_key(self.kind, self.identifier), "sk": sk}

    @property
    def place(self) -> tuple[str, str]:
        """The key as a value that can be compared and looked up."""
        return self.key["pk"], self.key["sk"]


def claims_of(twin: Twin) -> list[Claim]:
    """The identifiers that a twin's asset has: its id at Axle, its vehicle, the account the vehicle is in."""
    asset, vehicle = twin.link.asset, twin.link.vehicle
    claims = [Claim("axle", twin.link.axle_asset_id, asset)]
    if vehicle is not None:
        claims.append(Claim(vehicle.provider, vehicle.vehicle_id, asset))
        if vehicle.user_id is not None:
            claims.append(Claim(f"{vehicle.provider}-user", vehicle.user_id, asset, shared=True))
    return claims


Pair = tuple[Twin | None, Twin]
"""A twin as it was read (None: there was none) and as it will be stored."""


@dataclass(frozen=True, slots=True)
class SiteStore:
    """The sites in the table."""

    client: "DynamoDBClient"
    table: Table
    records: Records

    def get(self, site: str) -> SiteRecord | None:
        """The site's record, strongly consistent."""
        values = self.records.site(site)
        return msgspec.convert(values, SiteRecord) if values is not None else None

    def put(self, record: SiteRecord) -> SiteRecord:
        """Write a record that was read at its ``version``. Raises ContentionError when another write came first."""
        after = replace(record, version=record.version + 1)
        written = write_if(self.client.put_item, TableName=self.table.name, **self._put(record))
        if not written and self.get(record.site) != after:
            raise ContentionError(f"the site {record.site} is being changed by others")
        return after

    def _put(self, record: SiteRecord) -> dict[str, Any]:
        due = stamp(record.begun_at + UNFINISHED_AFTER) if record.begun_at else None
        item = {
            **{f.name: getattr(record, f.name) for f in fields(SiteRecord)},
            "version": record.version + 1,
            "pk": site_key(record.site),
            "sk": SITE,
            "axle_due": due,
            "axle_shard": shard_of(record.site, self.table.shards) if due else None,
        }
        return {"Item": encode_item(item), **_at_version(record.version)}

    def begin(self, record: SiteRecord, assets: Iterable[str], now: datetime) -> SiteRecord:
        """Note that a ``PUT`` with these assets was begun, so that one that never finishes is seen."""
        pending = tuple(sorted({*record.pending, *assets}))
        noted = replace(record, begun_at=record.begun_at or now, pending=pending)
        return record if noted == record else self.put(noted)

    def take_back(self, noted: SiteRecord, before: SiteRecord | None) -> None:
        """Take back the note of a call that Axle refused: the site is as it was ``before`` (None: unknown)."""
        if before is None:
            self.delete_record(noted)
        elif noted != before:
            self.put(replace(before, version=noted.version))

    def delete_record(self, record: SiteRecord, *, receipt_at: datetime | None = None) -> None:
        """Delete a record that was read at its ``version``; with ``receipt_at`` a receipt of the erasure stays.

        Raises:
            ContentionError: another write came first.
        """
        key = encode_item({"pk": site_key(record.site), "sk": SITE})
        items: list[dict[str, Any]] = [
            {"Delete": {"TableName": self.table.name, "Key": key, **_at_version(record.version)}}
        ]
        if receipt_at is not None:
            receipt = {"pk": site_key(record.site), "sk": "RECEIPT", "erased_at": receipt_at}
            items.append({"Put": {"TableName": self.table.name, "Item": encode_item(receipt)}})
        if not self._transact(items):
            raise ContentionError(f"the site {record.site} is being changed by others")

    def commit(self, record: SiteRecord, twins: Sequence[Pair], claims: Sequence[Claim], *, now: datetime) -> None:
        """Write the record, the twins that changed and the claims in one transaction; nothing, if all is so already.

        What a twin no longer has is given up in the same transaction.

        Raises:
            OwnedError: an identifier belongs to another asset.
            ContentionError: another write came between.
        """
        present = self.get(record.site)
        writes = [self._twin_write(before, after, now) for before, after in twins if before is not after]
        given_up = {
            claim.place: claim
            for before, after in twins
            if before is not None
            for claim in claims_of(before)
            if claim not in claims_of(after)
        }
        missing = [claim for claim in claims if not self._holds(claim)]
        writes += [self._claim_put(claim, given_up.pop(claim.place, None)) for claim in missing]
        writes += [self._claim_delete(claim) for claim in given_up.values()]
        if present != record:
            writes.append({"Put": {"TableName": self.table.name, **self._put(record)}})
        elif writes:
            key = encode_item({"pk": site_key(record.site), "sk": SITE})
            check = {"TableName": self.table.name, "Key": key, **_at_version(record.version)}
            writes.append({"ConditionCheck": check})
        if writes and not self._transact(writes):
            self._raise_owned(claims)
            raise ContentionError(f"the site {record.site} is being changed by others")

    def _transact(self, items: list[dict[str, Any]]) -> bool:
        return write_if(self.client.transact_write_items, TransactItems=items)

    def _raise_owned(self, claims: Sequence[Claim]) -> None:
        for claim in claims:
            owner = None if claim.shared else self.records.asset_for(claim.kind, claim.identifier)
            if owner is not None and owner != claim.asset:
                raise OwnedError(claim.kind, claim.asset, owner)

    def _holds(self, claim: Claim) -> bool:
        if claim.shared:
            return claim.asset in self.records.assets_of_user(claim.kind.removesuffix("-user"), claim.identifier)
        return self.records.asset_for(claim.kind, claim.identifier) == claim.asset

    def _claim_put(self, claim: Claim, given_up: Claim | None) -> dict[str, Any]:
        put: dict[str, Any] = {"TableName": self.table.name, "Item": encode_item({**claim.key, "asset": claim.asset})}
        if given_up is not None:
            put |= _of(given_up.asset)
        elif not claim.shared:
            put["ConditionExpression"] = "attribute_not_exists(pk)"
        return {"Put": put}

    def _claim_delete(self, claim: Claim) -> dict[str, Any]:
        condition = _of(claim.asset)
        condition["ConditionExpression"] = f"attribute_not_exists(pk) OR {condition['ConditionExpression']}"
        return {"Delete": {"TableName": self.table.name, "Key": encode_item(claim.key), **condition}}

    def _twin_write(self, before: Twin | None, after: Twin, now: datetime) -> dict[str, Any]:
        if before is None:
            item = self.table.twin_item(after, now)
            return {"Put": {"TableName": self.table.name, "Item": item, **_at_version(0)}}
        bump = any(group in WANTED_OR_OBSERVED for group in changed_groups(before, after))
        after = replace(after, version=before.version + 1, revision=before.revision + bump)
        return {"Update": self.table.twin_update(before, after, now)}

    def release_claim(self, claim: Claim) -> None:
        """Delete an alias if it is (still) this asset's."""
        request = self._claim_delete(claim)["Delete"]
        write_if(self.client.delete_item, **request)


def _at_version(version: int) -> dict[str, Any]:
    """The condition that an item is at a version; 0 is one that is not there."""
    if version == 0:
        return {"ConditionExpression": "attribute_not_exists(pk)"}
    return {"ConditionExpression": "version = :version", "ExpressionAttributeValues": {":version": encode(version)}}


def _of(asset: str) -> dict[str, Any]:
    return {"ConditionExpression": "asset = :owner", "ExpressionAttributeValues": {":owner": encode(asset)}}
