"""One execution environment of a function over the world of connections, and the token endpoint that it calls."""

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qs

import requests
from requests.adapters import BaseAdapter

from driveway.domain.control.settings import ControlRules
from driveway.runtime.deadline import Deadline
from driveway.store.budgets import Budgets
from driveway.store.records import Records
from tests.support.auth.token_world import URL, client

if TYPE_CHECKING:
    from tests.support.auth.connection_world import ConnectionWorld

API = "https://tesla.example"


class Unpaced:
    """A car maker that states no rate."""

    def next_call(self, _: str, now: datetime, __: datetime) -> datetime:
        return now

    def give_back(self, _: str, __: int) -> None:
        """There is nothing to give back."""


class Instance:
    """One execution environment of a function: what a Runtime gives, over the world."""

    def __init__(self, world: "ConnectionWorld") -> None:
        """An instance that has held nothing yet."""
        self.world = world
        self.unstored_tokens: dict[str, Any] = {}
        self._sources: dict[str, Any] = {}
        self.http = client(world.endpoint)
        self.accounts = self.records = self.table = self.site_accounts = world
        self.clock = self.logger = self.settings = self
        self.now = world.present
        self.deadline = Deadline()
        self.control_rules = ControlRules()
        self.budgets = Budgets(cast("Records", world), {})
        self.pacing = Unpaced()
        world.instances.append(self)

    def text(self, name: str, _: str | None = None) -> str:
        return URL if name.endswith("TOKEN_URL") else API

    def secret(self, _: str) -> Mapping[str, Any]:
        return {"tesla": {"client_id": "client-1"}}

    def cached(self, key: str, _: Any, make: Callable[[], Any]) -> Any:
        source = self._sources.get(key)
        if source is None:
            source = self._sources[key] = make()
            source.wait = self.world.wait
        return source

    def new_id(self) -> str:
        self.world.serial += 1
        self.world.note(f"id {self.world.serial}")
        return f"claim-{self.world.serial}"

    def real_time(self, seconds: float) -> timedelta:
        return timedelta(seconds=seconds)

    def sleep(self, seconds: float) -> None:
        self.world.wait(seconds)

    def sleep_until(self, at: datetime) -> None:
        assert at <= self.now(), "no call waits for a rate"

    def info(self, *_: Any, **__: Any) -> None:
        """Logs are not kept."""


class Endpoint(BaseAdapter):
    """The token endpoint; a car that is asked for its state does not answer."""

    def __init__(self, world: "ConnectionWorld") -> None:
        super().__init__()
        self.world = world

    def send(self, request: Any, *_: Any, **__: Any) -> requests.Response:
        if request.url != URL:
            self.world.looked_at.append(request.url.split("/")[6])
            return _response(request, 503, {})
        form = {name: values[0] for name, values in parse_qs(request.body).items()}
        status, body = self.world.call(
            "exchange",
            lambda: self.world.exchange(form["refresh_token"]),
            lost=requests.ReadTimeout(),
            unavailable=(503, {}),
        )
        if status == 200:
            self.world.delivered.add(body["refresh_token"])
        return _response(request, status, body)

    def close(self) -> None:
        """Nothing is held open."""


def _response(request: Any, status: int, body: Any) -> requests.Response:
    response = requests.Response()
    response.status_code, response.request, response.url = status, request, request.url
    response._content = json.dumps(body).encode()
    return response
