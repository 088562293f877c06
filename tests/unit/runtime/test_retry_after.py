"""How long a service asks its callers to wait."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driveway.runtime.retry_after import LONGEST_WAIT_S, retry_after_s, wait_s

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


DATE = "Thu, 15 Jan 2026 18:00:00 GMT"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "120"}, 120),
        ({"Retry-After": " 0.5 "}, 0.5),
        ({"Retry-After": "-3"}, 0),
        ({"Retry-After": "1e15"}, 86_400),
        ({"Retry-After": "Fri, 31 Dec 9999 23:59:59 GMT", "Date": DATE}, 86_400),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "inf"}, None),
        ({"Retry-After": "nan"}, None),
        ({"Retry-After": "Thu, 15 Jan 2026 18:02:00 GMT", "Date": DATE}, 120),
        ({"Retry-After": "Thu, 15 Jan 2026 17:02:00 GMT", "Date": DATE}, 0),
        ({"Retry-After": "Thu, 15 Jan 2026 18:02:00 GMT"}, None),
        ({"Retry-After": "Thu, 15 Jan 2026 18:02:00 GMT", "Date": "today"}, None),
    ],
)
def test_a_wait_is_asked_for_in_seconds_or_as_a_date_measured_from_the_answers_own(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert retry_after_s(headers) == seconds
