"""The simulated Axle as one ASGI application."""

from fastapi import FastAPI
from starlette.types import ASGIApp

from driveway.runtime.clock import Clock
from simulators.axle.api import data_routes, entity_routes, event_routes, reward_routes, token_route
from simulators.axle.control import control_routes
from simulators.axle.delivery import Deliveries
from simulators.axle.events import Events
from simulators.axle.readings import ReadingStore
from simulators.axle.tokens import Tokens
from simulators.axle.world import World
from simulators.common import FaultPlan, RequestLog, instrument

DEFAULT_USERNAME = "driveway"
DEFAULT_PASSWORD = "axle-simulator"  # noqa: S105  # the simulator's own, guards nothing


class AxleSimulator:
    """Axle with its state; ``asgi`` is what a server serves. Close it to stop the background sender."""

    def __init__(self, clock: Clock, username: str = DEFAULT_USERNAME, password: str = DEFAULT_PASSWORD) -> None:
        self.world = World()
        self.readings = ReadingStore()
        self.tokens = Tokens(username, password)
        self.deliveries = Deliveries(clock, self.world)
        self.events = Events(clock, self.world, self.deliveries)
        self.faults = FaultPlan()
        self.requests = RequestLog()
        app = FastAPI(title="Axle simulator", docs_url=None, redoc_url=None)
        app.include_router(token_route(clock, self.tokens))
        app.include_router(entity_routes(clock, self.tokens, self.world))
        app.include_router(event_routes(clock, self.tokens, self.events))
        app.include_router(data_routes(clock, self.tokens, self.world, self.readings))
        app.include_router(reward_routes(clock, self.tokens, self.world))
        app.include_router(control_routes(self, clock))
        self.asgi: ASGIApp = instrument(app, clock, self.faults, self.requests)

    def reset(self) -> None:
        """Forget everything but the configuration."""
        self.world.reset()
        self.readings.reset()
        self.tokens.reset()
        self.deliveries.clear()
        self.faults.clear()
        self.requests.clear()

    def close(self) -> None:
        """Stop sending schedules."""
        self.deliveries.close()
