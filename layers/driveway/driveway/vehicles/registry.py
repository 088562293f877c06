"""The providers by name. A half of a provider is imported when it is first asked for, and only that half."""

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, cast

from msgspec import Struct, field

from driveway.domain.metering.meter_kind import UNKNOWN_METER, MeterKind
from driveway.domain.twin import Capabilities
from driveway.vehicles.provider import Commands, Webhooks

if TYPE_CHECKING:
    from driveway.vehicles.leaving import Leaving
    from driveway.vehicles.linking import Linking


class Provider(Struct, frozen=True):
    """A provider: where its halves are, what its cars can do, and how it gives tokens.

    Attributes:
        webhooks, commands: the halves, as ``module:class``; None where it has no such half.
        leaving: what ends the connection to a vehicle, in the same form; None where there is nothing to end.
        linking: what makes links for drivers, in the same form; None where no driver connects anything.
        capabilities: what its cars or chargers can do, and how they report.
        tokens: whose the token is: the ``app`` (HTTP Basic or form credentials), each car's ``owner``, or nobody, since
            a ``fixed`` one stands in the secret.
        meter: what its values are: where they are measured, how its register behaves, when it reports.
        settings: environment settings that ``Call.extra`` gives its commands, by the name it has there.
    """

    webhooks: str | None
    commands: str | None
    leaving: str | None = None
    linking: str | None = None
    capabilities: Capabilities = Capabilities()
    tokens: Literal["app_basic", "app_form", "owner", "fixed"] = "app_form"
    settings: Mapping[str, str] = field(default_factory=dict)
    meter: MeterKind = UNKNOWN_METER


PROVIDERS: Mapping[str, Provider] = {
    "enode": Provider(
        webhooks="driveway.vehicles.enode.webhooks:EnodeWebhooks",
        commands="driveway.vehicles.enode.commands:EnodeCommands",
        leaving="driveway.vehicles.enode.leaving:EnodeLeaving",
        linking="driveway.vehicles.enode.linking:EnodeLinking",
        tokens="app_basic",
        # The rate is what reaches the battery (chargeRate, API 2024-10-01). Events come whenever something changes.
        meter=MeterKind(power_at="battery", tells_every_change=True),
    ),
    "smartcar": Provider(
        webhooks="driveway.vehicles.smartcar.webhooks:SmartcarWebhooks",
        commands="driveway.vehicles.smartcar.commands:SmartcarCommands",
        leaving="driveway.vehicles.smartcar.leaving:SmartcarLeaving",
        linking="driveway.vehicles.smartcar.linking:SmartcarLinking",
        capabilities=Capabilities(holds_calls_open=True),
        settings={"management_url": "SMARTCAR_MANAGEMENT_URL", "connect_url": "SMARTCAR_CONNECT_URL"},
        # Energy is what was added to the battery. When it starts again differs by brand, and all brands are polled.
        meter=MeterKind(power_at="vehicle_ac_input", session_at="battery"),
    ),
    "tesla": Provider(
        webhooks="driveway.vehicles.tesla.webhooks:TeslaWebhooks",
        commands="driveway.vehicles.tesla.commands:TeslaCommands",
        leaving="driveway.vehicles.tesla.leaving:TeslaLeaving",
        linking="driveway.vehicles.tesla.linking:TeslaLinking",
        capabilities=Capabilities(
            takes_limits=True,
            keeps_current=True,
            keeps_schedules=True,
            schedules_act_at_home_only=True,
            reports_leaving_home=True,
        ),
        tokens="owner",
        settings={"authorize_url": "TESLA_AUTHORIZE_URL", "key_domain": "TESLA_KEY_DOMAIN"},
        # Power and energy of the AC input; telemetry sends a value when it changes.
        meter=MeterKind("vehicle_ac_input", "vehicle_ac_input", register="per_plug_in", tells_every_change=True),
    ),
    "ocpp": Provider(
        webhooks=None,
        commands="driveway.vehicles.ocpp.commands:OcppCommands",
        capabilities=Capabilities(takes_limits=True, obeys_last_instruction=True, keeps_schedules=True),
        tokens="fixed",
        settings={"stack_level": "OCPP_STACK_LEVEL", "rate_unit": "OCPP_RATE_UNIT"},
    ),
}


METERS: Mapping[str, MeterKind] = {name: provider.meter for name, provider in PROVIDERS.items()}


class UnknownProviderError(LookupError):
    """There is no provider of that name, or it has no such half."""


def capabilities(name: str) -> Capabilities:
    """What the cars or chargers of a provider can do; for any other source, nothing out of the ordinary."""
    provider = PROVIDERS.get(name)
    return provider.capabilities if provider else Capabilities()


@cache
def webhooks(name: str) -> Webhooks:
    """The inbound half of the provider.

    Raises:
        UnknownProviderError: no provider of that name sends webhooks.
    """
    provider = PROVIDERS.get(name)
    return cast(
        "Webhooks", _made(provider.webhooks if provider else None, f"No provider named {name!r} sends webhooks.")
    )


@cache
def commands(name: str) -> Commands:
    """The outbound half of the provider. Raises UnknownProviderError: no provider of that name takes commands."""
    provider = PROVIDERS.get(name)
    return cast(
        "Commands", _made(provider.commands if provider else None, f"No provider named {name!r} takes commands.")
    )


@cache
def leaving(name: str) -> "Leaving | None":
    """What ends the connections to vehicles at the provider; None where there is nothing to end."""
    provider = PROVIDERS.get(name)
    target = provider.leaving if provider else None
    return cast("Leaving", _made(target, "")) if target else None


@cache
def linking_of(name: str) -> "Linking | None":
    """What makes links for drivers at the provider; None where no driver connects anything."""
    provider = PROVIDERS.get(name)
    target = provider.linking if provider else None
    return cast("Linking", _made(target, "")) if target else None


def _made(target: str | None, unknown: str) -> Any:
    if target is None:
        raise UnknownProviderError(unknown)
    module, _, name = target.partition(":")
    return getattr(import_module(module), name)()
