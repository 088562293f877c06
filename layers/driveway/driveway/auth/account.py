"""The record of a driver's account at a car maker, and its change by each event. Pure.

The rules rest on Tesla's promises for its refresh tokens
(https://developer.tesla.com/docs/fleet-api/authentication/third-party-tokens): each works once and for three months,
and the one that was used last works again for 24 hours. Where a maker does not keep the last promise, a refresh token
is lost only if its successor never reached the table.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct

from driveway.auth.oauth import Granted
from driveway.store.tokens import IDLE_RENEWAL, AccountRecord, Offer
from driveway.values import replace

USED_AGAIN_WITHIN = timedelta(hours=24)
"""For how long Tesla accepts the last used refresh token once more."""

RESERVED_FOR = timedelta(hours=1)
"""For how long an account is kept for a site whose onboarding has not ended."""

FIRST_RETRY = timedelta(seconds=10)
LONGEST_GATE = timedelta(minutes=1)
"""The longest pause without a new exchange after the token service did not answer, unless it asks for a longer one."""

LONGEST_RETRY = timedelta(minutes=15)
DOUBT = timedelta(seconds=45)
"""The time that an instance has to store the successor of a refused token."""

MOST_OFFERS = 4
MOST_SEEN = 400
MARGIN = timedelta(minutes=10)
"""How long before its expiry an access token is renewed; at most a fifth of its lifetime."""


class Pair(Struct, frozen=True):
    """An access token and a refresh token as they were granted at ``at`` (aware UTC) for ``exchanged``.

    ``claim`` is the number of the claim under which they were granted, ``claimed_by`` its id.
    """

    exchanged: str
    granted: Granted
    holder: str
    claim: int
    claimed_by: str | None
    at: datetime


_settled: dict[str, Any] = {
    "interrupted": False,
    "doubted_at": None,
    "failures": 0,
    "tried_at": None,
    "retry_at": None,
    "asked_until": None,
}
"""An exchange had an outcome."""


def digest_of(token: str) -> str:
    """The digest by which a refresh token is recognised later."""
    return hashlib.sha256(token.encode()).hexdigest()[:32]


def new_record(now: datetime) -> AccountRecord:
    """The empty record of an account.

    Its counters begin with the time, so that a write meant for a deleted record never fits a later one.
    """
    began = int(now.timestamp() * 1000)
    return AccountRecord(claims=began, generation=began)


def offered(record: AccountRecord, tokens: Sequence[str], site: str | None, now: datetime) -> AccountRecord:
    """The record once the app gave refresh tokens for an account, and ``site`` is being onboarded with it.

    A token that was given before is ignored: it was exchanged since, and only its successor works.
    ``site`` is None where the account is in use already.
    """
    unseen = [token for token in dict.fromkeys(tokens) if digest_of(token) not in record.seen]
    offers, seen = record.offers, record.seen
    for token in unseen:
        offers, seen = (Offer(token, now), *offers)[:MOST_OFFERS], (*seen, digest_of(token))[-MOST_SEEN:]
    reserved = record.reserved if site is None else {**record.reserved, site: now + RESERVED_FOR}
    if unseen:
        record = replace(record, signed_in_at=now, check_at=now)
    return replace(record, offers=offers, seen=seen, reserved=reserved)


def released(record: AccountRecord, site: str | None, now: datetime) -> AccountRecord:
    """The record without the reservation of a site, and without those that are over."""
    reserved = {name: until for name, until in record.reserved.items() if name != site and until > now}
    return record if reserved == record.reserved else replace(record, reserved=reserved)


def exchangeable(record: AccountRecord, now: datetime, *, offers_first: bool) -> list[str]:
    """The refresh tokens worth an exchange, in order: the live one, the one before it, the app's offers.

    With ``offers_first`` the live one comes last: commands fail with it, though the token service may still accept it.
    """
    live = [record.refresh_token] if record.refresh_token else []
    if record.previous is not None and record.previous_until is not None and now < record.previous_until:
        live.append(record.previous)
    offers = [offer.token for offer in record.offers]
    return list(dict.fromkeys([*offers, *live] if offers_first else [*live, *offers]))


def without(record: AccountRecord, refused: str) -> AccountRecord:
    """The record without an offer that its maker refused; the others stay until all are refused."""
    return replace(record, offers=tuple(offer for offer in record.offers if offer.token != refused))


def granted(record: AccountRecord, pair: Pair) -> AccountRecord:
    """The record with a pair in place of the refresh token that it was exchanged for."""
    lifetime = timedelta(seconds=pair.granted.expires_in_s)
    known = {record.refresh_token, record.previous}
    kept = record.previous_until if pair.exchanged == record.previous else pair.at + USED_AGAIN_WITHIN
    rotated = pair.granted.refresh_token not in {None, pair.exchanged}
    mine = record.claimed_by == pair.claimed_by
    is_news = record.lost_at is not None or pair.exchanged not in known
    return replace(
        record,
        access_token=pair.granted.access_token,
        holder=pair.holder,
        renew_at=pair.at + lifetime - min(MARGIN, lifetime / 5),
        good_until=pair.at + lifetime,
        refresh_token=pair.granted.refresh_token or pair.exchanged,
        generation=pair.claim,
        renewed_at=pair.at,
        previous=pair.exchanged if rotated else None,
        previous_until=kept if rotated else None,
        offers=() if is_news else record.offers,
        lost_at=None,
        news="connected" if is_news else record.news,
        news_at=pair.at if is_news else record.news_at,
        **_settled,
        claimed_by=None if mine else record.claimed_by,
        claimed_until=None if mine else record.claimed_until,
    )


def unanswered(record: AccountRecord, now: datetime, asked_until: datetime | None = None) -> AccountRecord:
    """The record after the token service did not answer: it is asked again soon, at intervals that grow.

    ``asked_until`` is the time until which it asks to be left alone (aware UTC).
    """
    failures = record.failures + 1
    retry_at = now + min(FIRST_RETRY * 2 ** min(failures - 1, 8), LONGEST_RETRY)
    return replace(
        record,
        failures=failures,
        tried_at=now,
        retry_at=max(retry_at, asked_until or retry_at),
        asked_until=asked_until,
        claimed_by=None,
        claimed_until=None,
    )


def refused(record: AccountRecord, now: datetime) -> AccountRecord:
    """The record after its maker refused every refresh token.

    If another instance may have exchanged it and not stored the successor yet, that one gets a little time first.
    """
    if record.interrupted and record.doubted_at is None:
        return replace(
            record,
            doubted_at=now,
            tried_at=now,
            retry_at=now + DOUBT,
            interrupted=False,
            claimed_by=None,
            claimed_until=None,
        )
    return replace(
        record,
        access_token=None,
        renew_at=None,
        good_until=None,
        refresh_token=None,
        previous=None,
        previous_until=None,
        offers=(),
        lost_at=now,
        news="lost",
        news_at=now,
        **_settled,
        claimed_by=None,
        claimed_until=None,
    )


def gated_until(record: AccountRecord) -> datetime | None:
    """The time until which no exchange is tried for a call (aware UTC); the clock may wait longer."""
    if record.tried_at is None or record.retry_at is None:
        return None
    gate = record.tried_at + LONGEST_GATE
    return min(record.retry_at, max(gate, record.asked_until or gate))


def wants_exchange(record: AccountRecord, now: datetime, *, troubled: bool) -> bool:
    """Whether an exchange is due at ``now`` though no call asks for a token.

    ``troubled`` says that commands were refused for the account: then a new offer is tried at once.
    """
    if record.claimed_until is not None:
        return record.claimed_until <= now
    if record.retry_at is not None:
        return record.retry_at <= now
    if record.offers and (record.refresh_token is None or troubled):
        return True
    return (
        record.refresh_token is not None and record.renewed_at is not None and record.renewed_at + IDLE_RENEWAL <= now
    )
