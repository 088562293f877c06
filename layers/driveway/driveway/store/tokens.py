"""Bearer tokens in the table: one record for each API, and one for each driver's account at a car maker."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, TypeVar

import msgspec
from botocore.exceptions import BotoCoreError, ClientError
from msgspec import Struct, field

from driveway.store.conditional import ContentionError, write_if
from driveway.store.items import decode_item, due_stamp, encode, encode_item, shard_of, site_key, stamp, unstamp
from driveway.values import Confidential

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

STATE = "STATE"
SITE_ACCOUNT = "ACCOUNT#"
SHARD_PREFIX = "token-"
"""Accounts lie in the index of the half-hours, in shards of their own."""

REFRESH_TOKEN_LASTS = timedelta(days=92)
"""Three months, after which Tesla refuses a refresh token that was not used."""

KEPT_LONGER = timedelta(days=5)
"""How much longer than its maker takes it a refresh token is kept here at most."""

IDLE_RENEWAL = timedelta(days=30)
"""An account that no command needs is renewed this often, so that its refresh token never gets too old."""


class TokenStoreError(RuntimeError):
    """The table did not answer, or not as it should: a write may have happened or not."""


class TokenRecord(Confidential, frozen=True):
    """An access token that all instances share, and the claim of the instance that is fetching the next one.

    Attributes:
        holder: a digest of whom the token was issued to.
        renew_at: when to fetch the next one (aware UTC).
        good_until: when the token expires (aware UTC).
        claims: the number of the latest claim; each claim has the next one.
        claimed_by: the id of the claim that stands; None when nobody is fetching a token.
        claimed_until: when that claim lapses (aware UTC).
        asked_until: the time until which the token service asks to be left alone (aware UTC).
        version: the lock; it grows with every write.
    """

    hidden: ClassVar[tuple[str, ...]] = ("access_token",)

    access_token: str | None = None
    holder: str | None = None
    renew_at: datetime | None = None
    good_until: datetime | None = None
    claims: int = 0
    claimed_by: str | None = None
    claimed_until: datetime | None = None
    asked_until: datetime | None = None
    version: int = 0

    @property
    def due(self) -> datetime | None:
        """When the record needs attention though no call asks for a token; never, for a token that costs nothing."""
        return None

    @property
    def expires_at(self) -> datetime | None:
        """When the table may delete the record by itself; None for never."""
        return None


class Offer(Confidential, frozen=True):
    """A refresh token that the app gave at ``at`` (aware UTC) and that was never exchanged."""

    hidden = ("token",)

    token: str
    at: datetime


class AccountRecord(TokenRecord, frozen=True):
    """A driver's account at a car maker whose refresh tokens are good for one use.

    Attributes:
        refresh_token: the one to exchange next.
        generation: the number of the claim under which it was granted; a higher one is newer.
        renewed_at: when it was granted.
        previous: the one that was exchanged for it, which its maker may take again until ``previous_until``.
        offers: refresh tokens from the app that were not exchanged yet, newest first.
        seen: digests of every refresh token that the app ever gave for this account.
        signed_in_at: when the app last gave one that was not seen before.
        reserved: sites that are being onboarded with this account, each with the end of its reservation.
        lost_at: when the maker refused the last refresh token; None while the account works.
        interrupted: whether the claim before the latest one lapsed without an outcome.
        doubted_at: when a refresh token was first refused that another instance may have exchanged.
        failures: how many exchanges in a row the token service did not answer.
        tried_at: when it last did not, or when a refusal was last doubted.
        retry_at: when the exchange is repeated though no call asks for a token.
        news: what the account's assets have not been informed of yet, since ``news_at``.
        check_at: when to check whether an asset still needs the account, and whether to exchange an offer.
    """

    hidden = ("access_token", "refresh_token", "previous")

    refresh_token: str | None = None
    generation: int = 0
    renewed_at: datetime | None = None
    previous: str | None = None
    previous_until: datetime | None = None
    offers: tuple[Offer, ...] = ()
    seen: tuple[str, ...] = ()
    signed_in_at: datetime | None = None
    reserved: Mapping[str, datetime] = field(default_factory=dict)
    lost_at: datetime | None = None
    interrupted: bool = False
    doubted_at: datetime | None = None
    failures: int = 0
    tried_at: datetime | None = None
    retry_at: datetime | None = None
    news: Literal["connected", "lost"] | None = None
    news_at: datetime | None = None
    check_at: datetime | None = None

    @property
    def due(self) -> datetime | None:
        """When the account needs attention next (aware UTC)."""
        idle = self.renewed_at + IDLE_RENEWAL if self.renewed_at and self.refresh_token else None
        ahead = (self.claimed_until, self.retry_at, self.check_at, self.news_at, idle, *self.reserved.values())
        return min((at for at in ahead if at is not None), default=None)

    @property
    def expires_at(self) -> datetime | None:
        """A little after the maker lets the newest refresh token expire."""
        used = [at for at in (self.renewed_at, self.lost_at, *(offer.at for offer in self.offers)) if at is not None]
        return max(used) + REFRESH_TOKEN_LASTS + KEPT_LONGER if used else None


class AccountDates(Struct, frozen=True):
    """When a driver signed in, when tokens were last granted, and when the account was lost, as in its record."""

    signed_in_at: datetime | None = None
    renewed_at: datetime | None = None
    lost_at: datetime | None = None

    @property
    def holds_tokens(self) -> bool:
        """Whether the record has tokens: a lost account has none until the driver signs in again."""
        return self.lost_at is None or (self.signed_in_at is not None and self.signed_in_at > self.lost_at)


Record = TypeVar("Record", bound=TokenRecord)


class TokenRecords(Generic[Record], Struct, frozen=True):
    """The records of one kind, in the table ``name``; ``shards`` spreads the index of those that are due."""

    client: "DynamoDBClient"
    name: str
    kind: type[Record]
    shards: int = 4

    def get(self, key: str) -> Record | None:
        """The record, strongly consistent; None when there is none. Raises TokenStoreError."""
        try:
            answer = self.client.get_item(TableName=self.name, Key=_key(key), ConsistentRead=True)
        except (BotoCoreError, ClientError) as error:
            raise _unanswered(error) from error
        return msgspec.convert(decode_item(answer["Item"]), self.kind) if "Item" in answer else None

    def dates(self, key: str) -> "AccountDates | None":
        """The dates of a driver's account, for who may not read its tokens. Raises TokenStoreError."""
        try:
            answer = self.client.get_item(
                TableName=self.name,
                Key=_key(key),
                ConsistentRead=True,
                ProjectionExpression=", ".join(AccountDates.__struct_fields__),
            )
        except (BotoCoreError, ClientError) as error:
            raise _unanswered(error) from error
        return msgspec.convert(decode_item(answer["Item"]), AccountDates) if "Item" in answer else None

    def put_if(self, key: str, new: Record, expected_version: int) -> bool:
        """Write a record, which carries its next ``version``, if it is at a version (0: there is none); else False.

        Raises:
            TokenStoreError: it may have been written or not.
        """
        due, expires_at = new.due, new.expires_at
        item = {
            **{name: getattr(new, name) for name in new.__struct_fields__},
            "pk": key,
            "sk": STATE,
            "slots_shard": SHARD_PREFIX + shard_of(key, self.shards) if due else None,
            "slots_due": due_stamp(due) if due else None,
            "expires_at": int(expires_at.timestamp()) if expires_at else None,
        }
        return _written(
            self.client.put_item,
            TableName=self.name,
            Item=encode_item(item),
            ConditionExpression="version = :expected OR (:expected = :none AND attribute_not_exists(pk))",
            ExpressionAttributeValues={":expected": encode(expected_version), ":none": encode(0)},
        )

    def delete_if(self, key: str, version: int) -> bool:
        """Delete a record if it is at a version; False when it is at another. Raises TokenStoreError."""
        return _written(
            self.client.delete_item,
            TableName=self.name,
            Key=_key(key),
            ConditionExpression="version = :version OR attribute_not_exists(pk)",
            ExpressionAttributeValues={":version": encode(version)},
        )

    def due(self, until: datetime) -> Iterator[tuple[str, datetime]]:
        """The keys of the records due up to an instant (aware UTC), each with its due time, earliest first by shard."""
        for shard in range(self.shards):
            pages = self.client.get_paginator("query").paginate(
                TableName=self.name,
                IndexName="SlotsDue",
                KeyConditionExpression="slots_shard = :shard AND slots_due <= :until",
                ExpressionAttributeValues={
                    ":shard": encode(f"{SHARD_PREFIX}{shard:03d}"),
                    ":until": encode(stamp(until)),
                },
            )
            for page in pages:
                for item in page["Items"]:
                    row = decode_item(item)
                    yield row["pk"], unstamp(row["slots_due"])


class SiteAccounts(Struct, frozen=True):
    """Which accounts a site was ever onboarded with, in the table ``name``, so that its erasure finds them all."""

    client: "DynamoDBClient"
    name: str

    def add(self, site: str, key: str) -> None:
        """Note that a site uses the account with the record ``key``. Raises TokenStoreError."""
        try:
            self.client.put_item(TableName=self.name, Item=_site_account(site, key))
        except (BotoCoreError, ClientError) as error:
            raise _unanswered(error) from error

    def of(self, site: str) -> list[str]:
        """The keys of the accounts' records. Raises TokenStoreError."""
        pages = self.client.get_paginator("query").paginate(
            TableName=self.name,
            KeyConditionExpression="pk = :pk AND begins_with(sk, :prefix)",
            ExpressionAttributeValues={":pk": encode(site_key(site)), ":prefix": encode(SITE_ACCOUNT)},
            ConsistentRead=True,
        )
        try:
            rows = [decode_item(item) for page in pages for item in page["Items"]]
        except (BotoCoreError, ClientError) as error:
            raise _unanswered(error) from error
        return [row["sk"].removeprefix(SITE_ACCOUNT) for row in rows]

    def remove(self, site: str, key: str) -> None:
        """Forget that a site used an account. Raises TokenStoreError."""
        try:
            self.client.delete_item(TableName=self.name, Key=_site_account(site, key))
        except (BotoCoreError, ClientError) as error:
            raise _unanswered(error) from error


def _site_account(site: str, key: str) -> dict[str, Any]:
    return encode_item({"pk": site_key(site), "sk": SITE_ACCOUNT + key})


def _key(key: str) -> dict[str, Any]:
    return encode_item({"pk": key, "sk": STATE})


def _written(write: Callable[..., object], **request: Any) -> bool:
    """Whether a conditional write was made; any error says nothing of that."""
    try:
        return write_if(write, **request)
    except (BotoCoreError, ClientError, ContentionError) as error:
        raise _unanswered(error) from error


def _unanswered(error: Exception) -> TokenStoreError:
    return TokenStoreError(f"The table of tokens did not answer ({type(error).__name__}).")
