"""One operation of the API as it is documented, and what operations share."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from local.openapi.schema import Schema, text

FROM_AXLE = ("axle-conflict", "axle-invalid", "axle-not-eligible", "axle-not-found", "axle-refused", "unavailable")
STORED = ("invalid-body", "idempotency-key-reused", "malformed", "not-found", "revision-mismatch", "unavailable")
SCHEDULE = (
    "invalid-profile",
    "not-enrolled",
    "not-found",
    "not-plugged-in",
    "schedule-over",
    "too-many-periods",
    "unavailable",
)
OF_AN_ONBOARDED_SITE = ("not-found", "not-onboarded", "site-leaving")


@dataclass(frozen=True, slots=True)
class Operation:
    """A route. ``answers`` gives schema and description by status; an empty schema name means that there is no body."""

    tag: str
    name: str
    words: str
    answers: Mapping[int, tuple[str, str]]
    problems: tuple[str, ...]
    request: tuple[str, ...] = ()
    request_optional: bool = False
    headers: tuple[str, ...] = ()
    query: Mapping[str, Schema] = field(default_factory=dict)


HEADERS: dict[str, Schema] = {
    "Idempotency-Key": text("Repeating a call with its key gives the first answer again, for 24 hours.", maxLength=128),
    "If-Match": text('The revision that the change builds on, such as `"17"`; otherwise 412.'),
}
WRITES = ("Idempotency-Key", "If-Match")
