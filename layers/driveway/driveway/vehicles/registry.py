"""The providers by name. A half of a provider is imported when it is first asked for, and only that half."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any, cast

from driveway.vehicles.provider import Commands, Webhooks


@dataclass(frozen=True, slots=True)
class Provider:
    """Where the halves of a provider are, as ``module:class``; None where it has no such half."""

    webhooks: str | None
    commands: str | None


PROVIDERS: Mapping[str, Provider] = {
    "enode": Provider(
        webhooks="driveway.vehicles.enode.webhooks:EnodeWebhooks",
        commands="driveway.vehicles.enode.commands:EnodeCommands",
    ),
    "smartcar": Provider(
        webhooks="driveway.vehicles.smartcar.webhooks:SmartcarWebhooks",
        commands="driveway.vehicles.smartcar.commands:SmartcarCommands",
    ),
    "tesla": Provider(
        webhooks="driveway.vehicles.tesla.webhooks:TeslaWebhooks",
        commands="driveway.vehicles.tesla.commands:TeslaCommands",
    ),
    "ocpp": Provider(webhooks=None, commands="driveway.vehicles.ocpp:OcppCommands"),
}


class UnknownProviderError(LookupError):
    """There is no provider of that name, or it has no such half."""


@cache
def webhooks(name: str) -> Webhooks:
    """The inbound half of the provider.

    Raises:
        UnknownProviderError: no provider of that name sends webhooks.
    """
    provider = PROVIDERS.get(name)
    if provider is None or provider.webhooks is None:
        raise UnknownProviderError(f"No provider named {name!r} sends webhooks.")
    return cast("Webhooks", _made(provider.webhooks))


@cache
def commands(name: str) -> Commands:
    """The outbound half of the provider.

    Raises:
        UnknownProviderError: no provider of that name takes commands.
    """
    provider = PROVIDERS.get(name)
    if provider is None or provider.commands is None:
        raise UnknownProviderError(f"No provider named {name!r} takes commands.")
    return cast("Commands", _made(provider.commands))


def _made(target: str) -> Any:
    module, _, name = target.partition(":")
    return getattr(import_module(module), name)()
