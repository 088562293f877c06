"""A limit of Axle's for a car: amperes are per phase, and less than a car can draw is a hold."""

from datetime import UTC, datetime
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driveway.domain.charging_profiles import ChargingProfile, SchedulePeriod
from driveway.domain.control.desired import desired
from driveway.domain.twin import InstalledProfile, Intent, Link, Presence, Session, Tariff, Twin, Vehicle, Window
from driveway.domain.twin.presence import Observed
from driveway.domain.twin.reasons import Reason
from driveway.values import replace
from tests.support.domain.limits import limit_at

EVENING = datetime(2026, 4, 14, 18, tzinfo=UTC)
SEEN = Observed(True, EVENING)
Unit = Literal["W", "A"]


def asset(power_kw: float, phases: int | None = None) -> Twin:
    """An asset that is plugged in at home."""
    vehicle = Vehicle("ocpp", "charger-1", phases=phases)
    link = Link("home-1", "car-1", "charger", power_kw, "Europe/London", "site", "id", True, EVENING, vehicle=vehicle)
    presence = Presence(plugged_in=SEEN, at_home=SEEN, session=Session("session-1", EVENING, EVENING))
    tariff = Tariff((Window(0, 1440),), "Europe/London", "single_rate")
    return Twin(link=link, tariff=tariff, intent=Intent({}), presence=presence)


def limited(twin: Twin, limit: float, unit: Unit, phases: int | None = None) -> Twin:
    """The asset with a limit of Axle's."""
    periods = (SchedulePeriod(0, limit, phases),)
    profile = ChargingProfile(1100, "TxProfile", "Absolute", unit, periods, start_schedule=EVENING)
    return replace(twin, profiles=(InstalledProfile(profile, EVENING, session_id="session-1"),))


def limit_kw(twin: Twin) -> float:
    return limit_at(twin, EVENING).limit_kw


@pytest.mark.parametrize(
    ("power_kw", "own_phases", "stated_phases", "right_kw"),
    [
        (9.2, 1, None, 3.68),
        (7.4, 3, None, 7.4),
        (7.4, None, 3, 3.68),
        (7.4, 1, 3, 3.68),
        (7.4, None, None, 3.68),
        (7.5, None, None, 7.5),
        (11.0, None, None, 11.0),
        (22.0, None, None, 11.04),
        (22.0, None, 1, 3.68),
        (22.0, 3, 2, 7.36),
    ],
)
def test_sixteen_amperes_count_on_the_fewer_of_the_phases_stated_and_the_assets_own(
    power_kw: float, own_phases: int | None, stated_phases: int | None, right_kw: float
) -> None:
    twin = limited(asset(power_kw, own_phases), 16.0, "A", stated_phases)
    assert limit_kw(twin) == pytest.approx(right_kw)


@pytest.mark.parametrize(
    ("limit", "unit", "own_phases", "stated_phases", "right_kw"),
    [
        (100.0, "W", None, None, 0.0),
        (1379.0, "W", 1, None, 0.0),
        (1380.0, "W", 1, None, 1.38),
        (5.9, "A", 1, None, 0.0),
        (6.0, "A", 1, None, 1.38),
        (6.0, "A", 1, 3, 1.38),
        (4139.0, "W", 3, None, 0.0),
        (4140.0, "W", 3, None, 4.14),
        (1380.0, "W", 3, 1, 1.38),
        (6.0, "A", 3, None, 4.14),
        (0.0, "W", None, None, 0.0),
    ],
)
def test_a_limit_below_six_amperes_on_the_phases_in_use_is_a_hold(
    limit: float, unit: Unit, own_phases: int | None, stated_phases: int | None, right_kw: float
) -> None:
    assert limit_kw(limited(asset(7.2, own_phases), limit, unit, stated_phases)) == pytest.approx(right_kw)


def test_a_car_is_held_at_a_limit_that_it_cannot_draw() -> None:
    want = desired(limited(asset(7.4), 100.0, "W"), EVENING)
    assert (want.want, want.source, want.reason) == ("hold", "axle", Reason.AXLE_SCHEDULE)


def test_a_maximum_that_no_car_can_draw_holds_charge_now_as_well() -> None:
    twin = limited(asset(7.4), 100.0, "W")
    installed = replace(twin.profiles[0], profile=replace(twin.profiles[0].profile, purpose="ChargePointMaxProfile"))
    assert limit_kw(replace(twin, profiles=(installed,))) == 0.0


def test_a_car_whose_own_power_is_below_six_amperes_charges_with_it() -> None:
    assert limit_kw(limited(asset(1.2), 99_999.0, "W")) == 1.2
    assert limit_kw(limited(asset(1.2), 1100.0, "W")) == 0.0


@given(
    power_kw=st.floats(0.5, 43),
    own=st.sampled_from([None, 1, 2, 3]),
    stated=st.sampled_from([None, 1, 2, 3]),
    limit=st.floats(0, 60),
    unit=st.sampled_from(["W", "A"]),
)
@settings(max_examples=300, deadline=None)
def test_the_result_can_be_drawn_and_never_exceeds_the_limit(
    power_kw: float, own: int | None, stated: int | None, limit: float, unit: Unit
) -> None:
    own_phases = own or (1 if power_kw <= 7.4 else 3)
    in_use = min(stated or own_phases, own_phases)
    allowed_w = limit * 230 * in_use if unit == "A" else limit * 700
    found_kw = limit_kw(limited(asset(power_kw, own), limit if unit == "A" else limit * 700, unit, stated))
    assert found_kw <= power_kw
    assert found_kw * 1000 <= allowed_w + 1e-6
    assert found_kw in {0.0, power_kw} or found_kw * 1000 >= 6 * 230 * in_use - 1e-6
    assert found_kw > 0 or allowed_w < max(6 * 230 * in_use, 1e-9) or allowed_w == 0
