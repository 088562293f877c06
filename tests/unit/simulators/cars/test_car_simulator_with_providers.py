"""The provider modules and the simulated providers understand each other: commands one way, webhooks the other."""

from datetime import datetime
from typing import Any

import pytest
import requests

from driveway.auth.tokens import StaticToken
from driveway.domain.presence.observation import Observation
from driveway.domain.twin import OutcomeKind, Vehicle, Window
from driveway.vehicles import registry
from driveway.vehicles.provider import Call, WebhookRequest
from tests.support.vehicles.car_rig import Rig, until

VEHICLE = Vehicle("", "5YJ30000000000001", user_id="user-1")
HOME = {"latitude": "51.5034", "longitude": "-0.1276", "home_timezone": "Europe/London"}
TOKEN_REQUESTS = {
    "enode": ("/oauth2/token", ("client-id", "client-secret"), {"grant_type": "client_credentials"}),
    "smartcar": (
        "/oauth2/token",
        None,
        {"grant_type": "client_credentials", "client_id": "client-id", "client_secret": "client-secret"},
    ),
    "tesla": (
        "/oauth2/v3/token",
        None,
        {"grant_type": "refresh_token", "client_id": "client-id", "refresh_token": "refresh-1"},
    ),
}
PROVIDERS = ("enode", "smartcar", "tesla", "ocpp")


@pytest.fixture
def rig(shared: Rig) -> Rig:
    shared.begin_again()
    shared.configure("smartcar", hold_open_s=0)
    shared.configure("tesla", access_token_s=10 * 86_400)
    return shared


def call(rig: Rig, provider: str) -> Call:
    base, token = f"{rig.url}/{provider}", "ocpp-token"
    if provider in TOKEN_REQUESTS:
        path, auth, fields = TOKEN_REQUESTS[provider]
        token = rig.http.post(base + path, auth=auth, data=fields, timeout=10).json()["access_token"]
    return Call(base, requests.Session(), StaticToken(token), rig.clock.now(), HOME)


def plug_in(rig: Rig, provider: str, **spec: Any) -> Vehicle:
    rig.car(provider, vehicle_id=VEHICLE.vehicle_id, **spec)
    rig.do("plug-in", VEHICLE.vehicle_id)
    return Vehicle(provider, VEHICLE.vehicle_id, user_id="user-1")


def says(observations: tuple[Observation, ...], name: str) -> Any:
    return next((getattr(one, name) for one in observations if getattr(one, name) is not None), None)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_car_is_stopped_seen_and_started_again(rig: Rig, provider: str) -> None:
    vehicle, made = plug_in(rig, provider), call(rig, provider)
    with made.http:
        commands = registry.commands(provider)
        done = {OutcomeKind.ACCEPTED, OutcomeKind.CONFIRMED}
        for order, charging in ((commands.stop, False), (lambda c, v: commands.start(c, v, limit_kw=None), True)):
            assert order(made, vehicle).kind in done
            rig.pass_s(5)
            assert rig.truth(vehicle.vehicle_id)["charging"] is charging
            read_state = commands.read_state(made, vehicle)
            assert read_state.kind in done
            assert (says(read_state.observations, "plugged_in"), says(read_state.observations, "charging")) == (
                True,
                charging,
            )


@pytest.mark.parametrize("provider", ["enode", "smartcar", "tesla"])
def test_an_account_that_is_disconnected_needs_the_driver_and_nothing_reports_that_it_is_back(
    rig: Rig, provider: str
) -> None:
    vehicle, made = plug_in(rig, provider), call(rig, provider)
    commands = registry.commands(provider)
    rig.listen(provider, webhook_secret="secret", sample_every_s=0)
    with made.http:
        rig.change(vehicle.vehicle_id, account_connected=False)
        refused = (commands.stop(made, vehicle), commands.read_state(made, vehicle))
        assert [outcome.kind for outcome in refused] == [OutcomeKind.NEEDS_USER] * 2
        rig.pass_s(60)
        assert rig.truth(vehicle.vehicle_id)["charging"] is True
        sent = len(rig.sent())
        rig.change(vehicle.vehicle_id, account_connected=True)
        rig.pass_s(60)
        assert len(rig.sent()) == sent
        assert commands.stop(made, vehicle).kind in {OutcomeKind.ACCEPTED, OutcomeKind.CONFIRMED}


def test_a_charger_keeps_the_limit_of_a_start(rig: Rig) -> None:
    vehicle, made = plug_in(rig, "ocpp"), call(rig, "ocpp")
    with made.http:
        assert registry.commands("ocpp").start(made, vehicle, limit_kw=3.7).kind is OutcomeKind.ACCEPTED
    rig.pass_s(5)
    assert rig.truth(vehicle.vehicle_id)["power_kw"] == pytest.approx(3.7)


@pytest.mark.parametrize("provider", ["tesla", "ocpp"])
def test_the_default_windows_are_kept_where_the_provider_can_and_removed(rig: Rig, provider: str) -> None:
    vehicle, made = plug_in(rig, provider, soc_pct=10), call(rig, provider)
    commands, windows = registry.commands(provider), (Window(0, 330), Window(1410, 1440))
    with made.http:
        assert commands.install_default(made, vehicle, windows, timezone="Europe/London").kind is OutcomeKind.ACCEPTED
        rig.pass_s(5)
        at = rig.clock.now()
        until_peak_s = (at.replace(hour=12, minute=0, second=0) - at).total_seconds() % 86_400
        rig.pass_s(until_peak_s)
        assert not rig.truth(vehicle.vehicle_id)["charging"]
        changes = [datetime.fromisoformat(one["at"]) for one in rig.truth(vehicle.vehicle_id)["transitions"][-2:]]
        assert [(change.hour, change.minute) for change in changes] == [(23, 30), (5, 30)]
        assert commands.remove_default(made, vehicle).kind is OutcomeKind.ACCEPTED
    rig.pass_s(5)
    assert rig.truth(vehicle.vehicle_id)["charging"]


@pytest.mark.parametrize("provider", ["enode", "smartcar", "tesla"])
def test_webhooks_are_understood(rig: Rig, provider: str) -> None:
    rig.listen(provider, webhook_secret="shared-secret", sample_every_s=0)
    plug_in(rig, provider, home_location_id="home-1")
    until(lambda: len(rig.sent()) > 0)
    rig.pass_s(1800)
    rig.do("driver-stop", VEHICLE.vehicle_id)
    rig.do("plug-out", VEHICLE.vehicle_id)
    events = []
    for sent in rig.sent():
        request = WebhookRequest(sent.headers, sent.raw, sent.at)
        inbound = registry.webhooks(provider).receive(request, ["shared-secret"])
        assert inbound.dropped == ()
        events += inbound.events
    observations = [observation for event in events for observation in event.observations]
    seen = [(one.plugged_in, one.charging) for one in observations if one.plugged_in is not None]
    assert list(dict.fromkeys(seen)) == [(True, True), (True, False), (False, False)]
    assert {event.vehicle_id for event in events} == {VEHICLE.vehicle_id}
    # Enode gives what reaches the battery.
    power_kw = 6.66 if provider == "enode" else 7.4
    assert any(one.power_kw == pytest.approx(power_kw) for one in observations if one.power_kw is not None)
    places = [one.whereabouts for one in observations if one.whereabouts is not None]
    assert any(place.home_flag or place.location_id == "home-1" for place in places)
