"""Answers with the scope of a request's bearer token. The functions refuse what that scope does not allow.

It never refuses by itself, because API Gateway's own refusals are not problem documents (docs/decisions/0002).
"""

import hashlib
import hmac
from typing import Any

from driveway.runtime.context import current_runtime

SCOPES = ("app", "axle", "operator")


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """The simple authorizer response with ``scope``: ``app``, ``axle``, ``operator`` or empty."""
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    kind, _, token = headers.get("authorization", "").partition(" ")
    given = hashlib.sha256(token.strip().encode()).hexdigest()
    known = current_runtime().secret("API_TOKENS_SECRET")
    scope = ""
    for candidate in SCOPES:
        for digest in known.get(candidate, []):
            if hmac.compare_digest(given.encode(), str(digest).lower().encode()) and kind.lower() == "bearer":
                scope = candidate
    return {"isAuthorized": True, "context": {"scope": scope}}
