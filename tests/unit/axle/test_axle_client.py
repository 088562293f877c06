"""Axle's API over real HTTP: the meaning of every answer, and of every missing one."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from driveway.auth.tokens import SharedTokens, StaticToken, TokenEndpoint
from driveway.axle import client as client_module
from driveway.axle.client import AxleClient, AxleRefusedError, AxleUnavailableError
from simulators.axle.app import DEFAULT_PASSWORD, DEFAULT_USERNAME, AxleSimulator
from simulators.common import Fault, running
from tests.support.auth.memory_store import MemoryStore
from tests.support.simulators.axle_client import TARIFF, MovableClock, onboarding
from tests.support.vehicles.provider_api import ProviderApi, Reply


class World:
    """A running simulator and as many instances of a function as a test wants, with one token store."""

    def __init__(self, url: str, simulator: AxleSimulator) -> None:
        self.url, self.simulator, self.store, self.clock = url, simulator, MemoryStore(), MovableClock()
        self.instances: list[AxleClient] = []

    def instance(self, password: str = DEFAULT_PASSWORD) -> AxleClient:
        http = requests.Session()
        endpoint = TokenEndpoint(
            f"{self.url}/auth/token-form",
            client_auth="none",
            parameters={"grant_type": "password", "username": DEFAULT_USERNAME, "password": password},
            lifetime_s=3600,
        )
        tokens = SharedTokens("TOKEN#axle", endpoint, self.store, http, self.clock.now)
        self.instances.append(AxleClient(self.url, http, tokens))
        return self.instances[-1]

    def fault(self, **how: Any) -> None:
        self.simulator.faults.add(Fault(**how))

    def token_requests(self) -> int:
        return len(self.simulator.requests.list(path="/auth/token-form"))


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[str, AxleSimulator]]:
    simulator = AxleSimulator(MovableClock())
    with running(simulator.asgi) as url:
        yield url, simulator
    simulator.close()


@pytest.fixture
def world(server: tuple[str, AxleSimulator]) -> Iterator[World]:
    MovableClock.ahead = timedelta()
    server[1].reset()
    made = World(*server)
    yield made
    for instance in made.instances:
        instance.http.close()


def onboarded(instance: AxleClient) -> str:
    answer = instance.post("/entities/site/onboard", onboarding())
    return f"/entities/asset/{answer['assets'][0]['asset_id']}"


def test_calls_carry_the_organisations_token_and_give_axles_answer(world: World) -> None:
    instance = world.instance()
    asset = onboarded(instance)
    assert instance.get(asset)["external_id"] == "car-1"
    instance.send_event(f"{asset}/event/tariff-update", {"tariff": TARIFF})
    assert world.token_requests() == 1


def test_a_compressed_body_is_read_by_axle_as_it_was_meant(world: World) -> None:
    instance = world.instance()
    row = {
        "asset_id": onboarded(instance).rpartition("/")[2],
        "start_timestamp": "2026-01-15T00:00:00Z",
        "end_timestamp": "2026-01-15T00:30:00Z",
        "value": 1.5,
        "label": "charger_consumption_energy_kwh",
    }
    (answer,) = instance.post("/data/readings", {"readings": [row]}, compress=True)["responses"]
    assert answer["accepted"] is True


def test_a_thousand_instances_fetch_one_token_and_one_more_when_axle_revokes_it(world: World) -> None:
    instances = [world.instance() for _ in range(1000)]
    with ThreadPoolExecutor(50) as pool:
        first = set(pool.map(lambda instance: instance.tokens.token(), instances))
        assert (len(first), world.token_requests()) == (1, 1)
        world.simulator.tokens.revoke_all()
        path = onboarded(instances[0])
        names = set(pool.map(lambda instance: instance.get(path)["external_id"], instances[:300]))
    assert names == {"car-1"}
    assert world.token_requests() == 2


def test_a_token_is_replaced_before_it_expires_and_axle_never_sees_an_expired_one(world: World) -> None:
    instance, other = world.instance(), world.instance()
    path = onboarded(instance)
    for _ in range(8):
        MovableClock.ahead += timedelta(minutes=10)
        instance.get(path)
        other.get(path)
    assert world.token_requests() == 2
    assert all(request["status"] == 200 for request in world.simulator.requests.list())


def test_wrong_credentials_are_an_outage_until_they_are_put_right(world: World) -> None:
    with pytest.raises(AxleUnavailableError, match="401") as failure:
        world.instance("wrong").get("/entities/site/x")
    assert failure.value.may_be_carried_out is False
    assert onboarded(world.instance())


def test_a_token_that_is_refused_twice_is_an_outage_after_two_calls(world: World) -> None:
    world.fault(path="/entities/", status=401, body={"detail": "Could not validate credentials"})
    with pytest.raises(AxleUnavailableError, match="Could not validate credentials") as failure:
        world.instance().get("/entities/asset/x")
    assert (failure.value.status, failure.value.may_be_carried_out) == (401, False)
    assert len(world.simulator.requests.list(path="/entities/")) == 2
    assert world.token_requests() == 2


@pytest.mark.parametrize("status", [400, 404, 405, 409, 422])
def test_a_final_refusal_has_axles_text_and_is_not_repeated(world: World, status: int) -> None:
    world.fault(path="/event/", status=status, body={"detail": "Invalid tariff: off_peak_times"})
    with pytest.raises(AxleRefusedError) as failure:
        world.instance().send_event("/entities/asset/x/event/intent", {})
    assert (failure.value.status, failure.value.detail) == (status, "Invalid tariff: off_peak_times")
    assert len(world.simulator.requests.list(path="/event/")) == 1


def test_a_403_is_a_refusal_of_a_request_and_an_outage_for_events_of_an_asset(world: World) -> None:
    world.fault(path="/(data|entities)/", status=403, body={"detail": "Permission denied"})
    instance = world.instance()
    with pytest.raises(AxleRefusedError, match="Permission denied"):
        instance.post("/data/readings", {"readings": []})
    with pytest.raises(AxleUnavailableError, match="Permission denied") as failure:
        instance.send_event("/entities/asset/x/event/intent", {})
    assert (failure.value.status, failure.value.may_be_carried_out) == (403, False)


def test_validation_errors_come_with_their_places(world: World) -> None:
    instance = world.instance()
    path = onboarded(instance) + "/event/intent"
    with pytest.raises(AxleRefusedError) as failure:
        instance.send_event(path, {"intent": {"energy_required_kwh": "x"}})
    assert failure.value.status == 422
    assert "body.intent.energy_required_kwh: " in failure.value.detail
    assert "body.intent.ready_by: Field required" in failure.value.detail


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 599])
def test_an_answer_that_will_change_is_an_outage_with_the_wait_that_axle_asks_for(world: World, status: int) -> None:
    world.fault(path="/event/", status=status, retry_after=17)
    with pytest.raises(AxleUnavailableError) as failure:
        world.instance().send_event("/entities/asset/x/event/intent", {})
    assert (failure.value.status, failure.value.retry_after_s) == (status, 17)
    assert failure.value.may_be_carried_out is (status not in {425, 429})


def test_an_answer_lost_after_axle_acted_may_be_carried_out(world: World) -> None:
    instance = world.instance()
    path = onboarded(instance)
    world.fault(path="/event/", when="after", drop=True)
    with pytest.raises(AxleUnavailableError) as failure:
        instance.send_event(f"{path}/event/plug-in", {})
    assert failure.value.may_be_carried_out is True
    assert instance.http.get(f"{world.url}/_sim/assets/car-1", timeout=5).json()["plugged_in"] is True


def test_no_answer_in_time_is_an_outage_that_may_be_carried_out(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "TIMEOUT_S", (1, 0.2))
    instance = world.instance()
    instance.tokens.token()
    world.fault(path="/event/", delay_s=1)
    with pytest.raises(AxleUnavailableError, match="ReadTimeout") as failure:
        instance.send_event("/entities/asset/x/event/plug-out", {})
    assert failure.value.may_be_carried_out is True


def test_nothing_listening_is_an_outage_that_cannot_be_carried_out() -> None:
    unused = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    port = unused.server_port
    unused.server_close()
    instance = AxleClient(f"http://127.0.0.1:{port}", requests.Session(), StaticToken("t"))
    with pytest.raises(AxleUnavailableError, match="ConnectionError") as failure:
        instance.send_event("/x", {})
    assert failure.value.may_be_carried_out is False


class Odd(BaseHTTPRequestHandler):
    """Answers that are not Axle's, by path."""

    seen: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.do_POST()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        Odd.seen.append(self.path)
        statuses = {"/html": 200, "/gateway": 502, "/moved": 302, "/refused-list": 400, "/refused-odd": 400}
        bodies = {"/refused-list": '{"detail": ["a", "b"]}', "/refused-odd": "[1, 2]", "/empty": ""}
        body = bodies.get(self.path, "<html>maintenance</html>").encode()
        self.send_response(statuses.get(self.path, 204 if self.path == "/empty" else 200))
        self.send_header("Content-Length", str(len(body)))
        if self.path == "/moved":
            self.send_header("Location", "/html")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def odd() -> Iterator[AxleClient]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Odd)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    http = requests.Session()
    yield AxleClient(f"http://127.0.0.1:{server.server_port}/", http, StaticToken("t"))
    http.close()
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_success_that_is_not_json_is_an_answer_lost_whatever_was_asked(odd: AxleClient) -> None:
    for call in (lambda: odd.post("/html", {}), lambda: odd.send_event("/html", {}), lambda: odd.get("/html")):
        with pytest.raises(AxleUnavailableError, match="200 with a body that is not the answer") as failure:
            call()
        assert (failure.value.status, failure.value.may_be_carried_out) == (200, True)
    assert odd.post("/empty", {}) is None


def test_a_gateways_page_is_known_by_its_status_only(odd: AxleClient) -> None:
    with pytest.raises(AxleUnavailableError, match=r"^HTTP 502$"):
        odd.send_event("/gateway", {})


def test_a_redirect_is_not_followed(odd: AxleClient) -> None:
    Odd.seen.clear()
    with pytest.raises(AxleUnavailableError, match=r"^HTTP 302$"):
        odd.send_event("/moved", {})
    assert Odd.seen == ["/moved"]


def test_details_in_other_shapes_become_text(odd: AxleClient) -> None:
    with pytest.raises(AxleRefusedError, match=r"^a; b$"):
        odd.send_event("/refused-list", {})
    with pytest.raises(AxleRefusedError, match=r"^HTTP 400$"):
        odd.send_event("/refused-odd", {})


def test_axles_text_is_cut_to_a_bounded_length() -> None:
    http = requests.Session()
    http.mount("https://", ProviderApi([Reply(400, {"detail": "x" * 10_000})]))
    with pytest.raises(AxleRefusedError) as failure:
        AxleClient("https://axle.example", http, StaticToken("t")).send_event("/x", {})
    assert failure.value.detail == "x" * client_module.MOST_WORDS


EVENT, ASSET = "/entities/asset/a/event/intent", "/entities/asset/a"


def answering(body: Any, status: int = 200) -> AxleClient:
    """A client of an Axle that gives every call this answer."""
    http = requests.Session()
    http.mount("https://", ProviderApi([Reply(status, body)]))
    return AxleClient("https://axle.example", http, StaticToken("t"))


@pytest.mark.parametrize("status", ["RECEIVED", "ACCEPTED", "EXECUTED"])
def test_an_event_is_acknowledged_by_axles_status(status: str) -> None:
    answering({"timestamp": "2026-01-15T18:00:00Z", "status": status}).send_event(EVENT, {})


@pytest.mark.parametrize("nothing", ["null", "{}"])
def test_empty_json_acknowledges_an_event_because_the_description_allows_it(nothing: str) -> None:
    answering(nothing).send_event(EVENT, {})


def test_an_event_that_axle_answers_as_rejected_is_refused() -> None:
    with pytest.raises(AxleRefusedError, match="rejected the event") as failure:
        answering({"timestamp": "2026-01-15T18:00:00Z", "status": "REJECTED"}).send_event(EVENT, {})
    assert failure.value.status == 200


PAGES = ["<html>maintenance</html>", "", "OK", '"<html>"', "[]", "true", "7", '{"message": "maintenance"}', "{", "\x00"]


@pytest.mark.parametrize("page", [*PAGES, '{"status": "FAILED"}', '{"status": "down"}', '{"status": 1}'])
def test_another_answer_than_that_to_an_event_is_a_lost_answer(page: str) -> None:
    with pytest.raises(AxleUnavailableError) as failure:
        answering(page).send_event(EVENT, {})
    assert (failure.value.status, failure.value.may_be_carried_out) == (200, True)


CALLS = {
    "onboard": lambda axle: axle.post("/entities/site/onboard", {}),
    "enrol": lambda axle: axle.post("/entities/site/s/enrol", {}),
    "unenrol": lambda axle: axle.post("/entities/site/s/unenrol", {}),
    "offboard": lambda axle: axle.post("/entities/site/s/offboard-site-and-assets"),
    "eligibility": lambda axle: axle.post("/entities/site/check-eligibility", {}),
    "mpan": lambda axle: axle.post("/validation/mpan", {}),
    "readings": lambda axle: axle.post("/data/readings", {}),
    "delete": lambda axle: axle.delete("/entities/asset/a"),
    "find": lambda axle: axle.get("/entities/asset/external-id/car-1"),
    "balance": lambda axle: axle.get("/rewards/s/info"),
    "transactions": lambda axle: axle.get("/rewards/s/transactions"),
    "link": lambda axle: axle.get("/rewards/s/url/balance"),
}


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("call", CALLS)
def test_another_answer_than_that_to_a_call_is_a_lost_answer(call: str, page: str) -> None:
    with pytest.raises(AxleUnavailableError, match="not the answer to this call") as failure:
        CALLS[call](answering(page))
    assert failure.value.may_be_carried_out is True


def test_axle_answers_a_deletion_without_a_body() -> None:
    answering("", 204).delete(ASSET)
    answering("null").delete(ASSET)


@given(
    body=st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=2)
            | st.dictionaries(st.sampled_from(["status", "site", "assets", "x"]), inner, max_size=3)
        ),
    )
)
@settings(max_examples=60, deadline=None)
def test_no_answer_of_another_form_ever_counts_as_an_onboarding(body: Any) -> None:
    with pytest.raises(AxleUnavailableError):
        answering(json.dumps(body)).post("/entities/site/onboard", {})
