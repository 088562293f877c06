"""Gives a simulator faults and a request log, both controlled over HTTP under ``/_sim``."""

import json
from collections.abc import Iterator

from fastapi import APIRouter, FastAPI, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from driveway.runtime.clock import Clock
from simulators.common.connections import ConnectionSettings, IdleConnections, drop_connection
from simulators.common.faults import Fault, FaultPlan, serve_with_fault
from simulators.common.request_log import RequestLog

CONTROL_PREFIX = "/_sim"


def instrument(app: FastAPI, clock: Clock, faults: FaultPlan, requests: RequestLog) -> ASGIApp:
    """The application, with a log and faults for every request except those under ``/_sim``.

    Adds the routes ``/_sim/faults`` (GET, POST one or many, DELETE), ``/_sim/faults/{id}`` (DELETE),
    ``/_sim/connections`` (PUT, GET) and ``/_sim/requests`` (GET with ``path``, ``method``, ``after_seq``; DELETE).
    """
    idle = IdleConnections()
    app.include_router(_routes(faults, requests, idle))

    async def instrumented(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(CONTROL_PREFIX):
            await app(scope, receive, send)
            return
        if idle.is_too_old(scope):
            await drop_connection(scope, receive)
            return
        body = await _whole_body(receive)
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        entry = requests.begin(
            at=clock.now(),
            method=scope["method"],
            path=scope["path"],
            query=scope["query_string"].decode("latin-1"),
            headers=headers,
            raw_body=body,
        )

        async def log_status(message: Message) -> None:
            if message["type"] == "http.response.start":
                entry.status, entry.answered_at = message["status"], clock.now()
            await send(message)

        fault = faults.take(scope["method"], scope["path"])
        if fault is None:
            await app(scope, _replayed(body, receive), log_status)
        else:
            entry.fault_id = fault.id
            await serve_with_fault(app, fault, scope, _replayed(body, receive), log_status)
        idle.used(scope)

    return instrumented


async def _whole_body(receive: Receive) -> bytes:
    parts: list[bytes] = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            return b"".join(parts)


def _replayed(body: bytes, receive: Receive) -> Receive:
    messages: Iterator[Message] = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def replay() -> Message:
        return next(messages, None) or await receive()

    return replay


def _routes(faults: FaultPlan, requests: RequestLog, idle: IdleConnections) -> APIRouter:
    routes = APIRouter(prefix=CONTROL_PREFIX, tags=["simulator"])

    @routes.post("/faults")
    def add_faults(body: Fault | list[Fault]) -> list[Fault]:
        return [faults.add(fault) for fault in (body if isinstance(body, list) else [body])]

    @routes.get("/faults")
    def list_faults() -> list[Fault]:
        return faults.list()

    @routes.delete("/faults", status_code=204)
    def clear_faults() -> None:
        faults.clear()

    @routes.delete("/faults/{fault_id}", status_code=204)
    def clear_fault(fault_id: int) -> None:
        faults.clear(fault_id)

    @routes.put("/connections")
    def configure_connections(body: ConnectionSettings) -> ConnectionSettings:
        idle.configure(body)
        return body

    @routes.get("/connections")
    def count_resets() -> dict[str, int]:
        return {"resets": idle.reset_count}

    @routes.get("/requests")
    def list_requests(path: str = "", method: str | None = None, after_seq: int = 0) -> Response:
        entries = requests.list(path=path, method=method, after_seq=after_seq)
        return Response(json.dumps({"requests": entries}), media_type="application/json")

    @routes.delete("/requests", status_code=204)
    def clear_requests() -> None:
        requests.clear()

    return routes
