"""One request to an OAuth 2.0 token endpoint (RFC 6749), and the meaning of its answer."""

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from msgspec import field

from driveway.auth.token_source import TokenError
from driveway.runtime.retry_after import retry_after_s
from driveway.values import Confidential

if TYPE_CHECKING:
    import requests

TIMEOUT_S = (3.05, 10.0)
"""To connect and to read. Both together end well within half a claim's lease."""

LONGEST_LIFETIME_S = 366 * 86_400.0

REFUSALS = frozenset({"invalid_grant", "login_required", "access_denied"})
"""The errors for a refresh token that is not valid (RFC 6749 §5.2; ``login_required`` is Tesla's)."""


class TokenEndpoint(Confidential, frozen=True):
    """An OAuth 2.0 token endpoint (RFC 6749 §3.2) and how this client proves itself there.

    ``lifetime_s`` is how long a token is valid when the endpoint does not say.
    """

    hidden = ("client_secret", "parameters")

    url: str
    client_id: str = ""
    client_secret: str | None = None
    client_auth: Literal["basic", "form", "none"] = "form"
    parameters: Mapping[str, str] = field(default_factory=dict)
    lifetime_s: float = 300

    @property
    def holder(self) -> str:
        """A digest of the endpoint and the client that gets its tokens; a new secret or password does not change it."""
        parts = (self.url, self.client_id, self.parameters.get("username", ""))
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


class Granted(Confidential, frozen=True):
    """A grant of a token endpoint. ``refresh_token`` is None where the one that was sent stays valid."""

    hidden = ("access_token", "refresh_token")

    access_token: str
    expires_in_s: float
    refresh_token: str | None = None


def request_token(http: "requests.Session", endpoint: TokenEndpoint, refresh_token: str | None = None) -> Granted:
    """Exchange a refresh token (RFC 6749 §6), or without one the client's own credentials (§4.4).

    Raises:
        TokenError: with ``needs_user`` the refresh token is refused; otherwise the endpoint could not grant one now,
            and the refresh token may have been used up or not. ``retry_after_s`` is how long it asks to wait, if
            it does.
    """
    import requests

    form = {"grant_type": "client_credentials", **endpoint.parameters}
    if refresh_token is not None:
        form |= {"grant_type": "refresh_token", "refresh_token": refresh_token}
    basic = (endpoint.client_id, endpoint.client_secret or "") if endpoint.client_auth == "basic" else None
    if endpoint.client_auth == "form":
        form["client_id"] = endpoint.client_id
        if endpoint.client_secret:
            form["client_secret"] = endpoint.client_secret
    try:
        response = http.post(endpoint.url, data=form, auth=basic, timeout=TIMEOUT_S, allow_redirects=False)
        body = response.json() if response.content else {}
    except requests.RequestException as error:
        detail = f"The token service did not answer ({type(error).__name__})."
        raise TokenError(detail, unavailable=True) from None
    asked_s = retry_after_s(response.headers)
    return _granted(response.status_code, body if isinstance(body, dict) else {}, asked_s, endpoint.lifetime_s)


def revoke_token(http: "requests.Session", endpoint: TokenEndpoint, refresh_token: str) -> None:
    """Revoke a refresh token at a revocation endpoint (RFC 7009 §2). A token that is not valid counts as revoked.

    Raises:
        TokenError: the endpoint has not acknowledged it.
    """
    import requests

    form = {"token": refresh_token, "token_type_hint": "refresh_token", "client_id": endpoint.client_id}
    if endpoint.client_secret:
        form["client_secret"] = endpoint.client_secret
    try:
        response = http.post(endpoint.url, data=form, timeout=TIMEOUT_S, allow_redirects=False)
    except requests.RequestException as error:
        detail = f"The revocation service did not answer ({type(error).__name__})."
        raise TokenError(detail, unavailable=True) from None
    if response.status_code != requests.codes.ok:
        detail = f"The revocation service answered {response.status_code}."
        raise TokenError(detail, retry_after_s=retry_after_s(response.headers))


def _granted(status: int, body: Mapping[str, object], asked_s: float | None, lifetime_s: float) -> Granted:
    """The grant in a token response (RFC 6749 §5.1, §5.2); ``lifetime_s`` applies where it gives no lifetime."""
    import requests

    token, successor = body.get("access_token"), body.get("refresh_token")
    if status == requests.codes.ok and _is_token(token):
        expires_in_s = _lifetime_s(body.get("expires_in"), lifetime_s)
        return Granted(str(token), expires_in_s, str(successor) if _is_token(successor) else None)
    error = body.get("error")
    detail = f"The token service answered {status}" + (f" ({error})." if isinstance(error, str) else ".")
    needs_user = status in {400, 401, 403} and error in REFUSALS
    raise TokenError(
        detail, needs_user=needs_user, retry_after_s=None if needs_user else asked_s, unavailable=not needs_user
    )


def _is_token(value: object) -> bool:
    """Whether a value can stand in a header as a bearer token (RFC 6750 §2.1)."""
    return isinstance(value, str) and value.isascii() and value.isprintable() and bool(value) and " " not in value


def _lifetime_s(value: Any, usual_s: float) -> float:
    """The lifetime that the endpoint gives; ``usual_s`` where that is not a possible number of seconds."""
    try:
        seconds = float(value)
    except (TypeError, ValueError, OverflowError):
        return usual_s
    return seconds if 0 < seconds <= LONGEST_LIFETIME_S and not isinstance(value, bool) else usual_s
