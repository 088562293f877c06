"""Answers with the scope of a request's bearer token. The functions refuse what that scope does not allow.

It never refuses by itself, because API Gateway's own refusals are not problem documents (docs/decisions/0002).
"""

import hashlib
import hmac
from collections.abc import Iterator
from typing import Any

from driveway.runtime.context import current_runtime
from driveway.runtime.scopes import SCOPES


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """The simple authorizer response with the token's ``scope`` (one of ``SCOPES``, or empty) and its ``name``."""
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    kind, _, token = headers.get("authorization", "").partition(" ")
    given = hashlib.sha256(token.strip().encode()).hexdigest()
    known = current_runtime().secret("API_TOKENS_SECRET")
    scope = name = ""
    for candidate in SCOPES:
        for called, digest in _named(known.get(candidate)):
            if hmac.compare_digest(given.encode(), digest.lower().encode()) and kind.lower() == "bearer":
                scope, name = candidate, called
    return {"isAuthorized": True, "context": {"scope": scope, "name": name}}


def _named(tokens: Any) -> Iterator[tuple[str, str]]:
    """The digests of a scope with their names: those of an object, or what a list calls them by, their first digits."""
    named = tokens.items() if isinstance(tokens, dict) else ((str(one)[:8], one) for one in tokens or ())
    yield from ((str(name), str(digest)) for name, digest in named)
