"""How long a service asks its callers to wait: ``Retry-After`` (RFC 9110 §10.2.3), in seconds or as a date."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST_WAIT_S = 86_400.0
"""A day. No service is left alone for longer, whatever it asks."""


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """The seconds that a service asks for in the headers of its answer, at most a day; None if it does not ask.

    A date counts from the answer's own ``Date``, so that neither clock needs to be right. ``headers`` are found by
    their names as they are spelled here, or in any case if the mapping ignores it.
    """
    return wait_s(headers.get("Retry-After", "").strip(), http_date(headers.get("Date", "")))


def wait_s(text: str, since: datetime | None) -> float | None:
    """The seconds to wait by the value of such a header, at most a day; None if it cannot be read.

    A date counts from ``since`` (aware UTC); without that a date cannot be read.
    """
    try:
        seconds = float(text)
    except ValueError:
        until = http_date(text)
        seconds = (until - since).total_seconds() if until and since else math.nan
    return min(max(0.0, seconds), LONGEST_WAIT_S) if math.isfinite(seconds) else None


def http_date(text: str) -> datetime | None:
    """The instant (aware) of an HTTP date; None if it is none."""
    try:
        instant = parsedate_to_datetime(text)
    except ValueError:
        return None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
