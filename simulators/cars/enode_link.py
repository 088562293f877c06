"""Enode's Link UI, as far as a driver and we see it: sessions that are good once, and a page that redirects."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from starlette.responses import RedirectResponse, Response

from simulators.cars.car import Car
from simulators.cars.door import Ask
from simulators.cars.wire import answer
from simulators.cars.world import World

LASTS = timedelta(hours=24)
SCOPES = {"vehicle:read:data", "vehicle:read:location", "vehicle:control:charging"}


@dataclass(frozen=True)
class Session:
    """A page that was made: for a user's new vehicles, or for one vehicle that is connected again."""

    until: datetime
    redirect: str
    vehicle_id: str | None
    user_id: str | None


class LinkSessions:
    """The sessions that were made and not used. ``discovered`` reports a vehicle that is new at Enode."""

    def __init__(self, world: World, discovered: Callable[[Car, datetime], None]) -> None:
        """Sessions for the cars of a world."""
        self._world, self._discovered = world, discovered
        self._open: dict[str, Session] = {}

    def make(self, ask: Ask, vehicle_id: str | None) -> Response | None:
        """A session for a new vehicle, or to connect one again; None if its body is not in the form of the API."""
        body: dict[str, Any] = ask.body or {}
        scopes, redirect = body.get("scopes"), body.get("redirectUri")
        is_new = vehicle_id is None
        if not isinstance(scopes, list) or not set(scopes) <= SCOPES or not body.get("language"):
            return None
        if not isinstance(redirect, str) or (is_new and body.get("vendorType") != "vehicle"):
            return None
        token = uuid.uuid4().hex
        self._open[token] = Session(ask.now + LASTS, redirect, vehicle_id, ask.request.path_params.get("user_id"))
        url = str(ask.request.base_url).rstrip("/") + f"/enode/link-ui/{token}"
        return answer({"linkUrl": url, "linkToken": token})

    def open_page(self, ask: Ask) -> Response:
        """The driver signs in at the car maker, and the page redirects to the app.

        An account that was lost works again. Cars of the user that were not connected are, and are reported as new.
        """
        session = self._open.pop(ask.request.path_params["token"], None)
        if session is None or ask.now >= session.until:
            return answer({"title": "The link is used or too old."}, 410)
        for car in self._world.cars.values():
            if car.spec.provider != "enode":
                continue
            if car.spec.vehicle_id == session.vehicle_id:
                car.spec.account_connected = True
                self._world.report(car, car.reported, car.view())
            elif session.user_id == car.spec.user_id and not car.spec.linked:
                car.spec.linked = True
                self._discovered(car, ask.now)
        return RedirectResponse(session.redirect, 302)
