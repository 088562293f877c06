""" "Full" is a car's report at one charge limit, and a request of the driver outranks it."""

from datetime import timedelta

import pytest

from driveway.domain.control.required_command import is_full
from driveway.domain.presence.observation import Observation
from driveway.domain.presence.observe import observe
from driveway.domain.presence.rules import PresenceRules
from driveway.domain.twin import Presence
from driveway.domain.twin.reasons import Reason
from tests.support.domain.control_car import START
from tests.support.domain.control_car_life import MINUTE
from tests.support.domain.control_rig import OFF_PEAK_STARTS, Rig, plugged

HOUR = timedelta(hours=1)


def full() -> Rig:
    """A car that was stopped at 16:30 and reports that it is full at the limit of that time."""
    rig = plugged()
    rig.car.full = True
    rig.observe(plugged_in=True, charging=False, battery_full=True)
    rig.run(MINUTE)
    assert is_full(rig.twin)
    return rig


def starts(rig: Rig) -> list[str]:
    return [f"{at:%H:%M}" for at, command in rig.sent if command.action == "start"]


def seen(*reports: dict[str, object]) -> Presence:
    """The presence after reports a minute apart."""
    presence = Presence()
    for minute, signals in enumerate(reports):
        at = START + minute * MINUTE
        observation = Observation(at, "smartcar", **signals)  # type: ignore[arg-type]  # signals by name
        presence = observe(presence, observation, now=at, rules=PresenceRules(refresh_s=0)).presence
    return presence


PLUG = {"plugged_in": True, "at_home": True, "charging": False}
FULL = PLUG | {"battery_full": True, "soc_pct": 80.0, "charge_limit_pct": 80.0}


@pytest.mark.parametrize(
    ("report", "full"),
    [
        (PLUG | {"not_full": True}, False),
        (PLUG | {"soc_pct": 77.0}, False),
        (PLUG | {"charge_limit_pct": 100.0}, False),
        (PLUG | {"charging": True}, False),
        (PLUG, True),
        (PLUG | {"soc_pct": 79.5, "charge_limit_pct": 80.0}, True),
        (FULL, True),
    ],
)
def test_full_ends_with_another_state_a_lower_charge_or_another_limit(report: dict[str, object], full: bool) -> None:
    battery_full = seen(FULL, report).battery_full
    assert battery_full is not None
    assert bool(battery_full.value) is full


def test_a_battery_that_is_reported_full_again_and_again_is_full_since_the_first_report() -> None:
    full = seen(PLUG, FULL, FULL, PLUG).full
    assert full is not None
    assert full.since == START + MINUTE


def test_a_make_that_never_reports_full_does_not_end_full_from_a_commands_answer() -> None:
    answered = FULL | {"answered": True}
    battery_full = seen(PLUG | {"not_full": True}, answered, PLUG | {"not_full": True}).battery_full
    assert battery_full is not None
    assert battery_full.value


def test_a_charge_now_is_tried_although_the_car_counts_as_full() -> None:
    rig = full()
    rig.car.full = False
    rig.charge_now(60)
    rig.run(MINUTE)
    assert rig.car.charging


def test_a_charge_now_of_a_car_that_is_full_is_tried_once() -> None:
    rig = full()
    rig.charge_now(120)
    rig.run(2 * HOUR)
    assert starts(rig) == ["16:33"]
    assert rig.entries_of("CommandConfirmed")[-1].reason == Reason.BATTERY_FULL
    assert rig.entries_of("NeedsAttention") == []


def test_a_charge_now_waits_for_a_plug_out_that_is_being_checked() -> None:
    rig = full()
    rig.observe(plugged_in=False)
    rig.charge_now(60)
    rig.run(MINUTE)
    assert starts(rig) == []


def test_a_limit_that_was_raised_unreported_is_found_in_the_next_off_peak_window() -> None:
    rig = full()
    rig.silent = True
    rig.car.full = False
    rig.run(OFF_PEAK_STARTS + MINUTE - rig.now)
    assert rig.car.charging
    assert starts(rig) == ["23:30"]


def test_a_full_car_that_reports_nothing_is_tried_once_in_a_window_and_fails_nothing() -> None:
    rig = full()
    rig.sighting_every = None
    rig.silent = True
    rig.fault = "ignored"
    rig.run(OFF_PEAK_STARTS + 5 * HOUR - rig.now)
    assert starts(rig) == ["23:30"]
    assert (rig.entries_of("CommandFailed"), rig.entries_of("NeedsAttention")) == ([], [])
