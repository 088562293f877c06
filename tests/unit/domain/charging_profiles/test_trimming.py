"""Trimming of a stored profile drops nothing that could still set a limit."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from driveway.domain.charging_profiles import (
    ChargingProfile,
    SchedulePeriod,
    anchored,
    composite_schedule,
    is_over,
    trimmed,
)
from driveway.values import replace

START = datetime(2026, 3, 28, 12, tzinfo=UTC)
DAY_S = 86_400


def at_s(seconds: int) -> datetime:
    return START + timedelta(seconds=seconds)


def absolute(*periods: tuple[int, float], **changes: object) -> ChargingProfile:
    given = tuple(SchedulePeriod(start_s, limit) for start_s, limit in periods)
    profile = ChargingProfile(0, "TxDefaultProfile", "Absolute", "W", given, start_schedule=START)
    return replace(profile, **changes)  # type: ignore[arg-type]  # the fields are given by name as they are typed


def limits(profile: ChargingProfile) -> list[tuple[int, float]]:
    return [(period.start_s, period.limit) for period in profile.periods]


@st.composite
def profiles(draw: st.DrawFn) -> ChargingProfile:
    kind = draw(st.sampled_from(["Absolute", "Recurring", "Relative"]))
    starts = sorted(draw(st.sets(st.integers(1, 3 * DAY_S), max_size=6)))
    instants = st.integers(-3 * DAY_S, 3 * DAY_S).map(lambda s: at_s(s) + timedelta(milliseconds=abs(s) % 1000))
    return ChargingProfile(
        stack_level=0,
        purpose=draw(st.sampled_from(["TxDefaultProfile", "ChargePointMaxProfile"])),
        kind=kind,  # type: ignore[arg-type]  # one of the three kinds
        unit="W",
        periods=tuple(
            SchedulePeriod(s, draw(st.sampled_from([0.0, 1.0])), draw(st.sampled_from([None, 1]))) for s in (0, *starts)
        ),
        recurrency=draw(st.sampled_from(["Daily", "Weekly"])),
        valid_from=draw(st.none() | instants),
        valid_to=draw(st.none() | instants),
        duration_s=draw(st.none() | st.integers(0, 3 * DAY_S)),
        start_schedule=None if kind == "Relative" else draw(st.none() | instants),
    )


@given(profile=profiles(), received_s=st.integers(-2 * DAY_S, 0), passed_s=st.integers(0, 3 * DAY_S))
@settings(max_examples=300, deadline=None)
def test_a_trimmed_profile_sets_the_same_limits_from_then_on(
    profile: ChargingProfile, received_s: int, passed_s: int
) -> None:
    received_at, now = at_s(received_s), at_s(received_s + passed_s)
    left = trimmed(profile, now, received_at=received_at)

    def composed(one: ChargingProfile) -> object:
        held = anchored(one, received_at)
        return composite_schedule([held], start=now, duration_s=4 * DAY_S, transaction_start=received_at)

    assert composed(left) == composed(profile)
    assert is_over(anchored(left, received_at), now) == is_over(anchored(profile, received_at), now)
    assert left.periods[0].start_s == 0
    assert len(left.periods) <= len(profile.periods)
    assert all((a.limit, a.number_phases) != (b.limit, b.number_phases) for a, b in pairwise(left.periods))
    assert trimmed(left, now, received_at=received_at) == left


def test_periods_that_are_over_are_left_out_and_the_schedule_starts_later() -> None:
    profile = absolute((0, 0.0), (3600, 1.0), (7200, 2.0), duration_s=9000)
    left = trimmed(profile, at_s(4000), received_at=START)

    assert (left.start_schedule, left.duration_s, limits(left)) == (at_s(3600), 5400, [(0, 1.0), (3600, 2.0)])


def test_a_schedule_that_lies_ahead_stays_as_it_is() -> None:
    profile = absolute((0, 0.0), (3600, 1.0))

    assert trimmed(profile, at_s(-1), received_at=START) == profile


def test_equal_neighbours_are_joined() -> None:
    profile = absolute(*((n * 300, float(n // 500)) for n in range(2016)))

    assert limits(trimmed(profile, at_s(-1), received_at=START)) == [(n * 150_000, float(n)) for n in range(5)]


def test_periods_that_never_begin_are_left_out() -> None:
    periods = ((0, 0.0), (3600, 1.0), (2 * DAY_S, 2.0))

    for ended in (
        absolute(*periods, duration_s=7200),
        absolute(*periods, valid_to=at_s(DAY_S)),
        absolute(*periods, kind="Recurring", recurrency="Daily"),
    ):
        assert limits(trimmed(ended, at_s(-1), received_at=START)) == [(0, 0.0), (3600, 1.0)]
