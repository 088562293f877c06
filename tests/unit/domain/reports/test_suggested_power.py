"""A car that draws more than it was set up with."""

from datetime import UTC, datetime, timedelta

import pytest

from driveway.domain.reports.power_above_onboarded import suggested_power, with_excess_powers
from driveway.domain.twin import Twin
from driveway.domain.twin.meter import ExcessPower
from tests.support.domain.control_car import new_twin

NOW = datetime(2026, 1, 15, 18, tzinfo=UTC)


def seen(times: int, power_w: int = 11_040) -> Twin:
    powers = [ExcessPower(NOW + timedelta(minutes=10 * number), power_w + number) for number in range(times)]
    return with_excess_powers(new_twin(power_kw=7.4), powers, NOW + timedelta(hours=2))


@pytest.mark.parametrize(("times", "power_kw"), [(2, None), (3, 11.1), (5, 11.1)])
def test_a_power_that_was_seen_three_times_is_suggested(times: int, power_kw: float | None) -> None:
    suggested = suggested_power(seen(times))
    assert (suggested.power_kw if suggested is not None else None) == power_kw
    assert len(seen(times).news) == (power_kw is not None)


def test_a_power_within_a_tenth_of_the_assets_own_is_not() -> None:
    assert suggested_power(seen(5, 8_130)) is None
