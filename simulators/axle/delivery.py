"""Sends schedules to the integrator: in the background, with retries, and with faults if configured."""

import hashlib
import heapq
import hmac
import json
import random
import threading
import time
import uuid
from collections import defaultdict, deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

import requests

from driveway.runtime.clock import Clock
from simulators.axle.world import Config, DeliveryMode, World

ENVELOPE_EVENT = "asset:dispatch:requested"
_WORKERS = 8

DeliveryState = Literal["pending", "delivered", "refused", "expired", "superseded", "dropped", "not_configured"]


@dataclass(slots=True)
class Delivery:
    """One schedule on its way. ``created_at`` is an instant of the clock; ``unordered``: others may overtake."""

    seq: int
    asset_id: str
    mode: DeliveryMode
    method: Literal["POST", "DELETE"]
    body: Any
    created_at: datetime
    unordered: bool = False
    state: DeliveryState = "pending"
    attempts: list[dict[str, Any]] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """The delivery as JSON values."""
        return {
            "seq": self.seq,
            "asset_id": self.asset_id,
            "mode": self.mode,
            "method": self.method,
            "body": self.body,
            "created_at": self.created_at.isoformat(),
            "state": self.state,
            "attempts": list(self.attempts),
        }


def sign(secret: str, at: datetime, raw: bytes) -> str:
    """The value of Axle's ``x-axle-sig`` header over the raw body, signed at the instant ``at``."""
    timestamp = int(at.timestamp())
    digest = hmac.new(secret.encode(), f"{timestamp}.".encode() + raw, hashlib.sha256).hexdigest()
    return f"t={timestamp},v1={digest}"


class Deliveries:
    """The background sender.

    Deliveries of one asset go one after the other. After a 5xx, a timeout or a lost connection they are repeated
    with exponential backoff on the clock until ``retry_for_s`` after their creation; a 4xx is final. A bare profile
    carries no date, so its repeat is given up once a newer one exists; an envelope is repeated regardless.
    """

    def __init__(self, clock: Clock, world: World) -> None:
        self._clock = clock
        self._world = world
        self._changed = threading.Condition()
        self._pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="axle-delivery")
        self._random = random.Random(1)
        self._local = threading.local()
        self._thread: threading.Thread | None = None
        self._closed = False
        self._last_seq = 0
        self.clear()

    def clear(self) -> None:
        """Forget all deliveries, sent or waiting."""
        with self._changed:
            self._log: list[Delivery] = []
            self._due: list[tuple[float, int, Delivery]] = []
            self._in_flight: set[str] = set()
            self._waiting: defaultdict[str, deque[Delivery]] = defaultdict(deque)
            self._latest: dict[str, int] = {}
            self._holds_next = True

    def close(self) -> None:
        """Stop sending."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def list(self, asset_id: str | None = None) -> list[dict[str, Any]]:
        """All deliveries, or those of one asset, in order of issue, as JSON values."""
        with self._changed:
            return [delivery.as_json() for delivery in self._log if asset_id in {None, delivery.asset_id}]

    def issue(
        self,
        asset_id: str,
        profile: Any,
        *,
        mode: DeliveryMode | None = None,
        created_at: datetime | None = None,
        envelope_id: str | None = None,
    ) -> int:
        """Send a profile, in the configured form unless ``mode`` is given; gives the delivery's number."""
        with self._world.lock:
            config = self._world.config.model_copy(deep=True)
            if config.delivery_faults.drop:
                self._world.config.delivery_faults.drop -= 1
        mode = mode or config.delivery
        created_at = created_at or self._clock.now() + timedelta(seconds=config.clock_ahead_s)
        body = profile
        if mode == "set_charging_profile_request":
            body = {"connectorId": config.connector_id, "csChargingProfiles": profile}
        elif mode == "envelope":
            body = {
                "id": envelope_id or str(uuid.uuid4()),
                "version": "1",
                "event_type": ENVELOPE_EVENT,
                "created_at": created_at.isoformat(),
                "payload": {"asset_id": asset_id, "charging_profile": profile},
            }
        return self._enqueue(asset_id, mode, "POST", body, created_at=created_at, config=config)

    def send_event(self, asset_id: str, event_type: str, payload: dict[str, Any]) -> int:
        """Send an envelope with any payload to the webhook; gives the delivery's number."""
        with self._world.lock:
            config = self._world.config.model_copy(deep=True)
        now = self._clock.now()
        body = {
            "id": str(uuid.uuid4()),
            "version": "1",
            "event_type": event_type,
            "created_at": now.isoformat(),
            "payload": payload,
        }
        return self._enqueue(asset_id, "envelope", "POST", body, created_at=now, config=config)

    def clear_profile(self, asset_id: str) -> int:
        """Send a DELETE of the asset's profile; gives the delivery's number."""
        with self._world.lock:
            config = self._world.config.model_copy(deep=True)
        return self._enqueue(asset_id, "profile", "DELETE", None, created_at=self._clock.now(), config=config)

    def _enqueue(
        self,
        asset_id: str,
        mode: DeliveryMode,
        method: Literal["POST", "DELETE"],
        body: Any,
        *,
        created_at: datetime,
        config: Config,
    ) -> int:
        faults = config.delivery_faults
        with self._changed:
            overtaken = faults.reorder_s > 0 and self._holds_next
            self._holds_next = not overtaken
            first = self._last_seq + 1
            for _ in range(1 + faults.duplicate):
                self._last_seq += 1
                delivery = Delivery(self._last_seq, asset_id, mode, method, body, created_at, unordered=overtaken)
                self._log.append(delivery)
                self._latest[asset_id] = delivery.seq
                if config.driveway_url is None:
                    delivery.state = "not_configured"
                elif faults.drop:
                    delivery.state = "dropped"
                else:
                    self._schedule(delivery, faults.delay_s + (faults.reorder_s if overtaken else 0))
            return first

    def _schedule(self, delivery: Delivery, in_s: float) -> None:
        real_s = self._clock.real_s(timedelta(seconds=in_s))
        heapq.heappush(self._due, (time.monotonic() + real_s, delivery.seq, delivery))
        if self._thread is None:
            self._thread = threading.Thread(target=self._dispatch, name="axle-deliveries", daemon=True)
            self._thread.start()
        self._changed.notify_all()

    def _dispatch(self) -> None:
        with self._changed:
            while not self._closed:
                wait_s = self._due[0][0] - time.monotonic() if self._due else None
                if wait_s is None or wait_s > 0:
                    self._changed.wait(wait_s)
                    continue
                _, _, delivery = heapq.heappop(self._due)
                if delivery.asset_id in self._in_flight:
                    self._waiting[delivery.asset_id].append(delivery)
                elif self._is_superseded(delivery):
                    delivery.state = "superseded"
                else:
                    self._in_flight.add(delivery.asset_id)
                    self._pool.submit(self._send, delivery)

    def _is_superseded(self, delivery: Delivery) -> bool:
        newer = self._latest.get(delivery.asset_id, 0) > delivery.seq
        return newer and bool(delivery.attempts) and delivery.mode != "envelope" and not delivery.unordered

    def _send(self, delivery: Delivery) -> None:
        with self._world.lock:
            config = self._world.config.model_copy(deep=True)
        attempt: dict[str, Any] = {"at": self._clock.now().isoformat(), "status": None, "error": None}
        try:
            answer = self._call(delivery, config)
            attempt |= {"status": answer.status_code, "error": None if answer.ok else answer.text[:2000]}
            if self._loses_answer():
                attempt |= {"status": None, "error": "the answer was lost"}
        except requests.RequestException as error:
            attempt["error"] = f"{type(error).__name__}: {error}"
        with self._changed:
            delivery.attempts.append(attempt)
            self._settle(delivery, attempt["status"], config)
            self._in_flight.discard(delivery.asset_id)
            for waiting in self._waiting.pop(delivery.asset_id, ()):
                heapq.heappush(self._due, (time.monotonic(), waiting.seq, waiting))
            self._changed.notify_all()

    def _loses_answer(self) -> bool:
        with self._world.lock:
            faults = self._world.config.delivery_faults
            loses = faults.lose_answers > 0
            faults.lose_answers -= loses
        return loses

    def _call(self, delivery: Delivery, config: Config) -> requests.Response:
        raw = b"" if delivery.body is None else json.dumps(delivery.body).encode()
        headers = {"Content-Type": "application/json"}
        base = (config.driveway_url or "").rstrip("/")
        if delivery.mode == "envelope":
            url = f"{base}/axle/webhooks"
            headers["x-axle-sig"] = sign(config.webhook_secret or "", self._clock.now(), raw)
            headers["x-axle-ref"] = str(uuid.uuid4())
        else:
            url = f"{base}/axle/assets/{delivery.asset_id}/charging-profile"
            if config.bearer_token is not None:
                headers["Authorization"] = f"Bearer {config.bearer_token}"
        if not hasattr(self._local, "session"):
            self._local.session = requests.Session()
        session: requests.Session = self._local.session
        return session.request(delivery.method, url, data=raw, headers=headers, timeout=config.timeout_s)

    def _settle(self, delivery: Delivery, status: int | None, config: Config) -> None:
        if status is not None and 200 <= status < 300:
            delivery.state = "delivered"
        elif status is not None and status < 500:
            delivery.state = "refused"
        else:
            backoff_s = min(config.retry_cap_s, config.retry_base_s * 2 ** (len(delivery.attempts) - 1))
            backoff_s *= self._random.uniform(0.9, 1.1)
            give_up_at = delivery.created_at + timedelta(seconds=config.retry_for_s)
            if self._clock.now() + timedelta(seconds=backoff_s) > give_up_at:
                delivery.state = "expired"
            else:
                self._schedule(delivery, backoff_s)
