"""The order of Axle's schedules: an older one never wins, in any order and number of arrivals."""

from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driveway.domain.charging_profiles import ChargingProfile, SchedulePeriod
from driveway.domain.schedules.installation import cleared, installed
from driveway.domain.schedules.order import MARKS_KEPT, MOST_MARKS
from driveway.domain.twin import Intent, Link, Presence, Session, Tariff, Twin, Window
from driveway.values import replace

DAY = datetime(2026, 4, 14, tzinfo=UTC)


def at(hhmm: str) -> datetime:
    hours, minutes = hhmm.split(":")
    return DAY + timedelta(hours=int(hours), minutes=int(minutes))


PLUGGED = Twin(
    link=Link("home-1", "car-1", "electric_vehicle", 7.4, "Europe/London", "site", "asset", True, DAY),
    tariff=Tariff((Window(0, 330),), "Europe/London", "dual_rate"),
    intent=Intent({}),
    presence=Presence(session=Session("session-1", DAY, DAY)),
)


def profile(limit: float, *, level: int = 1100, duration_s: int | None = None) -> ChargingProfile:
    periods = (SchedulePeriod(0, limit),)
    return ChargingProfile(level, "TxProfile", "Absolute", "W", periods, start_schedule=DAY, duration_s=duration_s)


def envelope(twin: Twin, limit: float, created: datetime, arrival: datetime, **how: int) -> Twin:
    return installed(twin, profile(limit, **how), created_at=created, now=arrival, keep_unplugged=True)


def bare(twin: Twin, limit: float, arrival: datetime, **how: int) -> Twin:
    return installed(twin, profile(limit, **how), created_at=None, now=arrival, keep_unplugged=True)


def limits(twin: Twin) -> dict[int, float]:
    return {held.profile.stack_level: held.profile.periods[0].limit for held in twin.profiles}


def test_an_envelope_that_is_older_than_a_clear_changes_nothing() -> None:
    twin = envelope(PLUGGED, 1000.0, at("17:50"), at("17:50"))
    twin = cleared(twin, at("18:01"))
    assert envelope(twin, 2000.0, at("17:55"), at("18:06")) is twin
    assert limits(envelope(twin, 3000.0, at("18:02"), at("18:07"))) == {1100: 3000.0}


def test_an_envelope_that_is_older_than_a_clear_of_nothing_changes_nothing() -> None:
    twin = cleared(PLUGGED, at("18:01"))
    assert envelope(twin, 2000.0, at("17:55"), at("18:06")) is twin


def test_an_envelope_that_is_older_than_a_bare_profile_changes_nothing() -> None:
    twin = envelope(PLUGGED, 1000.0, at("17:50"), at("17:50"))
    twin = bare(twin, 3000.0, at("18:01"))
    assert envelope(twin, 2000.0, at("17:55"), at("18:06")) is twin


def test_an_envelope_that_is_older_than_a_schedule_which_is_over_changes_nothing() -> None:
    twin = envelope(PLUGGED, 1000.0, at("17:50"), at("17:50"), duration_s=18 * 3600 + 60)
    twin = bare(twin, 500.0, at("18:05"), level=1)
    assert limits(twin) == {1: 500.0}
    assert envelope(twin, 2000.0, at("17:40"), at("18:06")) is twin


def test_an_envelope_that_is_older_than_a_repetition_of_the_same_changes_nothing() -> None:
    for again in (envelope(PLUGGED, 1000.0, at("17:00"), at("17:00")), bare(PLUGGED, 1000.0, at("17:00"))):
        for repeated in (
            envelope(again, 1000.0, at("18:00"), at("18:00")),
            bare(again, 1000.0, at("18:00")),
        ):
            assert limits(envelope(repeated, 2000.0, at("17:30"), at("18:01"))) == {1100: 1000.0}


def test_a_clock_that_is_far_ahead_dates_nothing_and_later_schedules_are_taken() -> None:
    twin = envelope(PLUGGED, 1000.0, datetime(2099, 1, 1, tzinfo=UTC), at("18:00"))
    assert limits(envelope(twin, 2000.0, at("18:01"), at("18:01"))) == {1100: 2000.0}
    assert limits(envelope(twin, 2000.0, datetime(2099, 1, 1, tzinfo=UTC), at("18:01"))) == {1100: 2000.0}
    assert limits(bare(twin, 2000.0, at("18:01"))) == {1100: 2000.0}
    assert envelope(twin, 2000.0, at("17:59"), at("18:01")) is twin


@pytest.mark.parametrize(("ahead_min", "wins"), [(4, False), (5, False), (6, True)])
def test_up_to_five_minutes_ahead_a_date_is_believed(ahead_min: int, wins: bool) -> None:
    twin = envelope(PLUGGED, 1000.0, at("18:00") + timedelta(minutes=ahead_min), at("18:00"))
    assert (limits(envelope(twin, 2000.0, at("18:01"), at("18:01"))) == {1100: 2000.0}) is wins


def test_a_clear_and_a_bare_profile_count_also_after_an_envelope_from_a_clock_that_is_a_little_ahead() -> None:
    twin = envelope(PLUGGED, 1000.0, at("18:04"), at("18:00"))
    for after in (cleared(twin, at("18:01")), bare(twin, 3000.0, at("18:01"))):
        assert limits(after) != {1100: 1000.0}
        assert envelope(after, 2000.0, at("18:03"), at("18:02")) is after
        assert limits(envelope(after, 2000.0, at("18:05"), at("18:02"))) == {1100: 2000.0}


def test_places_are_ordered_apart() -> None:
    twin = envelope(PLUGGED, 1000.0, at("18:00"), at("18:00"))
    assert limits(envelope(twin, 2000.0, at("17:30"), at("18:01"), level=1)) == {1: 2000.0, 1100: 1000.0}


def test_marks_are_few_and_end() -> None:
    twin = PLUGGED
    for level in range(100):
        twin = bare(twin, 1000.0, at("01:00") + timedelta(seconds=level), level=level, duration_s=3605 + level)
    assert len(twin.schedule_marks) <= MOST_MARKS
    later = bare(twin, 1000.0, at("02:00") + MARKS_KEPT, level=1100)
    assert later.schedule_marks == ()


MINUTES = st.integers(0, 600)


@st.composite
def deliveries(draw: st.DrawFn) -> list[tuple[str, int, float, int]]:
    """Axle's schedules, each at a minute of its own: (kind, level, limit, minute)."""
    minutes = draw(st.lists(MINUTES, min_size=1, max_size=6, unique=True))
    kinds = st.sampled_from(["envelope", "clear"])
    return [
        (draw(kinds), draw(st.sampled_from([1, 1100])), 1000.0 + number, minute)
        for number, minute in enumerate(sorted(minutes))
    ]


@given(made=deliveries(), data=st.data())
@settings(max_examples=150, deadline=None)
def test_the_newest_schedule_of_each_place_is_held_despite_delays_and_repetitions(
    made: list[tuple[str, int, float, int]], data: st.DataObject
) -> None:
    """Clears arrive when they are made; envelopes at any time after, any number of times."""
    arrivals = []
    for kind, level, limit, minute in made:
        late = [0] if kind == "clear" else data.draw(st.lists(st.integers(0, 900), min_size=1, max_size=3))
        arrivals += [(minute + by, kind, level, limit, minute) for by in late]
    twin = PLUGGED
    for arrival, kind, level, limit, minute in sorted(arrivals, key=lambda one: one[0]):
        now = DAY + timedelta(minutes=arrival)
        if kind == "clear":
            twin = cleared(replace(twin, news=()), now)
        else:
            twin = envelope(replace(twin, news=()), limit, DAY + timedelta(minutes=minute), now, level=level)
    right: dict[int, float] = {}
    for kind, level, limit, _ in made:
        right = {} if kind == "clear" else {**right, level: limit}
    assert limits(twin) == right


def test_every_order_of_three_envelopes_a_bare_profile_and_their_repetitions_ends_with_the_newest() -> None:
    made = [(1000.0, at("17:00")), (2000.0, at("17:10")), (3000.0, at("17:20"))]
    for order in permutations([*made, made[0]]):
        twin, now = bare(PLUGGED, 9000.0, at("16:00")), at("18:00")
        for limit, created in order:
            now += timedelta(minutes=1)
            twin = envelope(twin, limit, created, now)
        assert limits(twin) == {1100: 3000.0}
