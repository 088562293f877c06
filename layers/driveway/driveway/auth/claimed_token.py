"""A token that one instance fetches and all instances share, and the claims that decide which instance fetches it.

Before it asks the token endpoint, an instance claims the record by a conditional write. A claim carries its own id: an
instance that does not know whether its write was made reads the record and recognises its claim there. A claim lapses
after its lease, so another instance replaces one that died. No request to the endpoint starts in the second half of a
lease, and a request takes less than that half.
"""

import time
import uuid
from abc import abstractmethod
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Generic, Protocol, Self, TypeVar

from msgspec import Struct, field

from driveway.auth.oauth import TokenEndpoint
from driveway.auth.token_source import TokenError
from driveway.runtime.deadline import LEAST_CALL_S, TimeLeft, no_deadline
from driveway.store.tokens import TokenRecord, TokenStoreError
from driveway.values import replace

if TYPE_CHECKING:
    import requests

    from driveway.runtime.context import Runtime

LEASE_S = 30.0
"""How many real seconds an exchange may take before another instance takes over."""

POLL_S = 0.25
POLLS = 160
"""The interval, and the number of polls, at which an instance checks whether another has finished its exchange."""

MOST_STORE_ERRORS = 3

LONGEST_ASKED = timedelta(minutes=5)
"""The longest pause that a token endpoint can ask for: a car cannot be commanded meanwhile."""

Record = TypeVar("Record", bound=TokenRecord)


class TokenStore(Protocol[Record]):
    """Where tokens are kept. ``version`` is the lock of a record. Every method may raise TokenStoreError."""

    def get(self, key: str) -> Record | None:
        """The record, read consistently, or None."""
        ...

    def put_if(self, key: str, new: Record, expected_version: int) -> bool:
        """Replace the record if its ``version`` is still the expected one (0: there is no record); else False."""
        ...


def _new_id() -> str:
    return uuid.uuid4().hex


def asked_until(error: TokenError, now: datetime) -> datetime | None:
    """The time until which the endpoint is left alone, as it asks (aware UTC); None if it does not ask."""
    if error.retry_after_s is None:
        return None
    return now + min(timedelta(seconds=error.retry_after_s), LONGEST_ASKED)


class ClaimedToken(Generic[Record], Struct):
    """A TokenSource whose access token is fetched by one instance and used by all.

    Attributes:
        key: the record in the store.
        now: the present instant, aware UTC.
        new_id: an identifier that nobody has used.
        lease: how long a claim lasts, by the clock of ``now``, before another instance takes over.
        wait: blocks for some seconds while another instance makes its exchange.
        time_left: the seconds until the function has to answer; no wait and no exchange lasts longer.
    """

    key: str
    endpoint: TokenEndpoint
    store: TokenStore[Record]
    http: "requests.Session"
    now: Callable[[], datetime]
    new_id: Callable[[], str] = _new_id
    lease: timedelta = timedelta(seconds=LEASE_S)
    wait: Callable[[float], None] = time.sleep
    time_left: TimeLeft = no_deadline
    _held: Record | None = None
    _unsure: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, key: str, endpoint: TokenEndpoint, store: TokenStore[Record], runtime: "Runtime") -> Self:
        """The token source of one instance of a function, over the clock, HTTP session and ids of its runtime."""
        clock = runtime.clock

        def wait(real_s: float) -> None:
            clock.sleep(clock.real_time(real_s).total_seconds())

        return cls(
            key,
            endpoint,
            store,
            runtime.http,
            runtime.now,
            runtime.new_id,
            clock.real_time(LEASE_S),
            wait,
            runtime.deadline.left_s,
        )

    def token(self, *, refused: str | None = None) -> str:
        """A token that has not expired and is not ``refused``.

        Raises:
            TokenError: the endpoint gives none, or another instance is still fetching one.
        """
        if self._held is not None and self._fits(self._held, refused, until=self._held.renew_at):
            return str(self._held.access_token)
        errors = 0
        for _ in range(POLLS):
            try:
                record = self._usable(refused)
            except TokenStoreError as error:
                errors += 1
                if errors == MOST_STORE_ERRORS:
                    raise TokenError(str(error)) from error
                record = None
            if record is not None:
                self._held = record
                return str(record.access_token)
            if self.time_left() < LEAST_CALL_S + POLL_S:
                raise TokenError("Another instance is still renewing the token, and no time is left.", retry_after_s=5)
            self.wait(POLL_S)
        raise TokenError("Another instance is still renewing the token.", retry_after_s=POLLS * POLL_S)

    def _usable(self, refused: str | None) -> Record | None:
        """The record with a usable token, renewed if this instance has the claim; None to read the record again."""
        record = self._read()
        if self._fits(record, refused, until=record.renew_at):
            return record
        claimed = self._is_claimed(record)
        waits = claimed or self._waits(record)
        if waits and self._fits(record, refused, until=record.good_until):
            return record
        self._check(record)
        if claimed:
            return None
        claim = self._claim(record)
        renewed = self._renew(claim, refused) if claim is not None else None
        return renewed if renewed is not None and self._fits(renewed, refused, until=renewed.good_until) else None

    def _read(self) -> Record:
        return self.store.get(self.key) or self._empty()

    def _fits(self, record: Record, refused: str | None, *, until: datetime | None) -> bool:
        token = record.access_token
        # Another client's token shows that client's cars and has that client's rights.
        ours = record.holder == self.endpoint.holder
        return bool(token) and ours and token != refused and until is not None and self.now() < until

    def _is_claimed(self, record: Record) -> bool:
        """Whether an exchange is under way, by another or by a call of this instance that is still running."""
        until = record.claimed_until
        return until is not None and self.now() < until and record.claimed_by not in self._unsure

    def _claim(self, record: Record) -> Record | None:
        """The record with a claim of this call on it; None when another write came first, or too late to use it."""
        if self._is_own(record):
            return record if self.may_ask(record) else None
        claim_id, now = self.new_id(), self.now()
        new = replace(
            self._claimed(record), claims=record.claims + 1, claimed_by=claim_id, claimed_until=now + self.lease
        )
        try:
            stored = self.put(new)
        except TokenStoreError:
            self._unsure.append(claim_id)
            raise
        if stored is None:
            present = self.store.get(self.key)
            # A write whose answer was lost is repeated by the client, and then fails by its own condition.
            stored = present if present is not None and present.claimed_by == claim_id else None
        if stored is None or self.may_ask(stored):
            return stored
        self.put(replace(stored, claimed_by=None, claimed_until=None))
        return None

    def _is_own(self, record: Record) -> bool:
        """Whether the record's claim is one of this instance whose write was not acknowledged; it is so only once."""
        until = record.claimed_until
        if record.claimed_by is None or until is None or self.now() >= until:
            return False
        try:
            self._unsure.remove(record.claimed_by)
        except ValueError:
            return False
        return True

    def may_ask(self, claimed: Record) -> bool:
        """Whether enough of a claim's lease is left for a request to the endpoint."""
        until = claimed.claimed_until
        return until is not None and self.now() <= until - self.lease / 2

    def put(self, new: Record) -> Record | None:
        """The record as it was stored over the version that was read; None when another write came first.

        Raises:
            TokenStoreError: it may be stored or not.
        """
        written = replace(new, version=(new.version or new.claims) + 1)
        return written if self.store.put_if(self.key, written, new.version) else None

    @abstractmethod
    def _empty(self) -> Record:
        """The record where there is none yet."""

    def _claimed(self, record: Record) -> Record:
        """The record as a claim finds it, with the fields that the claim has to remember."""
        return record

    def _waits(self, record: Record) -> bool:
        """Whether the endpoint is left alone for a while."""
        return record.asked_until is not None and self.now() < record.asked_until

    def _check(self, record: Record) -> None:
        """Raise TokenError if no exchange can give a token now."""
        if record.asked_until is not None and self.now() < record.asked_until:
            wait_s = (record.asked_until - self.now()).total_seconds()
            raise TokenError("The token service asks to be left alone.", retry_after_s=wait_s, unavailable=True)

    @abstractmethod
    def _renew(self, claimed: Record, refused: str | None) -> Record | None:
        """The record with a new token; None to read the record again. Raises TokenError."""
