"""Webhooks on their way: a few threads post them, retry them, and lose or delay them if configured."""

import queue
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zlib import crc32

import requests

from simulators.cars.car import Car
from simulators.cars.spec import WebhookFaults
from simulators.cars.world import World

KEPT_DELIVERIES = 50_000


@dataclass(slots=True)
class Message:
    """One event for a provider's webhook, before it is put on the wire."""

    provider: str
    vehicle_id: str
    name: str
    body: dict[str, Any]
    url: str
    attempts: int = 0


@dataclass(slots=True)
class Delivery:
    """A request that was made, or lost on purpose (``status`` None and ``error`` "dropped")."""

    provider: str
    vehicle_ids: list[str]
    names: list[str]
    url: str
    at: str
    attempt: int
    status: int | None = None
    error: str | None = None
    answer_real_s: float = 0.0


Request = tuple[bytes, dict[str, str]]
Packer = Callable[[Sequence[Message]], Request]


class Outbox:
    """Posts messages in the order of each car, several cars at once.

    ``packers`` make the signed request of a provider; ``batches`` say how many messages fit in one, and the real
    seconds to wait for more.
    """

    def __init__(self, world: World, packers: dict[str, Packer], *, workers: int = 8) -> None:
        """An outbox whose threads start with ``start``."""
        self.world = world
        self.packers = packers
        self.deliveries: deque[Delivery] = deque(maxlen=KEPT_DELIVERIES)
        self._queues: list[queue.Queue[Message | None]] = [queue.Queue() for _ in range(workers)]
        self._held: dict[str, Message] = {}
        self._chance = random.Random(7)  # faults are repeatable from run to run
        self._failing_since: dict[str, datetime] = {}
        self._in_flight = 0
        self._count = threading.Lock()

    def start(self) -> None:
        """Start delivering."""
        for waiting in self._queues:
            threading.Thread(target=self._deliver, args=(waiting,), name="webhooks", daemon=True).start()

    def stop(self) -> None:
        """Stop delivering once each thread has finished its present request."""
        for waiting in self._queues:
            waiting.put(None)

    def clear(self) -> None:
        """Forget past deliveries and held messages; what is queued already still goes out."""
        self.deliveries.clear()
        self._held.clear()
        self._failing_since.clear()

    def pending(self) -> int:
        """Messages that wait for delivery or are on the wire (those waiting for a retry or delayed are not counted)."""
        with self._count:
            return self._in_flight

    def report(self, message: Message, at: datetime, car: Car | None = None) -> None:
        """Send an event of ``at`` with the provider's report delay and the faults of the provider or of the car."""
        settings = self.world.provider(message.provider)
        if not settings.webhook_active:
            self.deliveries.append(self._delivery([message], error="inactive"))
            return
        faults = car.spec.webhook_faults if car and car.spec.webhook_faults else settings.webhook_faults
        if settings.report_delay_s > 0:
            due = at + timedelta(seconds=settings.report_delay_s)
            self.world.later(due, lambda _: self.send(message, faults))
        else:
            self.send(message, faults)

    def send(self, message: Message, faults: WebhookFaults) -> None:
        """Send an event, or let it go astray as ``faults`` say."""
        if self._chance.random() < faults.drop:
            self.deliveries.append(self._delivery([message], error="dropped"))
            return
        copies = 2 if self._chance.random() < faults.duplicate else 1
        for _ in range(copies):
            if self._chance.random() < faults.late:
                self._queue_after(message, self._chance.uniform(0, faults.late_s))
            elif message.vehicle_id not in self._held and self._chance.random() < faults.reorder:
                self._hold(message, faults.reorder_s)
            else:
                self._queue(message)
                self._release(message.vehicle_id)

    def _hold(self, message: Message, for_s: float) -> None:
        self._held[message.vehicle_id] = message
        at = self.world.clock.now() + timedelta(seconds=for_s)
        self.world.later(at, lambda _: self._release(message.vehicle_id, only=message))

    def _release(self, vehicle_id: str, only: Message | None = None) -> None:
        held = self._held.get(vehicle_id)
        if held is not None and (only is None or held is only):
            del self._held[vehicle_id]
            self._queue(held)

    def _queue_after(self, message: Message, simulated_s: float) -> None:
        self.world.later(self.world.clock.now() + timedelta(seconds=simulated_s), lambda _: self._queue(message))

    def _queue(self, message: Message) -> None:
        with self._count:
            self._in_flight += 1
        self._queues[crc32(message.vehicle_id.encode()) % len(self._queues)].put(message)

    def _deliver(self, waiting: queue.Queue[Message | None]) -> None:
        http = requests.Session()
        while (message := waiting.get()) is not None:
            batch, stopped = self._gather(message, waiting)
            try:
                self._post(http, batch)
            finally:
                with self._count:
                    self._in_flight -= len(batch)
            if stopped:
                return

    def _gather(self, first: Message, waiting: queue.Queue[Message | None]) -> tuple[list[Message], bool]:
        size = getattr(self.world.provider(first.provider), "batch_size", 1)
        gather_real_s = getattr(self.world.provider(first.provider), "batch_gather_real_s", 0.0)
        if size > 1 and gather_real_s > 0:
            time.sleep(gather_real_s)
        batch = [first]
        while len(batch) < size:
            try:
                message = waiting.get_nowait()
            except queue.Empty:
                break
            if message is None:
                return batch, True
            if (message.provider, message.url) != (first.provider, first.url):
                waiting.put(message)
                break
            batch.append(message)
        return batch, False

    def _post(self, http: requests.Session, batch: list[Message]) -> None:
        for message in batch:
            message.attempts += 1
        body, headers = self.packers[batch[0].provider](batch)
        delivery = self._delivery(batch)
        started = time.monotonic()
        try:
            timeout_s = self.world.provider(batch[0].provider).answer_within_real_s
            delivery.status = http.post(batch[0].url, data=body, headers=headers, timeout=timeout_s).status_code
        except requests.RequestException as error:
            delivery.error = type(error).__name__
        delivery.answer_real_s = time.monotonic() - started
        self.deliveries.append(delivery)
        if delivery.status is not None and 200 <= delivery.status < 300:
            self._failing_since.pop(batch[0].provider, None)
        elif not self._queue_deleted(batch[0].provider):
            self._retry(batch)

    def _queue_deleted(self, provider: str) -> bool:
        """Whether a provider's webhook has failed for so long that its queue is deleted and nothing more is sent."""
        settings, now = self.world.provider(provider), self.world.clock.now()
        since = self._failing_since.setdefault(provider, now)
        if settings.queue_deleted_after_s > 0 and now - since >= timedelta(seconds=settings.queue_deleted_after_s):
            settings.webhook_active = False
        return not settings.webhook_active

    def _retry(self, batch: list[Message]) -> None:
        waits_s = self.world.provider(batch[0].provider).resend_real_s
        for message in batch:
            if message.attempts <= len(waits_s):
                wait = self.world.clock.real_time(waits_s[message.attempts - 1])
                self._queue_after(message, wait.total_seconds())

    def _delivery(self, batch: Sequence[Message], error: str | None = None) -> Delivery:
        return Delivery(
            provider=batch[0].provider,
            vehicle_ids=[message.vehicle_id for message in batch],
            names=[message.name for message in batch],
            url=batch[0].url,
            at=self.world.clock.now().isoformat(),
            attempt=batch[0].attempts,
            error=error,
        )
