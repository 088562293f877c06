"""The HTTP API in front of the functions, by the template's routes: match, authorize, call, answer."""

import base64
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.world.declared import routes
from tests.world.host import Host, Killed

INTERNAL = (500, {"content-type": "application/json"}, '{"message":"Internal Server Error"}')
UNAVAILABLE = (503, {"content-type": "application/json"}, '{"message":"Service Unavailable"}')


class Gateway:
    """Answers requests as API Gateway does with payload version 2.0."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._requests = 0

    def serve(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, Mapping[str, str], str]:
        """The answer to a request; 503 if a function did not answer, 500 if its authorizer failed."""
        split = urlsplit(url)
        matched = [
            (route, found)
            for verb, pattern, route in routes()
            if verb == method and (found := pattern.match(split.path)) is not None
        ]
        if not matched:
            return 404, {"content-type": "application/json"}, '{"message":"Not Found"}'
        ((route, found),) = matched
        self._requests += 1
        parameters = {name: unquote(value) for name, value in found.groupdict().items()}
        request: dict[str, Any] = {"requestId": f"request-{self._requests}", "http": {"method": method}}
        try:
            if route.authorized:
                given = self._authorized({"headers": dict(headers), "routeKey": route.key})
                if given is None:
                    return INTERNAL
                request["authorizer"] = {"lambda": given["context"]}
            answer = self._host.run(
                route.function,
                {
                    "version": "2.0",
                    "routeKey": route.key,
                    "rawPath": split.path,
                    "rawQueryString": split.query,
                    "headers": dict(headers),
                    "queryStringParameters": dict(parse_qsl(split.query)),
                    "pathParameters": parameters,
                    "requestContext": request,
                    **_body(headers, body),
                },
            )
        except Killed:
            return UNAVAILABLE
        return answer["statusCode"], answer.get("headers", {}), answer.get("body") or ""

    def _authorized(self, event: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """The authorizer's answer; None if it failed because of a fault that was injected."""
        first = len(self._host.invocations)
        try:
            given: Mapping[str, Any] = self._host.run("AuthorizerFunction", event)
        except Killed:
            raise
        except Exception:
            if self._host.invocations[first].fault is None:
                raise
            return None
        return given


def _body(headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    """The body as the gateway passes it on: as text where it is text, else in base 64."""
    if not body:
        return {}
    kind = headers.get("content-type", "")
    if kind.startswith(("text/", "application/json")) and "content-encoding" not in headers:
        return {"body": body.decode(), "isBase64Encoded": False}
    return {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}
