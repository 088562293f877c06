"""Dead connections, on real sockets: a request that meets one is not lost, and no other request is repeated."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import requests

from driveway.auth.tokens import SharedTokens, StaticToken, TokenEndpoint
from driveway.axle.client import AxleClient
from driveway.runtime import http_session as http_session_module
from driveway.runtime.http_session import LONGEST_IDLE_S, http_session
from driveway.vehicles.http_call import Answer, send
from driveway.vehicles.provider import Call
from tests.support.auth.memory_store import MemoryStore
from tests.support.runtime.raw_server import Deed, raw_server


@pytest.fixture
def http() -> Iterator[requests.Session]:
    with http_session() as session:
        yield session


@pytest.mark.parametrize("ending", ["close", "reset"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_request_whose_reused_connection_ends_without_an_answer_is_sent_again_on_a_new_one(
    http: requests.Session, method: str, ending: Deed
) -> None:
    with raw_server("answer", ending) as server:
        for _ in range(5):
            assert http.request(method, server.url, json={"n": 1}, timeout=5).json() == {"status": "OK"}
        assert server.connections == 5
        # The first on the first connection; each later one meets a connection that ends, and is sent again.
        assert len(server.requests) == 9
        assert len({request.partition(b"\r\n\r\n")[2] for request in server.requests}) == 1


def test_without_it_the_same_server_costs_every_second_request() -> None:
    with raw_server("answer", "close") as server, requests.Session() as plain:
        plain.post(server.url, json={}, timeout=5)
        with pytest.raises(requests.ConnectionError):
            plain.post(server.url, json={}, timeout=5)


@pytest.mark.parametrize("ending", ["close", "reset"])
def test_a_request_whose_own_new_connection_ends_is_not_sent_again(http: requests.Session, ending: Deed) -> None:
    with raw_server(ending) as server:
        with pytest.raises(requests.ConnectionError):
            http.post(server.url, json={}, timeout=5)
        assert len(server.requests) == 1


def test_a_request_that_was_sent_again_is_not_sent_a_third_time(http: requests.Session) -> None:
    with raw_server("answer", "close") as server:
        http.post(server.url, json={}, timeout=5)
        server.script = ("close",)
        with pytest.raises(requests.ConnectionError):
            http.post(server.url, json={}, timeout=5)
        assert len(server.requests) == 3


def test_a_request_whose_answer_has_begun_is_not_sent_again(http: requests.Session) -> None:
    with raw_server("answer", "half_an_answer") as server:
        http.post(server.url, json={}, timeout=5)
        with pytest.raises(requests.ConnectionError):
            http.post(server.url, json={}, timeout=5)
        assert len(server.requests) == 2


def test_a_request_that_gets_no_answer_in_time_is_not_sent_again(http: requests.Session) -> None:
    with raw_server("answer", "silence") as server:
        http.post(server.url, json={}, timeout=5)
        with pytest.raises(requests.ReadTimeout):
            http.post(server.url, json={}, timeout=0.2)
        assert len(server.requests) == 2


def test_a_connection_that_lived_on_for_long_was_alive_so_its_request_is_not_sent_again(
    http: requests.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_session_module, "AT_ONCE_S", -1.0)
    with raw_server("answer", "close") as server:
        http.post(server.url, json={}, timeout=5)
        with pytest.raises(requests.ConnectionError):
            http.post(server.url, json={}, timeout=5)
        assert len(server.requests) == 2


@pytest.mark.parametrize("frozen", [0, 1], ids=["the monotonic clock runs on", "only the wall clock runs on"])
def test_a_connection_that_was_idle_for_long_is_not_used_again(
    http: requests.Session, monkeypatch: pytest.MonkeyPatch, frozen: int
) -> None:
    at = [1000.0, 1000.0]
    monkeypatch.setattr(http_session_module, "CLOCKS", (lambda: at[0], lambda: at[1]))
    with raw_server(*["answer"] * 9) as server:  # type: ignore[arg-type]
        for passed_s, connections in ((0, 1), (LONGEST_IDLE_S - 1, 1), (LONGEST_IDLE_S - 1, 1), (3600, 2), (1, 2)):
            at[1 - frozen] += passed_s
            http.get(server.url, timeout=5)
            assert server.connections == connections


def test_axles_client_a_cars_call_and_a_token_exchange_each_outlive_a_dead_connection(http: requests.Session) -> None:
    now = datetime(2026, 1, 15, tzinfo=UTC)
    with raw_server("answer", "reset") as server:
        axle = AxleClient(server.url, http, StaticToken("t"))
        call = Call(server.url, http, StaticToken("t"), now)
        for _ in range(3):
            assert axle.get("/entities/site/x") == {"status": "OK"}
            answer = send(call, "POST", f"{server.url}/charging", timeout_s=(5, 5), body={"action": "START"})
            assert isinstance(answer, Answer)
            assert answer.fields == {"status": "OK"}
        assert server.connections == 6


def test_a_token_exchange_outlives_a_dead_connection(http: requests.Session, monkeypatch: pytest.MonkeyPatch) -> None:
    granted = b'{"access_token": "a-token", "expires_in": 60}'
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: " + str(len(granted)).encode() + b"\r\n\r\n" + granted
    monkeypatch.setattr("tests.support.runtime.raw_server.ANSWER", answer)
    now = [datetime(2026, 1, 15, tzinfo=UTC)]
    with raw_server("answer", "reset") as server:
        tokens = SharedTokens("key", TokenEndpoint(server.url), MemoryStore(), http, lambda: now[0])
        for _ in range(3):
            assert tokens.token() == "a-token"
            now[0] += timedelta(hours=1)
        assert server.connections == 3
