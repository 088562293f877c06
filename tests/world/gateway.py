"""The HTTP API in front of the functions, by the template's routes: match, authorize, call, answer."""

import base64
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.world.declared import routes
from tests.world.host import Host, Killed

UNAVAILABLE = (503, {"content-type": "application/json"}, '{"message":"Service Unavailable"}')


class Gateway:
    """Answers requests as API Gateway does with payload version 2.0."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._requests = 0

    def serve(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, Mapping[str, str], str]:
        """The answer to a request; 503 if a function did not answer."""
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
                given = self._host.run("AuthorizerFunction", {"headers": dict(headers), "routeKey": route.key})
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


def _body(headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    """The body as the gateway passes it on: as text where it is text, else in base 64."""
    if not body:
        return {}
    kind = headers.get("content-type", "")
    if kind.startswith(("text/", "application/json")) and "content-encoding" not in headers:
        return {"body": body.decode(), "isBase64Encoded": False}
    return {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}
