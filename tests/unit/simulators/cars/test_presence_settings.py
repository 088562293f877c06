"""Each setting of what a car's cloud reports, or leaves out, and what the product reads of it."""

from collections.abc import Iterator
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from simulators.cars.spec import CarSpec
from tests.support.simulators.listening_car import ListeningCar
from tests.support.vehicles.car_rig import Rig, rig_at, until

HOME_CLOUDS = ("enode", "smartcar", "tesla")
CLOUDS = (*HOME_CLOUDS, "app")
HALF_A_KILOMETRE_OFF = {"latitude": 51.5079, "longitude": -0.1276}
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def shared() -> Iterator[Rig]:
    with rig_at() as rig:
        yield rig


@pytest.mark.parametrize("provider", CLOUDS)
def test_a_cable_that_is_not_reported_is_unknown_until_the_car_charges(rig: Rig, provider: str) -> None:
    car = ListeningCar(rig, provider, reports_cable=False, auto_start=False).does("plug-in", "report").passes(1)
    assert car.twin.twin.presence.plugged_in is None
    if provider != "tesla":  # its one field gives plug and charging
        car.does("driver-start").passes(1)
        assert car.twin.twin.presence.plugged_in is not None
        assert car.in_session or provider == "app", "the back end of a charger reports no place"


@pytest.mark.parametrize("provider", CLOUDS)
def test_a_state_that_is_not_reported_follows_from_the_power(rig: Rig, provider: str) -> None:
    car = ListeningCar(rig, provider, reports_charging=False).does("plug-in").passes(1)
    presence = car.twin.twin.presence
    assert presence.charging is not None
    by_power = provider != "enode"  # Enode leaves out isCharging, and its powerDeliveryState gives the state
    assert (presence.charging.value, presence.charging_inferred) == (True, by_power)


@pytest.mark.parametrize("provider", CLOUDS)
def test_power_that_is_not_reported_is_unknown(rig: Rig, provider: str) -> None:
    car = ListeningCar(rig, provider, reports_power=False).does("plug-in").passes(1)
    presence = car.twin.twin.presence
    assert presence.charging is not None
    assert presence.charging.value is True
    assert presence.power_kw is None


@pytest.mark.parametrize("provider", HOME_CLOUDS)
def test_an_odometer_that_is_not_reported_is_unknown(rig: Rig, provider: str) -> None:
    car = ListeningCar(rig, provider, reports_odometer=False).does("plug-in").passes(1)
    assert car.in_session
    assert car.twin.twin.presence.odometer_km is None


@pytest.mark.parametrize("provider", CLOUDS)
@pytest.mark.parametrize("waits", [True, False])
def test_a_full_car_whose_limit_is_raised_waits_for_a_start_if_it_is_set_so(
    rig: Rig, provider: str, waits: bool
) -> None:
    limit: dict[str, Any] = {"soc_pct": 80, "charge_limit_pct": 80, "waits_when_limit_raised": waits}
    car = ListeningCar(rig, provider, **limit).does("plug-in").passes(1)
    assert rig.truth()["complete"]
    rig.change(charge_limit_pct=100)
    car.passes(1)
    assert rig.truth()["charging"] is not waits
    known = car.twin.twin.presence.battery_full
    assert known is None or known.value is False, "another limit ends full"
    car.does("driver-start")
    assert rig.truth()["charging"]


@pytest.mark.parametrize("provider", HOME_CLOUDS)
def test_a_car_that_seems_unplugged_while_stopped_is_plugged_in_again_with_the_start(rig: Rig, provider: str) -> None:
    car = ListeningCar(rig, provider, seems_unplugged_while_stopped=True).does("plug-in").passes(1)
    car.does("driver-stop").passes(20)
    assert rig.truth()["plugged"]
    assert not car.in_session
    car.does("driver-start").passes(1)
    assert car.twin.twin.presence.plugged_in is not None
    assert car.twin.twin.presence.plugged_in.value is True


@pytest.mark.parametrize("provider", HOME_CLOUDS)
def test_a_state_that_sticks_at_starting_leaves_it_to_the_power(rig: Rig, provider: str) -> None:
    car = ListeningCar(rig, provider, starting_sticks=True).does("plug-in").passes(1)
    presence = car.twin.twin.presence
    assert presence.starting_at is not None
    assert presence.charging is not None
    assert (presence.charging.value, presence.charging_inferred) == (True, True)


@pytest.mark.parametrize("provider", HOME_CLOUDS)
def test_reports_arrive_as_late_as_they_are_set_to(rig: Rig, provider: str) -> None:
    car = ListeningCar(rig, provider)
    rig.configure(provider, report_delay_s=600)
    car.does("plug-in").passes(9)
    assert not car.in_session
    car.passes(2)
    assert car.in_session
    session = car.twin.twin.presence.session
    assert session is not None
    assert rig.clock.now() - session.plugged_at == timedelta(minutes=11)


@pytest.mark.parametrize("provider", CLOUDS)
def test_a_queue_that_fails_for_too_long_is_deleted_and_nothing_more_is_sent(rig: Rig, provider: str) -> None:
    maker = "ocpp" if provider == "app" else provider
    car = ListeningCar(rig, provider, auto_start=False)
    rig.configure(maker, queue_deleted_after_s=3600, resend_real_s=[])
    rig.receiver.statuses[:] = [503, 503]
    rig.do("plug-in")
    rig.sent()
    assert rig.ok("GET", "/_sim/config")[maker]["webhook_active"]
    rig.pass_s(3700)
    rig.do("plug-out")
    received = len(rig.sent())
    assert not rig.ok("GET", "/_sim/config")[maker]["webhook_active"]
    rig.do("plug-in")
    assert len(rig.sent()) == received
    errors = [one["error"] for one in rig.ok("GET", "/_sim/deliveries")["deliveries"]]
    assert errors[-1] == "inactive"
    rig.configure(maker, webhook_active=True)
    rig.do("plug-out")
    car.taken = received
    assert car.listens().twin.twin.presence.plugged_in is not None


@pytest.mark.parametrize("provider", HOME_CLOUDS)
def test_an_inactive_webhook_sends_nothing(rig: Rig, provider: str) -> None:
    car = ListeningCar(rig, provider)
    rig.configure(provider, webhook_active=False)
    car.does("plug-in", "report")
    assert rig.sent() == []
    rig.configure(provider, webhook_active=True)
    assert car.does("report").in_session


DRAWN: dict[str, list[Any]] = {
    "auto_start": [True, False],
    "seems_unplugged_while_stopped": [False, True],
    "starting_sticks": [False, True],
    "reports_charging": [True, False],
    "reports_cable": [True, False],
    "reports_power": [True, False],
    "reports_odometer": [True, False],
    "waits_when_limit_raised": [False, True],
    "lie_unplugged_after_stop_s": [0, 240],
    "place_dated_by_parking": [False, True],
    "stray": [None, HALF_A_KILOMETRE_OFF],
    "loses_plug_out": [False, True],
    "claimed_soc_pct": [None, None, 0, 50],
    "no_time": [None, None, "0", "1970-01-01T00:00:00Z", "0001-01-01T00:00:00Z"],
    "report_every_s": [0, 300, 900],
    "account_connected": [True, True, False],
}
"""The settings of presence, and values of each that a seed draws."""

SETTINGS: dict[str, list[Any]] = {
    "report_delay_s": [0, 30],
    "queue_deleted_after_s": [0, 86_400],
    "webhook_faults": [{}, {"duplicate": 0.2, "late": 0.2, "late_s": 300}, {"reorder": 0.2}, {"drop": 0.2}],
}
SMARTCARS: dict[str, list[Any]] = {"timestamps": ["epoch_ms", "epoch_s", "iso"], "leaves_out_status": [False, True]}


@pytest.mark.parametrize("seed", range(12))
def test_nothing_is_sent_to_a_car_away_whatever_a_seed_draws(rig: Rig, seed: int) -> None:
    """An evening at home, then a day at work with a charger there, in any combination of the settings."""
    random = Random(f"presence {seed}")
    provider = HOME_CLOUDS[seed % len(HOME_CLOUDS)]
    settings = {name: random.choice(values) for name, values in SETTINGS.items()}
    if provider == "smartcar":
        settings |= {name: random.choice(values) for name, values in SMARTCARS.items()}
    spec = {name: random.choice(values) for name, values in DRAWN.items()}
    assert set(spec) <= set(CarSpec.model_fields)
    car = ListeningCar(rig, provider, obeys=True, battery_kwh=150, **spec)
    rig.configure(provider, **settings)
    car.does("plug-in").passes_until(rig.clock.now() + 9 * HOUR)
    rig.change(stray=None)
    car.does("plug-out", "drive-away").passes(40).does("park-away").passes(5).does("plug-in").passes(40)
    sent = len(car.twin.sent)
    car.passes_until(rig.clock.now() + 8 * HOUR)
    assert len(car.twin.sent) - sent <= 1, "at most the one trial start of a car that is reported unplugged"
    assert not car.in_session
    until(lambda: rig.simulator.outbox.pending() == 0)
