"""Sites in the table: their record, and their twins and aliases in one transaction."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
from botocore.exceptions import BotoCoreError, ClientError
from msgspec import Struct

from driveway.domain.sites.record import SiteRecord
from driveway.domain.sites.steps import site_due
from driveway.domain.twin import WANTED_OR_OBSERVED, Twin, changed_groups
from driveway.store.conditional import ContentionError, write_if
from driveway.store.items import SITE, TWIN, alias_key, asset_key, due_stamp, encode, encode_item, shard_of, site_key
from driveway.store.records import Records
from driveway.store.table import Table
from driveway.values import replace

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

AXLE_SITE = "axle-site"
ASSET = "asset"
RECEIPT_KEPT = timedelta(days=30)
TAKEN_BACK_KEPT = timedelta(days=30)


class OwnedError(Exception):
    """An identifier (of ``kind``) belongs to another asset or site, the ``owner``."""

    def __init__(self, kind: str, asset: str, owner: str) -> None:
        super().__init__(f"The {kind} id of {asset!r} belongs to {owner!r}.")
        self.kind = kind
        self.owner = owner


class Claim(Struct, frozen=True):
    """An identifier that belongs to an asset alone; ``shared`` ones (a user's account) may have several assets.

    Of the kind ``AXLE_SITE`` the identifier is Axle's id of a site, of the kind ``ASSET`` our id of an asset, and
    ``asset`` is our site. A ``reserved`` one is kept from others for an onboarding that is not finished: nothing that
    comes for it is taken in yet.
    """

    kind: str
    identifier: str
    asset: str
    shared: bool = False
    reserved: bool = False

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
    """The identifiers that a twin's asset has: its own, its id at Axle, its vehicle, the account the vehicle is in."""
    asset, vehicle = twin.link.asset, twin.link.vehicle
    claims = [Claim(ASSET, asset, twin.link.site), Claim("axle", twin.link.axle_asset_id, asset)]
    if vehicle is not None:
        claims.append(Claim(vehicle.provider, vehicle.vehicle_id, asset))
        if vehicle.user_id is not None:
            claims.append(Claim(f"{vehicle.provider}-user", vehicle.user_id, asset, shared=True))
    return claims


Pair = tuple[Twin | None, Twin | None]
"""A twin as it was read (None: there was none) and as it will be (None: it will be deleted)."""


class SiteStore(Struct, frozen=True):
    """The sites in the table."""

    client: "DynamoDBClient"
    table: Table
    records: Records

    def get(self, site: str) -> SiteRecord | None:
        """The site's record, strongly consistent."""
        values = self.records.site(site)
        return msgspec.convert(values, SiteRecord) if values is not None else None

    def write(
        self,
        before: SiteRecord | None,
        after: SiteRecord | None,
        *,
        now: datetime,
        twins: Sequence[Pair] = (),
        taken: Iterable[Claim] = (),
        given_up: Iterable[Claim] = (),
    ) -> SiteRecord | None:
        """Write a site's record, twins and claims in one transaction, on condition that all are as they were read.

        What a changed twin has is claimed and what it had is given up in the same transaction; ``taken`` and
        ``given_up`` are further claims. A record that is deleted leaves a receipt if it was wanted to be erased. Gives
        the record as it was written.

        Raises:
            OwnedError: an identifier belongs to another asset.
            ContentionError: another write came between.
        """
        changed = [pair for pair in twins if pair[0] is not pair[1]]
        claims, released = _claims(changed, taken, given_up)
        written = replace(after, version=before.version + 1 if before else 1) if after is not None else None
        request = self._request(before, written, changed, claims, released, now)
        if self._is_written(request, before, written):
            return written
        self._raise_owned(claims)
        foreign = {place for place, claim in released.items() if self._is_foreign(claim)}
        if foreign:
            # Somebody else has them by now, so there is nothing to give up.
            left = {place: claim for place, claim in released.items() if place not in foreign}
            request = self._request(before, written, changed, claims, left, now)
            if self._is_written(request, before, written):
                return written
        site = before.site if before is not None else written.site if written is not None else ""
        raise ContentionError(f"the site {site} is being changed by others")

    def _request(
        self,
        before: SiteRecord | None,
        written: SiteRecord | None,
        changed: Sequence[Pair],
        claims: Sequence[Claim],
        released: Mapping[tuple[str, str], Claim],
        now: datetime,
    ) -> list[dict[str, Any]]:
        writes = [self._record_write(before, written, now)]
        writes += [self._twin_write(old, new, now) for old, new in changed]
        writes += [self._claim_put(claim, released.get(claim.place)) for claim in claims]
        rewritten = {claim.place for claim in claims}
        writes += [self._claim_delete(claim) for place, claim in released.items() if place not in rewritten]
        if written is None and before is not None and before.wanted == "erased":
            writes.append(self._receipt(before.site, now))
        return writes

    def _is_written(self, request: list[dict[str, Any]], before: SiteRecord | None, written: SiteRecord | None) -> bool:
        """Make the transaction; whether it was made, also if its acknowledgement was lost."""
        try:
            return write_if(self.client.transact_write_items, TransactItems=request)
        except (BotoCoreError, ClientError):
            site = written or before
            if site is not None and self.get(site.site) == written:
                return True
            raise

    def _is_foreign(self, claim: Claim) -> bool:
        owner = None if claim.shared else self.records.owner_of(claim.kind, claim.identifier)
        return owner not in {None, claim.asset}

    def _record_write(self, before: SiteRecord | None, after: SiteRecord | None, now: datetime) -> dict[str, Any]:
        condition = _at_version(before.version if before else 0)
        if after is None:
            key = {"pk": site_key(before.site if before else ""), "sk": SITE}
            return {"Delete": {"TableName": self.table.name, "Key": encode_item(key), **condition}}
        due, unfinished_at = site_due(after, now), after.unfinished_at
        shard = shard_of(after.site, self.table.shards)
        taken_back = after.state == "taken_back"
        item = {
            **{name: getattr(after, name) for name in SiteRecord.__struct_fields__},
            "pk": site_key(after.site),
            "sk": SITE,
            "axle_due": due_stamp(due) if due else None,
            "axle_shard": shard if due else None,
            "control_due": due_stamp(unfinished_at) if unfinished_at else None,
            "control_shard": f"site-{shard}" if unfinished_at else None,
            "expires_at": int((now + TAKEN_BACK_KEPT).timestamp()) if taken_back else None,
        }
        return {"Put": {"TableName": self.table.name, "Item": encode_item(item), **condition}}

    def _receipt(self, site: str, now: datetime) -> dict[str, Any]:
        expires_at = int((now + RECEIPT_KEPT).timestamp())
        receipt = {"pk": site_key(site), "sk": "RECEIPT", "erased_at": now, "expires_at": expires_at}
        return {"Put": {"TableName": self.table.name, "Item": encode_item(receipt)}}

    def _raise_owned(self, claims: Sequence[Claim]) -> None:
        for claim in claims:
            owner = None if claim.shared else self.records.owner_of(claim.kind, claim.identifier)
            if owner is not None and owner != claim.asset:
                raise OwnedError(claim.kind, claim.asset, owner)

    def _claim_put(self, claim: Claim, given_up: Claim | None) -> dict[str, Any]:
        item = {**claim.key, "asset": claim.asset, "reserved": True if claim.reserved else None}
        put: dict[str, Any] = {"TableName": self.table.name, "Item": encode_item(item)}
        if not claim.shared:
            put |= _free_or_of(given_up.asset if given_up is not None else claim.asset)
        return {"Put": put}

    def _claim_delete(self, claim: Claim) -> dict[str, Any]:
        key = encode_item(claim.key)
        return {"Delete": {"TableName": self.table.name, "Key": key, **_free_or_of(claim.asset)}}

    def _twin_write(self, before: Twin | None, after: Twin | None, now: datetime) -> dict[str, Any]:
        if after is None:
            gone = before.link.asset if before is not None else ""
            key = encode_item({"pk": asset_key(gone), "sk": TWIN})
            condition = _at_version(before.version if before is not None else 0)
            return {"Delete": {"TableName": self.table.name, "Key": key, **condition}}
        if before is None:
            item = self.table.twin_item(after, now)
            return {"Put": {"TableName": self.table.name, "Item": item, **_at_version(0)}}
        bump = any(group in WANTED_OR_OBSERVED for group in changed_groups(before, after))
        after = replace(after, version=before.version + 1, revision=before.revision + bump)
        return {"Update": self.table.twin_update(before, after, now)}


def _claims(
    twins: Sequence[Pair], taken: Iterable[Claim], given_up: Iterable[Claim]
) -> tuple[list[Claim], dict[tuple[str, str], Claim]]:
    """The claims to write, and those to delete by their place, for twins that change and further claims."""
    had = [claim for before, _ in twins if before is not None for claim in claims_of(before)]
    has = [claim for _, after in twins if after is not None for claim in claims_of(after)]
    kept = {claim.place: claim for claim in [*taken, *has]}
    released = {claim.place: claim for claim in [*had, *given_up] if claim not in kept.values()}
    return [claim for claim in kept.values() if claim not in had], released


def _at_version(version: int) -> dict[str, Any]:
    """The condition that an item is at a version; 0 is one that is not there."""
    if version == 0:
        return {"ConditionExpression": "attribute_not_exists(pk)"}
    return {"ConditionExpression": "version = :version", "ExpressionAttributeValues": {":version": encode(version)}}


def _free_or_of(asset: str) -> dict[str, Any]:
    """The condition that an alias is nobody's or this asset's."""
    return {
        "ConditionExpression": "attribute_not_exists(pk) OR asset = :owner",
        "ExpressionAttributeValues": {":owner": encode(asset)},
    }
