from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.composite_schedule import naive_limit_w
from driveway.domain.charging_profiles import (
    ChargingProfile,
    Period,
    SchedulePeriod,
    anchored,
    composite_schedule,
    is_over,
)
from driveway.values import replace

START = datetime(2026, 3, 28, 12, tzinfo=UTC)
DAY_S = 86_400
HOUR = timedelta(hours=1)


def at_s(seconds: int) -> datetime:
    return START + timedelta(seconds=seconds)


def flat(limit: float, **changes: object) -> ChargingProfile:
    profile = ChargingProfile(0, "TxDefaultProfile", "Absolute", "W", (SchedulePeriod(0, limit),), start_schedule=START)
    return replace(profile, **changes)  # type: ignore[arg-type]  # the fields are given by name as they are typed


def composed(profiles: Sequence[ChargingProfile], start_s: int, end_s: int) -> list[Period]:
    return composite_schedule(profiles, start=at_s(start_s), duration_s=end_s - start_s, transaction_start=START)


@st.composite
def profiles_of(draw: st.DrawFn) -> ChargingProfile:
    kind = draw(st.sampled_from(["Absolute", "Recurring", "Relative"]))
    starts = sorted(draw(st.sets(st.integers(1, 2 * DAY_S), max_size=4)))
    limits = draw(st.lists(st.integers(0, 20).map(lambda n: n * 500.0), min_size=len(starts) + 1, max_size=5))
    instants = st.integers(-3 * DAY_S, 3 * DAY_S).map(at_s)
    return ChargingProfile(
        stack_level=draw(st.integers(0, 3)),
        purpose=draw(st.sampled_from(["ChargePointMaxProfile", "TxDefaultProfile", "TxProfile"])),
        kind=kind,  # type: ignore[arg-type]  # one of the three kinds
        unit=draw(st.sampled_from(["W", "A"])),
        periods=tuple(SchedulePeriod(start_s, limit) for start_s, limit in zip([0, *starts], limits, strict=False)),
        recurrency=draw(st.sampled_from(["Daily", "Weekly"])),
        valid_from=draw(st.none() | instants),
        valid_to=draw(st.none() | instants),
        duration_s=draw(st.none() | st.integers(0, 2 * DAY_S)),
        start_schedule=None if kind == "Relative" else draw(instants),
    )


STACKS = st.lists(profiles_of(), max_size=6)


def limit_at(periods: Sequence[Period], second: int) -> float | None:
    return [period.limit for period in periods if period.start_s <= second][-1]


def without_the_replaced(profiles: Sequence[ChargingProfile]) -> list[ChargingProfile]:
    return list({(profile.purpose, profile.stack_level): profile for profile in profiles}.values())


@given(profiles=STACKS, start_s=st.integers(-DAY_S, DAY_S), length_s=st.integers(1, 3 * DAY_S))
@settings(max_examples=100, deadline=None)
def test_periods_are_ascending_merged_and_inside_the_window(
    profiles: list[ChargingProfile], start_s: int, length_s: int
) -> None:
    periods = composed(profiles, start_s, start_s + length_s)

    assert periods[0].start_s == 0
    assert periods[-1].start_s < length_s
    assert all(one.start_s < other.start_s for one, other in pairwise(periods))
    assert all((one.limit, one.number_phases) != (other.limit, other.number_phases) for one, other in pairwise(periods))


@given(profiles=STACKS, start_s=st.integers(-DAY_S, DAY_S), with_transaction=st.booleans(), data=st.data())
@settings(max_examples=120, deadline=None)
def test_every_second_has_the_limit_that_looking_at_each_profile_gives(
    profiles: list[ChargingProfile], start_s: int, with_transaction: bool, data: st.DataObject
) -> None:
    transaction_start = START if with_transaction else None
    # A Relative maximum without a transaction counts from the window's start, which no single instant can tell.
    profiles = [p for p in profiles if with_transaction or p.kind != "Relative"]
    periods = composite_schedule(
        profiles, start=at_s(start_s), duration_s=2 * DAY_S, transaction_start=transaction_start, default_phases=1
    )
    edges = [period.start_s for period in periods]
    probes = [*edges, *(edge - 1 for edge in edges if edge), data.draw(st.integers(0, 2 * DAY_S - 1))]

    for second in probes:
        naive = naive_limit_w(
            without_the_replaced(profiles), at_s(start_s + second), transaction_start, watts_per_ampere=230.0
        )
        assert limit_at(periods, second) == naive


@given(profiles=STACKS, cuts=st.lists(st.integers(-DAY_S, 2 * DAY_S), min_size=3, max_size=3, unique=True))
@settings(max_examples=100, deadline=None)
def test_composing_two_windows_is_composing_the_whole(profiles: list[ChargingProfile], cuts: list[int]) -> None:
    first_s, middle_s, last_s = sorted(cuts)
    left = composed(profiles, first_s, middle_s)
    right = [replace(p, start_s=p.start_s + middle_s - first_s) for p in composed(profiles, middle_s, last_s)]
    joined = left + right
    if replace(left[-1], start_s=0) == replace(right[0], start_s=0):
        joined = left + right[1:]

    assert joined == composed(profiles, first_s, last_s)


@given(profiles=STACKS, cap=profiles_of())
@settings(max_examples=100, deadline=None)
def test_a_maximum_is_never_exceeded(profiles: list[ChargingProfile], cap: ChargingProfile) -> None:
    maximum = replace(cap, purpose="ChargePointMaxProfile", stack_level=9, unit="W")
    alone = composed([maximum], 0, 2 * DAY_S)
    together = composed([*profiles, maximum], 0, 2 * DAY_S)

    for second in {period.start_s for period in (*alone, *together)}:
        allowed = limit_at(alone, second)
        if allowed is not None:
            found = limit_at(together, second)
            assert found is not None
            assert found <= allowed


@given(profiles=STACKS, top=profiles_of())
@settings(max_examples=100, deadline=None)
def test_the_higher_level_leads_wherever_it_sets_a_limit(profiles: list[ChargingProfile], top: ChargingProfile) -> None:
    below = [profile for profile in profiles if profile.purpose == "TxDefaultProfile"]
    leader = replace(top, purpose="TxDefaultProfile", stack_level=9)
    alone = composed([leader], 0, 2 * DAY_S)
    lower = composed(below, 0, 2 * DAY_S)
    together = composed([*below, leader], 0, 2 * DAY_S)

    for second in {period.start_s for period in (*alone, *lower, *together)}:
        wanted = limit_at(alone, second)
        assert limit_at(together, second) == (limit_at(lower, second) if wanted is None else wanted)


@given(profiles=STACKS.filter(bool), data=st.data())
@settings(max_examples=100, deadline=None)
def test_replacing_a_level_with_itself_changes_nothing(profiles: list[ChargingProfile], data: st.DataObject) -> None:
    stack = without_the_replaced(profiles)
    again = data.draw(st.sampled_from(stack))

    assert composed([*stack, again], 0, 2 * DAY_S) == composed(stack, 0, 2 * DAY_S)


def test_a_later_profile_replaces_its_level_even_where_it_sets_no_limit() -> None:
    earlier, later = flat(7000), flat(3000, valid_to=at_s(600))

    assert composed([earlier, later], 0, 1200) == [Period(0, 3000.0), Period(600, None)]


def test_a_gap_in_a_higher_level_falls_to_the_lower_one() -> None:
    low, high = flat(2000), flat(7000, stack_level=5, duration_s=600)

    assert composed([high, low], 0, 1200) == [Period(0, 7000.0), Period(600, 2000.0)]


def test_without_a_transaction_only_the_maximum_counts() -> None:
    profiles = [flat(1000), flat(500, purpose="TxProfile"), flat(7000, purpose="ChargePointMaxProfile")]

    assert composite_schedule(profiles, start=START, duration_s=60) == [Period(0, 7000.0)]


@pytest.mark.parametrize(("transaction_id", "limit"), [(1, 500.0), (2, 1000.0), (None, 1000.0)])
def test_a_profile_that_names_a_transaction_counts_for_that_one_only(transaction_id: int | None, limit: float) -> None:
    profiles = [flat(1000), flat(500, purpose="TxProfile", transaction_id=1)]

    found = composite_schedule(
        profiles, start=START, duration_s=60, transaction_start=START, transaction_id=transaction_id
    )

    assert found == [Period(0, limit)]


def test_a_daily_schedule_longer_than_a_day_is_cut_by_its_next_start() -> None:
    periods = (SchedulePeriod(0, 1000), SchedulePeriod(80_000, 2000), SchedulePeriod(90_000, 3000))
    daily = flat(0, kind="Recurring", recurrency="Daily", duration_s=100_000, periods=periods)

    assert composed([daily], 0, 2 * DAY_S) == [
        Period(0, 1000),
        Period(80_000, 2000),
        Period(DAY_S, 1000),
        Period(DAY_S + 80_000, 2000),
    ]


def test_a_recurring_schedule_holds_before_its_first_start_too() -> None:
    weekly = flat(1000, kind="Recurring", recurrency="Weekly", duration_s=3600, start_schedule=at_s(15 * DAY_S))

    assert composed([weekly], 0, 2 * DAY_S) == [Period(0, None), Period(DAY_S, 1000.0), Period(DAY_S + 3600, None)]


def test_daily_is_every_86400_seconds_whatever_the_local_clock_does() -> None:
    daily = flat(1000, kind="Recurring", recurrency="Daily", duration_s=60, start_schedule=at_s(-30 * DAY_S))

    starts = [period.start_s for period in composed([daily], 0, 3 * DAY_S) if period.limit is not None]

    assert starts == [0, DAY_S, 2 * DAY_S]


def test_validity_begins_with_valid_from_and_ends_before_valid_to() -> None:
    profile = flat(1000, valid_from=at_s(10), valid_to=at_s(20))

    assert composed([profile], 0, 30) == [Period(0, None), Period(10, 1000.0), Period(20, None)]


def test_an_absolute_schedule_without_a_start_counts_from_its_validity() -> None:
    periods = (SchedulePeriod(0, 1000), SchedulePeriod(60, 2000))
    profile = flat(0, start_schedule=None, valid_from=at_s(30), periods=periods)

    assert composed([profile], 0, 120) == [Period(0, None), Period(30, 1000), Period(90, 2000)]


def test_an_absolute_schedule_without_start_or_validity_counts_from_its_receipt() -> None:
    periods = (SchedulePeriod(0, 1000), SchedulePeriod(60, 2000))
    profile = anchored(flat(0, start_schedule=None, periods=periods), at_s(-30))

    assert composed([profile], 0, 120) == [Period(0, 1000), Period(30, 2000)]


def test_a_relative_schedule_is_not_anchored_at_its_receipt() -> None:
    relative = flat(1000, kind="Relative", start_schedule=None)

    assert anchored(relative, START) == relative


def test_watts_and_amperes_convert_with_the_lowest_phase_count_of_the_layers() -> None:
    lead = flat(0, unit="A", periods=(SchedulePeriod(0, 16, 3),))
    cap = flat(0, unit="W", purpose="ChargePointMaxProfile", periods=(SchedulePeriod(0, 11_000, 1),))

    assert composed([lead, cap], 0, 60) == [Period(0, 16 * 230.0, 1)]


def test_where_no_phases_are_stated_the_default_converts_and_is_not_stated_either() -> None:
    lead = flat(16, unit="A")

    found = composite_schedule([lead], start=START, duration_s=60, transaction_start=START, default_phases=2)

    assert found == [Period(0, 16 * 230.0 * 2, None)]


def test_the_minimum_charging_rate_does_not_lift_a_limit() -> None:
    assert composed([flat(0, min_charging_rate=1400.0)], 0, 60) == [Period(0, 0.0)]


def test_fractions_of_a_second_are_cut() -> None:
    tenth = timedelta(milliseconds=900)
    profile = flat(1000, start_schedule=at_s(10) + tenth, valid_to=at_s(20) + tenth)

    found = composite_schedule([profile], start=START + tenth, duration_s=30, transaction_start=START)

    assert found == [Period(0, None), Period(10, 1000.0), Period(20, None)]


@pytest.mark.parametrize("duration_s", [0, -5])
def test_an_empty_window_has_no_periods(duration_s: int) -> None:
    assert composite_schedule([flat(1)], start=START, duration_s=duration_s, transaction_start=START) == []


@pytest.mark.parametrize(
    ("profile", "over"),
    [
        (flat(1), False),
        (flat(1, duration_s=3600), True),
        (flat(1, duration_s=3601), False),
        (flat(1, valid_to=START + HOUR), True),
        (flat(1, valid_to=START + 2 * HOUR), False),
        (flat(1, duration_s=0, start_schedule=START + 9 * HOUR), True),
        (flat(1, start_schedule=START + 9 * HOUR, valid_to=START + 8 * HOUR), True),
        (flat(1, kind="Recurring", recurrency="Daily", duration_s=60), False),
        (flat(1, kind="Relative", start_schedule=None, duration_s=60), False),
        (flat(1, start_schedule=None, duration_s=60), False),
        (flat(1, start_schedule=None, valid_from=START, duration_s=60), True),
    ],
)
def test_a_profile_is_over_once_it_can_set_no_limit_any_more(profile: ChargingProfile, over: bool) -> None:
    assert is_over(profile, START + HOUR) is over


@given(profile=profiles_of(), now_s=st.integers(-2 * DAY_S, 2 * DAY_S))
@settings(max_examples=100, deadline=None)
def test_a_profile_that_is_over_sets_no_limit_later(profile: ChargingProfile, now_s: int) -> None:
    if profile.kind != "Relative" and is_over(profile, at_s(now_s)):
        assert composed([profile], now_s, now_s + 9 * DAY_S) == [Period(0, None)]
