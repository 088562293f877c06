"""Which cars need attention: what does not mend itself, and nothing of a home that does not take part."""

from datetime import UTC, datetime, timedelta

import pytest

from driveway.domain.attention import ADVICE, attention
from driveway.domain.twin import Observed, Twin
from driveway.domain.twin.axle import AxleRefusal
from driveway.domain.twin.reasons import Reason
from driveway.values import replace
from tests.support.functions.assets import a_twin, planned_start, plugged_in

NOW = datetime(2026, 1, 15, 18, 0, tzinfo=UTC)


def a_car() -> Twin:
    return plugged_in(a_twin(NOW - timedelta(days=30)), NOW - timedelta(hours=2))


def without_account() -> Twin:
    car = a_car()
    return replace(car, presence=replace(car.presence, needs_user="The account is not connected."))


def given_up() -> Twin:
    car = a_car()
    failed = planned_start(state="failed", planned_at=NOW - timedelta(hours=1))
    return replace(car, control=replace(car.control, command=failed, failures=1, breaker_until=NOW))


def refused() -> Twin:
    car = a_car()
    return replace(
        car, axle=replace(car.axle, refusals=(AxleRefusal("tariff", 422, "No such tariff.", "fingerprint", NOW),))
    )


def placeless() -> Twin:
    car = a_car()
    return replace(car, presence=replace(car.presence, at_home=None))


NEEDY = {
    Reason.PROVIDER_NEEDS_USER: without_account(),
    Reason.NO_VEHICLE_LINKED: replace(a_car(), link=replace(a_car().link, vehicle=None)),
    Reason.GAVE_UP_RELEASED: given_up(),
    Reason.AXLE_REFUSED: refused(),
    Reason.PLUG_UNKNOWN: replace(a_twin(NOW), control=replace(a_twin(NOW).control, plug_unknown_reported=True)),
    Reason.HOME_UNKNOWN: placeless(),
    Reason.RELEASE_GIVEN_UP: replace(a_car(), control=replace(a_car().control, release_given_up_at=NOW)),
}


@pytest.mark.parametrize("reason", NEEDY)
def test_a_car_that_needs_a_person_needs_attention(reason: Reason) -> None:
    assert attention(NEEDY[reason]) is reason


def test_every_reason_has_its_advice_and_its_example() -> None:
    assert set(ADVICE) == set(NEEDY)


def test_a_car_that_works_needs_nobody() -> None:
    assert attention(a_car()) is None
    assert attention(a_twin(NOW)) is None


def test_a_car_that_followed_since_or_was_plugged_in_again_needs_nobody() -> None:
    car = given_up()
    assert attention(replace(car, control=replace(car.control, failures=0))) is None
    later = plugged_in(car, NOW)
    assert attention(later) is None


@pytest.mark.parametrize("reason", sorted(set(NEEDY) - {Reason.RELEASE_GIVEN_UP}))
def test_a_home_that_does_not_take_part_needs_nobody(reason: Reason) -> None:
    car = NEEDY[reason]
    assert attention(replace(car, link=replace(car.link, enrolled=False))) is None
    assert attention(replace(car, link=replace(car.link, snoozed_until=NOW))) is None
    assert attention(replace(car, control=replace(car.control, released_by_operator_at=NOW))) is None


def test_what_may_be_left_in_a_car_needs_attention_after_the_home_left() -> None:
    car = NEEDY[Reason.RELEASE_GIVEN_UP]
    assert attention(replace(car, link=replace(car.link, enrolled=False))) is Reason.RELEASE_GIVEN_UP


def test_where_two_reasons_hold_the_more_serious_one_is_shown() -> None:
    car = without_account()
    both = replace(car, presence=replace(car.presence, at_home=None, plugged_in=Observed(True, NOW)))
    assert attention(both) is Reason.PROVIDER_NEEDS_USER
