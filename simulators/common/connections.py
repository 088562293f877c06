"""Connections that can be cut without an answer, which is what a crash or a lost network looks like to a client."""

import asyncio

from starlette.types import Receive, Scope
from uvicorn.protocols.http.h11_impl import H11Protocol

_transports: dict[tuple[str, int], asyncio.Transport] = {}


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
        RuntimeError: the request did not come through this module's protocol.
    """
    transport = _transports.get(tuple(scope["client"] or ()))
    if transport is None:
        raise RuntimeError("connections can only be dropped on simulators.common.serve or running")
    transport.abort()
    while (await receive())["type"] != "http.disconnect":
        pass
