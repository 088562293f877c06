"""A stage behind a real HTTP server, with the template's routes and the authorizer in front of the functions."""

import base64
import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.support.functions.assets import set_secret
from tests.support.functions.rig import Rig, function
from tests.world.declared import deployed, routes

STAGE = "/stage/$default"
"""The API is not at the root, as on the local AWS, so that the page's own addresses must be relative."""

TOKENS: dict[str, dict[str, str]] = {
    "app": {"back-end": "app-token"},
    "axle": {"axle": "axle-token"},
    "support": {"anna": "support-token"},
    "operator": {"olga": "operator-token"},
}


@contextmanager
def serving(rig: Rig) -> Iterator[str]:
    """The address of an HTTP server in front of a stage, on which ``TOKENS`` are valid."""
    digests = {
        scope: {name: sha256(token.encode()).hexdigest() for name, token in named.items()}
        for scope, named in TOKENS.items()
    }
    set_secret(rig, "API_TOKENS_SECRET", digests)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Front)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}{STAGE}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Front(BaseHTTPRequestHandler):
    """Answers as API Gateway does with payload version 2.0. One request runs at a time: the functions share a log."""

    protocol_version = "HTTP/1.1"
    turn = threading.Lock()

    def do_GET(self) -> None:
        self._serve()

    do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815 - the library's names

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        """Nothing: tests read the functions' log."""

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        with self.turn:
            answer = _answered(self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body)
        content = answer.get("body") or ""
        sent = base64.b64decode(content) if answer.get("isBase64Encoded") else content.encode()
        headers = dict(answer.get("headers", {}))
        if len(sent) > 1000 and "content-encoding" not in headers:
            sent, headers["content-encoding"] = gzip.compress(sent, 1), "gzip"
        self.send_response(answer["statusCode"])
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(sent)))
        self.end_headers()
        self.wfile.write(sent)


def _answered(method: str, url: str, headers: dict[str, str], body: bytes) -> dict[str, Any]:
    split = urlsplit(url)
    path = split.path.removeprefix(STAGE)
    for verb, pattern, route in routes():
        found = pattern.match(path)
        if verb != method or found is None:
            continue
        request: dict[str, Any] = {"requestId": "request-1", "http": {"method": method}}
        if route.authorized:
            given = function("authorizer").handler({"headers": headers}, None)
            request["authorizer"] = {"lambda": given["context"]}
        event = {
            "routeKey": route.key,
            "rawPath": path,
            "headers": headers,
            "queryStringParameters": _query(split.query),
            "pathParameters": {name: unquote(value) for name, value in found.groupdict().items()},
            "requestContext": request,
            **_body(body, headers.get("content-type", "application/json")),
        }
        answer: dict[str, Any] = function(_folder(route.function)).handler(event, None)
        return answer
    return {"statusCode": 404, "headers": {"content-type": "application/json"}, "body": '{"message":"Not Found"}'}


def _query(text: str) -> dict[str, str]:
    """The parameters as payload version 2.0 has them: values of one name are joined by commas."""
    values: dict[str, list[str]] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        values.setdefault(name, []).append(value)
    return {name: ",".join(found) for name, found in values.items()}


def _body(body: bytes, content_type: str) -> dict[str, Any]:
    """A body of text as text, in which what is no UTF-8 is replaced; any other in base64."""
    if content_type.startswith(("text/", "application/json", "application/xml", "application/javascript")):
        return {"body": body.decode(errors="replace"), "isBase64Encoded": False}
    return {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}


def _folder(function_id: str) -> str:
    return deployed().functions[function_id].folder.name
