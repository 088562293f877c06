"""When a car that leaves counts as released: it shows that it can charge, or nothing that we do would help."""

from datetime import timedelta

import pytest

from driveway.domain.control.released import LONGEST_RELEASE, is_released, with_leftovers_reported
from driveway.domain.reports.account_connection import disconnected
from driveway.domain.twin import Observed
from driveway.values import replace
from tests.support.domain.control_rig import MINUTE, Rig, plugged

PROVIDERS = ("enode", "smartcar", "tesla", "ocpp")


def leaving(provider: str, fault: str | None) -> Rig:
    """A car that we hold, two minutes after it began to leave."""
    rig = plugged(provider)
    rig.run(18 * MINUTE)
    assert rig.car.held
    rig.fault = fault
    if fault == "needs_user":
        rig.change(lambda twin: disconnected(twin, "The account has to be connected again.", rig.now))
    rig.link(leaving=True, enrolled=False)
    rig.run(2 * MINUTE)
    return rig


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_car_that_follows_is_released_at_once(provider: str) -> None:
    rig = leaving(provider, None)
    assert is_released(rig.twin, rig.now)
    assert rig.car.charging


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("fault", ["ignored", "refused", "retryable"])
def test_a_start_that_had_no_effect_releases_no_car(provider: str, fault: str) -> None:
    rig = leaving(provider, fault)
    assert any(command.release for _, command in rig.sent)
    assert not is_released(rig.twin, rig.now)
    rig.run(30 * MINUTE)
    assert not is_released(rig.twin, rig.now)


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("fault", ["ignored", "refused", "retryable"])
@pytest.mark.parametrize("minutes", [15, 38])
def test_a_car_that_follows_within_the_hour_is_released_within_twenty_minutes(
    provider: str, fault: str, minutes: int
) -> None:
    rig = leaving(provider, fault)
    rig.run(minutes * MINUTE)
    rig.fault = None
    rig.run(20 * MINUTE)
    assert is_released(rig.twin, rig.now)
    assert rig.car.charging


@pytest.mark.parametrize("fault", ["needs_user", "unsupported"])
def test_a_car_that_will_never_take_the_start_is_not_waited_for(fault: str) -> None:
    rig = leaving("enode", fault)
    rig.run(2 * MINUTE)
    assert is_released(rig.twin, rig.now)


def test_a_car_that_does_not_report_whether_it_charges_is_released_once_it_accepted_the_start() -> None:
    rig = leaving("enode", "ignored")
    assert not is_released(rig.twin, rig.now)
    rig.change(lambda twin: replace(twin, presence=replace(twin.presence, charging=None)))
    assert is_released(rig.twin, rig.now)


@pytest.mark.parametrize(
    ("inferred", "power_min", "released"),
    [(True, -1, True), (True, 1, False), (False, -1, False)],
    ids=["power before the plug-in", "power since", "a state"],
)
def test_a_car_whose_power_alone_can_show_a_charge_is_waited_for_once_it_reported_power(
    inferred: bool, power_min: float, released: bool
) -> None:
    rig = leaving("enode", "ignored")
    session = rig.twin.presence.session
    assert session is not None
    idle = Observed(False, session.plugged_at - MINUTE)
    presence = replace(
        rig.twin.presence,
        charging=idle,
        charging_inferred=inferred,
        power_kw=Observed(0.0, session.plugged_at + power_min * MINUTE),
    )
    rig.change(lambda twin: replace(twin, presence=presence))
    assert is_released(rig.twin, rig.now) == released


@pytest.mark.parametrize(("fault", "words"), [("ignored", "did not follow"), ("refused", "could not be reached")])
def test_the_driver_hears_whether_the_car_did_not_follow_or_could_not_be_reached(fault: str, words: str) -> None:
    rig = leaving("enode", fault)
    rig.run(LONGEST_RELEASE - 2 * MINUTE)
    assert words in with_leftovers_reported(rig.twin, rig.now + timedelta(minutes=1)).news[-1].text
