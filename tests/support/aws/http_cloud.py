"""The cloud in memory behind a real HTTP server that can fail as networks and services do."""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import msgspec

from tests.world.aws.cloud import SERVICES, Cloud

AHEAD_S = 3600.0
"""How far the clock of the service differs where a fault says so."""


class HttpCloud:
    """The server. ``faults`` are for the next requests, one each: a status with a code, or what the network does.

    Attributes:
        requests: what was received: the operation, the headers and the body of each.
    """

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.faults: list[str] = []
        self.requests: list[tuple[str, Mapping[str, str], Any]] = []
        self.url = ""
        self.connections = 0
        self.closes_after_answer = False


@contextmanager
def served(cloud: Cloud) -> Iterator[HttpCloud]:
    """The server, while the block runs."""
    shown = HttpCloud(cloud)
    handler = type("Handler", (_Handler,), {"shown": shown})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    shown.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield shown
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    """The body follows the headers at once: with Nagle's algorithm a client that delays its ACK waits 40 ms for it."""
    shown: ClassVar[HttpCloud]

    def setup(self) -> None:
        super().setup()
        self.shown.connections += 1

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        """Nothing."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        target, _, operation = self.headers["x-amz-target"].partition(".")
        self.shown.requests.append((operation, dict(self.headers.items()), msgspec.json.decode(body)))
        fault = self.shown.faults.pop(0) if self.shown.faults else ""
        if fault == "closed":
            self.close_connection = True
        elif fault == "silent":
            time.sleep(0.5)
            self.close_connection = True
        elif fault == "answer lost":
            self.shown.cloud.answer(SERVICES[target], operation, body)
            self.close_connection = True
        elif fault == "cut":
            self._answer(200, {"content-length": "1000"}, b'{"Item":')
            self.close_connection = True
        elif fault:
            status, _, code = fault.partition(" ")
            ahead_s = AHEAD_S if "Signature" in code else 0.0
            date = formatdate(time.time() + ahead_s, usegmt=True)
            self._answer(int(status), {"date": date}, msgspec.json.encode({"__type": f"x#{code}", "message": "no"}))
        else:
            made = self.shown.cloud.answer(SERVICES[target], operation, body)
            self._answer(made.status_code, dict(made.headers.items()), made.content)
            self.close_connection = self.shown.closes_after_answer

    def _answer(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.send_response_only(status)
        for name, value in ({"content-length": str(len(body))} | dict(headers)).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
