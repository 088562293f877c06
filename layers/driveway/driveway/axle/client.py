"""Axle's API: one call, one meaning for every answer."""

import gzip
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import requests

from driveway.vehicles.provider import TokenError, TokenSource

TIMEOUT_S = (3.05, 20)


class AxleError(Exception):
    """Axle did not do what was asked. ``detail`` is in Axle's own words where it gave any."""

    def __init__(self, detail: str, *, status: int | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.status = status


class AxleRefusedError(AxleError):
    """A final answer (400, 403, 404, 409, 422): repeating the same call gives the same."""

    status: int


class AxleUnavailableError(AxleError):
    """Axle could not answer now (5xx, 429, timeout, connection): the call may or may not have been carried out."""

    def __init__(self, detail: str, *, status: int | None = None, retry_after_s: float | None = None) -> None:
        super().__init__(detail, status=status)
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class AxleClient:
    """Calls Axle's API at ``base_url`` with the organisation's token."""

    base_url: str
    http: requests.Session
    tokens: TokenSource

    def get(self, path: str, params: Mapping[str, str] | None = None) -> Any:
        """GET a resource. Raises AxleRefusedError or AxleUnavailableError."""
        return self._call(
            lambda headers: self.http.get(self._url(path), params=params, headers=headers, timeout=TIMEOUT_S)
        )

    def post(self, path: str, body: Mapping[str, Any] | None = None, *, compress: bool = False) -> Any:
        """POST a JSON body (gzip with ``compress``). Raises AxleRefusedError or AxleUnavailableError."""
        raw = None if body is None else json.dumps(body, separators=(",", ":")).encode()
        extra = {} if raw is None else {"Content-Type": "application/json"}
        if raw is not None and compress:
            raw, extra = gzip.compress(raw, mtime=0), {**extra, "Content-Encoding": "gzip"}
        return self._call(
            lambda headers: self.http.post(self._url(path), data=raw, headers=headers | extra, timeout=TIMEOUT_S)
        )

    def _url(self, path: str) -> str:
        return self.base_url.rstrip("/") + path

    def _call(self, send: Callable[[dict[str, str]], requests.Response]) -> Any:
        try:
            token = self.tokens.token()
            answer = send({"Authorization": f"Bearer {token}"})
            if answer.status_code == HTTPStatus.UNAUTHORIZED:
                token = self.tokens.token(refused=token)
                answer = send({"Authorization": f"Bearer {token}"})
        except requests.RequestException as error:
            raise AxleUnavailableError(f"Axle could not be reached: {type(error).__name__}.") from error
        except TokenError as error:
            raise AxleUnavailableError(str(error), retry_after_s=error.retry_after_s) from error
        return _read(answer)


def _read(answer: requests.Response) -> Any:
    status = answer.status_code
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS} or status >= 500:
        raise AxleUnavailableError(
            detail_of(answer), status=status, retry_after_s=_seconds(answer.headers.get("Retry-After"))
        )
    if status >= 400:
        raise AxleRefusedError(detail_of(answer), status=status)
    if status == HTTPStatus.NO_CONTENT or not answer.content:
        return None
    try:
        return answer.json()
    except requests.JSONDecodeError as error:
        raise AxleUnavailableError(f"Axle answered {status} with a body that is not JSON.", status=status) from error


def detail_of(answer: requests.Response) -> str:
    """The ``detail`` of an error answer as one sentence: text as it is, a list of validation errors joined."""
    try:
        detail = answer.json().get("detail")
    except (requests.JSONDecodeError, AttributeError):
        detail = None
    if isinstance(detail, str):
        return detail
    if isinstance(detail, list):
        return "; ".join(_sentence(item) for item in detail)
    return f"HTTP {answer.status_code}"


def _sentence(item: Any) -> str:
    if isinstance(item, Mapping):
        place = ".".join(str(part) for part in item.get("loc", ()))
        return f"{place}: {item.get('msg', 'invalid')}" if place else str(item.get("msg", "invalid"))
    return str(item)


def _seconds(text: str | None) -> float | None:
    try:
        return max(0.0, float(text)) if text else None
    except ValueError:
        return None
