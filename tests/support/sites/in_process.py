"""An ASGI application as a transport of ``requests``, in this process: no sockets, no server."""

import asyncio
from typing import Any
from urllib.parse import unquote, urlsplit

import requests
from requests.adapters import BaseAdapter
from starlette.types import ASGIApp


class InProcess(BaseAdapter):
    """Serves every request with the application; one at a time."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__()
        self._app, self._loop = app, asyncio.new_event_loop()

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        status, headers, body = self._loop.run_until_complete(self._served(request))
        response = requests.Response()
        response.status_code, response.url, response.request = status, request.url or "", request
        response.headers.update(headers)
        response._content = body  # the one way to give a Response a body without a socket
        return response

    def close(self) -> None:
        self._loop.close()

    async def _served(self, request: requests.PreparedRequest) -> tuple[int, dict[str, str], bytes]:
        url, raw = urlsplit(request.url or ""), request.body or b""
        sent = raw if isinstance(raw, bytes) else str(raw).encode()
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": request.method,
            "scheme": "http",
            "path": unquote(url.path),
            "raw_path": url.path.encode(),
            "query_string": url.query.encode(),
            "headers": [(k.lower().encode(), str(v).encode()) for k, v in request.headers.items()],
            "client": ("127.0.0.1", 1),
            "server": ("axle", 80),
        }
        parts: list[dict[str, Any]] = []
        pending = [{"type": "http.request", "body": sent, "more_body": False}]

        async def receive() -> Any:
            return pending.pop() if pending else {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            parts.append(message)

        await self._app(scope, receive, send)
        headers = {k.decode(): v.decode() for k, v in parts[0].get("headers", [])}
        return parts[0]["status"], headers, b"".join(part.get("body", b"") for part in parts[1:])
