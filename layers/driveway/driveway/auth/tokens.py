"""Bearer tokens for the providers' APIs, shared by all instances of all functions through one small store."""

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, Protocol

from driveway.auth.token_source import TokenError

if TYPE_CHECKING:
    import requests

TIMEOUT_S = (5.0, 15.0)
LONGEST_LIFETIME_S = 366 * 86_400.0
POLL_S = 0.25
POLLS = 160
"""How often, and for how many polls, an instance looks whether another has finished its exchange."""


class TokenStore(Protocol):
    """Where tokens are kept. Records are plain mappings of text and whole numbers; ``version`` is the lock."""

    def get(self, key: str) -> Mapping[str, Any] | None:
        """The record, read consistently, or None."""
        ...

    def put_if(self, key: str, new: Mapping[str, Any], expected_version: int) -> bool:
        """Replace the record if its ``version`` is still the expected one (0: there is no record); else False."""
        ...


@dataclass(frozen=True, slots=True)
class StaticToken:
    """A token that is configured and never changes."""

    value: str = field(repr=False)

    def token(self, *, refused: str | None = None) -> str:
        """The configured token, also when it was refused: there is no other."""
        del refused
        return self.value


@dataclass(frozen=True, slots=True)
class TokenEndpoint:
    """An OAuth 2.0 token endpoint (RFC 6749 §3.2) and how this client proves itself there.

    ``lifetime_s`` is how long a token is valid when the endpoint does not say.
    """

    url: str
    client_id: str = ""
    client_secret: str | None = field(default=None, repr=False)
    client_auth: Literal["basic", "form", "none"] = "form"
    parameters: Mapping[str, str] = field(default_factory=dict, repr=False)
    lifetime_s: float = 300

    @property
    def holder(self) -> str:
        """Whose tokens are issued here, as a digest: the same for as long as only a secret or a password changes."""
        parts = (self.url, self.client_id, self.parameters.get("username", ""))
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class _Granted:
    access_token: str
    expires_in_s: float
    refresh_token: str | None


@dataclass(slots=True)
class SharedTokens:
    """A TokenSource whose access token is fetched by one instance and used by all.

    With ``rotating`` the stored ``refresh_token`` is exchanged and replaced (RFC 6749 §6, single-use tokens); without,
    the client's own credentials are (§4.4). Before an exchange an instance claims the record by a conditional write,
    and the new tokens are stored before the access token is used: so no two instances spend one refresh token, and
    none is used that could be lost.

    Attributes:
        key: the record in the store: one per provider, or per provider and user where ``rotating``.
        now: the present instant, aware UTC.
        margin: how long before its expiry a token is replaced; at most a fifth of its lifetime.
        lease: how long an exchange may take, by the clock of ``now``, before another instance takes it over.
        wait: blocks for some seconds while another instance makes its exchange.
    """

    key: str
    endpoint: TokenEndpoint
    store: TokenStore
    http: "requests.Session"
    now: Callable[[], datetime]
    rotating: bool = False
    margin: timedelta = timedelta(seconds=120)
    lease: timedelta = timedelta(seconds=30)
    wait: Callable[[float], None] = time.sleep
    _held: Mapping[str, Any] | None = field(default=None, init=False, repr=False)

    def token(self, *, refused: str | None = None) -> str:
        """A token that has not expired and is not ``refused``.

        Raises:
            TokenError: the endpoint gives none, or another instance is still fetching one.
        """
        if self._held is not None and self._fits(self._held, refused, until="renew_at"):
            return str(self._held["access_token"])
        for _ in range(POLLS):
            record = self.store.get(self.key) or {}
            if self._fits(record, refused, until="renew_at") or self._stands_in(record, refused):
                self._held = record
                return str(record["access_token"])
            self._check_consent(record)
            if self.now() < _instant(record.get("claimed_until")):
                self.wait(POLL_S)
            elif (claimed := self._claim(record)) is not None and (renewed := self._exchange(claimed, refused)):
                self._held = renewed
                return str(renewed["access_token"])
        raise TokenError("Another instance is still renewing the token.", retry_after_s=POLLS * POLL_S)

    def _fits(self, record: Mapping[str, Any], refused: str | None, *, until: str) -> bool:
        token = record.get("access_token")
        # What another client's token shows is another client's: its cars, its rights.
        ours = record.get("holder") == self.endpoint.holder
        return bool(token) and ours and token != refused and self.now() < _instant(record.get(until))

    def _stands_in(self, record: Mapping[str, Any], refused: str | None) -> bool:
        """Whether the old token is still good while another instance fetches the next one."""
        claimed = self.now() < _instant(record.get("claimed_until"))
        return claimed and self._fits(record, refused, until="expires_at")

    def _check_consent(self, record: Mapping[str, Any]) -> None:
        if not self.rotating:
            return
        if not record.get("refresh_token"):
            raise TokenError("The account is not connected.", needs_user=True)
        if record.get("spent") == record["refresh_token"]:
            raise TokenError("The account has to be connected again.", needs_user=True)

    def _claim(self, record: Mapping[str, Any]) -> dict[str, Any] | None:
        return self._replace(record, claimed_until=(self.now() + self.lease).isoformat())

    def _replace(self, record: Mapping[str, Any], **changes: str) -> dict[str, Any] | None:
        version = int(record.get("version", 0))
        new = {**record, **changes, "version": version + 1}
        return new if self.store.put_if(self.key, new, version) else None

    def _exchange(self, claimed: Mapping[str, Any], refused: str | None) -> Mapping[str, Any] | None:
        """The record with new tokens, stored; None when a later look at the store has to decide.

        When the endpoint fails before the old token has expired, that is as good as a new one for now.
        """
        try:
            granted = _grant(self.http, self.endpoint, claimed.get("refresh_token") if self.rotating else None)
        except TokenError as error:
            if error.needs_user and self.rotating:
                # Whoever took over a lease that had run out may have spent this token and stored its successor.
                if self._replace(claimed, claimed_until="", spent=str(claimed["refresh_token"])) is None:
                    return None
                raise
            self._replace(claimed, claimed_until="")
            if self._fits(claimed, refused, until="expires_at"):
                return claimed
            raise TokenError(str(error), retry_after_s=error.retry_after_s) from error
        return self._keep(claimed, granted)

    def _keep(self, claimed: Mapping[str, Any], granted: _Granted) -> Mapping[str, Any] | None:
        lifetime = timedelta(seconds=granted.expires_in_s)
        expires_at = self.now() + lifetime
        changes = {
            "access_token": granted.access_token,
            "holder": self.endpoint.holder,
            "renew_at": (expires_at - min(self.margin, lifetime / 5)).isoformat(),
            "expires_at": expires_at.isoformat(),
            "claimed_until": "",
        }
        if granted.refresh_token is not None:
            changes["refresh_token"] = granted.refresh_token
        record: Mapping[str, Any] = claimed
        # After a lost claim the new refresh token still counts, unless the spent one has been replaced meanwhile.
        while (stored := self._replace(record, **changes)) is None:
            record = self.store.get(self.key) or {}
            if record.get("refresh_token") != claimed.get("refresh_token"):
                return None
        return stored


def _instant(text: Any) -> datetime:
    return datetime.fromisoformat(text) if text else datetime.min.replace(tzinfo=UTC)


def _grant(http: "requests.Session", endpoint: TokenEndpoint, refresh_token: str | None) -> _Granted:
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
        raise TokenError(f"The token service did not answer ({type(error).__name__}).") from None
    return _granted(response.status_code, body if isinstance(body, dict) else {}, endpoint.lifetime_s)


def _granted(status: int, body: Mapping[str, Any], lifetime_s: float) -> _Granted:
    """What a token response grants (RFC 6749 §5.1, §5.2); ``lifetime_s`` where it does not say how long."""
    import requests

    token, successor = body.get("access_token"), body.get("refresh_token")
    if status == requests.codes.ok and _is_token(token):
        expires_in_s = _lifetime_s(body.get("expires_in"), lifetime_s)
        return _Granted(str(token), expires_in_s, str(successor) if _is_token(successor) else None)
    error = body.get("error")
    refused = status in {400, 401, 403} and error in {"invalid_grant", "login_required", "access_denied"}
    words = f"The token service answered {status}" + (f" ({error})." if isinstance(error, str) else ".")
    raise TokenError(words, needs_user=refused)


def _is_token(value: Any) -> bool:
    """Whether a value can stand in a header as a bearer token (RFC 6750 §2.1)."""
    return isinstance(value, str) and value.isascii() and value.isprintable() and bool(value) and " " not in value


def _lifetime_s(value: Any, usual_s: float) -> float:
    """How long a token is valid, as the endpoint says; ``usual_s`` where that is no possible number of seconds."""
    try:
        seconds = float(value)
    except (TypeError, ValueError, OverflowError):
        return usual_s
    return seconds if 0 < seconds <= LONGEST_LIFETIME_S and not isinstance(value, bool) else usual_s
