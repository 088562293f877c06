"""A server on a real socket whose every connection follows a script: what it answers, and when it ends."""

import contextlib
import socket
import threading
from collections.abc import Iterator, Sequence
from typing import Literal

Deed = Literal["answer", "close", "reset", "half_an_answer", "silence"]
ANSWER = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n{"status":"OK"}'


class RawServer:
    """Follows its script, one step for each request; each connection starts the script again."""

    def __init__(self, script: Sequence[Deed]) -> None:
        self.script = script
        self.requests: list[bytes] = []
        self.connections = 0
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    def serve(self) -> None:
        """Accept connections until closed."""
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._follow_script, args=(connection,), daemon=True).start()

    def close(self) -> None:
        """Accept no more."""
        # Without a shutdown, accept() would block.
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _follow_script(self, connection: socket.socket) -> None:
        with connection:
            for deed in self.script:
                request = _whole_request(connection)
                if not request:
                    return
                self.requests.append(request)
                if deed == "answer":
                    connection.sendall(ANSWER)
                    continue
                if deed == "half_an_answer":
                    connection.sendall(ANSWER[:9])
                elif deed == "silence":
                    connection.recv(1)
                elif deed == "reset":
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                return


def _whole_request(connection: socket.socket) -> bytes:
    request = b""
    while b"\r\n\r\n" not in request:
        received = connection.recv(65536)
        if not received:
            return b""
        request += received
    head, _, body = request.partition(b"\r\n\r\n")
    lengths = [line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    while len(body) < int(lengths[0] if lengths else 0):
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


@contextlib.contextmanager
def raw_server(*script: Deed) -> Iterator[RawServer]:
    """A running server, until the context ends."""
    server = RawServer(script)
    thread = threading.Thread(target=server.serve)
    thread.start()
    try:
        yield server
    finally:
        server.close()
        thread.join()
