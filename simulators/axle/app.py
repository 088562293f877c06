"""The simulated Axle as one ASGI application."""

from fastapi import FastAPI
from starlette.types import ASGIApp

from driveway.runtime.clock import Clock
from simulators.axle.api import data_routes, entity_routes, event_routes, reward_routes, token_route
from simulators.axle.control import control_routes
from simulators.axle.delivery import Deliveries
from simulators.axle.state import AxleState
from simulators.common import instrument

DEFAULT_USERNAME = "driveway"
DEFAULT_PASSWORD = "axle-simulator"  # noqa: S105  # the simulator's own, guards nothing


class AxleSimulator(AxleState):
    """Axle with its state; ``asgi`` is what a server serves."""

    def __init__(
        self,
        clock: Clock,
        username: str = DEFAULT_USERNAME,
        password: str = DEFAULT_PASSWORD,
        deliveries: type[Deliveries] = Deliveries,
    ) -> None:
        super().__init__(clock, username, password, deliveries)
        app = FastAPI(title="Axle simulator", docs_url=None, redoc_url=None)
        app.include_router(token_route(clock, self.tokens))
        app.include_router(entity_routes(clock, self.tokens, self.world))
        app.include_router(event_routes(clock, self.tokens, self.events))
        app.include_router(data_routes(clock, self.tokens, self.world, self.readings))
        app.include_router(reward_routes(clock, self.tokens, self.world))
        app.include_router(control_routes(self, clock))
        self.asgi: ASGIApp = instrument(app, clock, self.faults, self.requests)
