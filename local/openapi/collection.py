"""The documented calls as a Postman collection (format 2.1.0), which Bruno, Hoppscotch and Insomnia read as well."""

import json
from collections.abc import Iterable
from itertools import groupby
from typing import Any

from local.openapi.world import Exchange

SCHEMA = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
SIGNED = ("POST /webhooks/{provider}", "POST /axle/webhooks")
"""They need a signature over the body, which a collection does not make."""


def collection(exchanges: Iterable[Exchange]) -> dict[str, Any]:
    """A folder for each route with its calls that succeed. Set ``base_url`` and ``token`` from .local/stack.json."""
    calls = [one for one in exchanges if one.problem is None and one.route not in SIGNED]
    calls.sort(key=lambda one: one.route)
    folders = [{"name": route, "item": list(map(_item, some))} for route, some in groupby(calls, lambda one: one.route)]
    return {
        "info": {"name": "Driveway", "description": collection.__doc__, "schema": SCHEMA},
        "auth": {"type": "bearer", "bearer": [{"key": "token", "value": "{{token}}", "type": "string"}]},
        "variable": [{"key": "base_url", "value": "http://127.0.0.1:4566"}, {"key": "token", "value": ""}],
        "item": folders,
    }


def _item(exchange: Exchange) -> dict[str, Any]:
    path, _, query = exchange.path.partition("?")
    headers = [{"key": name, "value": value} for name, value in exchange.request_headers.items()]
    request: dict[str, Any] = {
        "method": exchange.route.partition(" ")[0],
        "header": headers,
        "url": {
            "raw": "{{base_url}}" + exchange.path,
            "host": ["{{base_url}}"],
            "path": path.strip("/").split("/"),
            "query": [
                {"key": name, "value": value} for name, _, value in (part.partition("=") for part in query.split("&"))
            ]
            if query
            else [],
        },
    }
    if exchange.request is not None:
        request["header"] = [*headers, {"key": "content-type", "value": "application/json"}]
        request["body"] = {"mode": "raw", "raw": json.dumps(exchange.request, indent=2)}
    return {"name": exchange.summary, "request": request}
