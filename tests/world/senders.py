"""What the simulators send by themselves, one request at a time, when the world lets them."""

import heapq
import random
from datetime import UTC, datetime

import requests

from driveway.runtime.clock import Clock
from simulators.axle.delivery import Deliveries, Delivery
from simulators.axle.world import World as AxleWorld
from simulators.cars.outbox import Message, Outbox, Packer
from simulators.cars.world import World as CarWorld


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
    """The car makers' webhooks on their way, in the order of each car."""

    def __init__(self, world: CarWorld, packers: dict[str, Packer]) -> None:
        super().__init__(world, packers)
        self.waiting: list[Message] = []
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
        self._post(self._session, batch)
        return f"{batch[0].provider} {[f'{one.vehicle_id} {one.name}' for one in batch]}"

    def _queue(self, message: Message) -> None:
        self.waiting.append(message)
