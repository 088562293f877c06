"""OAuth tokens the simulated providers hand out."""

import base64
import itertools
from datetime import datetime, timedelta

from starlette.requests import Request


class Tokens:
    """Access tokens and until when (aware UTC) each is good."""

    def __init__(self, prefix: str) -> None:
        """No tokens yet; ``prefix`` starts each one so that a provider's token is told apart."""
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
