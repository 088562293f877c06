"""Bearer tokens for the APIs at which we sign in with our own credentials."""

from datetime import timedelta

from driveway.auth.claimed_token import ClaimedToken, asked_until
from driveway.auth.oauth import TokenEndpoint, request_token
from driveway.auth.token_source import TokenError
from driveway.store.tokens import TokenRecord, TokenStoreError
from driveway.values import Confidential, replace

__all__ = ["SharedTokens", "StaticToken", "TokenEndpoint"]

MARGIN = timedelta(seconds=120)
"""How long before its expiry a token is replaced; at most a fifth of its lifetime."""


class StaticToken(Confidential, frozen=True):
    """A token that is configured and never changes."""

    hidden = ("value",)

    value: str

    def token(self, *, refused: str | None = None) -> str:
        """The configured token, also when it was refused: there is no other."""
        del refused
        return self.value


class SharedTokens(ClaimedToken[TokenRecord]):
    """A TokenSource whose access token is fetched with the client's own credentials (RFC 6749 §4.4)."""

    def _empty(self) -> TokenRecord:
        return TokenRecord()

    def _renew(self, claimed: TokenRecord, refused: str | None) -> TokenRecord | None:
        """The record with a new token, or with the old one if the endpoint fails and it has not expired."""
        try:
            granted = request_token(self.http, self.endpoint)
        except TokenError as error:
            until = asked_until(error, self.now())
            self._store(replace(claimed, asked_until=until, claimed_by=None, claimed_until=None))
            if self._fits(claimed, refused, until=claimed.good_until):
                return claimed
            raise
        now, lifetime = self.now(), timedelta(seconds=granted.expires_in_s)
        renewed = replace(
            claimed,
            access_token=granted.access_token,
            holder=self.endpoint.holder,
            renew_at=now + lifetime - min(MARGIN, lifetime / 5),
            good_until=now + lifetime,
            asked_until=None,
            claimed_by=None,
            claimed_until=None,
        )
        return self._store(renewed)

    def _store(self, record: TokenRecord) -> TokenRecord:
        """The record, stored if it can be. A token that is not shared is still valid."""
        try:
            return self.put(record) or record
        except TokenStoreError:
            return record
