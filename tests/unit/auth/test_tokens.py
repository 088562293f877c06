"""Tokens: fetched once, shared by all instances, and a refresh token that no race loses."""

import base64
import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from requests.adapters import BaseAdapter

from driveway.auth.token_source import TokenError
from driveway.auth.tokens import SharedTokens, StaticToken, TokenEndpoint

START = datetime(2026, 11, 22, 18, 0, tzinfo=UTC)
URL = "https://oauth.example/oauth2/token"


class MemoryStore:
    """A TokenStore in memory, as strict as a conditional write."""

    def __init__(self, **record: Any) -> None:
        self.records: dict[str, Mapping[str, Any]] = {"key": {"version": 1, **record}} if record else {}
        self.lock = threading.Lock()

    def get(self, key: str) -> Mapping[str, Any] | None:
        with self.lock:
            return self.records.get(key)

    def put_if(self, key: str, new: Mapping[str, Any], expected_version: int) -> bool:
        with self.lock:
            if self.records.get(key, {"version": 0})["version"] != expected_version:
                return False
            self.records[key] = json.loads(json.dumps(new))
            return True


@dataclass
class OAuth(BaseAdapter):
    """A token endpoint whose refresh tokens are good for one use."""

    live: str | None = None
    expires_in: Any = 3599
    exchanges: int = 0
    faults: list[requests.RequestException | tuple[int, Any]] = field(default_factory=list)
    before: Callable[[], None] = lambda: None
    after: Callable[[], None] = lambda: None
    forms: list[dict[str, str]] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)

    def send(self, request, **_):
        self.forms.append({name: values[0] for name, values in parse_qs(request.body).items()})
        self.headers.append(dict(request.headers))
        self.before()
        if self.faults:
            fault = self.faults.pop(0)
            if isinstance(fault, Exception):
                raise fault
            return self._response(request, *fault)
        body = {"token_type": "bearer", "expires_in": self.expires_in}
        if self.live is not None:
            if self.forms[-1].get("refresh_token") != self.live:
                return self._response(request, 400, {"error": "invalid_grant"})
            self.live = f"refresh-{self.exchanges + 1}"
            body["refresh_token"] = self.live
        self.exchanges += 1
        body["access_token"] = f"access-{self.exchanges}"
        self.after()
        return self._response(request, 200, body)

    def _response(self, request, status, body):
        response = requests.Response()
        response.status_code, response.request, response.url = status, request, URL
        response._content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return response

    def close(self):
        """Nothing is held open."""


@dataclass
class World:
    """A clock, an endpoint, a store, and as many instances of a function as a test wants."""

    oauth: OAuth = field(default_factory=OAuth)
    store: MemoryStore = field(default_factory=MemoryStore)
    now: datetime = START
    rotating: bool = False
    endpoint: TokenEndpoint = field(default_factory=lambda: TokenEndpoint(URL, "client-1", "s3cret", "basic"))

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def instance(self) -> SharedTokens:
        http = requests.Session()
        http.trust_env = False
        http.mount("https://", self.oauth)
        return SharedTokens(
            "key", self.endpoint, self.store, http, lambda: self.now, rotating=self.rotating, wait=self.advance
        )


def rotating_world() -> World:
    return World(OAuth(live="refresh-0"), MemoryStore(refresh_token="refresh-0"), rotating=True)


def test_a_static_token_is_always_the_same():
    assert StaticToken("abc").token(refused="abc") == "abc"
    assert "abc" not in repr(StaticToken("abc"))


def test_a_token_is_fetched_once_and_shared_by_all_instances_until_shortly_before_it_expires():
    world = World()
    first, second = world.instance(), world.instance()
    assert {first.token(), second.token(), world.instance().token()} == {"access-1"}
    world.advance(3599 - 121)
    assert {first.token(), second.token()} == {"access-1"}
    world.advance(2)
    assert {first.token(), second.token()} == {"access-2"}
    assert world.oauth.exchanges == 2


def test_basic_authentication_carries_the_client_and_nothing_of_it_is_in_the_form():
    world = World()
    world.instance().token()
    assert world.oauth.forms == [{"grant_type": "client_credentials"}]
    assert world.oauth.headers[0]["Authorization"] == "Basic " + base64.b64encode(b"client-1:s3cret").decode()


def test_a_form_carries_the_client_and_what_else_the_endpoint_wants():
    world = World(endpoint=TokenEndpoint(URL, "client-1", "s3cret", parameters={"audience": "https://eu.example"}))
    world.instance().token()
    assert world.oauth.forms == [
        {
            "grant_type": "client_credentials",
            "client_id": "client-1",
            "client_secret": "s3cret",
            "audience": "https://eu.example",
        }
    ]
    assert "Authorization" not in world.oauth.headers[0]


def test_a_refused_token_is_replaced_once_for_all():
    world = World()
    first, second = world.instance(), world.instance()
    first.token()
    second.token()
    assert first.token(refused="access-1") == "access-2"
    assert second.token(refused="access-1") == "access-2"
    assert world.oauth.exchanges == 2


def test_a_new_secret_of_the_same_client_goes_on_with_the_token_that_was_issued_to_the_old_one():
    world = World()
    old, after = world.instance(), TokenEndpoint(URL, "client-1", "n3w", "basic")
    assert old.token() == "access-1"
    world.endpoint = after
    new = world.instance()
    assert new.token() == "access-1"
    assert new.token(refused="access-1") == "access-2"
    assert old.token(refused="access-1") == "access-2"
    assert world.oauth.exchanges == 2


@pytest.mark.parametrize(
    "endpoint",
    [
        TokenEndpoint(URL, "client-2", "s3cret", "basic"),
        TokenEndpoint("https://oauth.example/production", "client-1", "s3cret", "basic"),
    ],
)
def test_a_token_that_was_issued_to_another_client_or_elsewhere_is_not_used(endpoint):
    world = World()
    other = world.instance()
    assert other.token() == "access-1"
    world.endpoint = endpoint
    new = world.instance()
    assert new.token() == "access-2"
    assert (other.token(), new.token()) == ("access-1", "access-2")
    assert world.oauth.exchanges == 2, "those that were there before keep theirs, and nobody takes turns"


def test_a_user_name_tells_clients_apart_and_a_password_does_not():
    def holder(**parameters: str) -> str:
        return TokenEndpoint(URL, parameters=parameters).holder

    assert holder(username="a", password="1") == holder(username="a", password="2")
    assert holder(username="a", password="1") != holder(username="b", password="1")
    assert "secret-name" not in holder(username="secret-name")


@pytest.mark.parametrize("expires_in", [60, 5, "60", None, "soon", True, -1, 0, 1e300, 10**400, [], {}, "inf", "nan"])
def test_a_short_or_unreadable_lifetime_does_not_mean_a_fetch_for_every_call(expires_in):
    world = World(OAuth(expires_in=expires_in))
    tokens = world.instance()
    assert {tokens.token(), tokens.token(), world.instance().token()} == {"access-1"}


@pytest.mark.parametrize(
    "fault",
    [
        requests.ConnectTimeout(),
        requests.ConnectionError("https://user:pass@host"),
        (500, {}),
        (503, b"<html>"),
        (401, {"error": "invalid_client"}),
        (200, {"access_token": ""}),
        (200, []),
        (200, b""),
    ],
)
def test_a_failing_endpoint_is_told_and_the_next_call_tries_again(fault):
    world = World(OAuth(faults=[fault]))
    tokens = world.instance()
    with pytest.raises(TokenError) as caught:
        tokens.token()
    assert not caught.value.needs_user
    assert "pass" not in str(caught.value)
    assert tokens.token() == "access-1"


def test_while_the_endpoint_fails_a_token_that_has_not_expired_goes_on_being_used():
    world = World()
    tokens = world.instance()
    tokens.token()
    world.advance(3599 - 60)
    world.oauth.faults.append(requests.ConnectTimeout())
    assert tokens.token() == "access-1"
    assert tokens.token() == "access-2"


def test_while_one_instance_renews_the_others_use_the_old_token():
    world = World()
    world.instance().token()
    world.advance(3599 - 60)
    seen = []
    world.oauth.before = lambda: seen.append(other.token())
    other = world.instance()
    assert world.instance().token() == "access-2"
    assert seen == ["access-1"]


def test_an_instance_that_died_while_renewing_is_relieved_after_its_lease():
    world = World(store=MemoryStore(claimed_until=(START + timedelta(seconds=30)).isoformat()))
    assert world.instance().token() == "access-1"
    assert START + timedelta(seconds=30) <= world.now <= START + timedelta(seconds=31)


def test_an_instance_does_not_wait_for_ever():
    world = World(store=MemoryStore(claimed_until=(START + timedelta(hours=1)).isoformat()))
    with pytest.raises(TokenError) as caught:
        world.instance().token()
    assert not caught.value.needs_user
    assert caught.value.retry_after_s > 0


def test_a_refresh_token_is_replaced_before_the_access_token_is_used():
    world = rotating_world()
    assert world.instance().token() == "access-1"
    assert world.store.records["key"]["refresh_token"] == "refresh-1"
    world.advance(3600)
    assert world.instance().token() == "access-2"
    assert world.store.records["key"]["refresh_token"] == "refresh-2"


def test_a_server_that_does_not_rotate_leaves_the_refresh_token_as_it_is():
    world = World(store=MemoryStore(refresh_token="refresh-0"), rotating=True)
    world.instance().token()
    assert world.store.records["key"]["refresh_token"] == "refresh-0"


def test_without_a_refresh_token_the_user_is_needed():
    with pytest.raises(TokenError) as caught:
        World(rotating=True).instance().token()
    assert caught.value.needs_user


def test_a_spent_refresh_token_needs_the_user_and_is_not_tried_again():
    world = World(OAuth(live="another"), MemoryStore(refresh_token="refresh-0"), rotating=True)
    for _ in range(3):
        with pytest.raises(TokenError) as caught:
            world.instance().token()
        assert caught.value.needs_user
    assert len(world.oauth.forms) == 1


def test_once_the_user_has_connected_again_tokens_flow():
    world = World(OAuth(live="refresh-new"), MemoryStore(refresh_token="refresh-0"), rotating=True)
    with pytest.raises(TokenError):
        world.instance().token()
    record = world.store.records["key"]
    world.store.put_if("key", {**record, "refresh_token": "refresh-new", "version": 9}, record["version"])
    assert world.instance().token() == "access-1"


@given(
    st.lists(st.tuples(st.sampled_from(["before", "after"]), st.floats(0, 120), st.booleans()), min_size=1, max_size=6)
)
def test_however_slow_exchanges_overlap_the_live_refresh_token_is_kept(overlaps):
    world = rotating_world()

    def overlap(point: str) -> None:
        # While one exchange hangs at this point, time passes and another instance may come for a token too.
        if not overlaps or overlaps[0][0] != point:
            return
        _, seconds, another = overlaps.pop(0)
        world.advance(seconds)
        if another:
            try_token(world)

    world.oauth.before = lambda: overlap("before")
    world.oauth.after = lambda: overlap("after")
    for _ in range(3):
        try_token(world)
        world.advance(4000)
    overlaps.clear()
    assert world.store.records["key"]["refresh_token"] == world.oauth.live
    assert world.instance().token().startswith("access-")


def test_an_instance_overtaken_while_it_hung_uses_what_the_other_stored():
    world = rotating_world()

    def hang() -> None:
        world.oauth.before = lambda: None
        world.advance(31)
        assert world.instance().token() == "access-1"

    world.oauth.before = hang
    assert world.instance().token() == "access-1"
    assert len(world.oauth.forms) == 2


def try_token(world: World) -> None:
    try:
        token = world.instance().token()
    except TokenError:
        return
    assert token.startswith("access-")


@pytest.mark.parametrize("rotating", [False, True])
def test_many_instances_at_once_make_one_exchange(rotating):
    world = rotating_world() if rotating else World()
    world.oauth.before = lambda: time.sleep(0.02)
    found: list[str] = []
    gate = threading.Barrier(8)

    def run() -> None:
        tokens = world.instance()
        tokens.wait = lambda _: time.sleep(0.002)
        gate.wait()
        found.append(tokens.token())

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ["access-1"] * 8
    assert world.oauth.exchanges == 1


def test_no_secret_is_in_a_representation():
    world = rotating_world()
    tokens = world.instance()
    tokens.token()
    assert "s3cret" not in repr(world.endpoint)
    assert "access-1" not in repr(tokens).replace(repr(world.store), "")
