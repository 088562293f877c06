"""A world of our own: the real handlers, AWS in memory, Axle, cars and drivers, on one clock and from one seed."""

import heapq
import json
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from types import MappingProxyType
from typing import Any

import requests

from simulators.axle.app import AxleSimulator
from simulators.cars.simulator import CarSimulator
from tests.support.faults import Call, FaultKind
from tests.world.app_endpoint import AppEndpoint
from tests.world.aws import NO_FAULTS, Cloud, Delivery, Faults, RandomFaults, Rates
from tests.world.aws_clients import runtime_clients
from tests.world.chance import Chance, SeededChance
from tests.world.clock import WorldClock
from tests.world.connections import API, APP_EVENTS, APP_TOKEN, CARS, OPERATOR_TOKEN, connect, shown
from tests.world.declared import deployed
from tests.world.determinism import deterministic
from tests.world.gateway import Gateway
from tests.world.host import Host, Killed, environment
from tests.world.idle import nothing_is_due
from tests.world.outside import Invocation, PlannedFault, WorldOutside
from tests.world.senders import AxleSender, CarSender

START = datetime(2026, 1, 15, 20, 0, tzinfo=UTC)
CALM = Rates(index_lag_s=2.0, stream_lag_s=0.5, read_lag_s=1.0, shuffled=True)
"""What AWS always is."""

DEEPEST = 3
"""So many functions run within one another at most, each in a pause of the one before."""


@dataclass(order=True)
class Task:
    """Something that a driver, an app or a test does at an instant."""

    at: datetime
    order: int
    name: str = field(compare=False)
    do: Callable[[], object] = field(compare=False)


class World:
    """One world. ``step`` lets the next thing happen; ``run_until`` everything until an instant.

    With ``app_webhook`` the app gets its events at an address, which keeps them.
    """

    def __init__(
        self,
        seed: int,
        chance: Chance | None = None,
        policy: Faults = NO_FAULTS,
        start: datetime = START,
        *,
        app_webhook: bool = False,
        parameters: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        stack = deployed(**parameters, **{"AppWebhookUrl": APP_EVENTS} if app_webhook else {})
        self.seed, self.chance = seed, chance or Chance()
        self.rng = random.Random(seed)
        self.clock = WorldClock(start)
        self.history: list[str] = []
        self.violations: list[str] = []
        self.faults: Counter[str] = Counter()
        self.outside = WorldOutside(self._before_call)
        self.cloud = Cloud(self.clock, stack, policy)
        self.cloud.caller = lambda: self.outside.running[-1].function if self.outside.running else None
        self._pending: list[Delivery] = []
        self._tasks: list[Task] = []
        self._order = self._depth = 0
        self.switched, self.shuffles, self._depth_of_between = False, True, False
        self.planned: PlannedFault | None = None
        self.between: Callable[[Invocation, Call], None] | None = None
        self.events = AppEndpoint()
        self.session = requests.Session()
        self.session.trust_env = False
        self.host = Host(
            self.clock,
            self.outside,
            {**runtime_clients(self.cloud), "http": self.session},
            stack.functions,
            rng=random.Random(self.rng.getrandbits(64)),
            wait=self.wait,
            skew_s=self.chance.skew_s,
        )
        self.gateway = Gateway(self.host)
        self.axle = AxleSimulator(self.clock, deliveries=AxleSender)
        self.cars = CarSimulator(self.clock, outbox=CarSender)
        connect(self)

    @property
    def axle_sender(self) -> AxleSender:
        """Axle's schedules on their way."""
        sender = self.axle.deliveries
        assert isinstance(sender, AxleSender)
        return sender

    @property
    def car_sender(self) -> CarSender:
        """The car makers' webhooks on their way."""
        sender = self.cars.outbox
        assert isinstance(sender, CarSender)
        return sender

    def calm(self) -> None:
        """Nothing goes wrong from now on."""
        if isinstance(self.chance, SeededChance):
            self.chance.calm()
        if isinstance(self.cloud.faults, RandomFaults):
            self.cloud.faults.rates = CALM

    # What happens

    def note(self, what: str) -> None:
        """Write a line of the history."""
        self.history.append(f"{self.clock.now():%d %H:%M:%S.%f} {'  ' * self._depth}{what}")

    def at(self, instant: datetime, name: str, do: Callable[[], object]) -> None:
        """Have something done at an instant."""
        self._order += 1
        heapq.heappush(self._tasks, Task(instant, self._order, name, do))

    def after(self, seconds: float, name: str, do: Callable[[], object]) -> None:
        """Have something done in some seconds."""
        self.at(self.clock.now() + timedelta(seconds=seconds), name, do)

    def run_until(self, until: datetime) -> None:
        """Let everything happen until an instant."""
        while self.step(until):
            pass

    def step(self, until: datetime) -> bool:
        """Let one thing happen that is due, or go to the next instant at which something is; False at ``until``."""
        ready = self._ready()
        if ready:
            name, do = self.rng.choice(ready) if self.shuffles else ready[0]
            result = do()
            self.note(name if result is None else f"{name}: {result}")
            return True
        due = self._next_at()
        if due is None or due > until:
            self.clock.put(until)
            return False
        self.clock.put(due)
        return True

    def wait(self, seconds: float) -> None:
        """Let seconds pass for a function that waits; others run meanwhile."""
        until = self.clock.now() + timedelta(seconds=seconds)
        if self._depth >= DEEPEST:
            self.clock.put(until)
            return
        with self._within():
            self.run_until(until)

    @contextmanager
    def _within(self) -> Iterator[None]:
        running, self.outside.running = self.outside.running, []
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1
            self.outside.running = running

    def _ready(self) -> list[tuple[str, Callable[[], object]]]:
        now = self.clock.now()
        with self.cars.world.present():
            pass
        self._pending += self.cloud.due(now)
        found: list[tuple[str, Callable[[], object]]] = []
        keys: set[str] = set()
        for delivery in self._pending:
            if delivery.order_key is None or delivery.order_key not in keys:
                found.append((f"{delivery.function} {shown(delivery.event)}", partial(self._deliver, delivery)))
                keys |= {delivery.order_key} if delivery.order_key is not None else set()
        if self.car_sender.waiting:
            found.append(("car makers", self.car_sender.send_next))
        schedule_at = self.axle_sender.next_at()
        if schedule_at is not None and schedule_at <= now:
            found.append(("Axle", self.axle_sender.send_next))
        if self._tasks and self._tasks[0].at <= now:
            found.append((self._tasks[0].name, self._next_task))
        return found

    def _next_at(self) -> datetime | None:
        agenda = self.cars.world._agenda
        known = [
            self.cloud.next_at(),
            self.axle_sender.next_at(),
            self._tasks[0].at if self._tasks else None,
            agenda[0][0] if agenda else None,
        ]
        return min((max(at, self.clock.now()) for at in known if at is not None), default=None)

    def _next_task(self) -> object:
        return heapq.heappop(self._tasks).do()

    def _deliver(self, delivery: Delivery) -> str:
        self._pending = [one for one in self._pending if one is not delivery]
        if delivery.function == "ClockFunction" and not self.switched and self.tick_is_idle():
            delivery.settle({})
            return "nothing is due"
        before = self.injected()
        try:
            result = self.host.run(delivery.function, delivery.event)
        except Killed as killed:
            delivery.failed(killed)
            return f"killed: {killed}"
        except Exception as error:
            if self.injected() == before:
                self.violations.append(f"{self.clock.now()} {delivery.function} raised {error!r} by itself")
            delivery.failed(error)
            return f"raised {error!r}"
        delivery.settle(result)
        return json.dumps(result)

    def tick_is_idle(self, ahead: timedelta = timedelta(seconds=150)) -> bool:
        """Whether a tick of the minute clock would find nothing that is due in so much time."""
        return nothing_is_due(self.cloud.items(), self.clock.now() + ahead)

    def has_work(self) -> bool:
        """Whether anything is due now."""
        return bool(self._ready())

    def injected(self) -> int:
        """How many faults of calls there were so far."""
        policy = self.cloud.faults
        return self.faults.total() + (sum(policy.count.values()) if isinstance(policy, RandomFaults) else 0)

    # Calls of the functions

    def _before_call(self, invocation: Invocation, call: Call) -> FaultKind | None:
        self.clock.advance(self.chance.latency_s(call))
        if self.clock.now() > invocation.until:
            self.faults["time-out"] += 1
            return "death before"
        if self._depth < DEEPEST and self.chance.interleaves(invocation, call):
            with self._within():
                self.step(self.clock.now())
        if self.between is not None and not self._depth_of_between:
            self._come_in(self.between, invocation, call)
        fault = self._planned_for(invocation) or self.chance.fault(invocation, call)
        if fault is not None and call.suffers(fault):
            self.faults[fault] += 1
            self.note(f"  {invocation.function} suffers {fault} at call {len(invocation.calls) - 1}, {call}")
        return fault

    def _come_in(self, between: Callable[[Invocation, Call], None], invocation: Invocation, call: Call) -> None:
        self._depth_of_between = True
        try:
            with self._within():
                between(invocation, call)
        finally:
            self._depth_of_between = False

    def _planned_for(self, invocation: Invocation) -> FaultKind | None:
        plan = self.planned
        if plan is None or invocation.number != plan.run or len(invocation.calls) - 1 != plan.call:
            return None
        return plan.fault

    def _serve(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, Mapping[str, str], str]:
        with self._within():
            answer = self.gateway.serve(method, url, headers, body)
        if self.chance.answer_is_lost():
            self.faults["answer of the API lost"] += 1
            raise requests.ReadTimeout("the answer was lost")
        return answer

    def request(
        self, method: str, path: str, body: Any = None, *, operator: bool = False, **headers: str
    ) -> requests.Response:
        """A request of the app, or of an operator, to our API. Raises requests.RequestException."""
        token = OPERATOR_TOKEN if operator else APP_TOKEN
        sent = {"authorization": f"Bearer {token}", **headers}
        return self.session.request(method, API + path, json=body, headers=sent)

    def move(self, vehicle_id: str, move: str, **body: Any) -> None:
        """Move a car now."""
        self.simulated("POST", f"/cars/{vehicle_id}/{move}", body or None)

    def simulated(self, method: str, path: str, body: Any = None) -> Any:
        """A request to the control API of the cars' simulator."""
        response = self.session.request(method, f"{CARS}/_sim{path}", json=body)
        response.raise_for_status()
        return response.json() if response.content else None


@contextmanager
def new_world(seed: int, **how: Any) -> Iterator[World]:
    """A new world, in force for all functions."""
    world = World(seed, **how)
    with ExitStack() as stack:
        stack.enter_context(environment())
        stack.enter_context(deterministic(world.clock, world.wait, random.Random(world.rng.getrandbits(64))))
        stack.callback(world.session.close)
        yield world
