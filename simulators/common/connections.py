"""Connections that end without an answer: by a crash, a lost network, or because they were idle for too long."""

import asyncio
import threading
import time

from pydantic import BaseModel, ConfigDict, Field
from starlette.types import Receive, Scope
from uvicorn.protocols.http.h11_impl import H11Protocol

_transports: dict[tuple[str, int], asyncio.Transport] = {}


class DroppedError(RuntimeError):
    """The connection of a request that is served in process has to be dropped."""


class ConnectionSettings(BaseModel):
    """How the server treats idle connections.

    Attributes:
        idle_real_s: a request that comes on a connection after so long without one gets no answer: the connection is
            reset, as if it had been closed while the request was under way. None never resets them.
        count: so many requests are treated like this; None: all.
    """

    model_config = ConfigDict(extra="forbid")

    idle_real_s: float | None = Field(default=None, ge=0)
    count: int | None = Field(default=None, ge=1)


class IdleConnections:
    """Which connections were idle for too long. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._settings = ConnectionSettings()
        self._used_at: dict[tuple[str, int], float] = {}
        self.reset_count = 0

    def configure(self, settings: ConnectionSettings) -> None:
        """Put settings in force and reset the count."""
        with self._lock:
            self._settings, self.reset_count = settings, 0

    def is_too_old(self, scope: Scope) -> bool:
        """Whether to reset the connection of a request that came now; counted if so."""
        client, now = tuple(scope["client"] or ()), time.monotonic()
        with self._lock:
            used_at, idle_s = self._used_at.pop(client, None), self._settings.idle_real_s
            spent = self._settings.count is not None and self.reset_count >= self._settings.count
            too_old = used_at is not None and idle_s is not None and now - used_at >= idle_s and not spent
            self.reset_count += too_old
        return too_old

    def used(self, scope: Scope) -> None:
        """Note that a request was answered on its connection."""
        with self._lock:
            self._used_at[tuple(scope["client"] or ())] = time.monotonic()


class DroppableProtocol(H11Protocol):
    """Uvicorn's HTTP protocol, keeping its open transports by the client's address."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn does
        super().connection_made(transport)
        if self.client:
            _transports[self.client] = transport

    def connection_lost(self, exc: Exception | None) -> None:
        if self.client:
            _transports.pop(self.client, None)
        super().connection_lost(exc)


async def drop_connection(scope: Scope, receive: Receive) -> None:
    """Reset the client's connection; returns once the server has noticed.

    Raises:
        DroppedError: the request did not come through this module's protocol, so its caller has to drop it.
    """
    transport = _transports.get(tuple(scope["client"] or ()))
    if transport is None:
        raise DroppedError("connections can only be dropped on simulators.common.serve or running")
    transport.abort()
    while (await receive())["type"] != "http.disconnect":
        pass
