"""The half-hours after a PUT of a site: a session ends with its vehicle and with nothing else."""

from datetime import timedelta
from typing import Any

import pytest

from driveway.domain.presence.observation import Observation
from driveway.observations.webhook_intake import take_observations
from tests.support.functions.rig import NOW, Rig
from tests.support.functions.sites import VEHICLE, car, put, site_body

CHARGER = {"provider": "ocpp", "vehicle_id": "CP-1", "connector_id": 1, "phases": 1}
OTHER_CHARGER = {**CHARGER, "vehicle_id": "CP-2"}
OTHER_CAR = {"provider": "smartcar", "vehicle_id": "sc-1", "user_id": "sc-user-1"}


def drawn_kwh(rig: Rig, at_home: bool = True, **register: float) -> None:
    """The asset reports a register, half an hour after the last time."""
    rig.clock.move(minutes=30)
    seen = Observation(at=rig.clock.now(), source="app", plugged_in=True, at_home=at_home, charging=True, **register)
    take_observations("car-1", [seen], rig.runtime)


def total_kwh(rig: Rig) -> float:
    """The energy of the asset's half-hours."""
    return sum(slot.energy_wh for slot in rig.runtime.slots.read("car-1", NOW - timedelta(days=1))) / 1000


def facts(rig: Rig) -> list[str]:
    """The kinds of the plug facts in the half-hours, in order of time; at one instant an end comes first."""
    held = [sample for slot in rig.runtime.slots.read("car-1", NOW - timedelta(days=1)) for sample in slot.samples]
    return [s.kind for s in sorted(held, key=lambda s: (s.at, s.kind == "plugged")) if "plugged" in s.kind]


@pytest.mark.parametrize(
    ("asset", "change"),
    [
        (car(plugged_in=True), {"home_location_id": "another-home"}),
        (car(plugged_in=True), {"user_id": "another-user"}),
        (car(type="charger", plugged_in=True, vehicle=CHARGER), {"connector_id": 2}),
        (car(type="charger", plugged_in=True, vehicle=CHARGER), {"phases": 3}),
    ],
    ids=["home_location_id", "user_id", "connector_id", "phases"],
)
def test_a_put_that_keeps_the_vehicle_keeps_its_session_and_the_energy_of_the_night(
    rig: Rig, asset: dict[str, Any], change: dict[str, Any]
) -> None:
    put(rig, site_body(asset))
    drawn_kwh(rig, energy_session_kwh=3.0)
    rig.clock.move(minutes=1)
    assert put(rig, site_body({**asset, "vehicle": {**asset["vehicle"], **change}})).status == 200
    drawn_kwh(rig, energy_session_kwh=6.0)
    assert facts(rig) == ["plugged"]
    assert total_kwh(rig) == 6.0
    assert rig.twin("car-1").presence.session is not None


@pytest.mark.parametrize(
    ("asset", "other"),
    [(car(plugged_in=True), OTHER_CAR), (car(type="charger", plugged_in=True, vehicle=CHARGER), OTHER_CHARGER)],
    ids=["car", "charger"],
)
def test_a_swap_that_dies_after_its_commit_ends_the_session_with_the_next_wake_up(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, asset: dict[str, Any], other: dict[str, Any]
) -> None:
    put(rig, site_body(asset))
    rig.pump()
    drawn_kwh(rig, energy_lifetime_kwh=100.0)
    drawn_kwh(rig, energy_lifetime_kwh=103.0)
    rig.clock.move(minutes=1)
    with monkeypatch.context() as dying:
        dying.setattr("driveway.sites.reconcile.meter_twin", _die)
        assert put(rig, site_body({**asset, "vehicle": other})).status == 500
    rig.look("control", "car-1")
    assert facts(rig) == ["plugged", "unplugged", "plugged"]
    drawn_kwh(rig, energy_lifetime_kwh=133.0)
    drawn_kwh(rig, energy_lifetime_kwh=134.0)
    assert total_kwh(rig) == 4.0


def _die(*_: Any) -> None:
    raise RuntimeError("the function dies here")


def test_the_vehicle_that_goes_is_not_read_after_the_swap(rig: Rig) -> None:
    put(rig, site_body(car(plugged_in=True)))
    rig.clock.move(minutes=1)
    assert put(rig, site_body(car(plugged_in=False, vehicle={**VEHICLE, "vehicle_id": "another"}))).status == 200
    twin = rig.twin("car-1")
    assert twin.presence.session is None
    assert twin.presence.last_session is not None
    assert twin.presence.last_session.closed_at == rig.clock.now()
    assert facts(rig) == ["plugged", "unplugged"]
