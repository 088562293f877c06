"""Sites in the table: their record, their twins and aliases in one transaction, and their erasure."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

import msgspec
from botocore.exceptions import ClientError

from driveway.domain.twin import WANTED_OR_OBSERVED, Twin, changed_groups
from driveway.store.items import SITE, alias_key, asset_key, encode, encode_item, shard_of, site_key, stamp
from driveway.store.records import Records
from driveway.store.table import ContentionError, Table, is_condition_failure

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

SiteState = Literal["onboarding", "active", "unenrolling", "unenrolled", "leaving"]
UNFINISHED_AFTER = timedelta(minutes=5)


class OwnedError(Exception):
    """An identifier belongs to another asset."""


@dataclass(frozen=True, slots=True)
class SiteRecord:
    """A site. ``begun_at`` is set while an onboarding was begun and not finished."""

    site: str
    state: SiteState = "onboarding"
    assets: tuple[str, ...] = ()
    axle_site_id: str | None = None
    enrolment: str | None = None
    timezone: str | None = None
    consent_at: datetime | None = None
    snoozed_until: datetime | None = None
    begun_at: datetime | None = None
    version: int = 0


@dataclass(frozen=True, slots=True)
class Claim:
    """An identifier that belongs to an asset alone; ``shared`` ones (a user's account) may have several assets."""

    kind: str
    identifier: str
    asset: str
    shared: bool = False

    @property
    def key(self) -> dict[str, str]:
        """The alias item's key."""
        sk = asset_key(self.asset) if self.shared else "ALIAS"
        return {"pk": alias_key(self.kind, self.identifier), "sk": sk}


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
        try:
            self.client.put_item(TableName=self.table.name, **self._put(record))
        except ClientError as error:
            if is_condition_failure(error):
                raise ContentionError(f"the site {record.site} is being changed by others") from None
            raise
        return replace(record, version=record.version + 1)

    def _put(self, record: SiteRecord) -> dict[str, Any]:
        due = stamp(record.begun_at + UNFINISHED_AFTER) if record.begun_at else None
        values = {f.name: getattr(record, f.name) for f in fields(SiteRecord)}
        item = {
            **values,
            "version": record.version + 1,
            "pk": site_key(record.site),
            "sk": SITE,
            "axle_due": due,
            "axle_shard": shard_of(record.site, self.table.shards) if due else None,
        }
        return {
            "Item": encode_item(item),
            "ConditionExpression": "attribute_not_exists(pk) OR version = :version",
            "ExpressionAttributeValues": {":version": encode(record.version)},
        }

    def begin(self, site: str, now: datetime) -> SiteRecord:
        """Note that an onboarding was begun, so that one that never finishes is seen."""
        record = self.get(site) or SiteRecord(site)
        if record.axle_site_id is not None and record.begun_at is None:
            return record
        return self.put(replace(record, begun_at=record.begun_at or now))

    def abandon(self, record: SiteRecord) -> None:
        """Take back the note of an onboarding that Axle refused, if nothing else is known of the site."""
        if record.axle_site_id is None and record.state == "onboarding":
            self.records.delete(site_key(record.site), SITE)

    def commit(
        self,
        record: SiteRecord,
        twins: Sequence[tuple[Twin | None, Twin]],
        claims: Sequence[Claim],
        *,
        now: datetime,
    ) -> None:
        """Write the record, the twins that changed and the claims in one transaction; nothing, if all is so already.

        Raises:
            OwnedError: an identifier belongs to another asset.
            ContentionError: another write came between.
        """
        puts: list[dict[str, Any]] = []
        present = self.get(record.site)
        if present != record:
            puts.append({"Put": {"TableName": self.table.name, **self._put(record)}})
        puts += [self._twin_put(before, after, now) for before, after in twins if before is not after]
        released = [claim for before, after in twins if before for claim in _given_up(before, after)]
        puts += [{"Delete": {"TableName": self.table.name, "Key": encode_item(claim.key)}} for claim in released]
        puts += [self._claim_put(claim) for claim in claims if not self._holds(claim)]
        if not puts:
            return
        try:
            self.client.transact_write_items(TransactItems=puts)  # type: ignore[arg-type] # built as plain mappings
        except ClientError as error:
            if not is_condition_failure(error):
                raise
            for claim in claims:
                owner = self.records.asset_for(claim.kind, claim.identifier)
                if owner is not None and owner != claim.asset and not claim.shared:
                    raise OwnedError(f"The {claim.kind} id of {claim.asset!r} belongs to {owner!r}.") from None
            raise ContentionError(f"the site {record.site} is being changed by others") from None

    def _holds(self, claim: Claim) -> bool:
        if claim.shared:
            return claim.asset in self.records.assets_of_user(claim.kind.removesuffix("-user"), claim.identifier)
        return self.records.asset_for(claim.kind, claim.identifier) == claim.asset

    def _claim_put(self, claim: Claim) -> dict[str, Any]:
        item = encode_item({**claim.key, "asset": claim.asset})
        condition = {} if claim.shared else {"ConditionExpression": "attribute_not_exists(pk)"}
        return {"Put": {"TableName": self.table.name, "Item": item, **condition}}

    def _twin_put(self, before: Twin | None, after: Twin, now: datetime) -> dict[str, Any]:
        if before is None:
            item = self.table.twin_item(after, now)
            return {
                "Put": {
                    "TableName": self.table.name,
                    "Item": item,
                    "ConditionExpression": "attribute_not_exists(pk)",
                }
            }
        bump = any(group in WANTED_OR_OBSERVED for group in changed_groups(before, after))
        item = self.table.twin_item(replace(after, version=before.version + 1, revision=before.revision + bump), now)
        return {
            "Put": {
                "TableName": self.table.name,
                "Item": item,
                "ConditionExpression": "version = :version",
                "ExpressionAttributeValues": {":version": encode(before.version)},
            }
        }

    def keep_refresh_token(self, provider: str, user_id: str, refresh_token: str) -> None:
        """Keep a driver's first refresh token where rotating tokens are kept; a later one replaces it."""
        key = f"TOKEN#{provider}#{user_id}"
        for _ in range(5):
            held = self.records.get(key) or {}
            version = int(held.get("version", 0))
            if held.get("granted") == refresh_token:
                return
            new = {"refresh_token": refresh_token, "granted": refresh_token, "version": version + 1}
            if self.records.put_if(key, new, version):
                return
        raise ContentionError("the token is being renewed by others")


def _given_up(before: Twin, after: Twin) -> list[Claim]:
    """The identifiers an asset has no longer: another vehicle, another id at Axle."""
    was, now = before.link, after.link
    given_up = []
    if was.axle_asset_id != now.axle_asset_id:
        given_up.append(Claim("axle", was.axle_asset_id, was.asset))
    if was.vehicle is not None and (
        now.vehicle is None
        or (was.vehicle.provider, was.vehicle.vehicle_id) != (now.vehicle.provider, now.vehicle.vehicle_id)
    ):
        given_up.append(Claim(was.vehicle.provider, was.vehicle.vehicle_id, was.asset))
    return given_up
