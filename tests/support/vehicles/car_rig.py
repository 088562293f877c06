"""A car simulator on a port, on a clock that a test moves, and a receiver for what it sends."""

import contextlib
import dataclasses
import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import requests
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from driveway.runtime.clock import Clock
from simulators.cars.app import build_app
from simulators.cars.simulator import CarSimulator
from simulators.common import running

START = datetime(2026, 1, 15, 21, 50, tzinfo=UTC)


class SteppedClock(Clock):
    """A clock that stands still until it is moved; waiting for it takes no real time."""

    def __init__(self, at: datetime) -> None:
        """A clock that shows ``at``."""
        super().__init__(start=at, since=at)

    def now(self) -> datetime:
        """What it was last moved to."""
        return self.start or START

    def real_s(self, span: timedelta) -> float:
        """No time."""
        del span
        return 0.0

    def move_to(self, at: datetime) -> None:
        """Move on."""
        self.start = at


@dataclasses.dataclass
class Received:
    """One request that the receiver got."""

    at: datetime
    path: str
    headers: dict[str, str]
    raw: bytes

    @property
    def body(self) -> Any:
        """Its JSON."""
        return json.loads(self.raw)


class Receiver:
    """Receives webhooks; ``statuses`` are what the next requests are answered with, 200 if there are none left."""

    def __init__(self, clock: Clock) -> None:
        """A receiver that has got nothing; requests are dated by the clock."""
        self.clock = clock
        self.requests: list[Received] = []
        self.statuses: list[int] = []
        self.reply: Callable[[Received], dict[str, Any]] = lambda _: {}
        self.app = Starlette(routes=[Route("/{path:path}", self._take, methods=["POST"])])

    async def _take(self, request: Request) -> Response:
        got = Received(self.clock.now(), request.url.path, dict(request.headers), await request.body())
        self.requests.append(got)
        status = self.statuses.pop(0) if self.statuses else 200
        return Response(json.dumps(self.reply(got)), status, media_type="application/json")


class Rig:
    """What a test works with."""

    def __init__(self, url: str, simulator: CarSimulator, clock: SteppedClock, receiver: Receiver, hook: str) -> None:
        """Parts that are running."""
        self.url, self.simulator, self.clock, self.receiver, self.hook = url, simulator, clock, receiver, hook
        self.http = requests.Session()
        self.headers: dict[str, str] = {}

    def begin_again(self) -> None:
        """Forget the token, the cars, the settings, the faults and what was received. The clock does not go back."""
        until(lambda: self.simulator.outbox.pending() == 0)
        self.headers = {}
        self.ok("POST", "/_sim/reset", {"settings": True})
        if self.ok("GET", "/_sim/faults"):
            self.ok("DELETE", "/_sim/faults")
        self.receiver.requests.clear()
        self.receiver.statuses.clear()
        self.receiver.reply = lambda _: {}
        self.clock.move_to(max(self.clock.now(), START))

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> requests.Response:
        """Make a request with the token obtained last."""
        return self.http.request(method, self.url + path, json=body, headers={**self.headers, **headers}, timeout=10)

    def ok(self, method: str, path: str, body: Any = None) -> Any:
        """The JSON of a request that must be answered 2xx."""
        response = self.call(method, path, body)
        assert response.ok, response.text
        return response.json() if response.content else None

    def car(self, provider: str, **spec: Any) -> str:
        """Make a car ``car-1`` with commands obeyed at once unless it says otherwise."""
        fields = {"provider": provider, "vehicle_id": "car-1", "command_delay_s": 0, **spec}
        return str(self.ok("POST", "/_sim/cars", fields)["vehicle_id"])

    def do(self, move: str, vehicle_id: str = "car-1", **body: Any) -> None:
        """Move the car."""
        self.ok("POST", f"/_sim/cars/{vehicle_id}/{move}", body or None)

    def change(self, vehicle_id: str = "car-1", **changes: Any) -> None:
        """Change the car."""
        self.ok("POST", f"/_sim/cars/{vehicle_id}/set", changes)

    def truth(self, vehicle_id: str = "car-1") -> dict[str, Any]:
        """The car as it is."""
        return dict(self.ok("GET", f"/_sim/cars/{vehicle_id}"))

    def configure(self, provider: str, **settings: Any) -> None:
        """Change a provider's settings."""
        self.ok("POST", "/_sim/config", {provider: settings})

    def listen(self, provider: str, **settings: Any) -> None:
        """Configure a provider to send to the receiver."""
        self.configure(provider, webhook_url=self.hook, **settings)

    def pass_s(self, seconds: float) -> None:
        """Let time pass, with everything that is due in it."""
        self.clock.move_to(self.clock.now() + timedelta(seconds=seconds))
        with self.simulator.world.present():
            pass

    def pass_until(self, at: datetime) -> None:
        """Let time pass until an instant."""
        self.pass_s((at - self.clock.now()).total_seconds())

    def sent(self) -> list[Received]:
        """What the receiver has got once nothing is on the wire any more."""
        until(lambda: self.simulator.outbox.pending() == 0)
        return self.receiver.requests


def until(condition: Callable[[], bool], *, real_s: float = 10) -> None:
    """Wait for a condition that must come true.

    Raises:
        AssertionError: it did not within ``real_s``.
    """
    give_up_at = time.monotonic() + real_s
    while not condition():
        assert time.monotonic() < give_up_at, "it did not happen in time"
        time.sleep(0.002)


@contextlib.contextmanager
def rig_at(start: datetime = START) -> Iterator[Rig]:
    """A simulator and a receiver, running for as long as the context lasts."""
    clock = SteppedClock(start)
    receiver = Receiver(clock)
    simulator = CarSimulator(clock)
    simulator.outbox.start()
    with running(build_app(simulator)) as url, running(receiver.app) as hook:
        rig = Rig(url, simulator, clock, receiver, hook + "/hook")
        yield rig
        rig.http.close()
    simulator.stop()
