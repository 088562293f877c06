"""Faults on demand: errors, delays and lost connections for requests that match."""

import asyncio
import json
import random
import re
import threading
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from simulators.common.connections import drop_connection


class Fault(BaseModel):
    """What goes wrong, for which requests, how often.

    Attributes:
        path: regular expression searched in the path; ``method`` None matches all.
        when: ``before`` the work is done, or ``after`` it (accepted, but the client does not learn of it).
        delay_s: real seconds to wait at that moment.
        status: answer with this status instead of the true answer; ``body`` is its JSON.
        page: answer with this text as an HTML page, as a gateway does during maintenance; with 200 unless ``status``.
        retry_after: value of a ``Retry-After`` header, in seconds, beside ``status``.
        drop: cut the connection without an answer.
        skip: this many matching requests pass first.
        count: how many requests it hits; None until it is cleared.
        chance: the share of matching requests that it hits, from a seeded generator.
    """

    model_config = ConfigDict(extra="forbid")

    path: str = ""
    method: str | None = None
    when: Literal["before", "after"] = "before"
    delay_s: float = Field(default=0, ge=0)
    status: int | None = Field(default=None, ge=200, le=599)
    body: Any = None
    page: str | None = None
    retry_after: float | None = Field(default=None, ge=0)
    drop: bool = False
    skip: int = Field(default=0, ge=0)
    count: int | None = Field(default=None, ge=1)
    chance: float = Field(default=1, gt=0, le=1)
    id: int = 0
    hits: int = 0

    @field_validator("path")
    @classmethod
    def _is_a_pattern(cls, value: str) -> str:
        try:
            re.compile(value)
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from error
        return value

    def matches(self, method: str, path: str) -> bool:
        """Whether this fault is for such a request."""
        return (self.method is None or self.method.upper() == method) and re.search(self.path, path) is not None


class FaultPlan:
    """The faults in force. Thread-safe; the first one that matches a request is applied to it."""

    def __init__(self, seed: int = 1) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.Lock()
        self._seed = seed
        self._random = random.Random(seed)
        self._last_id = 0

    def add(self, fault: Fault) -> Fault:
        """Put a fault in force; gives it with its id."""
        with self._lock:
            self._last_id += 1
            added = fault.model_copy(update={"id": self._last_id, "hits": 0})
            self._faults.append(added)
            return added.model_copy()

    def list(self) -> list[Fault]:
        """The faults, spent ones included, with how many requests each has hit."""
        with self._lock:
            return [fault.model_copy() for fault in self._faults]

    def clear(self, fault_id: int | None = None) -> None:
        """Remove one fault, or all; clearing all also restarts the generator behind ``chance``."""
        with self._lock:
            if fault_id is None:
                self._random = random.Random(self._seed)
            self._faults = [fault for fault in self._faults if fault_id is not None and fault.id != fault_id]

    def take(self, method: str, path: str) -> Fault | None:
        """The fault that hits this request, counted; None if there is none."""
        with self._lock:
            for fault in self._faults:
                if fault.count is not None and fault.hits >= fault.count:
                    continue
                if not fault.matches(method, path):
                    continue
                if fault.skip > 0:
                    fault.skip -= 1
                    continue
                if fault.chance < 1 and self._random.random() >= fault.chance:
                    continue
                fault.hits += 1
                return fault.model_copy()
        return None


async def serve_with_fault(app: ASGIApp, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
    """Serve one request with a fault."""
    if fault.when == "after":
        held: list[Message] = []

        async def hold(message: Message) -> None:
            held.append(message)

        await app(scope, receive, hold)
        await asyncio.sleep(fault.delay_s)
        if not await _misbehave(fault, scope, receive, send):
            for message in held:
                await send(message)
        return
    await asyncio.sleep(fault.delay_s)
    if not await _misbehave(fault, scope, receive, send):
        await app(scope, receive, send)


async def _misbehave(fault: Fault, scope: Scope, receive: Receive, send: Send) -> bool:
    if fault.drop:
        await drop_connection(scope, receive)
        return True
    if fault.status is None and fault.page is None:
        return False
    status = fault.status or 200
    if fault.page is not None:
        body, kind = fault.page.encode(), b"text/html; charset=utf-8"
    else:
        value = fault.body if fault.body is not None else {"detail": f"simulated {status}"}
        body, kind = json.dumps(value).encode(), b"application/json"
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
    if fault.retry_after is not None:
        headers.append((b"retry-after", f"{fault.retry_after:g}".encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
    return True
