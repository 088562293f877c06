"""The stack's parameters, its secrets and a site's body reach the providers' modules."""

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl

import pytest
import requests
from botocore.exceptions import ReadTimeoutError

from driveway.axle.connection import axle_client
from driveway.commands.dispatch import carry_out
from driveway.domain.twin import ChargeNow, Command, Home, Twin, Vehicle
from driveway.runtime.problems import ProblemError
from driveway.runtime.settings import Settings
from driveway.sites.bodies import SiteBody, parse
from driveway.sites.requested import checked
from driveway.values import replace
from driveway.vehicles.connections import connect
from driveway.vehicles.ocpp.commands import OcppCommands
from driveway.vehicles.provider import Call
from driveway.vehicles.registry import capabilities
from driveway.vehicles.request_meter import RequestMeter
from tests.support.functions.assets import SMARTCAR_CAR, a_twin, place, plugged_in, set_secret
from tests.support.functions.rig import NOW, Rig, template
from tests.support.vehicles.provider_api import ProviderApi, Reply

BASE = "https://csms.example"


def settings(rig: Rig, **environ: str) -> None:
    rig.runtime.settings = Settings({**rig.runtime.settings.environ, "OCPP_BASE_URL": BASE, **environ})


def connected(rig: Rig, vehicle: Vehicle, twin: Twin) -> Call:
    """The call to a vehicle, with a meter of its own."""
    return connect(vehicle, twin, RequestMeter(vehicle.provider, rig.runtime, lets_charge=False), rig.runtime)


def start_body(rig: Rig, vehicle: Vehicle, **environ: str) -> dict[str, Any]:
    """The body that a charger is sent for a start at 3.6 kW."""
    settings(rig, **environ)
    api = ProviderApi([Reply(200, {"status": "Accepted"})])
    rig.runtime.http.mount(BASE, api)
    call = connected(rig, vehicle, a_twin(NOW, vehicle=vehicle))
    OcppCommands().start(call, vehicle, limit_kw=3.6)
    body: dict[str, Any] = api.asked[0].body
    return body


def test_a_profile_has_the_stack_level_and_the_unit_of_the_stacks_parameters(rig: Rig) -> None:
    charger = Vehicle("ocpp", "CP-1", connector_id=2, phases=3, capabilities=capabilities("ocpp"))
    body = start_body(rig, charger, OCPP_STACK_LEVEL="8", OCPP_RATE_UNIT="A")
    profile = body["csChargingProfiles"]
    schedule = profile["chargingSchedule"]
    assert (body["connectorId"], profile["stackLevel"], schedule["chargingRateUnit"]) == (2, 8, "A")
    assert schedule["chargingSchedulePeriod"] == [{"startPeriod": 0, "limit": 5.2, "numberPhases": 3}]


def test_the_parameters_and_the_code_have_the_same_defaults(rig: Rig) -> None:
    declared = template()["Parameters"]
    set_to = {"OCPP_STACK_LEVEL": str(declared["OcppStackLevel"]["Default"]), "OCPP_RATE_UNIT": "W"}
    assert declared["OcppRateUnit"]["Default"] == "W"
    charger = Vehicle("ocpp", "CP-1", capabilities=capabilities("ocpp"))
    with_defaults = start_body(rig, charger, **set_to)
    assert with_defaults == start_body(rig, charger, OCPP_STACK_LEVEL="", OCPP_RATE_UNIT="")
    assert with_defaults["connectorId"] == 1
    assert "numberPhases" not in str(with_defaults)


def test_a_car_gets_the_home_and_no_setting_of_chargers(rig: Rig) -> None:
    rig.runtime.settings = Settings({**rig.runtime.settings.environ, "OCPP_STACK_LEVEL": "8"})
    environ = {"ENODE_BASE_URL": "https://enode.example/", "ENODE_TOKEN_URL": "https://enode.example/token"}
    settings(rig, **environ)
    twin = a_twin(NOW)
    assert twin.link.vehicle is not None
    at_home = replace(twin, link=replace(twin.link, home=Home(51.5, -0.1)))
    call = connected(rig, twin.link.vehicle, at_home)
    assert call.base_url == "https://enode.example"
    assert call.extra == {
        "latitude": "51.5",
        "longitude": "-0.1",
        "power_kw": "7.4",
        "home_timezone": "Europe/London",
    }
    assert set(connected(rig, twin.link.vehicle, twin).extra) == {"power_kw", "home_timezone"}


class FormApi(ProviderApi):
    """A token endpoint; ``forms`` are those that it received."""

    def __init__(self) -> None:
        super().__init__(lambda _: Reply(200, {"access_token": f"token-{len(self.forms)}", "expires_in": 3600}))
        self.forms: list[dict[str, str]] = []

    def send(self, request: Any, *args: Any, **kwargs: Any) -> requests.Response:
        self.forms.append(dict(parse_qsl(request.body)))
        request.body = None
        return super().send(request, *args, **kwargs)


def smartcar_token(rig: Rig, credentials: dict[str, str], *, refused: str | None = None) -> str:
    """The token that a call to Smartcar is made with while these are the credentials."""
    set_secret(rig, "PROVIDERS_SECRET", {"smartcar": credentials})
    twin = a_twin(NOW, vehicle=SMARTCAR_CAR)
    return connected(rig, SMARTCAR_CAR, twin).tokens.token(refused=refused)


def test_a_running_function_uses_rotated_credentials_of_a_provider(rig: Rig) -> None:
    settings(rig, SMARTCAR_BASE_URL="https://smartcar.example", SMARTCAR_TOKEN_URL="https://smartcar.example/token")
    api = FormApi()
    rig.runtime.http.mount("https://smartcar.example", api)
    old = {"client_id": "client-1", "client_secret": "old"}
    assert {smartcar_token(rig, old), smartcar_token(rig, old)} == {"token-1"}
    new = {**old, "client_secret": "new"}
    assert smartcar_token(rig, new) == "token-1", "good until it expires or is refused"
    assert smartcar_token(rig, new, refused="token-1") == "token-2"
    assert smartcar_token(rig, {"client_id": "client-2", "client_secret": "other"}) == "token-3"
    assert [(form["client_id"], form["client_secret"]) for form in api.forms] == [
        ("client-1", "old"),
        ("client-1", "new"),
        ("client-2", "other"),
    ]


def test_a_running_function_uses_a_rotated_token_of_the_central_system(rig: Rig) -> None:
    charger = Vehicle("ocpp", "CP-1", capabilities=capabilities("ocpp"))
    settings(rig)
    for token in ("one", "two"):
        set_secret(rig, "PROVIDERS_SECRET", {"ocpp": {"token": token}})
        assert connected(rig, charger, a_twin(NOW, vehicle=charger)).tokens.token() == token


def test_a_running_function_uses_a_rotated_password_at_axle(rig: Rig) -> None:
    settings(rig, AXLE_BASE_URL="https://axle.example")
    api = FormApi()
    rig.runtime.http.mount("https://axle.example", api)
    for password in ("old", "new"):
        set_secret(rig, "AXLE_SECRET", {"username": "org", "password": password})
        tokens = axle_client(rig.runtime).tokens
        assert axle_client(rig.runtime).tokens is tokens
        tokens.token(refused=f"token-{len(api.forms)}")
    assert [form["password"] for form in api.forms] == ["old", "new"]


def test_a_command_stays_planned_while_the_credentials_cannot_be_read(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise ReadTimeoutError(endpoint_url="secretsmanager")

    twin = a_twin(NOW)
    planned = Command("command-1", "start", "CHARGE_NOW", "planned", NOW, NOW, NOW + timedelta(minutes=10))
    boosted = replace(plugged_in(twin, NOW), charge_now=ChargeNow("boost-1", NOW, NOW + timedelta(hours=1)))
    place(rig, replace(boosted, control=replace(twin.control, command=planned)))
    monkeypatch.setattr(type(rig.runtime._secrets), "read", fail)
    detail = {"asset": "car-1", "command_id": "command-1", "provider": "enode", "not_before": NOW.isoformat()}
    with pytest.raises(ReadTimeoutError):
        carry_out(detail, rig.runtime)
    assert rig.twin("car-1").control.command == planned


def site(**vehicle: Any) -> dict[str, Any]:
    charger = {"provider": "ocpp", "vehicle_id": "CP-1", **vehicle}
    asset = {"asset": "charger-1", "type": "charger", "power_kw": 7.4, "vehicle": charger}
    return {"site": {"mpan": "1200001234566", "postcode": "SW1A 1AA"}, "assets": [asset]}


def test_a_sites_body_may_name_a_chargers_connector_and_phases() -> None:
    _, (wanted,) = checked(parse(SiteBody, site(connector_id=2, phases=3)), check_digit=False, has_consent=True)
    assert wanted.vehicle == Vehicle("ocpp", "CP-1", connector_id=2, phases=3, capabilities=capabilities("ocpp"))
    _, (wanted,) = checked(parse(SiteBody, site()), check_digit=False, has_consent=True)
    assert wanted.vehicle == Vehicle("ocpp", "CP-1", capabilities=capabilities("ocpp"))


@pytest.mark.parametrize(
    ("vehicle", "pointer"),
    [
        ({"connector_id": 0}, "/assets/0/vehicle/connector_id"),
        ({"connector_id": "1"}, "/assets/0/vehicle/connector_id"),
        ({"connector_id": 1.0}, "/assets/0/vehicle/connector_id"),
        ({"connector_id": True}, "/assets/0/vehicle/connector_id"),
        ({"phases": 0}, "/assets/0/vehicle/phases"),
        ({"phases": 4}, "/assets/0/vehicle/phases"),
        ({"provider": "enode", "phases": 3}, "/assets/0/vehicle"),
        ({"provider": "tesla", "connector_id": 1}, "/assets/0/vehicle"),
    ],
)
def test_an_impossible_connector_and_a_cars_connector_are_refused(vehicle: dict[str, Any], pointer: str) -> None:
    with pytest.raises(ProblemError) as refused:
        parse(SiteBody, site(**vehicle))
    assert pointer in str(refused.value.errors)
