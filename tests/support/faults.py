"""Faults at any call that a handler makes to the world outside it, and other handlers between any two of them.

Everything outside is reached through the clients of one ``Runtime``. ``Outside`` stands in front of them: it counts
the calls, and at the call with a given number it does what the plan says. So a test can run a handler once to learn how
many calls it makes, and then once more for every call and every fault.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import requests
from botocore.exceptions import ClientError, ReadTimeoutError

FaultKind = Literal["death before", "death after", "answer lost", "own repeat", "unavailable", "conflict"]
FAULTS: tuple[FaultKind, ...] = (
    "death before",
    "death after",
    "answer lost",
    "own repeat",
    "unavailable",
    "conflict",
)
"""What goes wrong at a call.

- death before, death after: the function is killed just before the call, or just after it was carried out.
- answer lost: it is carried out, and the caller gets a time-out.
- own repeat: the answer is lost on the way, and the client itself sends the call again.
- unavailable: it is not carried out, and the service says that it cannot now.
- conflict: a transaction of somebody else is in the way, once.
"""
READS = frozenset({"get_item", "query", "scan", "batch_get_item", "paginate", "get_queue_attributes", "get", "secret"})
TRANSACTIONS = frozenset({"transact_write_items"})


class Death(BaseException):
    """The function was killed: nothing in it runs any more, no ``finally`` reaches anything outside."""


@dataclass(frozen=True)
class Call:
    """A call that left a handler. ``service`` is ``dynamodb``, ``bus``, ``queues``, ``http`` or ``secrets``."""

    service: str
    operation: str
    about: str

    def suffers(self, fault: FaultKind) -> bool:
        """Whether this fault can happen to this call and makes a difference to any other fault."""
        if self.operation in READS:
            return fault in {"death before", "unavailable"}
        if fault == "conflict":
            return self.service == "dynamodb"
        return fault != "own repeat" or (self.service == "dynamodb" and self.operation not in TRANSACTIONS)

    def __str__(self) -> str:
        return f"{self.service}.{self.operation} {self.about}"


class Outside:
    """The world outside a handler, with faults and interruptions at chosen calls. Calls are counted from 0."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self._fault: tuple[int, FaultKind] | None = None
        self._between: tuple[int, Callable[[], object]] | None = None
        self._dead = False
        self._watching = False

    def reached_through(self, service: str, client: Any) -> Any:
        """The client with this object in front of it."""
        return _Client(self, service, client)

    @contextmanager
    def watching(
        self,
        *,
        fault: tuple[int, FaultKind] | None = None,
        between: tuple[int, Callable[[], object]] | None = None,
    ) -> Iterator[list[Call]]:
        """Count the calls of one handler; gives them.

        ``fault`` happens at the call with its number, if it can happen to it. ``between`` runs as a whole, unwatched,
        just before the call with its number.
        """
        self.calls, self._fault, self._between = [], fault, between
        self._dead, self._watching = False, True
        try:
            yield self.calls
        finally:
            self._dead = self._watching = False

    def call(self, service: str, operation: str, about: str, do: Callable[[], Any]) -> Any:
        """Make one call, with what the plan has for it."""
        if self._dead:
            raise Death
        if not self._watching:
            return do()
        number, made = len(self.calls), Call(service, operation, about)
        self.calls.append(made)
        if self._between is not None and self._between[0] == number:
            self._let_in(self._between[1])
        if self._fault is None or self._fault[0] != number or not made.suffers(self._fault[1]):
            return do()
        try:
            return suffered(made, self._fault[1], do)
        except Death:
            self._dead = True
            raise

    def _let_in(self, other: Callable[[], object]) -> None:
        self._watching = False
        try:
            other()
        finally:
            self._watching = True


def suffered(call: Call, fault: FaultKind, do: Callable[[], Any]) -> Any:
    """Make a call with a fault. Raises Death, or what the caller's client raises."""
    if fault in {"death before", "death after"}:
        if fault == "death after":
            do()
        raise Death
    if fault == "unavailable":
        return _unavailable(call)
    if fault == "conflict":
        raise _conflict(call)
    do()
    if fault == "own repeat":
        return do()
    raise _lost(call)


def _unavailable(call: Call) -> Any:
    if call.service != "http":
        raise ClientError({"Error": {"Code": "InternalServerError", "Message": "an outage"}}, call.operation)
    response = requests.Response()
    response.status_code = 503
    return response


def _lost(call: Call) -> Exception:
    if call.service == "http":
        return requests.ReadTimeout("the answer was lost")
    return ReadTimeoutError(endpoint_url=call.service)


def _conflict(call: Call) -> ClientError:
    if call.operation not in TRANSACTIONS:
        return ClientError({"Error": {"Code": "TransactionConflictException", "Message": ""}}, call.operation)
    response: Any = {
        "Error": {"Code": "TransactionCanceledException", "Message": ""},
        "CancellationReasons": [{"Code": "TransactionConflict"}],
    }
    return ClientError(response, call.operation)


class _Client:
    """A client of a service, with the outside in front of its methods."""

    def __init__(self, outside: Outside, service: str, client: Any) -> None:
        self._outside, self._service, self._client = outside, service, client

    def __getattr__(self, name: str) -> Any:
        held = getattr(self._client, name)
        if name == "get_paginator":
            return lambda operation: _Client(self._outside, self._service, held(operation))
        if not callable(held) or name in {"mount", "close", "get_adapter"}:
            return held

        def call(*args: Any, **request: Any) -> Any:
            about = _about(args, request)
            return self._outside.call(self._service, name, about, lambda: held(*args, **request))

        return call


def _about(args: tuple[Any, ...], request: dict[str, Any]) -> str:
    """What a call is about, in short, for people who read a failure."""
    if args:
        return str(args[-1]).split("/", 3)[-1]
    parts = request.get("TransactItems")
    if parts is not None:
        return " ".join(f"{kind} {_place(part)}" for item in parts for kind, part in item.items())
    return _place(request) or str(request.get("IndexName", ""))


def _place(request: Any) -> str:
    key = request.get("Key") or request.get("Item")
    return f"{key['pk']['S']}/{key['sk']['S']}" if key and "pk" in key else ""
