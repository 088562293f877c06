"""A power shows whether a car charges where its state does not: a state that sticks at starting, or none at all."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from driveway.domain.presence.observation import Observation
from driveway.domain.presence.observe import observe, settle
from driveway.domain.presence.rules import PresenceRules
from driveway.domain.twin import Presence

AT = datetime(2026, 11, 24, 18, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOME: dict[str, Any] = {"plugged_in": True, "at_home": True}


def seen(*reports: dict[str, Any], then_minutes: float = 0) -> Presence:
    """The presence after reports a minute apart, and some minutes later."""
    presence = Presence()
    for minute, signals in enumerate(reports):
        at = AT + minute * MINUTE
        observation = Observation(at, "app", **signals)
        presence = observe(presence, observation, now=at, rules=PresenceRules(refresh_s=0)).presence
    return settle(presence, now=AT + (len(reports) - 1 + then_minutes) * MINUTE).presence


def charges(presence: Presence) -> bool | None:
    return None if presence.charging is None else bool(presence.charging.value)


@pytest.mark.parametrize(
    ("reports", "expected"),
    [
        ([HOME | {"power_kw": 7.2}], True),
        ([HOME | {"power_kw": 1.0}], True),
        ([HOME | {"power_kw": 0.5}], None),
        ([HOME | {"charging": False}, {"starting": True, "power_kw": 7.2}], True),
        ([HOME | {"charging": False}, {"power_kw": 4.0}], False),
        ([HOME | {"charging": False, "power_kw": 4.0}], False),
        (
            [HOME | {"charging": False}, {"starting": True, "power_kw": 7.2}, {"charging": False, "power_kw": 3.0}],
            False,
        ),
        ([HOME | {"charging": True}, {"power_kw": 0.0}], True),
        ([HOME], None),
    ],
)
def test_a_power_of_a_kilowatt_is_charging_unless_a_state_says_otherwise(
    reports: list[dict[str, Any]], expected: bool | None
) -> None:
    assert charges(seen(*reports)) is expected


@pytest.mark.parametrize(
    ("state", "expected"), [({}, True), ({"charging": False}, False), ({"power_kw": 7.0}, True)], ids=str
)
def test_after_a_plug_out_the_power_still_decides_where_no_state_was_ever_reported(
    state: dict[str, Any], expected: bool
) -> None:
    unplugged = {"plugged_in": False, "at_home": False}
    assert charges(seen(HOME | state, unplugged)) is False
    assert charges(seen(HOME | state, unplugged, HOME, {"power_kw": 4.0})) is expected


@pytest.mark.parametrize("starting", [{}, {"starting": True}])
def test_no_power_for_two_minutes_is_not_charging(starting: dict[str, Any]) -> None:
    reports = (HOME | starting | {"power_kw": 7.2}, starting | {"power_kw": 0.0})
    assert charges(seen(*reports, then_minutes=1.9)) is True
    assert charges(seen(*reports, then_minutes=2)) is False
    assert charges(seen(*reports, starting | {"power_kw": 7.0}, then_minutes=5)) is True


def test_a_car_that_never_draws_power_is_not_charging_after_two_minutes() -> None:
    assert charges(seen(HOME | {"power_kw": 0.0})) is None
    assert charges(seen(HOME | {"power_kw": 0.0}, then_minutes=2)) is False


@pytest.mark.parametrize("signals", [{"charging": True}, {"power_kw": 7.0}, {"charging": True, "power_kw": 7.0}])
def test_a_car_without_a_cable_signal_is_plugged_in_when_it_charges_at_home(signals: dict[str, Any]) -> None:
    presence = seen({"at_home": True, "charging": None}, {"at_home": True} | signals)
    assert presence.session is not None
    assert presence.session.plugged_at == AT + MINUTE


@pytest.mark.parametrize("signals", [{"charging": False, "power_kw": 4.0}, {"power_kw": 0.5}])
def test_a_car_without_a_cable_signal_that_does_not_charge_stays_unknown(signals: dict[str, Any]) -> None:
    assert seen({"at_home": True} | signals).plugged_in is None
