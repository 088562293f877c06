"""The app's own observations: what is stored, answered and refused."""

from datetime import timedelta
from typing import Any

import pytest

from tests.support.functions.assets import called, sample
from tests.support.functions.rig import Rig
from tests.support.functions.webhook_calls import AT, observe


def test_the_app_opens_a_session_with_what_its_own_telematics_see(cars: Rig) -> None:
    reply = observe(cars, {"at": AT.isoformat(), "plugged_in": True, "at_home": True, "charging": False, "soc_pct": 41})
    assert (reply.status, reply.body["accepted"], reply.body["changed"]) == (202, 1, True)
    presence = cars.twin("car-1").presence
    assert presence.session is not None
    assert presence.session.id == reply.body["session"]
    assert reply.body["revision"] == cars.twin("car-1").revision


def test_home_reported_apart_from_the_plug_in_one_call_is_a_session_without_a_complaint(cars: Rig) -> None:
    plug, home = {"at": AT.isoformat(), "plugged_in": True}, {"at": AT.isoformat(), "at_home": True}
    observe(cars, plug, home)
    cars.publish()
    assert [event for event, _ in cars.bus.events] == ["PluggedIn"]


def test_a_plug_without_home_is_no_session_and_says_why(cars: Rig) -> None:
    reply = observe(cars, {"at": AT.isoformat(), "plugged_in": True})
    assert reply.body["session"] is None
    assert [(entry.event, entry.reason) for entry in cars.twin("car-1").news] == [("NoSession", "HOME_UNKNOWN")]


def test_the_sample_observation_is_accepted_and_repeated_without_a_write(cars: Rig) -> None:
    assert called("vehicle_events", sample("observations")).body["changed"] is True
    before = cars.items()
    cars.clock.move(seconds=5)
    assert called("vehicle_events", sample("observations")).body["changed"] is False
    assert cars.items() == before


@pytest.mark.parametrize(
    ("observation", "pointer"),
    [
        ({"at": "2026-11-22T17:42:05", "plugged_in": True}, "/observations/0/at"),
        ({"at": "2026-11-22T17:50:05Z", "plugged_in": True}, "/observations/0/at"),
        ({"plugged_in": True}, "/observations/0/at"),
        ({"at": "2026-11-22T17:42:05Z"}, "/observations/0"),
        ({"at": "2026-11-22T17:42:05Z", "plugged_in": "yes"}, "/observations/0/plugged_in"),
        ({"at": "2026-11-22T17:42:05Z", "power_kw": -1}, "/observations/0/power_kw"),
        ({"at": "2026-11-22T17:42:05Z", "soc_pct": 101}, "/observations/0/soc_pct"),
        ({"at": "2026-11-22T17:42:05Z", "latitude": 52.1}, "/observations/0/latitude"),
    ],
)
def test_an_observation_that_cannot_be_accepted_is_refused_as_a_whole_with_a_pointer(
    cars: Rig, observation: dict[str, Any], pointer: str
) -> None:
    before = cars.items()
    reply = observe(cars, observation, {"at": AT.isoformat(), "plugged_in": True, "at_home": True})
    assert (reply.status, [error["pointer"] for error in reply.body["errors"]]) == (422, [pointer])
    assert cars.items() == before


def test_only_the_app_may_observe_and_only_its_own_assets(cars: Rig) -> None:
    report = {"at": AT.isoformat(), "plugged_in": True}
    assert [observe(cars, report, scope=scope).status for scope in ("", "axle")] == [401, 403]
    assert observe(cars, report, asset="car-9").status == 404


def test_energy_is_metered_once_however_often_it_is_reported(cars: Rig) -> None:
    at = AT - timedelta(minutes=40)
    first = {"at": at.isoformat(), "plugged_in": True, "at_home": True, "energy_lifetime_kwh": 100.0}
    second = {"at": AT.isoformat(), "charging": True, "energy_lifetime_kwh": 103.5}
    for _ in range(3):
        observe(cars, first, second)
    slots = cars.runtime.slots.read("car-1", AT - timedelta(days=1))
    assert [session.energy_wh for session in cars.twin("car-1").meter.sessions] == [3500]
    assert len(list(slots)) >= 1
