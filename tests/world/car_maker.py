"""A car maker of a rush: it answers after a latency, and 429 above its rate. A state read shows what a car does."""

import json
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import requests
from requests.adapters import BaseAdapter

from tests.world.clock import WorldClock

BURST_S = 1.2
"""A car maker takes so many seconds' calls at once."""

CARS = "http://cars.test"
REFUSALS: Mapping[int, Mapping[str, str]] = {429: {"title": "Too many requests"}, 503: {"title": "Unavailable"}}


@dataclass(frozen=True)
class Commanded:
    """A call that a car maker got: when (aware UTC), for which car, what, and the status that it answered.

    ``action`` is START, STOP, LOOK for a state read, DEFAULT for a default schedule, or the last part of the path.
    """

    at: datetime
    vehicle_id: str
    action: str
    status: int


class CarMaker(BaseAdapter):
    """All car makers. ``calls`` has the calls that reached each one, in the order of the runs.

    ``obeyed`` is called when a car has begun to charge, or stopped: with its maker, its id, whether it charges, when.
    Without it the cars show what they showed at ``seen_at``: that they do not charge.
    """

    def __init__(
        self,
        clock: WorldClock,
        latency_s: Mapping[str, float],
        per_s: Mapping[str, float],
        retry_after_s: float | None = None,
        *,
        seen_at: datetime,
        obeyed: Callable[[str, str, bool, datetime], None] | None = None,
    ) -> None:
        super().__init__()
        self._obeyed, self._seen_at = obeyed, seen_at
        self._does: dict[tuple[str, str], tuple[bool, datetime]] = {}
        self._clock, self._latency_s, self._per_s, self._retry_after_s = clock, latency_s, per_s, retry_after_s
        self.calls: defaultdict[str, list[Commanded]] = defaultdict(list)
        self.down: dict[str, tuple[datetime, datetime]] = {}
        """When each one does not answer."""
        self._accepted: defaultdict[str, list[datetime]] = defaultdict(list)

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        """Answer a request."""
        provider, _slash, path = str(request.path_url).lstrip("/").partition("/")
        if "token" in path:
            return self._answer(request, 200, {"access_token": "t", "token_type": "bearer", "expires_in": 86_400})
        arrived = self._clock.now()
        status = self._status(provider, arrived)
        vehicle_id, *rest = path.split("/")[1:]
        action = _action(request, rest)
        self.calls[provider].append(Commanded(arrived, vehicle_id, action, status))
        self._clock.advance(self._latency_s.get(provider, 0.5) if status == 200 else 0.05)
        if status != 200:
            return self._answer(request, status, REFUSALS[status])
        if action == "LOOK":
            return self._answer(request, 200, self._state(provider, vehicle_id))
        if action in {"START", "STOP"} and self._obeyed is not None:
            self._does[provider, vehicle_id] = (action == "START", self._clock.now())
            self._obeyed(provider, vehicle_id, *self._does[provider, vehicle_id])
        number = len(self.calls[provider])
        return self._answer(request, 200, {"id": f"{vehicle_id}-{number}", "state": "PENDING", "status": "Accepted"})

    def _state(self, provider: str, vehicle_id: str) -> dict[str, Any]:
        """What the maker last saw of a car, in the form of Enode, or of a central system of chargers."""
        charging, at = self._does.get((provider, vehicle_id), (False, self._seen_at))
        stamp = at.isoformat()
        if provider == "ocpp":
            return {"connected": True, "plugged_in": True, "charging": charging, "at": stamp}
        charge = {"isPluggedIn": True, "isCharging": charging, "lastUpdated": stamp}
        return {"id": vehicle_id, "lastSeen": stamp, "isReachable": True, "chargeState": charge}

    def _status(self, provider: str, at: datetime) -> int:
        since, until = self.down.get(provider, (at, at))
        if since <= at < until:
            return 503
        per_s = self._per_s.get(provider)
        if per_s is None:
            return 200
        # Runs that go side by side come one after another here, so a call may be earlier than those before it.
        accepted = self._accepted[provider]
        place = bisect_right(accepted, at)
        lately = accepted[bisect_left(accepted, at - timedelta(minutes=1)) :]
        if ahead_s(sorted([*lately, at]), per_s) > BURST_S:
            return 429
        accepted.insert(place, at)
        return 200

    def _answer(self, request: requests.PreparedRequest, status: int, body: Mapping[str, Any]) -> requests.Response:
        response = requests.Response()
        response.status_code, response.url, response.request = status, request.url or "", request
        if status == 429 and self._retry_after_s is not None:
            response.headers["Retry-After"] = f"{self._retry_after_s:.0f}"
        response._content = json.dumps(body).encode()
        return response

    def close(self) -> None:
        """Nothing is open."""


def _action(request: requests.PreparedRequest, rest: list[str]) -> str:
    if request.method == "GET":
        return "LOOK"
    body = json.loads(request.body or b"{}")
    if rest[-1] == "SetChargingProfile":
        profile = body["csChargingProfiles"]
        if profile["chargingProfileKind"] == "Recurring":
            return "DEFAULT"
        return "START" if profile["chargingSchedule"]["chargingSchedulePeriod"][0]["limit"] > 0 else "STOP"
    return str(body.get("action") or rest[-1]).upper()


def lateness_s(calls: list[Commanded], edge: datetime) -> list[float]:
    """How late each car's first accepted start came (s), ascending."""
    first: dict[str, datetime] = {}
    for call in calls:
        if call.status == 200 and call.action == "START":
            first[call.vehicle_id] = min(call.at, first.get(call.vehicle_id, call.at))
    return sorted((at - edge) / timedelta(seconds=1) for at in first.values())


def burst_s(calls: list[Commanded], per_s: float) -> float:
    """How far the calls ran ahead of a rate at the most (s): 0 where each came when those before it were worked off."""
    return ahead_s(sorted(call.at for call in calls), per_s)


def ahead_s(instants: list[datetime], per_s: float) -> float:
    """The same of ascending instants."""
    most = free_s = 0.0
    for instant in instants:
        at_s = (instant - instants[0]).total_seconds()
        most, free_s = max(most, free_s - at_s), max(free_s, at_s) + 1 / per_s
    return most
