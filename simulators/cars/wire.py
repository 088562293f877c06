"""What the simulated providers share on the wire: instants, signatures, answers."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from starlette.responses import JSONResponse, Response


def stamp(at: datetime) -> str:
    """An instant as the providers write it: ISO 8601, UTC, milliseconds only when there are any."""
    text = at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return text.replace(".000Z", "Z")


def epoch_ms(at: datetime) -> int:
    """An instant in milliseconds since 1970."""
    return int(at.timestamp() * 1000)


def hmac_hex(secret: str, message: bytes, algorithm: str) -> str:
    """Lower-case hex HMAC of a message."""
    return hmac.new(secret.encode(), message, algorithm).hexdigest()


def timestamped_signature(secret: str, body: bytes, at: datetime) -> str:
    """The relay's signature header: ``t=<unix seconds>,v1=<hex HMAC-SHA256 of "{t}.{body}">``."""
    unix_s = int(at.timestamp())
    digest = hmac.new(secret.encode(), f"{unix_s}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={unix_s},v1={digest}"


def encode(value: Any) -> bytes:
    """JSON as it goes over the wire."""
    return json.dumps(value, separators=(",", ":")).encode()


def answer(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON answer."""
    return JSONResponse(value, status_code=status, headers=dict(headers or {}))
