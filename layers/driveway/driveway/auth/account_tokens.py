"""The access token of a driver's account at a car maker, from refresh tokens that can be used once."""

from collections.abc import MutableMapping

from msgspec import field

from driveway.auth import account
from driveway.auth.account import Pair
from driveway.auth.claimed_token import ClaimedToken, asked_until
from driveway.auth.oauth import TIMEOUT_S, request_token
from driveway.auth.token_source import TokenError
from driveway.store.tokens import AccountRecord, TokenStoreError
from driveway.values import replace

NOT_CONNECTED = "The account is not connected."
STORE_PAUSES_S = (0.0, 0.25, 1.0)
"""The pauses before the attempts to store a pair that was just granted."""

MOST_RACES = 8


def lost_text(record: AccountRecord) -> str | None:
    """Why the driver has to sign in again; the text stays the same for one loss. None if the account works."""
    if record.lost_at is None:
        return None
    return f"The car maker no longer accepts the sign-in (since {record.lost_at:%Y-%m-%d %H:%M:%S} UTC)."


class AccountTokens(ClaimedToken[AccountRecord]):
    """A TokenSource whose refresh token is exchanged and replaced (RFC 6749 §6).

    A pair is stored before its access token is used. If the write fails, the pair is held in ``unstored``, used
    meanwhile, and stored as soon as a write succeeds. A pair that was granted under a newer claim is never
    overwritten by one that was granted under an older.

    Attributes:
        unstored: the pairs that this instance of the function holds, by the key of their record.
    """

    unstored: MutableMapping[str, Pair] = field(default_factory=dict)

    def may_ask(self, claimed: AccountRecord) -> bool:
        """See ``ClaimedToken.may_ask``. An exchange that is cut short may use a refresh token up, so none is."""
        return self.time_left() >= sum(TIMEOUT_S) and super().may_ask(claimed)

    def token(self, *, refused: str | None = None) -> str:
        """See ``ClaimedToken.token``. Raises TokenError, with ``needs_user`` if the driver has to sign in."""
        self.store_held()
        return super().token(refused=refused)

    def renew(self, *, offers_first: bool) -> None:
        """Exchange a refresh token though the access token may be good; nothing if another instance is doing so.

        Args:
            offers_first: try the app's offers before the live refresh token.

        Raises:
            TokenError: no refresh token is good (``needs_user``), or the endpoint does not answer.
            TokenStoreError: the table does not answer.
        """
        for _ in range(MOST_RACES):
            record = self._read()
            if record.version == 0 or self._is_claimed(record):
                return
            claimed = self._claim(record)
            renewed = self._exchange(claimed, None, offers_first=offers_first) if claimed is not None else None
            if renewed is not None:
                self._held = renewed
                return

    def store_held(self) -> None:
        """Store the pair whose write failed, if there is one and the write succeeds now."""
        pair = self.unstored.get(self.key)
        if pair is None:
            return
        try:
            record = self.store.get(self.key)
            self._held = self._stored(record, pair) if record is not None else None
        except TokenStoreError:
            return
        self.unstored.pop(self.key, None)

    def _empty(self) -> AccountRecord:
        return account.new_record(self.now())

    def _claimed(self, record: AccountRecord) -> AccountRecord:
        # The claim has ended and was removed from the record.
        lapsed = record.claimed_by is not None
        return replace(record, interrupted=True) if lapsed else record

    def _waits(self, record: AccountRecord) -> bool:
        until = account.gated_until(record)
        return until is not None and self.now() < until

    def _check(self, record: AccountRecord) -> None:
        if not account.exchangeable(record, self.now(), offers_first=False):
            raise TokenError(lost_text(record) or NOT_CONNECTED, needs_user=True)
        until = account.gated_until(record)
        if until is not None and self.now() < until:
            wait_s = (until - self.now()).total_seconds()
            raise TokenError("The token service did not answer; it is asked again soon.", retry_after_s=wait_s)

    def _renew(self, claimed: AccountRecord, refused: str | None) -> AccountRecord | None:
        return self._exchange(claimed, refused, offers_first=False)

    def _exchange(self, claimed: AccountRecord, refused: str | None, *, offers_first: bool) -> AccountRecord | None:
        left = claimed
        for token in account.exchangeable(claimed, self.now(), offers_first=offers_first):
            if not self.may_ask(claimed):
                self.put(replace(claimed, claimed_by=None, claimed_until=None))
                return None
            try:
                granted = request_token(self.http, self.endpoint, token)
            except TokenError as error:
                if not error.needs_user:
                    return self._unanswered(claimed, refused, error)
                left = account.without(left, token)
            else:
                holder, now = self.endpoint.holder, self.now()
                return self._keep(left, Pair(token, granted, holder, claimed.claims, claimed.claimed_by, at=now))
        self._note_refusal(claimed)
        return None

    def _unanswered(self, claimed: AccountRecord, refused: str | None, error: TokenError) -> AccountRecord:
        """The old token where it is still good. Raises TokenError otherwise: the service is asked again soon."""
        now = self.now()
        noted = account.unanswered(claimed, now, asked_until(error, now))
        try:
            self.put(noted)
        except TokenStoreError:
            self._keep_claim(claimed)
        if self._fits(claimed, refused, until=claimed.good_until):
            return claimed
        until = account.gated_until(noted)
        wait_s = (until - now).total_seconds() if until is not None else None
        raise TokenError(str(error), retry_after_s=wait_s, unavailable=error.unavailable) from error

    def _note_refusal(self, claimed: AccountRecord) -> None:
        """Note that every refresh token was refused; nothing if another instance has changed the record meanwhile.

        Raises:
            TokenError: the refusal is noted.
        """
        noted = account.refused(claimed, self.now())
        try:
            stored = self.put(noted)
        except TokenStoreError:
            self._keep_claim(claimed)
            raise
        if stored is None:
            return
        if noted.lost_at is None:
            detail = "The token service refused a token that another instance may be renewing."
            raise TokenError(detail, retry_after_s=account.DOUBT.total_seconds())
        raise TokenError(lost_text(noted) or NOT_CONNECTED, needs_user=True)

    def _keep_claim(self, claimed: AccountRecord) -> None:
        """Remember a claim that could not be removed from the record, to recognise it when it is read again."""
        if claimed.claimed_by is not None:
            self._unsure.append(claimed.claimed_by)

    def _keep(self, claimed: AccountRecord, pair: Pair) -> AccountRecord | None:
        """The record with the pair, stored if the write succeeds; None when the account was forgotten meanwhile."""
        for pause_s in STORE_PAUSES_S:
            if pause_s:
                self.wait(pause_s)
            try:
                return self._stored(claimed, pair)
            except TokenStoreError:
                continue
        self.unstored[self.key] = pair
        return account.granted(claimed, pair)

    def _stored(self, record: AccountRecord, pair: Pair) -> AccountRecord | None:
        """The record with the pair or with a newer one; None when the account was forgotten. Raises TokenStoreError."""
        present: AccountRecord | None = record
        for _ in range(MOST_RACES):
            if present is None or present.generation >= pair.claim:
                return present
            stored = self.put(account.granted(present, pair))
            if stored is not None:
                return stored
            present = self.store.get(self.key)
        raise TokenStoreError("The record is being changed by others.")
