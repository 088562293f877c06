"""Functions behind the HTTP API: decode, check the scope, run the handler of the route, answer; errors become problems.

API Gateway has matched the route already, so the route key alone picks the handler.
"""

import base64
import gzip
import json
import zlib
from collections.abc import Callable, Collection, Mapping
from typing import Any, Literal

from msgspec import Struct, field, to_builtins

from driveway.domain.enrolment import NotEnrolledError
from driveway.domain.preferences.errors import PreferenceError
from driveway.runtime.context import Runtime, current_runtime
from driveway.runtime.problems import PROBLEM_JSON, ProblemError, busy, invalid, malformed, not_enrolled, not_found
from driveway.runtime.scopes import SCOPES
from driveway.runtime.warm import warm
from driveway.store.conditional import ContentionError
from driveway.store.items import fits_key
from driveway.store.table import RevisionMismatchError, UnknownAssetError
from driveway.values import Confidential

MAX_BODY_BYTES = 256 * 1024
LONGEST_PLAIN_ANSWER = 4_000_000
"""The characters of an answer that is sent unpacked."""

LONGEST_REVISION = 15
UNLOGGED = frozenset({"proxy", "vehicle_id"})
"""Parameters that may hold anything (a path without a route) or personal data (a car's identification number)."""
Scope = Literal["app", "axle", "support", "operator", "signed", "open"]
STAFF: tuple[Scope, ...] = ("support", "operator")
"""The scopes of those who use the console."""


class Request(Confidential, frozen=True):
    """A request as it arrived. ``body`` are the raw bytes; header names are lower case.

    ``caller_scope`` and ``caller`` are the scope and the name of its bearer token, as the authorizer gave them.
    """

    hidden = ("body",)

    route: str
    parameters: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    request_id: str
    caller_scope: str = ""
    caller: str = ""

    def json(self) -> dict[str, Any]:
        """The body as a JSON object. Raises ProblemError (400) if it is not one."""
        body = self.body
        if self.headers.get("content-encoding", "").lower() == "gzip":
            body = _gunzip(body)
        try:
            value = json.loads(body, parse_constant=_no_constant)
        except json.JSONDecodeError as error:
            raise malformed(f"The body is not JSON: look at line {error.lineno}, column {error.colno}.") from None
        except (UnicodeDecodeError, ValueError, RecursionError):
            raise malformed("The body is not JSON.") from None
        if not isinstance(value, dict):
            raise malformed("The body is JSON, but not an object.")
        return value

    def if_match(self) -> int | None:
        """The revision asked for with ``If-Match``, or None. Raises ProblemError (400) when it is not a revision."""
        text = self.headers.get("if-match", "").strip().removeprefix("W/").strip('"')
        if text in {"", "*"}:
            return None
        if not (text.isascii() and text.isdigit() and len(text) <= LONGEST_REVISION):
            raise malformed('If-Match is not a revision such as "17".')
        return int(text)


class Answer(Struct, frozen=True):
    """A success. ``body``, a typed value or a mapping, is sent as JSON; a text unchanged, with its own content type."""

    status: int
    body: Struct | Mapping[str, Any] | str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


class Route(Struct, frozen=True):
    """A route's handler and the scopes that may call it, ``scope`` and ``also``.

    ``signed`` routes check a signature themselves, ``open`` ones show nothing of anybody.
    """

    handle: Callable[[Request, Runtime], Answer]
    scope: Scope
    also: tuple[Scope, ...] = ()


class HttpFunction(Struct, frozen=True):
    """A Lambda handler that serves ``routes``, keyed by API Gateway's route key (``PUT /sites/{site}``)."""

    routes: Mapping[str, Route]

    def __call__(self, event: dict[str, Any], context: Any) -> dict[str, Any]:
        """The answer to an HTTP API event (payload 2.0)."""
        runtime = current_runtime()
        runtime.deadline.begin(context)
        request_id = event.get("requestContext", {}).get("requestId") or getattr(context, "aws_request_id", "")
        parameters = event.get("pathParameters") or {}
        logged = {name: value for name, value in parameters.items() if name not in UNLOGGED}
        runtime.logger.append_keys(request_id=request_id, route=event.get("routeKey"), **logged)
        try:
            return _sent(_served(self.routes, event, request_id, runtime), request_id)
        except ProblemError as problem:
            return _problem(problem, request_id, runtime)
        except Exception as error:
            return _problem(_as_problem(error, runtime), request_id, runtime)
        finally:
            runtime.logger.clear_state()


def http_function(routes: Mapping[str, Route]) -> HttpFunction:
    """The Lambda handler that serves these routes."""
    warm("table", "records", "queues")
    return HttpFunction(routes)


def _served(routes: Mapping[str, Route], event: Mapping[str, Any], request_id: str, runtime: Runtime) -> Answer:
    route = routes.get(event.get("routeKey", ""))
    if route is None:
        method = event.get("requestContext", {}).get("http", {}).get("method", "")
        raise not_found("route", f"{method} {event.get('rawPath', '')}".strip())
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    authorizer = (event.get("requestContext") or {}).get("authorizer") or {}
    caller = authorizer.get("lambda") or {}
    if route.scope not in {"signed", "open"}:
        _check_scope(caller.get("scope"), {route.scope, *route.also}, has_token="authorization" in headers)
    parameters = event.get("pathParameters") or {}
    if not all(map(fits_key, parameters.values())):
        raise not_found("resource", "of that name")
    return route.handle(
        Request(
            route=event["routeKey"],
            parameters=parameters,
            query=event.get("queryStringParameters") or {},
            headers=headers,
            body=_raw_body(event),
            request_id=request_id,
            caller_scope=caller.get("scope") or "",
            caller=caller.get("name") or "",
        ),
        runtime,
    )


def _check_scope(given: str | None, wanted: Collection[str], *, has_token: bool) -> None:
    if given in wanted:
        return
    if given in SCOPES:
        raise ProblemError(403, "forbidden", "Not allowed", "This token is valid, but not for this route.")
    detail = "The bearer token is not valid." if has_token else "Send the header 'Authorization: Bearer <token>'."
    raise ProblemError(
        401, "unauthorized", "Not authenticated", detail, headers={"WWW-Authenticate": 'Bearer realm="driveway"'}
    )


def _raw_body(event: Mapping[str, Any]) -> bytes:
    text = event.get("body") or ""
    try:
        body = base64.b64decode(text, validate=True) if event.get("isBase64Encoded") else text.encode()
    except ValueError:
        raise malformed("The body could not be decoded.") from None
    if len(body) > MAX_BODY_BYTES:
        raise _too_large()
    return body


def _too_large() -> ProblemError:
    return ProblemError(413, "too-large", "The body is too large", f"At most {MAX_BODY_BYTES} bytes are accepted.")


def _gunzip(body: bytes) -> bytes:
    stream = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        plain = stream.decompress(body, MAX_BODY_BYTES + 1)
    except zlib.error:
        raise malformed("The header Content-Encoding says gzip, but the body is not gzip.") from None
    if len(plain) > MAX_BODY_BYTES:
        raise _too_large()
    if not stream.eof:
        raise malformed("The gzip body ends too early.")
    return plain


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON number")


def _as_problem(error: Exception, runtime: Runtime) -> ProblemError:
    if isinstance(error, PreferenceError):
        return invalid(str(error), error.errors)
    if isinstance(error, NotEnrolledError):
        return not_enrolled(str(error))
    if isinstance(error, UnknownAssetError):
        return not_found("asset", str(error))
    if isinstance(error, RevisionMismatchError):
        return ProblemError(
            412,
            "revision-mismatch",
            "The asset has changed",
            f"{error} Read it again and repeat with its revision.",
            extra={"revision": error.present},
        )
    if isinstance(error, ContentionError):
        return busy("Many calls change the asset at once. Repeat the call.", retry_after_s=1)
    runtime.logger.error("request failed", exc_info=error)
    return ProblemError(500, "internal", "Our fault", "Something went wrong on our side. Repeat the call.")


def _sent(answer: Answer, request_id: str) -> dict[str, Any]:
    headers = {"x-request-id": request_id, **answer.headers}
    if answer.body is None:
        return {"statusCode": answer.status, "headers": headers, "body": ""}
    if isinstance(answer.body, str):
        return {"statusCode": answer.status, "headers": headers, "body": answer.body}
    headers.setdefault("content-type", "application/json")
    body = to_builtins(answer.body) if isinstance(answer.body, Struct) else answer.body
    text = json.dumps(body, separators=(",", ":"))
    if len(text) <= LONGEST_PLAIN_ANSWER:
        return {"statusCode": answer.status, "headers": headers, "body": text}
    # Lambda passes on 6 MB at most; HTTP clients unpack a gzip answer by themselves.
    packed = base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()
    headers["content-encoding"] = "gzip"
    return {"statusCode": answer.status, "headers": headers, "body": packed, "isBase64Encoded": True}


def _problem(problem: ProblemError, request_id: str, runtime: Runtime) -> dict[str, Any]:
    runtime.logger.info("refused", extra={"status": problem.status, "problem": problem.kind})
    return {
        "statusCode": problem.status,
        "headers": {"content-type": PROBLEM_JSON, "x-request-id": request_id, **problem.headers},
        "body": json.dumps(problem.document(request_id), separators=(",", ":")),
    }
