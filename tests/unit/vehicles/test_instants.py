"""Instants out of providers' JSON: seconds, milliseconds and texts."""

from datetime import UTC, datetime

import pytest

from driveway.vehicles.json_values import instant

AT = datetime(2026, 1, 15, 18, tzinfo=UTC)


@pytest.mark.parametrize("value", [AT.timestamp(), int(AT.timestamp()), AT.timestamp() * 1000, AT.isoformat()])
def test_seconds_milliseconds_and_texts_are_the_same_instant(value: float | str) -> None:
    assert instant(value) == AT


@pytest.mark.parametrize("value", [0, 1, -1, 999, "1970-01-01T00:00:00Z", "0001-01-01T00:00:00Z", True, None, 1e300])
def test_what_is_no_time_is_none(value: object) -> None:
    assert instant(value) is None
