"""Errors as callers see them: RFC 9457 problem documents."""

from collections.abc import Mapping, Sequence
from typing import Any

PROBLEM_BASE = "urn:driveway:problem:"
PROBLEM_JSON = "application/problem+json"
MOST_ERRORS = 100
MOST_DETAIL = 2000
"""Of a body with thousands of faults the first are named: a longer answer than Lambda may give would be a 5xx."""


class ProblemError(Exception):
    """An answer to the caller that is not a success.

    Args:
        status: the HTTP status. A 4xx is the caller's and changes nothing; a 5xx is ours and worth repeating.
        kind: the last part of the problem's ``type``; one kind means one thing.
        title: what this kind of problem is, the same every time.
        detail: what was wrong here, and what to do.
        errors: for validation, pairs of a JSON pointer into the body and a sentence.
        headers: further response headers.
        extra: further members of the document.
    """

    def __init__(
        self,
        status: int,
        kind: str,
        title: str,
        detail: str,
        *,
        errors: Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.title = title
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = dict(headers or {})
        self.extra = dict(extra or {})

    def document(self, request_id: str) -> dict[str, Any]:
        """The problem document, with the request's id. At most ``MOST_ERRORS`` faults are named."""
        body: dict[str, Any] = {
            "type": PROBLEM_BASE + self.kind,
            "title": self.title,
            "status": self.status,
            "detail": _shortened(self.detail),
            "request_id": request_id,
            **self.extra,
        }
        if self.errors:
            body["errors"] = [
                {"pointer": _shortened(pointer), "message": _shortened(message)}
                for pointer, message in self.errors[:MOST_ERRORS]
            ]
        return body


def _shortened(text: str) -> str:
    return text if len(text) <= MOST_DETAIL else text[: MOST_DETAIL - 1] + "…"


def invalid(detail: str, errors: Sequence[tuple[str, str]] = ()) -> ProblemError:
    """The body was understood and cannot be accepted (422)."""
    return ProblemError(422, "invalid-body", "The body is not valid", detail, errors=errors)


def malformed(detail: str) -> ProblemError:
    """The request cannot be read at all (400)."""
    return ProblemError(400, "malformed", "The request cannot be read", detail)


def not_found(what: str, identifier: str) -> ProblemError:
    """There is no such site, asset or route (404)."""
    return ProblemError(404, "not-found", "Not found", f"There is no {what} {identifier!r} here.")


def not_enrolled(detail: str) -> ProblemError:
    """The site does not take part (409)."""
    return ProblemError(409, "not-enrolled", "The site is not enrolled", detail)


def busy(detail: str, *, retry_after_s: int = 5) -> ProblemError:
    """A fault on our side or Axle's that passes: repeat the call (503)."""
    return ProblemError(
        503, "unavailable", "Not available now", detail, headers={"Retry-After": str(max(1, retry_after_s))}
    )
