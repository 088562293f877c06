"""A car maker of a rush: it answers every command after a latency, and 429 above its rate."""

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import requests
from requests.adapters import BaseAdapter

from tests.world.clock import WorldClock

CARS = "http://cars.test"


@dataclass(frozen=True)
class Commanded:
    """A command that a car maker got: when (aware UTC), for which car, what, and the status that it answered."""

    at: datetime
    vehicle_id: str
    action: str
    status: int


class CarMaker(BaseAdapter):
    """All car makers. ``calls`` has the commands that reached each one, in the order of the runs."""

    def __init__(
        self,
        clock: WorldClock,
        latency_s: Mapping[str, float],
        per_s: Mapping[str, float],
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__()
        self._clock, self._latency_s, self._per_s, self._retry_after_s = clock, latency_s, per_s, retry_after_s
        self.calls: defaultdict[str, list[Commanded]] = defaultdict(list)
        self.down: dict[str, tuple[datetime, datetime]] = {}
        """When each one does not answer."""
        self._full_at: dict[str, datetime] = {}
        """When each one's bucket, of a second's calls, will be full again."""

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        """Answer a request."""
        provider, _slash, path = str(request.path_url).lstrip("/").partition("/")
        if "token" in path:
            return self._answer(request, 200, {"access_token": "t", "token_type": "bearer", "expires_in": 86_400})
        arrived = self._clock.now()
        status = self._status(provider, arrived)
        body = json.loads(request.body or b"{}") if request.method == "POST" else {}
        names = path.split("/")
        action = str(body.get("action") or names[-1]).upper()
        self.calls[provider].append(Commanded(arrived, names[1], action, status))
        self._clock.advance(self._latency_s.get(provider, 0.5) if status == 200 else 0.05)
        answers: dict[int, dict[str, Any]] = {
            200: {"id": f"{names[1]}-{len(self.calls[provider])}", "state": "PENDING", "status": "success"},
            429: {"title": "Too many requests"},
            503: {"title": "Unavailable"},
        }
        return self._answer(request, status, answers[status])

    def _status(self, provider: str, at: datetime) -> int:
        since, until = self.down.get(provider, (at, at))
        if since <= at < until:
            return 503
        per_s = self._per_s.get(provider)
        if per_s is None:
            return 200
        full_at = max(self._full_at.get(provider, at), at) + timedelta(seconds=1 / per_s)
        if full_at - at > timedelta(seconds=1, milliseconds=200):
            return 429
        self._full_at[provider] = full_at
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


def lateness_s(calls: list[Commanded], edge: datetime) -> list[float]:
    """How late each car's first answered command came (s), ascending."""
    first: dict[str, datetime] = {}
    for call in calls:
        if call.status == 200:
            first[call.vehicle_id] = min(call.at, first.get(call.vehicle_id, call.at))
    return sorted((at - edge) / timedelta(seconds=1) for at in first.values())
