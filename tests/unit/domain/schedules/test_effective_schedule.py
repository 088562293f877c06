from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driveway.domain.charging_profiles import ChargingProfile, SchedulePeriod, parse_charging_profile
from driveway.domain.schedules.default_schedule import off_peak_intervals
from driveway.domain.schedules.effective_schedule import Stretch, effective_schedule
from driveway.domain.schedules.schedule_window import ScheduleWindow
from driveway.domain.twin import (
    ChargeNow,
    InstalledProfile,
    Intent,
    Link,
    Observed,
    Presence,
    Session,
    Tariff,
    Twin,
    Window,
)
from driveway.domain.twin.reasons import Reason
from driveway.values import replace
from simulators.axle.documented import scenario_profile
from tests.support.domain.limits import limit_at

EVENING = datetime(2026, 4, 14, 18, tzinfo=UTC)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
POWER_KW = 7.4
SESSION = Session("session-1", EVENING, EVENING)
LINK = Link("home-1", "car-1", "electric_vehicle", POWER_KW, "Europe/London", "site", "asset", True, EVENING)
PLUGGED = Twin(
    link=LINK,
    tariff=Tariff((Window(0, 330), Window(1410, 1440)), "Europe/London", "dual_rate"),
    intent=Intent({}),
    presence=Presence(session=SESSION),
)
OFF_PEAK_START, OFF_PEAK_END = datetime(2026, 4, 14, 22, 30, tzinfo=UTC), datetime(2026, 4, 15, 4, 30, tzinfo=UTC)

AXLE_SAMPLE = parse_charging_profile(scenario_profile(start="2026-04-14T22:00:00+00:00"))


def profile(limit: float, **changes: Any) -> ChargingProfile:
    flat = ChargingProfile(1100, "TxProfile", "Absolute", "W", (SchedulePeriod(0, limit),), start_schedule=EVENING)
    return replace(flat, **changes)


def with_profiles(*profiles: ChargingProfile, twin: Twin = PLUGGED, session_id: str | None = "session-1") -> Twin:
    return replace(twin, profiles=tuple(InstalledProfile(one, EVENING, session_id=session_id) for one in profiles))


def charging_now(since: datetime, until: datetime, twin: Twin = PLUGGED) -> Twin:
    return replace(twin, charge_now=ChargeNow("charge-now", since, until))


def spans(stretches: list[Stretch]) -> list[tuple[str, float, str]]:
    return [(f"{stretch.start:%d %H:%M}", stretch.limit_kw, stretch.source) for stretch in stretches]


def a_day(twin: Twin) -> list[tuple[str, float, str]]:
    return spans(effective_schedule(twin, EVENING, EVENING + 24 * HOUR))


def next_edge(twin: Twin, now: datetime) -> datetime | None:
    return ScheduleWindow(twin, now).edge_after(now)


def test_without_a_schedule_from_axle_the_car_charges_off_peak() -> None:
    found = effective_schedule(PLUGGED, EVENING, EVENING + 24 * HOUR)

    assert found == [
        Stretch(EVENING, OFF_PEAK_START, 0.0, "default", Reason.DEFAULT_PEAK),
        Stretch(OFF_PEAK_START, OFF_PEAK_END, POWER_KW, "default", Reason.DEFAULT_OFF_PEAK),
        Stretch(OFF_PEAK_END, EVENING + 24 * HOUR, 0.0, "default", Reason.DEFAULT_PEAK),
    ]


def test_axles_documented_sample_leads_while_it_lasts_and_the_default_around_it() -> None:
    assert a_day(with_profiles(AXLE_SAMPLE)) == [
        ("14 18:00", 0.0, "default"),
        ("14 22:00", 0.0, "axle"),
        ("14 23:30", POWER_KW, "axle"),
        ("15 05:30", 0.0, "axle"),
        ("15 07:00", 0.0, "default"),
    ]


def test_axles_zero_is_a_hold_of_axles() -> None:
    held = limit_at(with_profiles(AXLE_SAMPLE), OFF_PEAK_START)

    assert (held.limit_kw, held.source, held.reason) == (0.0, "axle", Reason.AXLE_SCHEDULE)


@pytest.mark.parametrize("limit", [7400.0, 7400.1, 99999.0, 999999.0])
def test_a_limit_at_or_above_the_assets_power_is_no_limit(limit: float) -> None:
    assert limit_at(with_profiles(profile(limit)), EVENING).limit_kw == POWER_KW


def test_a_limit_at_the_power_of_an_asset_below_six_amperes_does_not_hold_it() -> None:
    small = replace(PLUGGED, link=replace(LINK, power_kw=1.2))
    assert limit_at(with_profiles(profile(1200.0), twin=small), EVENING).limit_kw == 1.2
    assert limit_at(with_profiles(profile(1199.0), twin=small), EVENING).limit_kw == 0


def test_a_limit_below_the_assets_power_holds_in_kilowatts() -> None:
    assert limit_at(with_profiles(profile(3680.0)), EVENING).limit_kw == 3.68


@pytest.mark.parametrize(("power_kw", "phases", "limit_kw"), [(7.4, None, 2.3), (22.0, None, 6.9), (22.0, 1, 2.3)])
def test_amperes_count_on_the_phases_stated_or_else_on_those_the_assets_power_needs(
    power_kw: float, phases: int | None, limit_kw: float
) -> None:
    twin = replace(PLUGGED, link=replace(LINK, power_kw=power_kw))
    ten_amperes = profile(0, unit="A", periods=(SchedulePeriod(0, 10.0, phases),))

    assert limit_at(with_profiles(ten_amperes, twin=twin), EVENING).limit_kw == pytest.approx(limit_kw)


def test_a_transaction_profile_ends_with_the_session_it_came_for() -> None:
    other = replace(PLUGGED, presence=Presence(session=replace(SESSION, id="session-2")))
    closed = replace(PLUGGED, presence=Presence(session=replace(SESSION, closed_at=EVENING + HOUR)))
    unplugged = replace(PLUGGED, presence=Presence(last_session=SESSION))

    for twin in (other, closed, unplugged):
        assert a_day(with_profiles(AXLE_SAMPLE, twin=twin)) == a_day(PLUGGED)


def test_a_transaction_profile_received_before_the_session_is_kept_for_that_session_only() -> None:
    first = Session("session-2", EVENING + HOUR, EVENING + HOUR)
    second = Session("session-3", EVENING + 2 * HOUR, EVENING + 2 * HOUR)
    waiting = with_profiles(profile(0.0), session_id=None)

    opened = replace(waiting, presence=Presence(session=first, last_session=None))
    reopened = replace(waiting, presence=Presence(session=second, last_session=first))

    assert limit_at(opened, OFF_PEAK_START).source == "axle"
    assert limit_at(reopened, OFF_PEAK_START).source == "default"


def test_a_transaction_id_of_axles_does_not_stop_its_profile() -> None:
    assert limit_at(with_profiles(profile(0.0, transaction_id=7)), OFF_PEAK_START).source == "axle"


def test_axles_default_for_transactions_outlives_the_session() -> None:
    standing = profile(0.0, purpose="TxDefaultProfile", stack_level=0)
    unplugged = replace(PLUGGED, presence=Presence())

    assert limit_at(with_profiles(standing, twin=unplugged), OFF_PEAK_START).source == "axle"


def test_axles_level_zero_lies_over_the_default_and_does_not_replace_it() -> None:
    until_midnight = profile(0.0, purpose="TxDefaultProfile", stack_level=0, valid_to=OFF_PEAK_START + HOUR)

    assert a_day(with_profiles(until_midnight)) == [
        ("14 18:00", 0.0, "axle"),
        ("14 23:30", POWER_KW, "default"),
        ("15 04:30", 0.0, "default"),
    ]


def test_a_relative_profile_counts_from_the_opening_of_the_session() -> None:
    relative = profile(0, kind="Relative", start_schedule=None, duration_s=1800)
    later = replace(relative, periods=(SchedulePeriod(0, 0.0), SchedulePeriod(600, 3000.0)))

    found = effective_schedule(with_profiles(later), EVENING + 5 * MINUTE, EVENING + HOUR)

    assert spans(found) == [("14 18:05", 0.0, "axle"), ("14 18:10", 3.0, "axle"), ("14 18:30", 0.0, "default")]


def test_a_relative_profile_has_no_effect_without_a_session() -> None:
    relative = profile(0, kind="Relative", purpose="TxDefaultProfile", start_schedule=None)
    unplugged = replace(PLUGGED, presence=Presence())

    assert a_day(with_profiles(relative, twin=unplugged)) == a_day(unplugged)


def test_an_absolute_profile_without_a_start_counts_from_its_receipt() -> None:
    received = profile(5000.0, start_schedule=None, duration_s=3600)

    assert next_edge(with_profiles(received), EVENING + 10 * MINUTE) == EVENING + HOUR


def test_a_maximum_of_axles_caps_and_is_named_as_the_source() -> None:
    cap = profile(3000.0, purpose="ChargePointMaxProfile")

    assert a_day(with_profiles(cap)) == [
        ("14 18:00", 0.0, "default"),
        ("14 22:30", 3.0, "axle"),
        ("15 04:30", 0.0, "default"),
    ]


def test_charge_now_lies_over_axles_hold_until_it_ends() -> None:
    twin = charging_now(EVENING, EVENING + 90 * MINUTE, with_profiles(profile(0.0, stack_level=2**31 - 1)))

    assert a_day(twin) == [("14 18:00", POWER_KW, "charge_now"), ("14 19:30", 0.0, "axle")]
    assert limit_at(twin, EVENING).reason == Reason.CHARGE_NOW


def low_battery(soc_pct: float, *, battery_kwh: float | None = 74.0) -> Twin:
    return replace(
        with_profiles(profile(0.0)),
        link=replace(LINK, battery_kwh=battery_kwh),
        intent=Intent({}, minimum_soc_pct=20.0),
        presence=Presence(session=SESSION, soc_pct=Observed(soc_pct, EVENING)),
    )


def test_below_the_minimum_state_of_charge_the_car_charges_until_it_is_reached() -> None:
    found = effective_schedule(low_battery(10.0), EVENING, EVENING + 4 * HOUR)

    assert spans(found) == [("14 18:00", POWER_KW, "minimum_soc"), ("14 19:00", 0.0, "axle")]
    assert found[0].reason == Reason.MINIMUM_SOC


def test_the_first_estimate_bounds_it_at_every_instant() -> None:
    assert limit_at(low_battery(10.0), EVENING + 59 * MINUTE).source == "minimum_soc"
    assert limit_at(low_battery(10.0), EVENING + HOUR).source == "axle"


def test_with_an_unknown_battery_a_large_one_bounds_it() -> None:
    (first, second) = a_day(low_battery(10.0, battery_kwh=None))
    assert first == ("14 18:00", POWER_KW, "minimum_soc")
    assert second[1:] == (0.0, "axle")


@pytest.mark.parametrize("soc_pct", [20.0, 80.0])
def test_at_the_minimum_state_of_charge_axle_leads(soc_pct: float) -> None:
    assert limit_at(low_battery(soc_pct), EVENING).source == "axle"


def test_the_driver_s_charge_now_is_named_before_the_minimum() -> None:
    assert limit_at(charging_now(EVENING, EVENING + HOUR, low_battery(10.0)), EVENING).source == "charge_now"


def test_the_next_edge_is_where_the_limit_changes_not_where_only_the_source_does() -> None:
    assert next_edge(with_profiles(AXLE_SAMPLE), EVENING) == datetime(2026, 4, 14, 23, 30, tzinfo=UTC)


def test_there_is_no_next_edge_when_nothing_changes_within_the_horizon() -> None:
    assert next_edge(with_profiles(profile(0.0)), EVENING) is None


def test_a_spread_moves_the_default_s_start_only() -> None:
    plain = effective_schedule(PLUGGED, EVENING, EVENING + 24 * HOUR)
    spread = effective_schedule(PLUGGED, EVENING, EVENING + 24 * HOUR, spread_s=600)

    assert timedelta(0) < spread[1].start - plain[1].start <= timedelta(seconds=600)
    assert spread[1].end == plain[1].end


def test_a_spread_moves_no_edge_of_axle_s_or_of_charge_now() -> None:
    covering = replace(AXLE_SAMPLE, start_schedule=EVENING, duration_s=None)
    twin = charging_now(EVENING + HOUR, EVENING + 2 * HOUR, with_profiles(covering))

    assert effective_schedule(twin, EVENING, EVENING + 24 * HOUR, spread_s=600) == effective_schedule(
        twin, EVENING, EVENING + 24 * HOUR
    )


@pytest.mark.parametrize(("evening", "hours"), [("2026-03-28", 5), ("2026-10-24", 7), ("2026-11-24", 6)])
def test_a_default_night_over_a_clock_change_charges_in_every_off_peak_hour(evening: str, hours: int) -> None:
    noon = datetime.fromisoformat(f"{evening}T12:00:00+00:00")
    found = effective_schedule(PLUGGED, noon, noon + 24 * HOUR)

    assert sum((one.end - one.start for one in found if one.limit_kw > 0), timedelta()) == hours * HOUR


def test_an_empty_window_has_no_stretches() -> None:
    assert effective_schedule(PLUGGED, EVENING, EVENING) == []


@st.composite
def twins(draw: st.DrawFn) -> Twin:
    offsets = st.integers(-24 * 3600, 48 * 3600).map(lambda s: EVENING + timedelta(seconds=s))
    profiles = []
    for _ in range(draw(st.integers(0, 3))):
        starts = [0, *sorted(draw(st.sets(st.integers(1, DAY_S), max_size=3)))]
        profiles.append(
            profile(
                0,
                stack_level=draw(st.integers(0, 2)),
                purpose=draw(st.sampled_from(["TxProfile", "TxDefaultProfile", "ChargePointMaxProfile"])),
                kind=draw(st.sampled_from(["Absolute", "Relative"])),
                start_schedule=draw(st.none() | offsets),
                duration_s=draw(st.none() | st.integers(0, DAY_S)),
                periods=tuple(SchedulePeriod(s, draw(st.sampled_from([0.0, 3000.0, 99999.0]))) for s in starts),
            )
        )
    twin = with_profiles(*profiles, session_id=draw(st.sampled_from(["session-1", "session-0", None])))
    since = draw(offsets)
    charge_now = ChargeNow("charge-now", since, since + timedelta(seconds=draw(st.integers(1, DAY_S))))
    session = draw(st.sampled_from([None, SESSION]))
    return replace(twin, charge_now=draw(st.sampled_from([None, charge_now])), presence=Presence(session=session))


DAY_S = 86_400
OFFSETS = st.integers(-DAY_S * 1000, DAY_S * 1000).map(lambda ms: EVENING + timedelta(milliseconds=ms))


@given(twin=twins(), edges=st.tuples(OFFSETS, OFFSETS), spread_s=st.sampled_from([0, 600]))
@settings(max_examples=80, deadline=None)
def test_stretches_cover_the_window_without_gaps_and_stay_below_the_assets_power(
    twin: Twin, edges: tuple[datetime, datetime], spread_s: int
) -> None:
    start, end = min(edges), max(edges) + MINUTE
    found = effective_schedule(twin, start, end, spread_s=spread_s)

    assert (found[0].start, found[-1].end) == (start, end)
    assert all(one.end == other.start for one, other in pairwise(found))
    assert all(one.start < one.end and 0 <= one.limit_kw <= POWER_KW for one in found)
    assert all(
        replace(one, start=EVENING, end=EVENING) != replace(two, start=EVENING, end=EVENING)
        for one, two in pairwise(found)
    )


@given(twin=twins(), cuts=st.lists(OFFSETS, min_size=3, max_size=3, unique=True), spread_s=st.sampled_from([0, 600]))
@settings(max_examples=80, deadline=None)
def test_two_windows_side_by_side_equal_the_whole(twin: Twin, cuts: list[datetime], spread_s: int) -> None:
    first, middle, last = sorted(cuts)
    left = effective_schedule(twin, first, middle, spread_s=spread_s)
    right = effective_schedule(twin, middle, last, spread_s=spread_s)
    joined = left + right
    if replace(left[-1], start=middle, end=middle) == replace(right[0], start=middle, end=middle):
        joined = [*left[:-1], replace(left[-1], end=right[0].end), *right[1:]]

    assert joined == effective_schedule(twin, first, last, spread_s=spread_s)


@given(twin=twins(), at=OFFSETS)
@settings(max_examples=80, deadline=None)
def test_charge_now_and_no_schedule_decide_every_instant(twin: Twin, at: datetime) -> None:
    found = limit_at(twin, at)
    charge_now = twin.charge_now

    if charge_now is not None and charge_now.started_at <= at < charge_now.until and found.limit_kw == POWER_KW:
        assert found.source == "charge_now"
    if found.source == "default":
        off_peak = bool(off_peak_intervals(twin.tariff, at, at + timedelta(microseconds=1)))
        assert (found.limit_kw, found.reason) == (
            (POWER_KW, Reason.DEFAULT_OFF_PEAK) if off_peak else (0.0, Reason.DEFAULT_PEAK)
        )


@given(twin=twins(), at=OFFSETS)
@settings(max_examples=80, deadline=None)
def test_up_to_the_next_edge_the_limit_stays_and_there_it_changes(twin: Twin, at: datetime) -> None:
    edge = ScheduleWindow(twin, at).edge_after(at)
    until = edge or at + 24 * HOUR
    before = {stretch.limit_kw for stretch in effective_schedule(twin, at, until)}

    assert before == {limit_at(twin, at).limit_kw}
    if edge is not None:
        assert edge > at
        assert limit_at(twin, edge).limit_kw not in before
