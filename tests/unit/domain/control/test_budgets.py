"""What is counted of a car's month, and what the last part of it is kept for."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driveway.domain.control.budgets import (
    budget_spent,
    month_of,
    next_month,
    requests_spent,
    with_requests_counted,
    with_requests_made,
)
from driveway.domain.control.held_back import HeldBack
from driveway.domain.control.provider_budget import ProviderBudget
from driveway.domain.control.settings import ControlRules
from driveway.domain.twin import CommandAction, Observed, Twin
from driveway.domain.twin.reasons import Reason
from driveway.values import replace
from tests.support.domain.control_rig import MINUTE, Rig, here, new_twin

NOW = datetime(2026, 11, 24, 18, 0, tzinfo=UTC)
RULES = ControlRules(budgets={"smartcar": ProviderBudget(car_month_requests=100)})
DECEMBER = datetime(2026, 12, 1, tzinfo=UTC)


def spent(requests: int, *, charging: bool = False, at: datetime = NOW) -> Twin:
    twin = here(new_twin("smartcar"), at)
    presence = replace(twin.presence, charging=Observed(charging, at))
    control = replace(twin.control, budget_month=month_of(at), requests_this_month=requests)
    return replace(twin, presence=presence, control=control)


@pytest.mark.parametrize("action", ["stop", "install_default"])
def test_the_last_fifth_of_a_month_is_kept_from_what_may_wait(action: CommandAction) -> None:
    assert budget_spent(spent(79), action, NOW, RULES) is None
    assert budget_spent(spent(80), action, NOW, RULES) == HeldBack(Reason.MONTHLY_BUDGET_SPENT, DECEMBER)


def test_another_limit_for_a_car_that_charges_waits_as_a_stop_does() -> None:
    held_back = budget_spent(spent(80, charging=True), "start", NOW, RULES)
    assert held_back is not None
    assert held_back.reason is Reason.MONTHLY_BUDGET_SPENT


@pytest.mark.parametrize("action", ["start", "remove_default", "restore_current"])
@pytest.mark.parametrize("requests", [80, 100, 1000])
def test_no_month_holds_back_what_lets_the_car_charge(action: CommandAction, requests: int) -> None:
    assert budget_spent(spent(requests), action, NOW, RULES) is None


def test_the_next_month_begins_with_nothing_spent() -> None:
    assert budget_spent(spent(100), "stop", DECEMBER - timedelta(seconds=1), RULES) is not None
    assert budget_spent(spent(100), "stop", DECEMBER, RULES) is None


def test_a_provider_without_a_limit_holds_nothing_back() -> None:
    assert budget_spent(spent(10_000), "stop", NOW, ControlRules(budgets={})) is None


@given(st.datetimes(timezones=st.just(UTC)).filter(lambda at: 1970 < at.year < 2100))
def test_the_next_month_is_the_first_instant_of_another_name(at: datetime) -> None:
    assert month_of(next_month(at)) != month_of(at)
    assert month_of(next_month(at) - timedelta(microseconds=1)) == month_of(at)


@given(
    st.lists(
        st.tuples(st.integers(0, 20), st.integers(0, 10), st.sampled_from(("answered", "lost"))),
        max_size=30,
    )
)
def test_the_count_is_exact_with_every_answer_and_never_too_low_without(
    sendings: list[tuple[int, int, str]],
) -> None:
    """Each sending counts ten requests before, makes at most as many, and may lose its answer; days pass between."""
    twin, now = new_twin("smartcar"), NOW
    made_in: dict[str, int] = {}
    lost = False
    for days, made, answer in sendings:
        now += timedelta(days=days)
        twin = replace(twin, control=with_requests_counted(twin.control, 10, now))
        made_in[month_of(now)] = made_in.get(month_of(now), 0) + made
        if answer == "answered":
            twin = with_requests_made(twin, made, counted=10, counted_at=now, now=now + timedelta(seconds=30))
        lost = lost or answer == "lost"
        counted = requests_spent(twin.control, now)
        assert counted >= made_in[month_of(now)]
        assert lost or counted == made_in[month_of(now)]


def test_an_answer_of_the_next_month_counts_there() -> None:
    twin = replace(new_twin("smartcar"), control=with_requests_counted(new_twin().control, 10, DECEMBER - MINUTE))
    twin = with_requests_made(twin, 3, counted=10, counted_at=DECEMBER - MINUTE, now=DECEMBER + MINUTE)
    assert requests_spent(twin.control, DECEMBER + MINUTE) == 3


def test_a_held_car_is_started_and_not_stopped_again_once_the_month_is_spent() -> None:
    rules = ControlRules(budgets={"smartcar": ProviderBudget(car_month_requests=10)})
    rig = Rig(twin=new_twin("smartcar"), rules=rules)
    rig.plug_in()
    rig.schedule(*[(30, limit) for _ in range(8) for limit in (0.0, 7.4)])
    rig.run(timedelta(hours=8))
    assert rig.actions().count("stop") == 4, "eight requests are not reserved"
    assert rig.actions()[-1] == "start"
    assert rig.car.charging
    rig.plug_out()
    rig.run(timedelta(days=8))
    rig.plug_in()
    rig.schedule((60, 0.0))
    rig.run(timedelta(minutes=50))
    assert rig.now.month == 12
    assert rig.actions()[-1] == "stop", "the next month has its own requests"
