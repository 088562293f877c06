"""The simulated car: its meter is the reference, so it is compared with closed forms."""

from datetime import UTC, datetime, timedelta
from math import exp, isclose, log

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driveway.domain.charging_profiles import ChargingProfile, parse_charging_profile
from simulators.cars.car import Car, slot_start
from simulators.cars.charging_curve import ChargingCurve
from simulators.cars.ocpp import ChargerPlan, transaction_of
from simulators.cars.spec import CarSpec
from simulators.cars.tesla_schedules import ChargeSchedules, parse_schedule

START = datetime(2026, 1, 15, 22, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def a_car(**spec: object) -> Car:
    return Car(spec=CarSpec.model_validate({"provider": "enode", "vehicle_id": "car-1", **spec}), at=START)


def test_a_flat_charge_is_power_times_time_to_the_watt_hour() -> None:
    car = a_car(power_kw=7.2, soc_pct=10)
    car.plug_in(START + timedelta(minutes=90))
    car.command(START + timedelta(minutes=90) + 5 * HOUR, "stop")
    car.advance(START + 24 * HOUR)
    assert car.meter_wh == pytest.approx(36_000, abs=1e-6)
    assert car.soc_pct == pytest.approx(10 + 100 * 36 * 0.9 / 64)


def test_a_charge_through_the_taper_draws_what_the_battery_stores_over_the_efficiency() -> None:
    car = a_car(soc_pct=50)
    car.plug_in(START)
    car.advance(START + 24 * HOUR)
    assert car.complete
    assert not car.charging
    assert car.meter_wh == pytest.approx(32_000 / 0.9, abs=1e-3)


def test_a_full_charge_ends_at_the_instant_of_the_closed_form() -> None:
    car = a_car(soc_pct=80, battery_kwh=60, power_kw=6, efficiency=0.9)
    car.plug_in(START)
    car.advance(START + 24 * HOUR)
    flat_h = 6 / (0.9 * 6)
    decay_per_h = 0.9 * 6 * 0.8 / 6
    ends_at = START + (flat_h + log(1 / 0.2) / decay_per_h) * HOUR
    assert abs(car.transitions[-1].at - ends_at) <= timedelta(microseconds=2)
    assert not car.transitions[-1].charging


def test_power_in_the_taper_falls_as_an_exponential() -> None:
    car = a_car(soc_pct=90, battery_kwh=60, power_kw=6, efficiency=0.9)
    car.plug_in(START)
    car.advance(START + HOUR)
    assert car.power_kw == pytest.approx(6 * exp(-0.9 * 6 * 0.8 / 6))


def test_the_charge_limit_ends_a_charge_below_the_taper() -> None:
    car = a_car(soc_pct=40, charge_limit_pct=80)
    car.plug_in(START)
    car.advance(START + 24 * HOUR)
    assert car.soc_pct == pytest.approx(80)
    assert car.meter_wh == pytest.approx(0.4 * 64_000 / 0.9, abs=1e-3)


@given(
    st.lists(st.integers(1, 20_000), min_size=1, max_size=25),
    st.floats(0, 99),
    st.floats(1.4, 22),
    st.floats(10, 120),
)
@settings(max_examples=60, deadline=None)
def test_the_meter_does_not_depend_on_how_often_it_is_read(
    gaps_s: list[int], soc_pct: float, power_kw: float, battery_kwh: float
) -> None:
    often = a_car(soc_pct=soc_pct, power_kw=power_kw, battery_kwh=battery_kwh)
    once = a_car(soc_pct=soc_pct, power_kw=power_kw, battery_kwh=battery_kwh)
    often.plug_in(START)
    once.plug_in(START)
    for gap_s in gaps_s:
        often.advance(often.at + timedelta(seconds=gap_s))
    once.advance(often.at)
    assert isclose(often.meter_wh, once.meter_wh, abs_tol=1e-3)
    assert [change.charging for change in often.transitions] == [change.charging for change in once.transitions]


@given(st.floats(0, 99), st.floats(0.5, 30), st.floats(0.1, 30))
@settings(max_examples=80, deadline=None)
def test_the_curve_agrees_with_small_steps(soc_pct: float, offered_kw: float, hours: float) -> None:
    curve = ChargingCurve(battery_kwh=50, rated_kw=11)
    stored = stepped = 50 * soc_pct / 100
    steps = 4000
    for _ in range(steps):
        half_way = stepped + 0.9 * curve.power_kw(stepped, offered_kw) * hours / steps / 2
        stepped += 0.9 * curve.power_kw(half_way, offered_kw) * hours / steps
    assert curve.stored_after(stored, offered_kw, hours) == pytest.approx(min(50, stepped), abs=0.01)


@given(st.floats(0, 99), st.floats(0, 1), st.floats(0.5, 30))
@settings(max_examples=100, deadline=None)
def test_time_to_a_goal_and_energy_after_a_time_are_inverse(soc_pct: float, way: float, offered_kw: float) -> None:
    curve = ChargingCurve(battery_kwh=64, rated_kw=7.4)
    stored = 0.64 * soc_pct
    goal = stored + way * (64 - stored)
    hours = curve.hours_to(stored, goal, offered_kw)
    assert curve.stored_after(stored, offered_kw, hours) == pytest.approx(goal, abs=1e-6)


@given(
    st.lists(
        st.tuples(st.integers(1, 30_000), st.sampled_from(["in", "out", "start", "stop", "away", "home", "read"])),
        max_size=40,
    )
)
@settings(max_examples=80, deadline=None)
def test_half_hours_add_up_and_nothing_flows_without_a_cable(steps: list[tuple[int, str]]) -> None:
    car = a_car(soc_pct=20)
    for gap_s, step in steps:
        at = car.at + timedelta(seconds=gap_s)
        before_wh, was_plugged = car.meter_wh, car.plugged
        car.advance(at)
        assert was_plugged or car.meter_wh == before_wh
        act(car, step, at)
        assert car.meter_wh == pytest.approx(sum(car.slots_wh.values()))
        assert all(start == slot_start(start) for start in car.slots_wh)
        assert all(wh <= 7400 / 2 + 1e-6 for wh in car.slots_wh.values())
    instants = [change.at for change in car.transitions]
    assert instants == sorted(instants)
    assert all(a.charging != b.charging for a, b in zip(car.transitions, car.transitions[1:], strict=False))


def act(car: Car, step: str, at: datetime) -> None:
    if step == "in":
        car.plug_in(at)
    elif step == "out":
        car.plug_out(at)
    elif step == "away":
        car.drive_away(at, used_kwh=3)
    elif step == "home":
        car.park(at, at_home=True)
    elif step == "start":
        car.command(at, "start")
    elif step == "stop":
        car.command(at, "stop")


def test_energy_is_kept_by_the_utc_half_hour_it_flowed_in() -> None:
    car = a_car(power_kw=6, soc_pct=10)
    car.plug_in(START + timedelta(minutes=20))
    car.plug_out(START + timedelta(minutes=75))
    assert {start: round(wh, 6) for start, wh in car.slots_wh.items()} == {
        START: 1000,
        START + timedelta(minutes=30): 3000,
        START + timedelta(minutes=60): 1500,
    }


def test_plugging_in_charges_by_itself_unless_the_car_is_set_not_to() -> None:
    eager, patient = a_car(), a_car(auto_start=False)
    eager.plug_in(START)
    patient.plug_in(START)
    assert eager.charging
    assert not patient.charging


def test_a_stop_holds_until_the_cable_is_put_in_again() -> None:
    car = a_car()
    car.plug_in(START)
    car.command(START + HOUR, "stop")
    car.advance(START + 9 * HOUR)
    assert not car.charging
    car.plug_out(START + 10 * HOUR)
    car.plug_in(START + 11 * HOUR)
    assert car.charging
    assert car.session_wh == 0


def test_a_car_with_false_reports_seems_unplugged_for_a_while_after_a_stop_and_then_plugged_in() -> None:
    car = a_car(lie_unplugged_after_stop_s=300)
    car.plug_in(START)
    car.command(START + HOUR, "stop")
    assert car.plugged
    assert not car.view().plugged
    car.advance(START + HOUR + timedelta(seconds=299))
    assert not car.view().plugged
    assert car.next_event() == START + HOUR + timedelta(seconds=300)
    car.advance(START + HOUR + timedelta(seconds=300))
    assert car.view().plugged


def test_a_worn_out_car_refuses_to_start_until_it_is_plugged_in_again() -> None:
    car = a_car(refuses_after_starts=2)
    car.plug_in(START)
    for minute in range(1, 6):
        car.command(START + timedelta(minutes=minute), "stop" if minute % 2 else "start")
    car.command(START + timedelta(minutes=6), "start")
    assert car.starts == 2
    assert not car.charging
    car.plug_out(START + HOUR)
    car.plug_in(START + 2 * HOUR)
    assert car.charging


def schedule(start_min: int, end_min: int) -> ChargeSchedules:
    body = {
        "id": 1, "lat": 51.5034, "lon": -0.1276, "days_of_week": "All", "enabled": True,
        "start_enabled": True, "start_time": start_min, "end_enabled": True, "end_time": end_min,
    }  # fmt: skip
    parsed = parse_schedule(body, default_id=1)
    assert parsed is not None
    schedules = ChargeSchedules()
    schedules.by_id[1] = parsed
    return schedules


def test_a_car_follows_its_own_schedule_to_the_instant_over_midnight() -> None:
    car = a_car(provider="tesla", soc_pct=10)
    car.plan = schedule(23 * 60 + 30, 5 * 60 + 30)
    car.plug_in(START)
    car.advance(START + 20 * HOUR)
    assert [(change.at - START, change.charging) for change in car.transitions] == [
        (timedelta(hours=1.5), True),
        (timedelta(hours=7.5), False),
    ]
    assert car.meter_wh == pytest.approx(6 * 7400)


def test_an_odometer_grows_while_the_car_drives() -> None:
    car = a_car()
    shown = []
    for minutes, do in ((0, car.drive_away), (6, car.advance), (60, car.advance)):
        do(START + timedelta(minutes=minutes))
        shown.append(car.view().odometer_km)
    car.park(START + timedelta(minutes=70), at_home=True)
    assert [*shown, car.view().odometer_km] == [20_000.0, 20_010.0, 20_025.0, 20_025.0]


def test_a_schedule_that_starts_at_a_time_that_the_clock_skips_starts_at_the_skip() -> None:
    car = a_car(provider="tesla", soc_pct=10)
    car.at = datetime(2026, 3, 28, 22, 0, tzinfo=UTC)
    car.plan = schedule(90, 5 * 60 + 30)
    car.plug_in(car.at)
    car.advance(car.at + 12 * HOUR)
    assert [change.at for change in car.transitions] == [
        datetime(2026, 3, 29, 1, 0, tzinfo=UTC),
        datetime(2026, 3, 29, 4, 30, tzinfo=UTC),
    ]


def test_a_schedule_is_wall_time_on_the_night_the_clock_goes_forward() -> None:
    car = a_car(provider="tesla", soc_pct=10)
    car.at = datetime(2026, 3, 28, 22, 0, tzinfo=UTC)
    car.plan = schedule(23 * 60 + 30, 5 * 60 + 30)
    car.plug_in(car.at)
    car.advance(car.at + 12 * HOUR)
    assert car.meter_wh == pytest.approx(5 * 7400)


def test_a_command_outranks_the_schedule_in_the_car_unless_its_edges_override() -> None:
    spec = {"provider": "tesla", "soc_pct": 10}
    held, willing = a_car(**spec), a_car(**spec, schedule_edges_override=True)
    for car in (held, willing):
        car.plan = schedule(23 * 60 + 30, 5 * 60 + 30)
        car.plug_in(START)
        car.command(START, "stop")
        car.advance(START + 12 * HOUR)
    assert held.meter_wh == 0
    assert willing.meter_wh == pytest.approx(6 * 7400)


def test_a_schedule_for_home_does_not_hold_the_car_elsewhere() -> None:
    car = a_car(provider="tesla", soc_pct=10)
    car.plan = schedule(23 * 60 + 30, 5 * 60 + 30)
    car.drive_away(START)
    car.park(START + HOUR, at_home=False)
    car.plug_in(START + HOUR)
    assert car.charging


def profile(purpose: str, level: int, periods: list[tuple[int, float]], **more: object) -> dict[str, object]:
    return {
        "chargingProfileId": level + 1,
        "stackLevel": level,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": "Recurring",
        "recurrencyKind": "Daily",
        "chargingSchedule": {
            "startSchedule": "2026-01-15T00:00:00Z",
            "chargingRateUnit": "W",
            "chargingSchedulePeriod": [{"startPeriod": start_s, "limit": limit} for start_s, limit in periods],
        },
        **more,
    }


OFF_PEAK = profile("TxDefaultProfile", 0, [(0, 99999.0), (19_800, 0.0), (84_600, 99999.0)])


def test_a_charger_keeps_to_its_daily_default_day_after_day() -> None:
    car = a_car(provider="ocpp", battery_kwh=500, soc_pct=0)
    car.plan = ChargerPlan()
    car.plan.install(car, 1, parse_charging_profile(OFF_PEAK))
    car.plug_in(START)
    car.advance(START + 3 * 24 * HOUR)
    assert car.meter_wh == pytest.approx(3 * 6 * 7400)
    assert car.transitions[0].at == START + timedelta(hours=1.5)


def test_a_higher_profile_leads_and_the_default_returns_when_it_is_cleared() -> None:
    car = a_car(provider="ocpp")
    plan = ChargerPlan()
    car.plan = plan
    plan.install(car, 1, parse_charging_profile(OFF_PEAK))
    plan.install(car, 1, parse_charging_profile(profile("TxDefaultProfile", 1100, [(0, 3680.0)])))
    car.plug_in(START)
    assert car.power_kw == pytest.approx(3.68)
    car.advance(START + HOUR)
    assert plan.clear(car, {"id": 1101})
    car.change(START + HOUR)
    assert not car.charging
    assert not plan.clear(car, {"id": 1101})


def test_a_transaction_profile_ends_with_the_transaction() -> None:
    car = a_car(provider="ocpp")
    plan = ChargerPlan()
    car.plan = plan
    plan.install(car, 1, parse_charging_profile(OFF_PEAK))
    car.plug_in(START)
    car.advance(START)
    plan.install(car, 1, parse_charging_profile(profile("TxProfile", 5, [(0, 7400.0)])))
    car.change(START)
    assert car.charging
    car.plug_out(START + HOUR)
    car.plug_in(START + HOUR)
    assert not car.charging


def hold(level: int) -> ChargingProfile:
    return parse_charging_profile(profile("TxDefaultProfile", level, [(0, 0.0)]))


@pytest.mark.parametrize(("applies", "holds"), [("at_once", True), ("next_transaction", False)])
def test_a_charger_may_apply_a_default_profile_to_the_next_transaction_only(applies: str, holds: bool) -> None:
    car = a_car(provider="ocpp", default_profiles_apply=applies)
    plan = ChargerPlan()
    car.plan = plan
    car.plug_in(START)
    plan.install(car, 1, hold(1100))
    car.change(START)
    assert car.charging is not holds
    car.plug_out(START + HOUR)
    car.plug_in(START + HOUR)
    assert not car.charging, "the next transaction begins with it"
    plan.clear(car, {"stackLevel": 1100})
    car.change(START + HOUR)
    assert car.charging is holds, "and keeps it, although it is cleared"


def test_a_transaction_profile_leads_over_the_defaults_that_a_transaction_began_with() -> None:
    car = a_car(provider="ocpp", default_profiles_apply="next_transaction")
    plan = ChargerPlan()
    car.plan = plan
    plan.install(car, 1, hold(1100))
    car.plug_in(START)
    assert not car.charging
    body = profile("TxProfile", 1100, [(0, 7400.0)]) | {"transactionId": transaction_of(car), "chargingProfileId": 7}
    plan.install(car, 1, parse_charging_profile(body))
    car.change(START)
    assert car.charging


def test_a_car_offered_less_than_six_amperes_pauses() -> None:
    car = a_car(provider="ocpp")
    car.plan = ChargerPlan()
    car.plan.install(
        car, 1, parse_charging_profile(profile("TxDefaultProfile", 0, [(0, 1379.0), (79_200 + 3600, 1380.0)]))
    )
    car.plug_in(START)
    assert not car.charging
    car.advance(START + HOUR)
    assert car.power_kw == pytest.approx(1.38)


@pytest.mark.parametrize(("below_least", "power_kw"), [("pause", 0.0), ("draw_least", 1.38), ("draw_all", 7.4)])
def test_a_car_that_is_offered_less_than_it_can_draw_does_what_its_make_does(below_least: str, power_kw: float) -> None:
    car = a_car(below_least=below_least, soc_pct=10)
    plan = ChargerPlan()
    schedule = {"chargingRateUnit": "W", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 100.0}]}
    body = {"stackLevel": 0, "chargingProfilePurpose": "TxDefaultProfile", "chargingProfileKind": "Relative"}
    plan.install(car, 1, parse_charging_profile({**body, "chargingSchedule": schedule}))
    car.plan = plan
    car.plug_in(START)
    assert car.power_kw == pytest.approx(power_kw)


def test_a_car_never_parks_within_the_second_of_a_report_from_elsewhere() -> None:
    car = a_car(place_dated_by_parking=True, auto_start=False)
    car.drive_away(START + HOUR)
    arrives_at = START + 2 * HOUR + timedelta(milliseconds=26)
    car.advance(arrives_at)
    reported_at = car.view().place_at
    car.park(arrives_at, at_home=True)
    assert (reported_at, car.view().place_at) == (arrives_at, START + 2 * HOUR + timedelta(seconds=1))
