"""How long a service asks its callers to wait."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driveway.runtime.retry_after import LONGEST_WAIT_S, wait_s

NOW = datetime(2026, 1, 15, 18, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120),
        ("0.5", 0.5),
        ("-3", 0),
        ("1e15", LONGEST_WAIT_S),
        ("Thu, 15 Jan 2026 18:02:00 GMT", 120),
        ("Thu, 15 Jan 2026 17:02:00 GMT", 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", LONGEST_WAIT_S),
        ("soon", None),
        ("inf", None),
        ("nan", None),
        ("", None),
    ],
)
def test_seconds_and_dates_are_read_and_bounded(text: str, seconds: float | None) -> None:
    assert wait_s(text, NOW) == seconds


def test_a_date_without_an_instant_to_count_from_is_not_read() -> None:
    assert wait_s("Thu, 15 Jan 2026 18:02:00 GMT", None) is None


@given(st.text())
def test_no_text_breaks_it(text: str) -> None:
    seconds = wait_s(text, NOW)
    assert seconds is None or 0 <= seconds <= LONGEST_WAIT_S
