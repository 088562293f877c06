"""How a request comes in at a simulated provider: body read, token checked, car found, the world at the present."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from simulators.cars.car import Car
from simulators.cars.world import World


@dataclass(frozen=True, slots=True)
class Ask:
    """A request and the instant it is served at. ``body`` is None when it is not a JSON object."""

    request: Request
    now: datetime
    body: dict[str, Any] | None
    fields: dict[str, str]
    found: Car | None = None

    @property
    def car(self) -> Car:
        """The car that the path names."""
        if self.found is None:
            raise LookupError("the route has no {vehicle_id}")
        return self.found


Handler = Callable[[Ask], Response | Awaitable[Response]]
Gate = Callable[[Ask], Response | None]


class Door:
    """Makes routes of handlers. A handler runs while the world stands still; what it awaits happens after that."""

    def __init__(
        self,
        world: World,
        provider: str,
        good: Callable[[Request, datetime], bool],
        *,
        refused: Response,
        unknown: Response,
        disconnected: Response | None = None,
        gate: Gate | None = None,
    ) -> None:
        """A provider's door: ``good`` checks the token; ``refused``, ``unknown`` and ``disconnected`` answer for it.

        ``gate`` may answer in place of a guarded route, for example when the plan's requests are used up.
        """
        self._world = world
        self._provider = provider
        self._good = good
        self._refused = refused
        self._unknown = unknown
        self._disconnected = disconnected
        self._gate = gate

    def open(self, method: str, path: str, handler: Handler) -> Route:
        """A route that asks for no token."""
        return self._route(method, path, handler, guarded=False)

    def guarded(self, method: str, path: str, handler: Handler) -> Route:
        """A route that asks for a token and, where its path names one, for a car of this provider."""
        return self._route(method, path, handler, guarded=True)

    def _route(self, method: str, path: str, handler: Handler, *, guarded: bool) -> Route:
        async def endpoint(request: Request) -> Response:
            raw = await request.body()
            with self._world.present() as now:
                if guarded and not self._good(request, now):
                    return self._refused
                car = None
                vehicle_id = request.path_params.get("vehicle_id")
                if vehicle_id is not None:
                    car = self._world.cars.get(vehicle_id)
                    if car is None or car.spec.provider != self._provider or not car.spec.linked:
                        return self._unknown
                    self._world.touch(car, now)
                    if self._disconnected is not None and not car.spec.account_connected:
                        return self._disconnected
                ask = Ask(request, now, json_object(raw), fields(request, raw), car)
                barred = self._gate(ask) if guarded and self._gate is not None else None
                if barred is not None:
                    return barred
                result = handler(ask)
            return result if isinstance(result, Response) else await result

        return Route(path, endpoint, methods=[method])


def json_object(raw: bytes) -> dict[str, Any] | None:
    """A JSON object; empty for an empty body, None when it is anything else."""
    if not raw:
        return {}
    try:
        value = json.loads(raw)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def fields(request: Request, raw: bytes) -> dict[str, str]:
    """The fields of a token request, as a form or as JSON; empty when unreadable."""
    if request.headers.get("content-type", "").startswith("application/json"):
        return {name: str(value) for name, value in (json_object(raw) or {}).items()}
    return dict(parse_qsl(raw.decode("utf-8", "replace")))
