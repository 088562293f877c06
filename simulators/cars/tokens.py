"""OAuth tokens the simulated providers hand out."""

import base64
import itertools
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from starlette.requests import Request


class Tokens:
    """Access tokens and until when (aware UTC) each is good."""

    def __init__(self, prefix: str) -> None:
        """No tokens yet; ``prefix`` starts each one so that one sees whose token it is."""
        self._prefix = prefix
        self._serial = itertools.count(1)
        self._good_until: dict[str, datetime] = {}

    def issue(self, now: datetime, lifetime_s: float) -> str:
        """A new token."""
        token = f"{self._prefix}-{next(self._serial)}"
        self._good_until[token] = now + timedelta(seconds=lifetime_s)
        return token

    def good(self, request: Request, now: datetime) -> bool:
        """Whether a request carries a token that is still good."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        return scheme.lower() == "bearer" and self._good_until.get(token, now) > now

    def expire(self) -> None:
        """Let every token be refused from now on."""
        self._good_until.clear()


RefreshModel = Literal["strict", "24h", "reuse_ends"]
"""How often a refresh token works: once; or once, and the last used one again within 24 hours, as Tesla promises; or
once, and using it again ends the sign-in (RFC 9700 §4.14.2)."""

USED_AGAIN_WITHIN = timedelta(hours=24)


@dataclass
class _Family:
    """The refresh tokens that came of one sign-in. The newest is good, and by the model the last used one."""

    user: str
    newest: str
    issued_at: datetime
    last_used: str | None = None
    used_at: datetime | None = None
    revoked: bool = False


class RefreshTokens:
    """The refresh tokens of drivers' accounts.

    Attributes:
        model: how often each works; whether the successor of a token that is used again dies with that is not
            promised, so here it does.
        lifetime: how long one is good without being used.
        sign_in_ends_older: whether a new sign-in of a driver ends the tokens of the sign-ins before.
    """

    def __init__(
        self,
        model: RefreshModel = "strict",
        *,
        lifetime: timedelta = timedelta(days=92),
        sign_in_ends_older: bool = False,
    ) -> None:
        """No tokens yet."""
        self.model, self.lifetime, self.sign_in_ends_older = model, lifetime, sign_in_ends_older
        self._serial = itertools.count(1)
        self._families: dict[str, _Family] = {}

    def sign_in(self, user: str, now: datetime, token: str | None = None) -> str:
        """The refresh token of a new sign-in of a driver; ``token`` is what it shall be."""
        if self.sign_in_ends_older:
            self.revoke(user)
        first = token or f"refresh-{user}-{next(self._serial)}"
        self._families[first] = _Family(user, first, now)
        return first

    def revoke(self, user: str) -> None:
        """End every refresh token of a driver."""
        for family in self._families.values():
            family.revoked = family.revoked or family.user == user

    def end(self, token: str) -> None:
        """End the sign-in that a refresh token came of."""
        family = self._families.get(token)
        if family is not None:
            family.revoked = True

    def users(self, now: datetime) -> list[str]:
        """The drivers with a sign-in that has not ended."""
        return sorted({family.user for family in self._families.values() if self.takes(family.newest, now)})

    def issued_at(self, user: str) -> datetime | None:
        """When the newest refresh token of a driver was issued; None if there is none."""
        return max((family.issued_at for family in self._families.values() if family.user == user), default=None)

    def takes(self, token: str, now: datetime) -> bool:
        """Whether an exchange of a token would be taken."""
        family = self._families.get(token)
        if family is None or family.revoked:
            return False
        if token == family.newest:
            return now < family.issued_at + self.lifetime
        again = self.model == "24h" and token == family.last_used
        return again and family.used_at is not None and now < family.used_at + USED_AGAIN_WITHIN

    def exchange(self, token: str, now: datetime) -> str | None:
        """The successor of a token; None if the token is refused."""
        if not self.takes(token, now):
            if self.model == "reuse_ends":
                self.end(token)
            return None
        family = self._families[token]
        if token == family.newest:
            family.last_used, family.used_at = token, now
        family.newest, family.issued_at = f"{family.user}-refresh-{next(self._serial)}", now
        self._families[family.newest] = family
        return family.newest


def basic_credentials(request: Request) -> tuple[str, str]:
    """User and password of HTTP Basic authentication; empty when absent or malformed."""
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except ValueError:
        return "", ""
    return user, password
