"""Enode's Link UI, as far as a driver and we see it: sessions that are good once, and a page that redirects."""

import uuid
from datetime import datetime, timedelta
from typing import Any

from starlette.responses import RedirectResponse, Response

from simulators.cars.door import Ask
from simulators.cars.wire import answer
from simulators.cars.world import World

LASTS = timedelta(hours=24)
SCOPES = {"vehicle:read:data", "vehicle:read:location", "vehicle:control:charging"}


class LinkSessions:
    """The sessions that were made and not used."""

    def __init__(self, world: World) -> None:
        """Sessions for the cars of a world."""
        self._world = world
        self._open: dict[str, tuple[datetime, str, str | None]] = {}

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
        self._open[token] = (ask.now + LASTS, redirect, vehicle_id)
        url = str(ask.request.base_url).rstrip("/") + f"/enode/link-ui/{token}"
        return answer({"linkUrl": url, "linkToken": token})

    def open_page(self, ask: Ask) -> Response:
        """The driver signs in at the car maker: the account works again, and the page redirects to the app."""
        until, redirect, vehicle_id = self._open.pop(ask.request.path_params["token"], (ask.now, "", None))
        if ask.now >= until:
            return answer({"title": "The link is used or too old."}, 410)
        car = self._world.cars.get(vehicle_id or "")
        if car is not None:
            car.spec.account_connected = True
            self._world.report(car, car.reported, car.view())
        return RedirectResponse(redirect, 302)
