"""A token endpoint, a clock, a store, and as many instances of a function as a test wants."""

import json
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any
from urllib.parse import parse_qs

import requests
from requests.adapters import BaseAdapter

from driveway.auth.account import new_record, offered
from driveway.auth.account_tokens import AccountTokens
from driveway.auth.oauth import TokenEndpoint
from driveway.auth.tokens import SharedTokens
from driveway.store.tokens import AccountRecord, TokenRecord
from driveway.values import replace
from simulators.cars.tokens import RefreshTokens
from tests.support.auth.memory_store import MemoryStore

START = datetime(2026, 11, 22, 18, 0, tzinfo=UTC)
URL = "https://oauth.example/oauth2/token"
KEY = "TOKEN#tesla#owner-1"


def client(adapter: BaseAdapter) -> requests.Session:
    """An HTTP session whose every request goes to an adapter."""
    http = requests.Session()
    http.trust_env = False
    http.mount("https://", adapter)
    return http


@dataclass
class TokenService(BaseAdapter):
    """A token endpoint: of refresh tokens where it has some, else of client credentials.

    ``before`` and ``after`` are called around each exchange; ``faults`` are answered (status, body, perhaps headers) or
    raised in its place.
    """

    now: Callable[[], datetime] = lambda: START
    refresh_tokens: RefreshTokens | None = None
    expires_in: Any = 3599
    granted: int = 0
    faults: list[requests.RequestException | tuple[int, Any] | tuple[int, Any, Mapping[str, str]]] = field(
        default_factory=list
    )
    before: Callable[[], None] = lambda: None
    after: Callable[[], None] = lambda: None
    forms: list[dict[str, str]] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def send(self, request: Any, *_: Any, **__: Any) -> requests.Response:
        self.forms.append({name: values[0] for name, values in parse_qs(request.body).items()})
        self.headers.append(dict(request.headers))
        self.before()
        if self.faults:
            fault = self.faults.pop(0)
            if isinstance(fault, Exception):
                raise fault
            return _response(request, *fault)
        answered = _response(request, *self._grant(self.forms[-1]))
        self.after()
        return answered

    def _grant(self, form: Mapping[str, str]) -> tuple[int, Any]:
        body = {"token_type": "bearer", "expires_in": self.expires_in}
        if self.refresh_tokens is not None:
            fresh = self.refresh_tokens.exchange(form.get("refresh_token", ""), self.now())
            if fresh is None:
                return 401, {"error": "login_required"}
            body["refresh_token"] = fresh
        self.granted += 1
        return 200, {**body, "access_token": f"access-{self.granted}"}

    def close(self) -> None:
        """Nothing is held open."""


def _response(request: Any, status: int, body: Any, headers: Mapping[str, str] | None = None) -> requests.Response:
    response = requests.Response()
    response.headers.update(headers or {})
    response.status_code, response.request, response.url = status, request, URL
    response._content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return response


@dataclass
class TokenWorld:
    """Instances that share a token which is had with the client's own credentials."""

    service: TokenService = field(default_factory=TokenService)
    store: MemoryStore[TokenRecord] = field(default_factory=MemoryStore)
    now: datetime = START
    endpoint: TokenEndpoint = field(default_factory=lambda: TokenEndpoint(URL, "client-1", "s3cret", "basic"))

    def __post_init__(self) -> None:
        self.service.now = lambda: self.now

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)

    def instance(self) -> SharedTokens:
        """Another instance."""
        http = client(self.service)
        return SharedTokens(KEY, self.endpoint, self.store, http, lambda: self.now, wait=self.advance)


@dataclass
class AccountWorld:
    """Instances that share the tokens of a driver's account. The driver signed in; the app gave the refresh token."""

    refresh_tokens: RefreshTokens = field(default_factory=RefreshTokens)
    now: datetime = START
    store: MemoryStore[AccountRecord] = field(default_factory=MemoryStore)
    service: TokenService = field(init=False)
    endpoint: TokenEndpoint = field(default_factory=lambda: TokenEndpoint(URL, "client-1"))

    def __post_init__(self) -> None:
        self.service = TokenService(lambda: self.now, self.refresh_tokens)
        self.offer(self.sign_in())

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)

    def sign_in(self) -> str:
        """The refresh token of a new sign-in of the driver."""
        return self.refresh_tokens.sign_in("owner-1", self.now)

    def offer(self, *tokens: str) -> None:
        """Keep refresh tokens that the app gives."""
        record = self.store.kept.get(KEY) or new_record(self.now)
        new = offered(record, tokens, None, self.now)
        version = (new.version or new.claims) + 1
        assert self.store.put_if(KEY, replace(new, version=version), new.version)

    @property
    def record(self) -> AccountRecord:
        """The account's record."""
        return self.store.kept[KEY]

    @property
    def is_connected(self) -> bool:
        """Whether the refresh token that is kept would be taken."""
        kept = self.record.refresh_token
        return kept is not None and self.refresh_tokens.takes(kept, self.now)

    def instance(self) -> AccountTokens:
        """Another instance."""
        http = client(self.service)
        return AccountTokens(KEY, self.endpoint, self.store, http, lambda: self.now, wait=self.advance)


def tokens_at_once(world: TokenWorld | AccountWorld, *, instances: int) -> list[str]:
    """The tokens that instances get which ask in the same moment, while an exchange takes 20 ms."""
    world.service.before = lambda: time.sleep(0.02)
    gate = Barrier(instances)

    def run() -> str:
        tokens = world.instance()
        tokens.wait = lambda _: time.sleep(0.002)
        gate.wait()
        return tokens.token()

    with ThreadPoolExecutor(instances) as threads:
        return [future.result() for future in [threads.submit(run) for _ in range(instances)]]
