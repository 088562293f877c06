"""Axle's API: one call, one meaning for every answer."""

import gzip
import json
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field
from urllib3.exceptions import NewConnectionError

from driveway.auth.token_source import TokenError, TokenSource
from driveway.axle.answers import EVENT_REJECTED, EVENT_TAKEN, check_form, event_status, unknown_names
from driveway.runtime.retry_after import retry_after_s

if TYPE_CHECKING:
    import requests

TIMEOUT_S = (3.05, 10)
"""To connect and to read."""

MOST_WORDS = 500
"""The number of characters of Axle's own text that are kept."""


class AxleError(Exception):
    """Axle did not carry out a call. ``detail`` is Axle's own text if there is one."""

    def __init__(self, detail: str, *, status: int | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.status = status


class AxleRefusedError(AxleError):
    """A final answer (400, 403, 404, 409, 422): the same call is refused again."""

    status: int


class AxleUnavailableError(AxleError):
    """Axle gave no usable answer (5xx, 429, timeout, connection, no token, not in the form of its API).

    ``may_be_carried_out`` says whether Axle may still have carried the call out, or may do so later.
    """

    def __init__(
        self,
        detail: str,
        *,
        status: int | None = None,
        retry_after_s: float | None = None,
        may_be_carried_out: bool = True,
    ) -> None:
        super().__init__(detail, status=status)
        self.retry_after_s = retry_after_s
        self.may_be_carried_out = may_be_carried_out


class AxleClient(Struct, frozen=True):
    """Calls Axle's API at ``base_url`` with the organisation's token. Every answer is read and checked.

    ``notice`` gets the names of members of answers that Axle's API description does not have: each once.
    """

    base_url: str
    http: "requests.Session"
    tokens: TokenSource
    notice: Callable[[tuple[str, ...]], None] = field(default=lambda _: None)
    noticed: set[str] = field(default_factory=set)

    def get(self, path: str, params: Mapping[str, str] | None = None) -> Any:
        """GET a resource. Raises AxleRefusedError or AxleUnavailableError."""
        return self._call("GET", path, params=params)

    def send_event(self, path: str, body: Mapping[str, Any]) -> None:
        """POST an event of an asset. It returns once Axle has acknowledged it.

        Raises:
            AxleRefusedError: Axle refuses the event for good, by its status or in its answer (``REJECTED``).
            AxleUnavailableError: there is no acknowledgement. A 403 counts as this, too: it concerns our access and
                passes. For an asset whose events Axle does not accept, Axle documents a 404.
        """
        try:
            answer = self.post(path, body)
        except AxleRefusedError as error:
            if error.status != HTTPStatus.FORBIDDEN:
                raise
            raise AxleUnavailableError(error.detail, status=error.status, may_be_carried_out=False) from error
        status = event_status(answer)
        if status == EVENT_REJECTED:
            raise AxleRefusedError("Axle answered that it rejected the event.", status=HTTPStatus.OK)
        if status is not None and status not in EVENT_TAKEN:
            raise AxleUnavailableError(f"Axle answered that the event is {status[:40]}.", status=HTTPStatus.OK)

    def post(
        self,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        compress: bool = False,
        timeout_s: float | None = None,
    ) -> Any:
        """POST a JSON body (gzip with ``compress``), within ``timeout_s`` seconds if that is given.

        Raises AxleRefusedError or AxleUnavailableError.
        """
        raw = None if body is None else json.dumps(body, separators=(",", ":")).encode()
        headers = {} if raw is None else {"Content-Type": "application/json"}
        if raw is not None and compress:
            raw, headers = gzip.compress(raw, mtime=0), {**headers, "Content-Encoding": "gzip"}
        return self._call("POST", path, data=raw, headers=headers, timeout_s=timeout_s)

    def post_form(self, path: str, fields: Mapping[str, str]) -> Any:
        """POST form fields. Raises AxleRefusedError or AxleUnavailableError."""
        return self._call("POST", path, data=dict(fields))

    def delete(self, path: str) -> None:
        """DELETE a resource. Raises AxleRefusedError or AxleUnavailableError."""
        self._call("DELETE", path)

    def _call(self, method: str, path: str, **request: Any) -> Any:
        """The decoded JSON of the answer; None where a 204 has none."""
        answer = self._send(method, path, **request)
        if answer.status_code == HTTPStatus.NO_CONTENT:
            return None
        try:
            decoded = json.loads(answer.content)
            check_form(method, path, decoded)
        except (ValueError, RecursionError) as error:
            detail = f"Axle answered {answer.status_code} with a body that is not the answer to this call."
            raise AxleUnavailableError(detail, status=answer.status_code) from error
        new = tuple(name for name in unknown_names(method, path, decoded) if name not in self.noticed)
        if new:
            self.noticed.update(new)
            self.notice(new)
        return decoded

    def _send(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        timeout_s: float | None = None,
        **request: Any,
    ) -> "requests.Response":
        import requests

        connect_s, read_s = TIMEOUT_S if timeout_s is None else (timeout_s / 2, timeout_s / 2)

        def once(token: str) -> "requests.Response":
            authorized = {**(headers or {}), "Authorization": f"Bearer {token}"}
            url = self.base_url.rstrip("/") + path
            return self.http.request(
                method, url, headers=authorized, timeout=(connect_s, read_s), allow_redirects=False, **request
            )

        try:
            token = self.tokens.token()
            answer = once(token)
            if answer.status_code == HTTPStatus.UNAUTHORIZED:
                answer = once(self.tokens.token(refused=token))
        except requests.RequestException as error:
            detail = f"Axle could not be reached: {type(error).__name__}."
            raise AxleUnavailableError(detail, may_be_carried_out=_may_have_arrived(error)) from error
        except TokenError as error:
            raise AxleUnavailableError(
                str(error), retry_after_s=error.retry_after_s, may_be_carried_out=False
            ) from error
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
            may_be_carried_out=status not in _NOT_CARRIED_OUT,
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
    text = "; ".join(_sentence(part) for part in parts if part)
    return text[:MOST_WORDS] or f"HTTP {answer.status_code}"


def _sentence(item: Any) -> str:
    if not isinstance(item, Mapping):
        return str(item)
    place = item.get("loc")
    where = ".".join(str(part) for part in place) if isinstance(place, list) else ""
    message = str(item.get("msg", "invalid"))
    return f"{where}: {message}" if where else message
