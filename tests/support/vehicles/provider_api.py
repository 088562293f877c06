"""A provider's API for tests: answers from a script, over a real ``requests`` session, and keeps what it was asked."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from io import BytesIO
from typing import Any

import requests
from requests.adapters import BaseAdapter

from driveway.vehicles.provider import Call


@dataclass(frozen=True)
class SubmissionResult:
    """A request as it went out."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: Any
    timeout: Any


@dataclass(frozen=True)
class Reply:
    """An answer to give: a status with JSON, plain text or nothing."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


Script = Callable[[SubmissionResult], Reply | Exception]


class ProviderApi(BaseAdapter):
    """A transport that answers by a script: a function of the request, or replies in turn, and then always the last."""

    def __init__(self, script: Script | list[Reply | Exception]) -> None:
        super().__init__()
        self.script = script
        self.asked: list[SubmissionResult] = []

    def send(self, request: Any, stream: bool = False, timeout: Any = None, *_: Any, **__: Any) -> requests.Response:
        body = json.loads(request.body) if request.body else None
        asked = SubmissionResult(request.method, request.url, dict(request.headers), body, timeout)
        self.asked.append(asked)
        if callable(self.script):
            reply = self.script(asked)
        else:
            reply = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if isinstance(reply, Exception):
            raise reply
        response = requests.Response()
        response.status_code = reply.status
        response.headers.update(reply.headers)
        text = reply.body if isinstance(reply.body, str) else "" if reply.body is None else json.dumps(reply.body)
        response.raw, response.encoding = BytesIO(text.encode()), "utf-8"
        response.url, response.request = request.url, request
        return response

    def close(self) -> None:
        """Nothing is held."""


class Tokens:
    """A source of tokens ``token-1``, ``token-2``, …: the next one whenever one is refused."""

    def __init__(self) -> None:
        self.serial = 1

    def token(self, *, refused: str | None = None) -> str:
        self.serial += refused == f"token-{self.serial}"
        return f"token-{self.serial}"


def call_to(api: ProviderApi, base_url: str, now: datetime, tokens: Any = None, **extra: str) -> Call:
    """A call whose every request goes to ``api``."""
    http = requests.Session()
    http.mount("https://", api)
    return Call(base_url, http, tokens or Tokens(), now, extra)
