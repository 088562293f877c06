"""How the simulated Axle plans a night, and the profile it makes of the plan."""

from datetime import UTC, date, datetime, timedelta
from datetime import time as wall_time
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.axle.documented import scenario_profile
from simulators.axle.off_peak import InvalidTariffError, instant, parse_off_peak_times
from simulators.axle.planner import (
    UNLIMITED_W,
    PlanIntent,
    PlanTariff,
    Stretch,
    charging_profile,
    charging_seconds,
    next_ready_by,
    plan,
)

NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)
WINTER_TEN_PM = datetime(2026, 1, 15, 22, tzinfo=UTC)
OVERNIGHT = PlanTariff("00:00-05:30, 23:30-24:00", "UTC")
SEVEN = wall_time(7)


def hours(stretches: list[Stretch]) -> list[tuple[str, str, float]]:
    return [(f"{one.start:%H:%M}", f"{one.end:%H:%M}", one.limit_w) for one in stretches]


def test_the_documented_first_scenario_gives_the_documented_profile() -> None:
    london = PlanTariff(OVERNIGHT.off_peak_times, "Europe/London")
    assert charging_profile(plan(london, PlanIntent(30, SEVEN), 7.4, None, WINTER_TEN_PM)) == scenario_profile()


def test_minimise_stops_when_the_energy_is_in_the_car() -> None:
    intent = PlanIntent(14.8, SEVEN, charging_mode="minimise_charging_time")
    assert hours(plan(OVERNIGHT, intent, 7.4, None, WINTER_TEN_PM)) == [
        ("22:00", "23:30", 0.0),
        ("23:30", "01:30", UNLIMITED_W),
        ("01:30", "07:00", 0.0),
    ]


def test_maximise_charges_all_off_peak_however_little_is_needed() -> None:
    assert charging_seconds(plan(OVERNIGHT, PlanIntent(0, SEVEN), 7.4, None, WINTER_TEN_PM), WINTER_TEN_PM) == 0
    tomorrow = WINTER_TEN_PM + timedelta(days=1)
    assert charging_seconds(plan(OVERNIGHT, PlanIntent(0, SEVEN), 7.4, None, WINTER_TEN_PM), tomorrow) == 6 * 3600


@pytest.mark.parametrize(
    ("energy_kwh", "expected"),
    [
        (44.4, [("22:00", "23:30", 0.0), ("23:30", "05:30", UNLIMITED_W), ("05:30", "07:00", 0.0)]),
        (51.8, [("22:00", "23:30", 0.0), ("23:30", "06:30", UNLIMITED_W), ("06:30", "07:00", 0.0)]),
        (59.2, [("22:00", "23:00", 0.0), ("23:00", "07:00", UNLIMITED_W)]),
        (500, [("22:00", "07:00", UNLIMITED_W)]),
    ],
)
def test_peak_is_used_only_for_what_off_peak_cannot_give(
    energy_kwh: float, expected: list[tuple[str, str, float]]
) -> None:
    assert hours(plan(OVERNIGHT, PlanIntent(energy_kwh, SEVEN, True), 7.4, None, WINTER_TEN_PM)) == expected


def test_charge_now_charges_at_once_and_then_the_plan_resumes() -> None:
    boost_end = WINTER_TEN_PM + timedelta(minutes=30)
    assert hours(plan(OVERNIGHT, PlanIntent(30, SEVEN), 7.4, boost_end, WINTER_TEN_PM)) == [
        ("22:00", "22:30", UNLIMITED_W),
        ("22:30", "23:30", 0.0),
        ("23:30", "05:30", UNLIMITED_W),
        ("05:30", "07:00", 0.0),
    ]


def test_charge_now_counts_towards_the_energy_and_may_outlast_the_ready_by() -> None:
    intent = PlanIntent(7.4, SEVEN, charging_mode="minimise_charging_time")
    hour = WINTER_TEN_PM + timedelta(hours=1)
    assert hours(plan(OVERNIGHT, intent, 7.4, hour, WINTER_TEN_PM)) == [
        ("22:00", "23:00", UNLIMITED_W),
        ("23:00", "07:00", 0.0),
    ]
    half_day = WINTER_TEN_PM + timedelta(hours=12)
    assert hours(plan(OVERNIGHT, intent, 7.4, half_day, WINTER_TEN_PM)) == [("22:00", "10:00", UNLIMITED_W)]


def test_a_meter_on_utc_leaves_the_ready_by_on_the_british_wall() -> None:
    summer = datetime(2026, 7, 1, 22, tzinfo=UTC)
    assert next_ready_by(SEVEN, "Europe/London", summer) == datetime(2026, 7, 2, 6, tzinfo=UTC)
    assert plan(OVERNIGHT, PlanIntent(30, SEVEN), 7.4, None, summer)[-1].end == datetime(2026, 7, 2, 6, tzinfo=UTC)


def test_a_wall_time_that_occurs_never_or_twice_has_one_instant() -> None:
    london, lord_howe = ZoneInfo("Europe/London"), ZoneInfo("Australia/Lord_Howe")
    assert instant(date(2026, 3, 29), wall_time(1, 30), london) == datetime(2026, 3, 29, 1, tzinfo=UTC)
    assert instant(date(2026, 10, 25), wall_time(1, 30), london) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert instant(date(2026, 10, 4), wall_time(2, 15), lord_howe) == datetime(2026, 10, 3, 15, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    ["", "23:30-05:30", "Mo-Fr 00:00-05:30", "24/7", "00:00-25:00", "00:60-01:00", "5:30-6:30", "00:00-24:30",
     "02:00-03:00,01:00-02:00", "00:00-02:00,02:00-03:00", "01:00-01:00", "00:00+", "００:００-０１:００"],
)  # fmt: skip
def test_off_peak_times_that_are_not_canonical_are_refused(text: str) -> None:
    with pytest.raises(InvalidTariffError, match="off_peak_times"):
        parse_off_peak_times(text)


@settings(max_examples=150, deadline=None)
@given(
    now=st.integers(0, 2 * 365 * 86_400_000).map(lambda ms: NEW_YEAR + timedelta(milliseconds=ms)),
    ranges=st.lists(st.integers(0, 1440), min_size=2, max_size=6, unique=True),
    zone_name=st.sampled_from(["Europe/London", "Europe/Berlin", "Australia/Lord_Howe", "UTC"]),
    ready_by=st.times().map(lambda at: at.replace(microsecond=0)),
    energy_kwh=st.floats(0, 120),
    may_charge_peak=st.booleans(),
    minimise=st.booleans(),
    boost_min=st.none() | st.integers(-60, 1440),
)
def test_any_plan_is_gapless_and_gives_the_energy_if_it_is_allowed_to(
    now: datetime,
    ranges: list[int],
    zone_name: str,
    ready_by: wall_time,
    energy_kwh: float,
    may_charge_peak: bool,
    minimise: bool,
    boost_min: int | None,
) -> None:
    marks = sorted(ranges)[: len(ranges) // 2 * 2]
    text = ", ".join(
        f"{a // 60:02}:{a % 60:02}-{b // 60:02}:{b % 60:02}" for a, b in zip(marks[::2], marks[1::2], strict=True)
    )
    mode: Any = "minimise_charging_time" if minimise else "maximise_charging_time"
    intent = PlanIntent(energy_kwh, ready_by, may_charge_peak, mode)
    boost_end = None if boost_min is None else now + timedelta(minutes=boost_min)
    stretches = plan(PlanTariff(text, zone_name), intent, 7.4, boost_end, now)
    start, end = now.replace(microsecond=0), stretches[-1].end
    assert stretches[0].start == start
    assert all(one.start < one.end for one in stretches)
    for one, following in pairwise(stretches):
        assert one.end == following.start
        assert one.limit_w != following.limit_w
    ready = next_ready_by(ready_by, "Europe/London" if zone_name == "UTC" else zone_name, start)
    assert end == max(ready, (boost_end or start).replace(microsecond=0))
    charged_s, needed_s = charging_seconds(stretches, end), energy_kwh / 7.4 * 3600
    if may_charge_peak:
        assert charged_s >= min(needed_s, (ready - start).total_seconds()) - 1
    if minimise and (boost_end is None or boost_end <= now):
        assert charged_s <= needed_s + 2
    if boost_end is not None and boost_end >= now + timedelta(seconds=1):
        assert stretches[0].limit_w == UNLIMITED_W
