"""Axle sync at work: with the simulated Axle over real HTTP, with a real table, through an outage, and side by side."""

import heapq
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

import boto3
import pytest
import requests

from driveway.auth.tokens import SharedTokens, TokenEndpoint
from driveway.axle.client import AxleClient, AxleUnavailableError
from driveway.axle.sync import sync
from driveway.domain.axle_sync.differences import axle_due, in_sync, wanted_charge_now, wanted_intent, wanted_session
from driveway.domain.control.breaker import BreakerRules
from driveway.domain.preferences.tariff import axle_tariff
from driveway.domain.twin import Intent, Twin
from driveway.runtime.clock import Clock
from driveway.runtime.context import Runtime
from driveway.store.breakers import Breakers
from driveway.store.items import encode_item
from driveway.store.table import Change, UnknownAssetError
from driveway.values import replace
from simulators.axle.app import DEFAULT_PASSWORD, DEFAULT_USERNAME, AxleSimulator
from simulators.common import Fault, running
from tests.support.auth.memory_store import MemoryStore
from tests.support.domain.example_preferences import EVENING, EVERY_DAY, NIGHT, THIRTY_KWH
from tests.support.domain.twins import NOW, a_twin, linked, minutes, plugged, unplugged, with_charge_now
from tests.support.runtime.mocked_aws import mock_aws
from tests.support.simulators.axle_client import onboarding


class HandClock(Clock):
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        super().__init__()
        self._at = NOW

    def now(self) -> datetime:
        return self._at

    def move(self, to: datetime) -> None:
        self._at = to


@dataclass
class MemoryTable:
    """Twins in memory, changed one at a time."""

    twins: dict[str, Twin] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def twin(self, asset: str) -> Twin:
        with self.lock:
            return self.twins[asset]

    def change_twin(self, asset: str, rule: Callable[[Twin], Twin | None], *, now: datetime) -> Change:
        with self.lock:
            before = replace(self.twins[asset], news=())
            after = rule(before) or before
            self.twins[asset] = after
            return Change(before, after)


class AxleByHand:
    """An Axle that is there or not; what it accepted, and when it was called, by asset."""

    def __init__(self, clock: Clock) -> None:
        self.clock, self.down = clock, False
        self.retry_after_s: float | None = None
        self.called: list[datetime] = []
        self.accepted: Counter[tuple[str, str]] = Counter()

    def send_event(self, path: str, body: Any) -> None:
        self.called.append(self.clock.now())
        if self.down:
            raise AxleUnavailableError("HTTP 503", status=503, retry_after_s=self.retry_after_s)
        _, _, asset_id, _, kind = path.strip("/").split("/")
        self.accepted[asset_id, kind] += 1


class WithAxle(Runtime):
    """A runtime whose Axle is the one it was given."""

    given: Any = None

    def cached(self, key: str, source: Any, make: Any) -> Any:
        return self.given

    def secret(self, setting: str) -> dict[str, Any]:
        return {}


def instance(clock: Clock, table: Any, axle: Any, records: Any, seed: int = 1) -> Runtime:
    made = WithAxle({"POWERTOOLS_LOG_LEVEL": "CRITICAL"}, clock=clock)
    made.random = Random(seed)
    made.table, made.given = table, axle
    made.breakers = Breakers(records, BreakerRules(), rng=made.random)
    return made


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POWERTOOLS_LOG_LEVEL", "CRITICAL")


def test_an_outage_of_an_hour_costs_a_trickle_and_its_end_brings_everything_once_without_a_stampede(
    capsys: pytest.CaptureFixture[str],
) -> None:
    clock, table = HandClock(), MemoryTable()
    axle = AxleByHand(clock)
    runtime = instance(clock, table, axle, MemoryStore())
    for number in range(100):
        twin = a_twin()
        table.twins[f"car-{number}"] = replace(twin, link=replace(twin.link, axle_asset_id=f"axle-{number}"))
        sync(f"car-{number}", runtime)
    calls_before = len(axle.called)
    axle.down = True
    for asset in table.twins:
        table.twins[asset] = plugged(table.twins[asset], f"{asset}-s1")
    run_until(NOW + minutes(60), runtime, table)
    while_down = len(axle.called) - calls_before
    assert while_down <= 5 + 60
    assert not any(in_sync(twin, clock.now()) for twin in table.twins.values())

    axle.down = False
    back = clock.now()
    run_until(back + minutes(10), runtime, table)
    assert all(in_sync(twin, clock.now()) for twin in table.twins.values())
    assert {axle.accepted[f"axle-{number}", "plug-in"] for number in range(100)} == {1}
    recovery = [at for at in axle.called if at >= back]
    busiest = max(sum(at <= other < at + timedelta(seconds=10) for other in recovery) for at in recovery)
    assert busiest <= 40
    assert max(recovery) - back <= minutes(5)
    with capsys.disabled():
        print(
            f"\nAxle sync: 100 cars, Axle down for an hour: {while_down} calls while it was down, all reported "
            f"{(max(recovery) - back).total_seconds():.0f} s after it was back, at most {busiest} calls in 10 s"
        )


def run_until(end: datetime, runtime: Runtime, table: MemoryTable) -> None:
    """Reconcile every asset when it is due, as the clock function does; each reconcile takes 0.1 s."""
    clock = runtime.clock
    assert isinstance(clock, HandClock)
    queue = [(axle_due(twin, clock.now()), asset) for asset, twin in table.twins.items()]
    due_queue = [(due, asset) for due, asset in queue if due is not None]
    heapq.heapify(due_queue)
    while due_queue and due_queue[0][0] <= end:
        due, asset = heapq.heappop(due_queue)
        clock.move(max(due, clock.now()))
        sync(asset, runtime)
        clock.move(clock.now() + timedelta(seconds=0.1))
        again = axle_due(table.twins[asset], clock.now())
        if again is not None:
            heapq.heappush(due_queue, (again, asset))
    clock.move(end)


def assets_at_hand(count: int) -> tuple[Runtime, MemoryTable, AxleByHand]:
    """Cars that Axle knows all of, each plugged in since."""
    clock, table = HandClock(), MemoryTable()
    axle = AxleByHand(clock)
    runtime = instance(clock, table, axle, MemoryStore())
    for number in range(count):
        twin = a_twin()
        table.twins[f"car-{number}"] = replace(twin, link=replace(twin.link, axle_asset_id=f"axle-{number}"))
        sync(f"car-{number}", runtime)
        table.twins[f"car-{number}"] = plugged(table.twins[f"car-{number}"], "s1")
    return runtime, table, axle


def test_a_wait_that_axle_asks_for_is_kept_to_for_the_asset_and_for_axle_as_a_whole() -> None:
    runtime, table, axle = assets_at_hand(7)
    axle.down, axle.retry_after_s = True, 100
    for number in range(5):
        sync(f"car-{number}", runtime)
        retry_at = table.twins[f"car-{number}"].axle.retry_at
        assert retry_at is not None
        assert timedelta(seconds=100) <= retry_at - NOW <= timedelta(seconds=125)
    called = len(axle.called)
    runtime.clock.move(NOW + timedelta(seconds=99))
    sync("car-5", runtime)
    assert len(axle.called) == called
    runtime.clock.move(NOW + timedelta(seconds=100))
    sync("car-6", runtime)
    assert len(axle.called) == called + 1


def test_an_asset_that_is_erased_before_its_call_leaves_the_probe_to_another(monkeypatch: pytest.MonkeyPatch) -> None:
    runtime, table, axle = assets_at_hand(7)
    axle.down = True
    for number in range(5):
        sync(f"car-{number}", runtime)
    axle.down = False
    runtime.clock.move(NOW + timedelta(seconds=10))
    with monkeypatch.context() as erased:

        def gone(*_args: Any, **_kwargs: Any) -> Change:
            raise UnknownAssetError("car-5")

        erased.setattr(table, "change_twin", gone)
        with pytest.raises(UnknownAssetError):
            sync("car-5", runtime)
    sync("car-6", runtime)
    assert axle.accepted["axle-6", "plug-in"] == 1


def test_a_reconcile_clears_the_traces_of_an_outage_from_an_asset_with_nothing_to_report() -> None:
    runtime, table, axle = assets_at_hand(6)
    known = unplugged(table.twins["car-5"]).axle
    axle.down = True
    for number in range(6):
        sync(f"car-{number}", runtime)
    called = len(axle.called)
    assert table.twins["car-5"].axle.retry_at is not None
    table.twins["car-5"] = unplugged(table.twins["car-5"])
    assert axle_due(table.twins["car-5"], NOW) == NOW
    sync("car-5", runtime)
    assert table.twins["car-5"].axle == known
    assert len(axle.called) == called


# With the simulated Axle


@dataclass
class Simulated:
    """The simulated Axle and instances of Axle sync on one clock."""

    url: str
    simulator: AxleSimulator
    clock: HandClock
    table: MemoryTable = field(default_factory=MemoryTable)
    store: MemoryStore = field(default_factory=MemoryStore)
    number: int = 0

    def client(self) -> AxleClient:
        http = requests.Session()
        endpoint = TokenEndpoint(
            f"{self.url}/auth/token-form",
            client_auth="none",
            parameters={"grant_type": "password", "username": DEFAULT_USERNAME, "password": DEFAULT_PASSWORD},
            lifetime_s=3600,
        )
        return AxleClient(self.url, http, SharedTokens("TOKEN#axle", endpoint, self.store, http, self.clock.now))

    def onboard(self, client: AxleClient) -> tuple[str, Twin]:
        """A new asset at Axle, and its twin, of which Axle has received nothing."""
        self.number += 1
        site = onboarding(self.number, asset={"external_id": f"car-{self.number}"})
        answer = client.post("/entities/site/onboard", site)
        twin = a_twin()
        asset_id = answer["assets"][0]["asset_id"]
        twin = replace(twin, link=replace(twin.link, asset=f"car-{self.number}", axle_asset_id=asset_id))
        self.table.twins[twin.link.asset] = twin
        return twin.link.asset, twin

    def picture(self, asset: str) -> dict[str, Any]:
        known: dict[str, Any] = requests.get(f"{self.url}/_sim/assets/{asset}", timeout=5).json()
        return known

    def check(self, asset: str) -> None:
        twin, now, known = self.table.twins[asset], self.clock.now(), self.picture(asset)
        session, wanted, intent = wanted_session(twin, now), wanted_charge_now(twin, now), wanted_intent(twin, now)
        tariff = axle_tariff(twin.tariff)
        assert intent is not None
        assert in_sync(twin, now)
        assert known["tariff"]["off_peak_times"] == tariff.off_peak_times
        assert known["intent"]["energy_required_kwh"] == intent.energy_required_kwh
        assert known["plugged_in"] is (session is not None)
        until = known["charge_now_until"]
        alive = until is not None and datetime.fromisoformat(until) > now
        assert (datetime.fromisoformat(until) if alive else None) == (wanted.until if wanted else None)


@pytest.fixture(scope="module")
def simulated() -> Iterator[Simulated]:
    clock = HandClock()
    simulator = AxleSimulator(clock)
    with running(simulator.asgi) as url:
        yield Simulated(url, simulator, clock)
    simulator.close()


@pytest.fixture(autouse=True)
def _no_faults(request: pytest.FixtureRequest) -> None:
    if "simulated" in request.fixturenames:
        request.getfixturevalue("simulated").simulator.faults.clear()


CHANGES: list[Callable[[Twin, datetime, int], Twin]] = [
    lambda twin, now, step: replace(twin, tariff=EVENING if twin.tariff == NIGHT else NIGHT),
    lambda twin, now, step: replace(twin, intent=Intent(ready_by=EVERY_DAY, kwh=float(5 + step % 3))),
    lambda twin, now, step: replace(twin, intent=THIRTY_KWH),
    lambda twin, now, step: plugged(twin, f"s{step}", now) if twin.presence.session is None else twin,
    lambda twin, now, step: replace(unplugged(twin), charge_now=None),
    lambda twin, now, step: with_charge_now(twin, now + minutes(45 + step)),
    lambda twin, now, step: replace(twin, charge_now=None),
    lambda twin, now, step: linked(twin, snoozed_until=now + minutes(3 * (step % 4))),
]
FAULTS: list[dict[str, Any]] = [
    {"status": 503},
    {"status": 429, "retry_after": 40},
    {"drop": True},
    {"drop": True, "when": "after"},
    {"status": 502, "when": "after"},
    {"status": 401},
]


def test_the_simulated_axles_picture_converges_whatever_it_fails_at(
    simulated: Simulated, capsys: pytest.CaptureFixture[str]
) -> None:
    client = simulated.client()
    histories = 15
    for seed in range(histories):
        chance = Random(seed)
        runtime = instance(simulated.clock, simulated.table, client, MemoryStore(), seed)
        asset, _ = simulated.onboard(client)
        for step in range(14):
            if chance.random() < 0.5:
                fault = chance.choice(FAULTS)
                simulated.simulator.faults.add(Fault.model_validate({"path": "/event/", "count": 1, **fault}))
            twin = simulated.table.twins[asset]
            simulated.table.twins[asset] = chance.choice(CHANGES)(twin, simulated.clock.now(), step)
            if chance.random() < 0.7:
                sync(asset, runtime)
            simulated.clock.move(simulated.clock.now() + minutes(chance.choice([0.05, 0.5, 7])))
        simulated.simulator.faults.clear()
        settle(asset, runtime, simulated)
        simulated.check(asset)
    client.http.close()
    with capsys.disabled():
        print(f"\nAxle sync: {histories} histories converged at the simulated Axle over HTTP")


def settle(asset: str, runtime: Runtime, simulated: Simulated) -> None:
    table = simulated.table
    for _ in range(60):
        due = axle_due(table.twins[asset], simulated.clock.now())
        if due is None:
            return
        simulated.clock.move(max(due, simulated.clock.now()))
        sync(asset, runtime)
    raise AssertionError("it does not settle")


def test_many_instances_that_reconcile_at_once_report_everything_once_and_in_order(
    simulated: Simulated,
) -> None:
    client = simulated.client()
    asset, twin = simulated.onboard(client)
    simulated.table.twins[asset] = with_charge_now(
        plugged(twin, "s1", simulated.clock.now()), simulated.clock.now() + minutes(60)
    )
    simulated.simulator.faults.add(Fault(path="/event/", delay_s=0.02))
    clients = [simulated.client() for _ in range(8)]
    threads = [
        threading.Thread(
            target=sync, args=(asset, instance(simulated.clock, simulated.table, each, MemoryStore(), number))
        )
        for number, each in enumerate(clients)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for each in (client, *clients):
        each.http.close()
    history = [entry["event"] for entry in simulated.picture(asset)["history"]]
    assert history == ["tariff_update", "intent_update", "plug_in", "charge_now"]
    simulated.check(asset)


def test_sync_writes_what_axle_acknowledged_to_the_table(simulated: Simulated, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-2")
    client = simulated.client()
    asset, twin = simulated.onboard(client)
    with mock_aws():
        boto3.client("dynamodb").create_table(
            TableName="t",
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
        )
        runtime = WithAxle({"TABLE_NAME": "t"}, clock=simulated.clock)
        runtime.given = client
        runtime.__dict__["dynamodb"] = boto3.client("dynamodb")
        item = runtime.table.twin_item(plugged(twin, "s1", simulated.clock.now()), simulated.clock.now())
        runtime.dynamodb.put_item(TableName="t", Item=item)
        sync(asset, runtime)
        stored = runtime.table.twin(asset)
        key = encode_item({"pk": f"ASSET#{asset}", "sk": "TWIN"})
        raw = runtime.dynamodb.get_item(TableName="t", Key=key)["Item"]
    assert in_sync(stored, simulated.clock.now())
    assert stored.axle.plug is not None
    assert (stored.axle.plug.session_id, stored.axle.call_claim, stored.revision) == ("s1", None, 0)
    # The claim and the three answers: each answer but the last is one write with the next claim.
    assert stored.version == 4
    assert "axle_due" not in raw
    client.http.close()
