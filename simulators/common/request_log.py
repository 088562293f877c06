"""The requests to a simulator as they arrived, for tests to check."""

import gzip
import json
import threading
import zlib
from collections import deque
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

_HIDDEN_HEADERS = {"authorization", "cookie", "x-api-key"}
_HIDDEN_FIELDS = {"password", "client_secret", "refresh_token", "access_token"}


@dataclass(slots=True)
class LoggedRequest:
    """One request; ``status`` is None while it is served, and stays None if its connection was dropped."""

    seq: int
    at: datetime
    method: str
    path: str
    query: str
    headers: dict[str, str]
    raw_body: bytes
    status: int | None = None
    answered_at: datetime | None = None
    fault_id: int | None = None

    def as_json(self) -> dict[str, Any]:
        """The request as JSON values: body decoded, credentials left out."""
        return {
            "seq": self.seq,
            "at": self.at.isoformat(),
            "method": self.method,
            "path": self.path,
            "query": dict(parse_qsl(self.query, keep_blank_values=True)),
            "headers": self.headers,
            "body": decode_body(self.raw_body, self.headers),
            "status": self.status,
            "answered_at": self.answered_at.isoformat() if self.answered_at else None,
            "fault_id": self.fault_id,
        }


def decode_body(raw: bytes, headers: dict[str, str]) -> Any:
    """A body's value: gunzipped, JSON or form fields (secrets masked); else text; None if it is empty."""
    if headers.get("content-encoding") == "gzip":
        try:
            raw = gzip.decompress(raw)
        except (OSError, EOFError, zlib.error):
            return f"<{len(raw)} bytes that are not gzip>"
    if not raw:
        return None
    text = raw.decode("utf-8", errors="replace")
    if headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return {name: "***" if name in _HIDDEN_FIELDS else value for name, value in parse_qsl(text)}
    try:
        return json.loads(text)
    except ValueError:
        return text


class RequestLog:
    """The latest requests in order of arrival. Thread-safe."""

    def __init__(self, size: int = 100_000) -> None:
        self._entries: deque[LoggedRequest] = deque(maxlen=size)
        self._lock = threading.Lock()
        self._last_seq = 0

    def begin(
        self, *, at: datetime, method: str, path: str, query: str, headers: dict[str, str], raw_body: bytes
    ) -> LoggedRequest:
        """Log a request that has arrived; its status is set on the entry when it is answered."""
        shown = {name: value for name, value in headers.items() if name not in _HIDDEN_HEADERS}
        with self._lock:
            self._last_seq += 1
            entry = LoggedRequest(
                seq=self._last_seq, at=at, method=method, path=path, query=query, headers=shown, raw_body=raw_body
            )
            self._entries.append(entry)
            return entry

    def list(self, *, path: str = "", method: str | None = None, after_seq: int = 0) -> list[dict[str, Any]]:
        """The requests whose path contains ``path``, later than ``after_seq``, oldest first, as JSON values."""
        with self._lock:
            entries = list(self._entries)
        return [
            entry.as_json()
            for entry in entries
            if entry.seq > after_seq and path in entry.path and (method is None or entry.method == method.upper())
        ]

    def clear(self) -> None:
        """Forget all requests. The numbering continues."""
        with self._lock:
            self._entries.clear()
