"""What the simulators send by themselves, one request at a time, when the world lets them."""

import heapq
import random
from collections.abc import Callable
from datetime import UTC, datetime

import requests

from driveway.runtime.clock import Clock
from simulators.axle.delivery import Deliveries, Delivery
from simulators.axle.world import World as AxleWorld
from simulators.cars.car import Car, View
from simulators.cars.outbox import Message, Outbox, Packer
from simulators.cars.world import World as CarWorld

SHOW_A_CAR = frozenset({"user:vehicle:updated", "VEHICLE_STATE", "V", "observation"})
"""The events that show a car, by the names that the makers give them."""


class AxleSender(Deliveries):
    """Axle's schedules on their way."""

    def __init__(self, clock: Clock, world: AxleWorld) -> None:
        super().__init__(clock, world)

    def connect(self, session: requests.Session, rng: random.Random) -> None:
        """Send by this session, with retries spread by this generator."""
        self._local.session, self._random = session, rng

    def next_at(self) -> datetime | None:
        """When the next schedule is due; None if none waits."""
        return datetime.fromtimestamp(self._due[0][0], UTC) if self._due else None

    def send_next(self) -> str:
        """Send the schedule that is due first; gives what was done, in words."""
        _, _, delivery = heapq.heappop(self._due)
        if delivery.asset_id in self._in_flight:
            self._schedule(delivery, 1.0)
            return "waits for the one before"
        if self._is_superseded(delivery):
            delivery.state = "superseded"
            return "superseded"
        self._in_flight.add(delivery.asset_id)
        self._send(delivery)
        return f"{delivery.method} {delivery.mode} {delivery.state} {delivery.attempts[-1]['status']}"

    def _schedule(self, delivery: Delivery, in_s: float) -> None:
        heapq.heappush(self._due, (self._clock.now().timestamp() + in_s, delivery.seq, delivery))


class CarSender(Outbox):
    """The car makers' webhooks on their way, in the order of each car.

    ``sent`` gets each that is sent, at every attempt, and ``arrived`` each that was taken.
    """

    def __init__(self, world: CarWorld, packers: dict[str, Packer]) -> None:
        super().__init__(world, packers)
        self.waiting: list[Message] = []
        self.sent: Callable[[str, View], None] = lambda vehicle_id, view: None
        self.arrived: Callable[[str, View], None] = lambda vehicle_id, view: None
        self._views: dict[int, View] = {}
        self._kept: list[Message] = []
        self._session = requests.Session()
        self._rng = random.Random(1)

    def connect(self, session: requests.Session, rng: random.Random) -> None:
        """Send by this session; which car's report goes first, and what goes astray, comes from this generator."""
        self._session, self._rng, self._chance = session, rng, rng

    def send_next(self) -> str:
        """Send the oldest report of one of the cars, with others in the same request where the provider does that."""
        first = self._rng.choice(list({message.vehicle_id: message for message in reversed(self.waiting)}.values()))
        size = getattr(self.world.provider(first.provider), "batch_size", 1)
        alike = [one for one in self.waiting if (one.provider, one.url) == (first.provider, first.url)]
        batch = alike[:size] if size > 1 else [first]
        self.waiting = [one for one in self.waiting if not any(one is sent for sent in batch)]
        views = [(one.vehicle_id, view) for one in batch if (view := self._views.get(id(one))) is not None]
        for vehicle_id, view in views:
            self.sent(vehicle_id, view)
        self._post(self._session, batch)
        status = self.deliveries[-1].status
        for vehicle_id, view in views:
            if status is not None and 200 <= status < 300:
                self.arrived(vehicle_id, view)
        return f"{batch[0].provider} {[f'{one.vehicle_id} {one.name}' for one in batch]}"

    def report(self, message: Message, at: datetime, car: Car | None = None) -> None:
        """Send an event, and remember what it reports of its car."""
        if car is not None and car.reported is not None and message.name in SHOW_A_CAR:
            self._views[id(message)] = car.reported
            self._kept.append(message)
        super().report(message, at, car)

    def _queue(self, message: Message) -> None:
        self.waiting.append(message)
