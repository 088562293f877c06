"""The banner of an asset: one state, and what is missing, with what the driver can do."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from driveway.domain.axle_sync.differences import wanted_intent
from driveway.domain.control.desired import desired
from driveway.domain.lifecycle import ADVICE, SENTENCES, Condition, Lifecycle, banner
from driveway.domain.preferences.tariff import axle_tariff
from driveway.domain.twin import ChargeNow, Command, Observed, Twin
from driveway.values import replace
from tests.support.domain.control_car import START, new_twin
from tests.support.domain.control_rig import here
from tests.support.domain.example_preferences import THIRTY_KWH

LATER, EARLIER = START + timedelta(hours=2), START - timedelta(days=1)


def linked(twin: Twin, **changes: object) -> Twin:
    return replace(twin, link=replace(twin.link, **changes))  # type: ignore[arg-type]  # the fields of a link


def seen(twin: Twin, **changes: object) -> Twin:
    return replace(twin, presence=replace(twin.presence, **changes))  # type: ignore[arg-type]  # the fields of presence


def acknowledged(twin: Twin) -> Twin:
    """The twin of which Axle has acknowledged the tariff and the intent."""
    axle = replace(twin.axle, tariff=axle_tariff(twin.tariff), intent=wanted_intent(twin, START))
    return replace(twin, axle=axle)


def failed(planned_at: datetime) -> Command:
    """A start that was given up."""
    return Command("c-1", "start", "AXLE_SCHEDULE", "failed", planned_at, planned_at, planned_at)


def started_by_driver(twin: Twin) -> Twin:
    assert twin.presence.session is not None
    noticed = replace(twin.control, interference=twin.presence.session.id, interference_at=START)
    return replace(twin, control=noticed)


CASES: dict[str, tuple[Callable[[], Twin], Lifecycle, set[Condition]]] = {
    "follows its plan": (here, Lifecycle.SMART_CHARGING, set()),
    "not plugged in": (new_twin, Lifecycle.READY, {Condition.PLUGGED_IN}),
    "leaving": (lambda: linked(here(), leaving=True), Lifecycle.LEAVING, {Condition.ENROLLED}),
    "opted out": (lambda: linked(here(), enrolled=False), Lifecycle.NOT_ENROLLED, {Condition.ENROLLED}),
    "snoozed": (lambda: linked(here(), snoozed_until=LATER), Lifecycle.SNOOZED, {Condition.NOT_SNOOZED}),
    "no car": (lambda: linked(here(), vehicle=None), Lifecycle.NEEDS_CAR_CONNECTION, {Condition.CAR_LINKED}),
    "account lost": (
        lambda: seen(here(), needs_user="Sign in."),
        Lifecycle.NEEDS_CAR_CONNECTION,
        {Condition.ACCOUNT_CONNECTED},
    ),
    "account lost, not plugged in": (
        lambda: seen(new_twin(), needs_user="Sign in."),
        Lifecycle.NEEDS_CAR_CONNECTION,
        {Condition.ACCOUNT_CONNECTED, Condition.PLUGGED_IN},
    ),
    "home unknown": (
        lambda: seen(new_twin(), plugged_in=Observed(True, START)),
        Lifecycle.HOME_UNKNOWN,
        {Condition.HOME_KNOWN},
    ),
    "away": (
        lambda: seen(new_twin(), plugged_in=Observed(True, START), at_home=Observed(False, START)),
        Lifecycle.READY,
        {Condition.AT_HOME},
    ),
    "charge-now": (
        lambda: replace(here(), charge_now=ChargeNow("c", START, LATER)),
        Lifecycle.CHARGING_NOW,
        set(),
    ),
    "does not follow": (
        lambda: replace(here(), control=replace(here().control, breaker_until=LATER)),
        Lifecycle.NEEDS_ATTENTION,
        {Condition.CAR_FOLLOWS},
    ),
    "failed before, and the plan holds now": (
        lambda: replace(here(), control=replace(here().control, failures=2, command=failed(LATER))),
        Lifecycle.NEEDS_ATTENTION,
        {Condition.CAR_FOLLOWS},
    ),
    "failed in the session before": (
        lambda: replace(here(), control=replace(here().control, failures=2, command=failed(EARLIER))),
        Lifecycle.SMART_CHARGING,
        set(),
    ),
    "failed because of the account": (
        lambda: seen(
            replace(here(), control=replace(here().control, failures=1, breaker_until=LATER)), needs_user="Connect it."
        ),
        Lifecycle.NEEDS_CAR_CONNECTION,
        {Condition.ACCOUNT_CONNECTED},
    ),
    "started by the driver": (
        lambda: started_by_driver(here()),
        Lifecycle.DRIVER_DECIDES,
        set(),
    ),
    "out of reach": (
        lambda: seen(here(), reachable=Observed(False, START)),
        Lifecycle.SMART_CHARGING,
        {Condition.CAR_REACHABLE},
    ),
    "switched off": (
        lambda: replace(here(), control=replace(here().control, released_by_operator_at=START)),
        Lifecycle.SWITCHED_OFF,
        set(),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_banner_has_one_state_and_the_conditions_that_are_not_met(name: str) -> None:
    make, state, unmet = CASES[name]
    twin = acknowledged(make())
    shown = banner(twin, desired(twin, START), START)
    assert (shown.state, set(shown.unmet)) == (state, unmet)
    assert shown.text == SENTENCES[state]


def test_a_car_is_being_set_up_until_axle_has_what_it_plans_with() -> None:
    twin = replace(new_twin(), intent=THIRTY_KWH)
    whole = acknowledged(twin)
    for axle in (twin.axle, replace(whole.axle, intent=None), replace(whole.axle, tariff=None)):
        shown = banner(replace(twin, axle=axle), desired(twin, START), START)
        assert shown.state is Lifecycle.ONBOARDING
        assert set(shown.unmet) == {Condition.KNOWN_TO_AXLE, Condition.PLUGGED_IN}
    plugged_in = here()
    assert banner(plugged_in, desired(plugged_in, START), START).state is Lifecycle.SMART_CHARGING


def test_every_state_has_a_sentence_and_every_condition_advice() -> None:
    assert set(SENTENCES) == set(Lifecycle)
    assert set(ADVICE) == set(Condition)
