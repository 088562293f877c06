"""Instants as text."""

from datetime import UTC, datetime


def utc_text(instant: datetime) -> str:
    """An aware instant as ISO 8601 in UTC, with ``Z``."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def utc_text_or_none(instant: datetime | None) -> str | None:
    """``utc_text``, or None for None."""
    return None if instant is None else utc_text(instant)
