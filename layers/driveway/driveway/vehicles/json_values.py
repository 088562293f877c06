"""Values out of providers' JSON, read tolerantly: what cannot be read is None, which says nothing."""

import math
from datetime import UTC, datetime, timedelta
from typing import Any

AHEAD = timedelta(minutes=5)
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
    """An aware UTC instant, from epoch milliseconds or ISO 8601 text (UTC if it has no offset)."""
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value / 1000, UTC)
        if isinstance(value, str):
            found = datetime.fromisoformat(value.strip())
            return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return None


def first_instant(*values: Any, known_at: datetime) -> datetime | None:
    """The first of the values that is a believable instant; None if none is.

    An instant over five minutes after ``known_at`` (aware UTC), when we came to know it, is not believed: as the newest
    word it would silence the truth until then.
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


def shorten(said: str) -> str:
    """Words of a provider, on one line and short enough for a timeline."""
    line = " ".join(said.split())
    return line if len(line) <= LONGEST_DETAIL else line[: LONGEST_DETAIL - 1] + "…"
