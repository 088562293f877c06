"""Which half-hours Axle receives of an asset, whatever its history of leaving and coming back."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from driveway.domain.enrolment import may_be_reported, takes_part, with_enrolment_times
from driveway.domain.half_hours import HALF_HOUR
from driveway.domain.twin import Link
from driveway.values import replace
from tests.support.domain.metered_asset import CAR, EVENING

MINUTES = 600

changes = st.lists(
    st.tuples(
        st.integers(0, MINUTES),
        st.sampled_from(
            [
                {"enrolled": True},
                {"enrolled": False},
                {"leaving": True},
                {"leaving": True, "swapping": True},
                {"leaving": False, "swapping": False},
                {"power_kw": 11.0},
            ]
        ),
    ),
    max_size=8,
).map(lambda found: sorted(found, key=lambda change: change[0]))


@given(changes)
def test_a_half_hour_is_reported_if_the_asset_took_part_all_through_it_since_it_last_came_back(
    changes: list[tuple[int, dict[str, bool]]],
) -> None:
    link, left_at, back_at = with_enrolment_times(None, CAR.link, EVENING), None, None
    for minute, change in changes:
        at, before = EVENING + timedelta(minutes=minute), link
        # Some changes make the link from the request alone, without the times.
        link = with_enrolment_times(before, replace(before, rejoined_at=None, unenrolled_at=None, **change), at)
        if takes_part(before) and not takes_part(link):
            left_at = at
        elif takes_part(link) and not takes_part(before):
            left_at, back_at = None, at
    for number in range(MINUTES // 30):
        start = EVENING + number * HALF_HOUR
        expected = (back_at is None or start >= back_at) and (left_at is None or start + HALF_HOUR <= left_at)
        assert may_be_reported(link, start, start + HALF_HOUR) == expected


def test_of_an_asset_that_left_at_an_unknown_time_nothing_is_reported() -> None:
    left: Link = replace(CAR.link, enrolled=False)
    assert not may_be_reported(left, EVENING, EVENING + HALF_HOUR)


def test_a_link_whose_times_stand_is_the_same_one() -> None:
    assert with_enrolment_times(CAR.link, CAR.link, EVENING) is CAR.link
