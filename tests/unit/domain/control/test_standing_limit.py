"""The current of a car that keeps it: the driver's own, the one that is set, and the ones that may be in force."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driveway.domain.control.command_answers import answered
from driveway.domain.control.command_dispatch import claimed
from driveway.domain.control.reconcile import step
from driveway.domain.control.released import is_released, leftovers, with_leftovers_reported
from driveway.domain.control.required_command import holds_car, is_held_by_command
from driveway.domain.control.standing_limit import change_to_limit, change_to_own
from driveway.domain.twin import OutcomeKind, StandingLimit, Twin
from driveway.domain.twin.reasons import Reason
from driveway.values import replace
from tests.support.domain.control_car import START, axle_profile, new_twin
from tests.support.domain.control_rig import RULES, here

amperes = st.integers(5, 48)
NEW = StandingLimit(3.0, START)


@given(
    own=amperes,
    steps=st.lists(
        st.tuples(st.one_of(st.none(), amperes), st.sampled_from(["taken", "died", "refused", "ignored"])), max_size=8
    ),
    changed=st.one_of(st.none(), st.tuples(st.integers(0, 8), amperes)),
)
def test_with_any_result_of_the_calls_the_current_never_exceeds_the_drivers_and_is_restored(
    own: int, steps: list[tuple[int | None, str]], changed: tuple[int, int] | None
) -> None:
    """``None`` gives the current back. A call that died may have been obeyed without a record."""
    car, standing = own, None
    for number, (limit_amps, fate) in enumerate([*steps, (None, "taken")]):
        if changed is not None and changed[0] == number and (standing is None or changed[1] not in standing.our_amps):
            own = car = changed[1]
        if limit_amps is None and standing is None:
            continue
        standing = standing or NEW
        change = (
            change_to_own(standing, shown_amps=car)
            if limit_amps is None
            else change_to_limit(standing, shown_amps=car, limit_amps=limit_amps)
        )
        standing = change.before
        if change.set_amps is not None and fate in {"taken", "died"}:
            car = change.set_amps
        if change.set_amps is None or fate == "taken":
            standing = change.after
        assert car <= own
        assert car == own or (standing is not None and car in standing.our_amps and standing.driver_amps == own)
        if limit_amps is not None and fate == "taken":
            assert car == min(own, limit_amps)
    assert (car, standing) == (own, None)


def test_without_knowing_the_drivers_own_current_nothing_is_set() -> None:
    assert change_to_limit(NEW, shown_amps=None, limit_amps=10).set_amps is None


def test_a_car_that_does_not_show_its_current_gets_back_the_last_known_one() -> None:
    standing = replace(NEW, driver_amps=16, our_amps=(13,))
    assert change_to_own(standing, shown_amps=None).set_amps == 16


def limited(provider: str) -> Twin:
    """A car whose start at a limit is planned."""
    twin = replace(here(new_twin(provider)), profiles=(axle_profile(START, (120, 3.0)),))
    return replace(step(twin, START, RULES, new_id="c1"), news=())


@pytest.mark.parametrize("provider", ["tesla", "ocpp"])
def test_a_limit_is_written_with_the_claim(provider: str) -> None:
    sent = claimed(limited(provider), "c1", START, RULES, sender="me")
    assert sent is not None
    assert sent.control.standing_limit == StandingLimit(3.0, START)
    assert holds_car(sent, START)
    assert not is_released(replace(sent, presence=replace(sent.presence, session=None)), START)


@pytest.mark.parametrize(
    ("outcome", "holds"),
    [("ACCEPTED", True), ("RETRYABLE", True), (None, True), ("FAILED", False), ("UNSUPPORTED", False)],
)
def test_a_charger_is_released_only_if_it_may_hold_a_limit(outcome: str | None, holds: bool) -> None:
    sent = claimed(limited("ocpp"), "c1", START, RULES, sender="me")
    assert sent is not None
    after = replace(sent, news=())
    if outcome is not None:
        kind = OutcomeKind(outcome)
        after = answered(after, "c1", outcome=kind, detail="", now=START, rules=RULES, spread=0.5)
    assert is_held_by_command(after, START + timedelta(hours=11)) is holds
    assert not is_held_by_command(after, START + timedelta(hours=13)), "a charger forgets"


def test_the_driver_gets_a_notice_of_the_settings_left_in_an_unreleased_car() -> None:
    twin = new_twin("tesla")
    assert with_leftovers_reported(twin, START) is twin
    standing = StandingLimit(3.0, START, driver_amps=16, our_amps=(13,))
    control = replace(twin.control, standing_limit=standing, default_schedule="kept")
    notice = with_leftovers_reported(replace(twin, control=control), START).news[-1]
    assert (notice.event, notice.reason) == ("NeedsAttention", Reason.RELEASE_GIVEN_UP)
    assert "16 A" in notice.text
    assert "charging times" in notice.text


@pytest.mark.parametrize(("provider", "words"), [("ocpp", "twelve hours"), ("enode", "start it in the car")])
def test_the_notice_names_a_hold_that_stays_in_the_car(provider: str, words: str) -> None:
    twin = here(new_twin(provider))
    stopped = replace(twin, control=replace(twin.control, last_stop_at=START))
    (text,) = leftovers(stopped, START + timedelta(minutes=1))
    assert words in text
