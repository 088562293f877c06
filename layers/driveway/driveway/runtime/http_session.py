"""The HTTP session for Axle, the car makers and their token services: it survives dead connections, and keeps to the
deadline of the function that uses it.

A frozen function wakes with pooled connections that the server closed long ago, and a request on one of them fails
although the service works. So a connection that was idle for long is closed instead of reused. If a reused connection
ends before any byte of an answer, the request is sent once more, at once, on a new connection.
"""

import http.client
import ssl
import time
from collections.abc import Callable
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection

from driveway.runtime.deadline import LEAST_CALL_S, TimeLeft, no_deadline

LONGEST_IDLE_S = 20.0
"""A connection that was idle for longer is not reused: less than the idle timeouts of common load balancers (60 s)."""

AT_ONCE_S = 10.0
"""A connection that ends later than this after the request was alive, so the service may have acted on the request."""

CLOCKS: tuple[Callable[[], float], ...] = (time.time, time.monotonic)
"""Each gives seconds. The idle time is the larger of the two differences: which clock runs while a function is frozen
depends on the machine, and the wall clock can be set back."""


class NoAnswerError(http.client.RemoteDisconnected):
    """The connection ended before any byte of an answer came."""


class _Response(http.client.HTTPResponse):
    def begin(self) -> None:
        """Read the status line and the headers. Raises NoAnswerError if the connection ended before them."""
        try:
            first = self.fp.peek(1)
        except (ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError) as error:
            raise NoAnswerError("The connection was reset before an answer came.") from error
        if not first:
            raise NoAnswerError("The connection was closed before an answer came.")
        super().begin()


class _UsedAt:
    """When a connection was last used, by each of the clocks; None before its first answer."""

    used_at: tuple[float, ...] | None = None


class _Connection(_UsedAt, HTTPConnection):
    response_class = _Response


class _SecureConnection(_UsedAt, HTTPSConnection):
    response_class = _Response


class _Reuse:
    """What both kinds of pool add to urllib3's."""

    def _get_conn(self, timeout: float | None = None) -> Any:
        connection = super()._get_conn(timeout)  # type: ignore[misc]
        if _idle_s(connection.used_at) > LONGEST_IDLE_S:
            connection.close()
        return connection

    def _put_conn(self, connection: Any) -> None:
        if connection is not None:
            connection.used_at = tuple(clock() for clock in CLOCKS)
        super()._put_conn(connection)  # type: ignore[misc]

    def _make_request(self, conn: Any, *args: Any, **kwargs: Any) -> Any:
        is_reused, sent_at = conn.sock is not None, time.monotonic()
        try:
            return super()._make_request(conn, *args, **kwargs)  # type: ignore[misc]
        except NoAnswerError:
            if not is_reused or time.monotonic() - sent_at > AT_ONCE_S or not _can_be_sent_again(kwargs.get("body")):
                raise
        conn.close()
        return super()._make_request(conn, *args, **kwargs)  # type: ignore[misc]


def _idle_s(used_at: tuple[float, ...] | None) -> float:
    return 0.0 if used_at is None else max(clock() - at for clock, at in zip(CLOCKS, used_at, strict=True))


def _can_be_sent_again(body: object) -> bool:
    return body is None or isinstance(body, bytes | str)


class _Pool(_Reuse, urllib3.HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(_Reuse, urllib3.HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        """Use the pools of this module instead of urllib3's."""
        super().init_poolmanager(*arguments, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}


MOST_AT_ONCE = 100
"""Connections that are kept to each host: a function sends as many commands side by side."""


class OutOfTimeError(requests.ConnectTimeout):
    """A request was not begun, because the function has no time left for it. It did not reach the service."""


class _Session(requests.Session):
    """A session whose requests end by a deadline, as far as a time-out of each read can bound that."""

    def __init__(self, time_left: TimeLeft) -> None:
        super().__init__()
        self._time_left = time_left

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        """Send a request with its time-outs cut to the time that is left. Raises OutOfTimeError."""
        left_s = self._time_left()
        if left_s < LEAST_CALL_S:
            raise OutOfTimeError("No time is left for a request.", request=request)
        given = options["timeout"]
        connect_s, read_s = given if isinstance(given, tuple) else (given, given)
        connect_s = min(connect_s, left_s / 2)
        return super().send(request, **{**options, "timeout": (connect_s, min(read_s, left_s - connect_s))})


def http_session(time_left: TimeLeft = no_deadline) -> requests.Session:
    """A session that repeats a request on a dead reused connection, and repeats nothing else.

    Every request needs a time-out: seconds, or a pair to connect and to read. ``time_left`` gives the seconds until
    the function has to answer.
    """
    session = _Session(time_left)
    for scheme in ("http://", "https://"):
        session.mount(scheme, _Adapter(pool_maxsize=MOST_AT_ONCE))
    return session
