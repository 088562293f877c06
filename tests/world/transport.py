"""The two ways of HTTP in the world, both in this process: to the simulators, and to our own API."""

import asyncio
import selectors
from collections.abc import Callable, Mapping
from typing import Any

import requests
from requests.adapters import BaseAdapter
from starlette.types import ASGIApp

from simulators.common.connections import DroppedError
from tests.support.sites.in_process import InProcess
from tests.world.clock import WorldClock


class _Selector(selectors.SelectSelector):
    """A selector that does not wait for time: it moves the clock."""

    def __init__(self, clock: WorldClock) -> None:
        super().__init__()
        self._clock = clock

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """What is ready; if something is due in ``timeout`` seconds, it is due now."""
        if timeout:
            self._clock.advance(timeout + 2e-6)  # the clock counts whole microseconds: it must get there
        return super().select(0 if timeout is not None else None)


class WorldLoop(asyncio.SelectorEventLoop):
    """An event loop whose time is the world's: a simulator that waits moves the clock."""

    def __init__(self, clock: WorldClock) -> None:
        super().__init__(_Selector(clock))
        self._world_clock = clock

    def time(self) -> float:
        """Seconds of the world's clock."""
        return self._world_clock.now().timestamp()


class Simulated(InProcess):
    """A simulator's application, served in this process on the world's time. ``watch`` sees each request first."""

    def __init__(self, app: ASGIApp, loop: WorldLoop, watch: Callable[[requests.PreparedRequest], None]) -> None:
        super().__init__(app)
        self._loop.close()
        self._loop, self._watch = loop, watch

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        """Serve a request, which ``watch`` sees first. Raises requests.ConnectionError where it is dropped."""
        self._watch(request)
        try:
            return super().send(request)
        except DroppedError as dropped:
            raise requests.ConnectionError("the connection was dropped") from dropped


Served = Callable[[str, str, Mapping[str, str], bytes], tuple[int, Mapping[str, str], str]]


class OwnApi(BaseAdapter):
    """Our own HTTP API: a request is given to ``serve`` (method, URL, headers, body), which answers for the gateway."""

    def __init__(self, serve: Served) -> None:
        super().__init__()
        self._serve = serve

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        """The answer. Raises requests.RequestException where ``serve`` does."""
        body = request.body or b""
        sent = body if isinstance(body, bytes) else str(body).encode()
        headers = {name.lower(): str(value) for name, value in request.headers.items()}
        status, given, text = self._serve(str(request.method), str(request.url), headers, sent)
        response = requests.Response()
        response.status_code, response.url, response.request = status, request.url or "", request
        response.headers.update(given)
        response._content = text.encode()  # the one way to give a Response a body without a socket
        response.encoding = "utf-8"
        return response

    def close(self) -> None:
        """Nothing is open."""
