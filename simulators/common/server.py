"""Serves an ASGI application on a free port, from a process or from a test."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from simulators.common.connections import DroppableProtocol


def _bound_socket(host: str, port: int) -> socket.socket:
    # asyncio turns Nagle's delay (40 ms an answer) off only where the protocol is named.
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind((host, port))
    return bound


def _server(app: ASGIApp) -> uvicorn.Server:
    return uvicorn.Server(
        uvicorn.Config(
            app,
            http=DroppableProtocol,
            ws="none",
            lifespan="off",
            log_level="error",
            access_log=False,
            server_header=False,
            backlog=2048,
            timeout_keep_alive=60,
            timeout_graceful_shutdown=2,
        )
    )


def serve(app: ASGIApp, host: str = "127.0.0.1", port: int = 0, port_file: Path | None = None) -> None:
    """Serve until SIGINT or SIGTERM. Port 0 takes a free one.

    The base URL is printed, and the port written to ``port_file``, once connections are accepted.

    Raises:
        OSError: the port is taken.
    """
    with _bound_socket(host, port) as bound:
        bound.listen(2048)
        bound_port = bound.getsockname()[1]
        if port_file:
            unfinished = port_file.with_suffix(".part")
            unfinished.write_text(f"{bound_port}\n")
            unfinished.replace(port_file)
        print(f"http://{host}:{bound_port}", flush=True)
        _server(app).run(sockets=[bound])


@contextlib.contextmanager
def running(app: ASGIApp, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Serve from a thread of this process; gives the base URL and stops the server on leaving.

    Raises:
        RuntimeError: the server did not start within 10 s.
    """
    server = _server(app)
    with _bound_socket(host, port) as bound:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, daemon=True)
        thread.start()
        give_up_at = time.monotonic() + 10
        while not server.started:
            if not thread.is_alive() or time.monotonic() > give_up_at:
                raise RuntimeError("the simulator's server did not start")
            time.sleep(0.005)
        try:
            yield f"http://{host}:{bound.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(timeout=10)
