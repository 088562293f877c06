"""One deadline for a run of a function: calls and waits end before Lambda or API Gateway cuts them off."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
import requests

from driveway.auth.account_tokens import AccountTokens
from driveway.auth.oauth import TokenEndpoint
from driveway.auth.token_source import TokenError
from driveway.auth.tokens import SharedTokens
from driveway.axle.client import AxleClient, AxleUnavailableError
from driveway.runtime.batch import queue_function
from driveway.runtime.clock import Clock
from driveway.runtime.context import Runtime, use
from driveway.runtime.deadline import ANSWER_S
from driveway.runtime.http_api import Answer, Request, Route, http_function
from driveway.runtime.http_session import OutOfTimeError, http_session
from driveway.runtime.problems import busy
from driveway.store.tokens import AccountRecord, TokenRecord
from tests.support.auth.memory_store import MemoryStore

NOW = datetime(2026, 1, 15, 18, 0, tzinfo=UTC)


@dataclass
class Context:
    """A run of a function that may last some seconds from now."""

    seconds: float

    def __post_init__(self) -> None:
        self.until = time.monotonic() + self.seconds

    def get_remaining_time_in_millis(self) -> int:
        return int((self.until - time.monotonic()) * 1000)


class Silent(BaseHTTPRequestHandler):
    """A service that accepts requests and answers after ten seconds."""

    def do_GET(self) -> None:
        self.server.seen.append(self.path)  # type: ignore[attr-defined]
        time.sleep(10)

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def silent() -> Iterator[Any]:
    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), Silent)
    server.daemon_threads, server.block_on_close, server.seen = True, False, []
    Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def runtime() -> Iterator[Runtime]:
    made = Runtime({"STAGE": "test"}, clock=Clock())
    use(made)
    yield made
    use(None)


class Fixed:
    def token(self, *, refused: str | None = None) -> str:
        return "token"


def served(runtime: Runtime, work: Callable[[Request, Runtime], Answer], seconds: float) -> tuple[Any, float]:
    """The answer of a function with so many seconds, and how long it took."""
    began = time.monotonic()
    event = {"routeKey": "GET /it", "requestContext": {"requestId": "r"}, "headers": {}}
    answer = http_function({"GET /it": Route(work, "signed")})(event, Context(seconds))
    return answer, time.monotonic() - began


def test_three_calls_to_a_service_that_does_not_answer_end_as_one_503_before_the_functions_time_is_over(
    runtime: Runtime, silent: Any
) -> None:
    client = AxleClient(f"http://127.0.0.1:{silent.server_port}", runtime.http, Fixed())
    failures = []

    def three_calls(request: Request, runtime: Runtime) -> Answer:
        for number in range(3):
            try:
                client.get(f"/{number}")
            except AxleUnavailableError as error:
                failures.append(error)
        raise busy("Axle cannot answer now.")

    answer, took_s = served(runtime, three_calls, ANSWER_S + 2)
    assert took_s < 3.5
    assert (answer["statusCode"], answer["headers"]["Retry-After"]) == (503, "5")
    assert silent.seen == ["/0"]
    assert [one.may_be_carried_out for one in failures] == [True, False, False]


def test_without_time_no_request_is_begun(silent: Any) -> None:
    with pytest.raises(OutOfTimeError):
        http_session(lambda: 0.9).get(f"http://127.0.0.1:{silent.server_port}/", timeout=(1, 10))
    assert silent.seen == []


def test_the_time_outs_of_a_request_are_never_lengthened(silent: Any) -> None:
    began = time.monotonic()
    with pytest.raises(requests.ReadTimeout):
        http_session(lambda: 60.0).get(f"http://127.0.0.1:{silent.server_port}/", timeout=(1, 0.2))
    assert time.monotonic() - began < 2


def claimed_by_another() -> TokenRecord:
    return TokenRecord(claims=1, claimed_by="another", claimed_until=datetime(2999, 1, 1, tzinfo=UTC), version=1)


def test_a_wait_for_a_token_that_another_instance_fetches_ends_with_the_functions_time() -> None:
    left = [5.0]

    def wait(seconds: float) -> None:
        left[0] -= seconds

    store: MemoryStore[TokenRecord] = MemoryStore()
    store.kept["axle"] = claimed_by_another()
    tokens = SharedTokens(
        "axle", TokenEndpoint("http://127.0.0.1:9/"), store, requests.Session(), lambda: NOW, wait=wait,
        time_left=lambda: left[0],
    )  # fmt: skip
    with pytest.raises(TokenError) as caught:
        tokens.token()
    assert caught.value.retry_after_s == 5
    assert 0.5 < left[0] < 2


@pytest.mark.parametrize(("left_s", "asked"), [(13.0, False), (14.0, True)])
def test_a_refresh_token_that_can_be_used_once_is_sent_only_if_its_exchange_can_be_waited_for(
    left_s: float, asked: bool
) -> None:
    tokens = AccountTokens(
        "car", TokenEndpoint("http://127.0.0.1:9/"), MemoryStore(), requests.Session(), lambda: NOW,
        time_left=lambda: left_s,
    )  # fmt: skip
    record = AccountRecord(claims=1, claimed_by="it", claimed_until=NOW + tokens.lease)
    assert tokens.may_ask(record) is asked


def batch(runtime: Runtime, done: list[str], seconds: float, *, each_s: float) -> Any:
    def work(body: dict[str, Any], _: Runtime) -> None:
        done.append(body["asset"])
        time.sleep(each_s)

    records = [
        {"messageId": str(number), "body": json.dumps({"asset": f"car-{number}"}), "eventSource": "aws:sqs"}
        for number in range(5)
    ]
    return queue_function(work, needs_s=1.0)({"Records": records}, Context(seconds))


def test_a_batch_ends_before_the_functions_time_is_over_and_what_was_not_begun_comes_again(runtime: Runtime) -> None:
    done: list[str] = []
    batch(runtime, [], 60, each_s=0.0)
    began = time.monotonic()
    answer = batch(runtime, done, ANSWER_S + 2, each_s=0.6)
    assert time.monotonic() - began < ANSWER_S + 2
    assert 1 <= len(done) <= 2
    failed = {one["itemIdentifier"] for one in answer["batchItemFailures"]}
    assert failed == {str(number) for number in range(len(done), 5)}


def test_a_batch_with_time_enough_is_done_as_a_whole(runtime: Runtime) -> None:
    done: list[str] = []
    assert batch(runtime, done, 60, each_s=0.0) == {"batchItemFailures": []}
    assert len(done) == 5
