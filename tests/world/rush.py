"""A fleet whose cars all have an edge at one instant: the real handlers on AWS in memory, on a simulated clock.

Each run of a function has a clock of its own: every call outside moves it on by that call's latency, a pool of threads
by the longest of its calls. Runs go side by side, as many as the template and Lambda's scaling allow; what a run
writes counts from the instant of its own clock. So the lateness of a command is that of a fleet, at the CPU time of one
process. The car maker here answers after a latency and takes so many calls a second. What a car does is reported some
time later, as by a webhook.
"""

import dataclasses
import heapq
import io
import json
import os
import random
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import requests

from driveway.domain.presence.observation import Observation
from driveway.domain.twin import Control, Twin, Vehicle
from driveway.observations.webhook_intake import take_observations
from driveway.runtime.context import Runtime, use
from driveway.values import replace
from driveway.vehicles.registry import capabilities
from tests.support.functions.assets import a_twin, all_acknowledged, plugged_in, recorded
from tests.support.functions.rig import function
from tests.world.aws import Cloud, Faults
from tests.world.aws.delivery import Delivery
from tests.world.aws.queue_mapping import QueueMapping
from tests.world.aws.stack import stack
from tests.world.aws_clients import runtime_clients
from tests.world.car_maker import CARS, CarMaker
from tests.world.declared import PARAMETERS
from tests.world.host import environment
from tests.world.rush_clock import RushClock, side_by_side

EDGE = datetime(2026, 1, 15, 23, 30, tzinfo=UTC)
"""The first off-peak time of the cars begins."""

PLUGGED_IN_AT = EDGE - timedelta(hours=5)

LATENCY_S: Mapping[str, float] = {"dynamodb": 0.005, "sqs": 0.010, "events": 0.020, "secretsmanager": 0.010}
COMPUTE_S: Mapping[str, float] = {"ClockFunction": 0.05, "ChargeControlFunction": 0.02, "AnnouncerFunction": 0.003}
"""How long a function computes for a record beside its calls: more than was measured (docs/performance.md)."""

SENDER_COMPUTE_S = 0.0025
"""How long the core of a sender computes for each call: a command makes four."""

FUNCTIONS = frozenset({"ClockFunction", "ChargeControlFunction", "AnnouncerFunction", "VehicleCommandsFunction"})
"""The way of a command. What else would run then is not run here."""

STREAM_LAG_S = 0.3
BUS_LAG_S = 0.4
FIRST_AT_ONCE = 5
"""So many batches of a queue Lambda hands out at once before it scales."""


class _Lags(Faults):
    """AWS without faults, at its usual latencies; those of the stream and the bus are up to ``most`` times as long."""

    def __init__(self, seed: int, most: float) -> None:
        self._rng, self._most = random.Random(seed), most

    def stream_lag_s(self) -> float:
        return STREAM_LAG_S * self._rng.uniform(1.0, self._most)

    def on_event(self, rule: str) -> Any:
        delay_s = BUS_LAG_S * self._rng.uniform(1.0, self._most)
        return dataclasses.replace(super().on_event(rule), delay_s=delay_s)


@dataclass(frozen=True)
class Setting:
    """What a run is measured with.

    Attributes:
        cars: the cars of each car maker.
        latency_s: how long a car maker takes to answer.
        per_s: how many calls a second it takes; above that it answers 429. None: any number.
        retry_after_s: the ``Retry-After`` of its 429, if it sends one.
        shards: of the table's stream and of the due indexes.
        scales_per_min: how many more batches of a queue Lambda runs at once with each minute; None: at once as many as
            the template allows.
        account_at_once: how many functions may run at once.
        parameters: of the template.
        reports_after_s: how long after a car began to do what it was commanded its maker reports that; None: never.
        begins: how long before the edge the run begins.
        first: the number of the first car, which says when in the minute before the edge its command is planned.
        lags: how many times as long as usual the stream and the bus may take, drawn for each record and event.
    """

    cars: Mapping[str, int] = field(default_factory=lambda: {"enode": 1000})
    latency_s: Mapping[str, float] = field(default_factory=dict)
    per_s: Mapping[str, float] = field(default_factory=dict)
    retry_after_s: float | None = None
    shards: int = 4
    scales_per_min: float | None = None
    account_at_once: int = 1000
    parameters: Mapping[str, str] = field(default_factory=dict)
    reports_after_s: float | None = 45.0
    begins: timedelta = timedelta(minutes=3)
    first: int = 0
    lags: float = 1.0


class Rush:
    """One run. ``run_until`` lets everything happen until an instant; ``maker`` has the calls that were made."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.clock = RushClock(EDGE - setting.begins)
        values = {**PARAMETERS, "DueShards": str(setting.shards), **setting.parameters}
        self.cloud = Cloud(
            self.clock, stack(**values), _Lags(setting.first, setting.lags), stream_shards=setting.shards
        )
        self.cloud.intercept = self._taking_time
        self.maker = CarMaker(
            self.clock,
            setting.latency_s,
            setting.per_s,
            setting.retry_after_s,
            seen_at=PLUGGED_IN_AT,
            obeyed=self._obeyed if setting.reports_after_s is not None else None,
        )
        self.runs: Counter[str] = Counter()
        self.busiest: Counter[str] = Counter()
        self.log = io.StringIO()
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.mount(CARS, self.maker)
        self._clients = runtime_clients(self.cloud) | {"http": self._session}
        self._free: dict[str, list[Runtime]] = {}
        self._at_once: Counter[str] = Counter()
        self._ends: list[tuple[datetime, int, Delivery, object, str, Runtime]] = []
        self._waiting: list[Delivery] = []
        self._tasks: list[tuple[datetime, int, Any]] = []
        self._number = 0
        self._random = random.Random(1)
        self._computing: set[int] | None = None
        self._declared = {name: one.most_at_once for name, one in self.cloud.queue_mappings.items()}
        self._busy_since: dict[str, datetime] = {}
        self._reporter = self.runtime("VehicleReportsFunction")
        secret = {name: {"client_id": "a", "client_secret": "b"} for name in ("enode", "smartcar", "tesla")}
        self.cloud.secrets.put("ProviderCredentials", json.dumps(secret | {"ocpp": {"token": "t"}}))

    # The fleet

    def place(self, provider: str, count: int, **changes: Any) -> None:
        """Put cars into the table as they are before the edge: plugged in, and stopped by us until then."""
        runtime, began = self.runtime("ChargeControlFunction"), PLUGGED_IN_AT
        table, placed_at = next(iter(self.cloud.tables.values())), self.clock.now()
        streams, table.streams = table.streams, []
        one = a_twin(began)
        vehicle = Vehicle(provider, "car", capabilities=capabilities(provider))
        stopped = Control(last_stop_at=began, last_acknowledged_action="stop", last_acknowledged_at=began)
        pattern = replace(one, link=replace(one.link, vehicle=vehicle), **{"control": stopped, **changes})
        pattern = all_acknowledged(recorded(plugged_in(pattern, began)), began)
        for number in range(self.setting.first, self.setting.first + count):
            asset = f"{provider}-{number:06d}"
            link = replace(pattern.link, asset=asset, site=asset, vehicle=replace(vehicle, vehicle_id=asset))
            item = runtime.table.twin_item(replace(pattern, link=link), self.clock.now())
            runtime.dynamodb.put_item(TableName=runtime.table.name, Item=item)
            self.clock.set(placed_at)
        table.streams = streams

    def twins(self) -> Iterator[Twin]:
        """Every twin as it is now."""
        runtime = self.runtime("ChargeControlFunction")
        for provider, count in self.setting.cars.items():
            for number in range(self.setting.first, self.setting.first + count):
                yield runtime.table.twin(f"{provider}-{number:06d}")

    def runtime(self, function_id: str) -> Runtime:
        """A new instance of a function."""
        made = Runtime(self.cloud.stack.functions[function_id].environment, clock=self.clock)
        made.__dict__ |= self._clients
        made.random = self._random
        made.logger.setLevel("ERROR")
        return made

    # What happens

    def at(self, instant: datetime, do: Any) -> None:
        """Have something done at an instant."""
        self._number += 1
        heapq.heappush(self._tasks, (instant, self._number, do))

    def _obeyed(self, provider: str, vehicle_id: str, charging: bool, at: datetime) -> None:
        """Have a car's maker report what the car does, as its webhook would. The time of the intake is not counted."""
        seen = Observation(at=at, source=provider, plugged_in=True, charging=charging)

        def report() -> None:
            began = self.clock.now()
            take_observations(vehicle_id, [seen], self._reporter)
            self.clock.set(began)

        self.at(at + timedelta(seconds=self.setting.reports_after_s or 0.0), report)

    def run_until(self, until: datetime) -> None:
        """Let everything happen until an instant."""
        while True:
            self._begin_what_is_due()
            following = self._next_at()
            if following is None or following > until:
                self.clock.set(until)
                return
            self.clock.set(max(following, self.clock.now()))
            while self._ends and self._ends[0][0] <= self.clock.now():
                self._end()
            while self._tasks and self._tasks[0][0] <= self.clock.now():
                heapq.heappop(self._tasks)[2]()

    def _next_at(self) -> datetime | None:
        known = [one[0][0] for one in (self._ends, self._tasks) if one]
        at = self.cloud.next_at()
        full = sum(self._at_once.values()) >= self.setting.account_at_once
        if at is not None and not full:
            known.append(max(at, self.clock.now() + timedelta(milliseconds=20)))
        return min(known, default=None)

    def _begin_what_is_due(self) -> None:
        self._scale()
        self._waiting += self.cloud.due(self.clock.now())
        room = self.setting.account_at_once - sum(self._at_once.values())
        begun, self._waiting = self._waiting[:room], self._waiting[room:]
        for delivery in begun:
            self._run(delivery)

    def _scale(self) -> None:
        """Let each queue have as many batches at once as Lambda would have scaled to."""
        now, per_min = self.clock.now(), self.setting.scales_per_min
        for name, mapping in self.cloud.queue_mappings.items():
            if per_min is None:
                continue
            if not self._is_busy(mapping, now):
                self._busy_since.pop(name, None)
            since = self._busy_since.setdefault(name, now)
            scaled = FIRST_AT_ONCE + int((now - since).total_seconds() * per_min / 60)
            mapping.most_at_once = min(self._declared[name], scaled)

    def _is_busy(self, mapping: QueueMapping, now: datetime) -> bool:
        at = mapping.queue.next_at()
        return self._at_once[mapping.logical_id] > 0 or (at is not None and at <= now)

    def _run(self, delivery: Delivery) -> None:
        if delivery.function not in FUNCTIONS:
            delivery.settle({})
            return
        began, name = self.clock.now(), delivery.function
        free = self._free.setdefault(name, [])
        instance = free.pop() if free else self.runtime(name)
        self.runs[name] += 1
        self._at_once[delivery.source] += 1
        self.busiest[delivery.source] = max(self.busiest[delivery.source], self._at_once[delivery.source])
        is_sender = name == "VehicleCommandsFunction"
        self._computing = set() if is_sender else None
        if not is_sender:
            self.clock.advance(COMPUTE_S[name] * (len(delivery.event.get("Records", ())) or 1))
        answer = self.answer(name, instance, delivery.event)
        self._number += 1
        heapq.heappush(self._ends, (self.clock.now(), self._number, delivery, answer, name, instance))
        self.clock.set(began)

    def answer(self, name: str, instance: Runtime, event: Any) -> Any:
        """What a function answers to an event, run with this instance."""
        use(instance)
        with redirect_stdout(self.log):
            return function(self.cloud.stack.functions[name].folder.name).handler(event, None)

    def _end(self) -> None:
        _, _, delivery, answer, name, instance = heapq.heappop(self._ends)
        self._at_once[delivery.source] -= 1
        self._free[name].append(instance)
        delivery.settle(answer)

    def _taking_time(self, request: Any, answer: Any) -> Any:
        if self._computing is not None:
            self._compute(self._computing)
        self.clock.advance(LATENCY_S[request.service])
        return answer()

    def _compute(self, busy: set[int]) -> None:
        """Wait until the one core of a sender is free for this thread, and use it."""
        began = self.clock.now()
        share = int((began - EDGE).total_seconds() // SENDER_COMPUTE_S)
        while share in busy:
            share += 1
        busy.add(share)
        self.clock.set(max(began, EDGE + timedelta(seconds=share * SENDER_COMPUTE_S)))
        self.clock.advance(SENDER_COMPUTE_S)


@contextmanager
def rush(setting: Setting, kind: type[Rush] = Rush) -> Iterator[Rush]:
    """A fleet before its edge; afterwards the process is as before."""
    with environment(), side_by_side() as clock_of:
        os.environ["POWERTOOLS_LOG_LEVEL"] = "CRITICAL"
        made = kind(setting)
        clock_of.append(made.clock)
        for provider, count in setting.cars.items():
            made.place(provider, count)
        yield made
