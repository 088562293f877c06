"""Axle's API: one call, one meaning for every answer."""

import gzip
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from urllib3.exceptions import NewConnectionError

from driveway.auth.token_source import TokenError, TokenSource

if TYPE_CHECKING:
    import requests

TIMEOUT_S = (3.05, 10)
"""To connect and to read."""

MOST_WORDS = 500
"""How much of Axle's words is kept."""

LONGEST_WAIT_S = 86_400.0
"""Who asks to be left alone for longer is taken to have meant a day."""


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
    """Axle could not answer now (5xx, 429, timeout, connection, no token).

    ``heard`` says whether the call may have been carried out all the same.
    """

    def __init__(
        self, detail: str, *, status: int | None = None, retry_after_s: float | None = None, heard: bool = True
    ) -> None:
        super().__init__(detail, status=status)
        self.retry_after_s = retry_after_s
        self.heard = heard


@dataclass(frozen=True, slots=True)
class AxleClient:
    """Calls Axle's API at ``base_url`` with the organisation's token."""

    base_url: str
    http: "requests.Session"
    tokens: TokenSource

    def get(self, path: str, params: Mapping[str, str] | None = None) -> Any:
        """GET a resource. Raises AxleRefusedError or AxleUnavailableError."""
        return self._call(
            lambda headers: self.http.get(
                self._url(path), params=params, headers=headers, timeout=TIMEOUT_S, allow_redirects=False
            )
        )

    def tell(self, path: str, body: Mapping[str, Any]) -> None:
        """POST a JSON body whose answer says nothing but its status: any 2xx will do.

        Raises AxleRefusedError or AxleUnavailableError: the latter on a 403, too, which is about our access and passes.
        What Axle will not hear of an asset it documents as 404.
        """
        try:
            self._send(
                lambda headers: self.http.post(
                    self._url(path), json=body, headers=headers, timeout=TIMEOUT_S, allow_redirects=False
                )
            )
        except AxleRefusedError as error:
            if error.status != HTTPStatus.FORBIDDEN:
                raise
            raise AxleUnavailableError(error.detail, status=error.status, heard=False) from error

    def post(self, path: str, body: Mapping[str, Any] | None = None, *, compress: bool = False) -> Any:
        """POST a JSON body (gzip with ``compress``). Raises AxleRefusedError or AxleUnavailableError."""
        raw = None if body is None else json.dumps(body, separators=(",", ":")).encode()
        extra = {} if raw is None else {"Content-Type": "application/json"}
        if raw is not None and compress:
            raw, extra = gzip.compress(raw, mtime=0), {**extra, "Content-Encoding": "gzip"}
        return self._call(
            lambda headers: self.http.post(
                self._url(path), data=raw, headers=headers | extra, timeout=TIMEOUT_S, allow_redirects=False
            )
        )

    def delete(self, path: str) -> None:
        """DELETE a resource. Raises AxleRefusedError or AxleUnavailableError."""
        self._send(
            lambda headers: self.http.delete(self._url(path), headers=headers, timeout=TIMEOUT_S, allow_redirects=False)
        )

    def _url(self, path: str) -> str:
        return self.base_url.rstrip("/") + path

    def _call(self, send: Callable[[dict[str, str]], "requests.Response"]) -> Any:
        import requests

        answer = self._send(send)
        if answer.status_code == HTTPStatus.NO_CONTENT or not answer.content:
            return None
        try:
            return answer.json()
        except requests.JSONDecodeError as error:
            words = f"Axle answered {answer.status_code} with a body that is not JSON."
            raise AxleUnavailableError(words, status=answer.status_code) from error

    def _send(self, send: Callable[[dict[str, str]], "requests.Response"]) -> "requests.Response":
        import requests

        try:
            token = self.tokens.token()
            answer = send({"Authorization": f"Bearer {token}"})
            if answer.status_code == HTTPStatus.UNAUTHORIZED:
                token = self.tokens.token(refused=token)
                answer = send({"Authorization": f"Bearer {token}"})
        except requests.RequestException as error:
            words = f"Axle could not be reached: {type(error).__name__}."
            raise AxleUnavailableError(words, heard=_may_have_arrived(error)) from error
        except TokenError as error:
            raise AxleUnavailableError(str(error), retry_after_s=error.retry_after_s, heard=False) from error
        _check(answer)
        return answer


_NOT_CARRIED_OUT = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})
_LATER = _NOT_CARRIED_OUT | {HTTPStatus.REQUEST_TIMEOUT}


def _check(answer: "requests.Response") -> None:
    status = answer.status_code
    if status in _LATER or not 200 <= status < 500 or 300 <= status < 400:
        raise AxleUnavailableError(
            detail_of(answer),
            status=status,
            retry_after_s=retry_after_s(answer.headers),
            heard=status not in _NOT_CARRIED_OUT,
        )
    if status >= 400:
        raise AxleRefusedError(detail_of(answer), status=status)


def _may_have_arrived(error: "requests.RequestException") -> bool:
    """Whether the request may have reached Axle: not when the connection could not be made at all."""
    import requests

    reason = getattr(error.args[0], "reason", None) if error.args else None
    return not isinstance(error, requests.ConnectTimeout) and not isinstance(reason, NewConnectionError)


def detail_of(answer: "requests.Response") -> str:
    """The ``detail`` of an error answer as one sentence: text as it is, a list of validation errors joined."""
    import requests

    try:
        detail = answer.json().get("detail")
    except (requests.JSONDecodeError, AttributeError):
        detail = None
    parts = detail if isinstance(detail, list) else [detail]
    words = "; ".join(_sentence(part) for part in parts if part)
    return words[:MOST_WORDS] or f"HTTP {answer.status_code}"


def _sentence(item: Any) -> str:
    if not isinstance(item, Mapping):
        return str(item)
    place = item.get("loc")
    where = ".".join(str(part) for part in place) if isinstance(place, list) else ""
    message = str(item.get("msg", "invalid"))
    return f"{where}: {message}" if where else message


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """How many seconds Axle asks to wait (``Retry-After``, RFC 9110 §10.2.3); None if it does not say.

    A date is measured from the answer's own ``Date``, so that neither clock needs to be right.
    """
    text = headers.get("Retry-After", "").strip()
    try:
        wait_s = float(text)
    except ValueError:
        asked, sent = _http_date(text), _http_date(headers.get("Date", ""))
        wait_s = (asked - sent).total_seconds() if asked and sent else math.nan
    return min(max(0.0, wait_s), LONGEST_WAIT_S) if math.isfinite(wait_s) else None


def _http_date(text: str) -> datetime | None:
    try:
        instant = parsedate_to_datetime(text)
    except ValueError:
        return None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
