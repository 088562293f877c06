"""The car simulator as one application, each provider under a prefix of its own that can be a base URL."""

from fastapi import FastAPI
from starlette.routing import Mount
from starlette.types import ASGIApp

from simulators.cars.control import control_routes
from simulators.cars.simulator import CarSimulator
from simulators.common import FaultPlan, RequestLog, instrument


def build_app(simulator: CarSimulator) -> ASGIApp:
    """Providers under ``/enode``, ``/smartcar``, ``/tesla`` and ``/ocpp``; control, faults and log under ``/_sim``."""
    app = FastAPI(title="Car simulator")
    app.include_router(control_routes(simulator))
    for provider in (simulator.enode, simulator.smartcar, simulator.tesla, simulator.ocpp):
        app.router.routes.append(Mount(f"/{type(provider).__name__.lower()}", routes=provider.routes()))
    return instrument(app, simulator.world.clock, FaultPlan(), RequestLog())
