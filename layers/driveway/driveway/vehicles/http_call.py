"""One HTTP call to a provider, and what came of it as a value: an answer, or why there is none.

Nothing here raises or logs.
"""

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from driveway.auth.token_source import TokenError
from driveway.domain.control.held_back import HELD_BACK_TEXTS
from driveway.domain.control.outcome import Outcome
from driveway.domain.control.provider_budget import RequestKind
from driveway.domain.twin import OutcomeKind
from driveway.runtime.retry_after import wait_s
from driveway.vehicles.provider import Call

if TYPE_CHECKING:
    import requests


class Answer(Struct, frozen=True):
    """What the provider answered: ``text`` is the body as it came, ``body`` decoded JSON (None if it is not JSON)."""

    status: int
    body: Any = None
    text: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def fields(self) -> Mapping[str, Any]:
        """The body where it is a JSON object, else nothing."""
        return self.body if isinstance(self.body, dict) else {}

    @property
    def is_success(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300

    @property
    def has_form(self) -> bool:
        """Whether the body is a JSON object; a 204 has none."""
        return isinstance(self.body, dict) or self.status == 204


class Unanswered(Struct, frozen=True):
    """No answer came. ``sent`` says whether the request may have reached the provider and been obeyed.

    ``unavailable`` says that the provider's service is the reason, and not this car's account.
    """

    detail: str
    sent: bool
    needs_user: bool = False
    retry_after_s: float | None = None
    unavailable: bool = True

    def outcome(self) -> Outcome:
        """RETRYABLE; NEEDS_USER if no token can be had before the user has connected the account again."""
        kind = OutcomeKind.NEEDS_USER if self.needs_user else OutcomeKind.RETRYABLE
        return Outcome(kind, self.detail, retry_after_s=self.retry_after_s, unavailable=self.unavailable)


def is_unauthorized(answer: Answer) -> bool:
    """Whether the token was refused, as HTTP says it: 401."""
    return answer.status == 401


def send(
    call: Call,
    method: str,
    url: str,
    *,
    timeout_s: tuple[float, float],
    body: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
    refuses_token: Callable[[Answer], bool] = is_unauthorized,
    kind: RequestKind | None = None,
) -> Answer | Unanswered:
    """Make one request with the call's bearer token; if that is refused, once more with another token.

    Each of them is counted before it is made. One that the budget holds back is not made.
    A success that is not a JSON object is no answer of a provider's: a gateway may answer so during maintenance.

    Args:
        call: where and with which token.
        method: of HTTP.
        url: in full.
        timeout_s: to connect and to read.
        body: sent as JSON.
        headers: further ones.
        refuses_token: whether an answer means that the token is not good.
        kind: what it is priced as; without it a GET is a read, and anything else a command.

    Redirects are not followed: a token goes only where it was meant to go.
    """
    import requests

    request = requests.Request(method, url, headers=dict(headers or {}), json=body)
    priced = kind or ("data" if method == "GET" else "command")
    try:
        token = call.tokens.token()
        answer = _counted(call, request, token, timeout_s, priced)
        if isinstance(answer, Answer) and refuses_token(answer):
            answer = _counted(call, request, call.tokens.token(refused=token), timeout_s, priced)
    except TokenError as error:
        return Unanswered(
            str(error),
            sent=False,
            needs_user=error.needs_user,
            retry_after_s=error.retry_after_s,
            unavailable=error.unavailable,
        )
    if isinstance(answer, Answer) and answer.is_success and not answer.has_form:
        return lost(answer)
    return answer


def lost(answer: Answer) -> Unanswered:
    """What a success amounts to that is not in the form of the provider's API: the request may have been obeyed."""
    return Unanswered(f"The provider answered {answer.status} in a form that its API does not describe.", sent=True)


def _counted(
    call: Call, request: "requests.Request", token: str, timeout_s: tuple[float, float], kind: RequestKind
) -> Answer | Unanswered:
    held_back = call.spend(kind)
    if held_back is None:
        answer = _once(call.http, request, token, timeout_s)
        if isinstance(answer, Answer):
            call.answered(answer.status)
        return answer
    wait = (held_back.until - call.now).total_seconds() if held_back.until is not None else None
    text = HELD_BACK_TEXTS[held_back.reason]
    return Unanswered(f"The request waits: {text}.", sent=False, retry_after_s=wait, unavailable=False)


def _once(
    http: "requests.Session", request: "requests.Request", token: str, timeout_s: tuple[float, float]
) -> Answer | Unanswered:
    import requests

    try:
        response = http.request(
            request.method or "GET",
            request.url,
            json=request.json,
            headers={**request.headers, "Authorization": f"Bearer {token}"},
            timeout=timeout_s,
            allow_redirects=False,
        )
    except requests.ConnectTimeout:
        return Unanswered("The provider could not be reached in time.", sent=False)
    except requests.Timeout:
        return Unanswered("The provider did not answer in time.", sent=True)
    except requests.ConnectionError:
        # A connection refused and one cut after the request was sent look alike here.
        return Unanswered("The connection to the provider failed.", sent=True)
    except (requests.RequestException, UnicodeError) as error:
        return Unanswered(f"The provider's answer could not be read ({type(error).__name__}).", sent=True)
    text = response.text
    try:
        parsed = json.loads(text) if text else None
    except (ValueError, RecursionError):
        parsed = None
    return Answer(response.status_code, parsed, text, response.headers)


def retry_after_s(headers: Mapping[str, str], now: datetime) -> float | None:
    """How many seconds the provider asks us to wait, a day at most; None if it does not ask.

    ``Retry-After`` in seconds or as a date (RFC 9110 §10.2.3), else ``RateLimit-Reset`` in seconds.
    """
    for name in ("Retry-After", "RateLimit-Reset"):
        text = next((value for key, value in headers.items() if key.lower() == name.lower()), "")
        seconds = wait_s(text.strip(), now)
        if seconds is not None:
            return seconds
    return None
