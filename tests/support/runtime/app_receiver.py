"""An app's webhook on a real socket: it keeps what it gets, and answers as a test says."""

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook


@dataclass
class AppReceiver:
    """What was received, oldest first: headers and raw body. ``answers`` are the next statuses; then it is 204."""

    url: str = ""
    received: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    delay_s: float = 0.0

    def verified(self, secret: str) -> list[Any]:
        """Every event, verified by the library as an app would. Raises WebhookVerificationError."""
        return [Webhook(secret).verify(body, headers) for headers, body in self.received]


@contextlib.contextmanager
def app_receiver() -> Iterator[AppReceiver]:
    """A running receiver, until the context ends."""
    receiver = AppReceiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # http.server's name
            body = self.rfile.read(int(self.headers["content-length"]))
            receiver.received.append(({name.lower(): value for name, value in self.headers.items()}, body))
            time.sleep(receiver.delay_s)
            self.send_response(receiver.answers.pop(0) if receiver.answers else 204)
            self.send_header("location", receiver.url)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Write nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.url = f"http://127.0.0.1:{server.server_address[1]}/events"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
