"""Values out of providers' JSON, read tolerantly: what cannot be read is None, which says nothing."""

import math
from datetime import UTC, datetime, timedelta
from typing import Any

AHEAD = timedelta(minutes=5)
EARLIEST = datetime(2010, 1, 1, tzinfo=UTC)
"""No car reported to a cloud before this: an earlier instant (0, 1970, 0001) stands for "no time"."""

SECONDS_BELOW = 1e11
"""A smaller number is in seconds since 1970, a larger one in milliseconds: samples of one API have both."""

LONGEST_DETAIL = 300


def number(value: Any, *, low: float = -math.inf, high: float = math.inf) -> float | None:
    """A finite number within ``[low, high]``, from a number or its text."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) and low <= found <= high else None


def flag(value: Any) -> bool | None:
    """A truth value, from a boolean or the words ``true`` and ``false``."""
    if isinstance(value, bool):
        return value
    return {"true": True, "false": False}.get(value.strip().lower()) if isinstance(value, str) else None


def instant(value: Any) -> datetime | None:
    """An aware UTC instant, from epoch seconds or milliseconds or from ISO 8601 text (UTC if it has no offset).

    None for what cannot be read, and for a time before ``EARLIEST``, with which a source says that it has none.
    """
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            found = datetime.fromtimestamp(value if abs(value) < SECONDS_BELOW else value / 1000, UTC)
        elif isinstance(value, str):
            read = datetime.fromisoformat(value.strip())
            found = read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
        else:
            return None
    except (ValueError, OverflowError, OSError):
        return None
    return found if found >= EARLIEST else None


def first_instant(*values: Any, known_at: datetime) -> datetime | None:
    """The first of the values that is a believable instant; None if there is no such value.

    ``known_at`` (aware UTC) is when the values reached us. An instant more than five minutes after it is not believed:
    everything reported until then would count as older.
    """
    found = (instant(value) for value in values)
    return next((at for at in found if at is not None and at <= known_at + AHEAD), None)


def text(value: Any) -> str | None:
    """Text that is not empty."""
    return value if isinstance(value, str) and value else None


def mapping(value: Any) -> dict[str, Any]:
    """A JSON object, or an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def sequence(value: Any) -> list[Any]:
    """A JSON array, or an empty one for anything else."""
    return value if isinstance(value, list) else []


def shorten(text: str) -> str:
    """Words of a provider, on one line and short enough for a timeline."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_DETAIL else line[: LONGEST_DETAIL - 1] + "…"
