"""The providers by name. A half of a provider is imported when it is first asked for, and only that half."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any, cast

from driveway.domain.twin import Vehicle, Window
from driveway.vehicles.provider import Call, Commands, Outcome, OutcomeKind, TokenError, Webhooks


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
    """The outbound half of the provider. A token that cannot be had is an Outcome, too: nothing is raised for it.

    Raises:
        UnknownProviderError: no provider of that name takes commands.
    """
    provider = PROVIDERS.get(name)
    if provider is None or provider.commands is None:
        raise UnknownProviderError(f"No provider named {name!r} takes commands.")
    return _TokenFaultsTold(cast("Commands", _made(provider.commands)))


def _made(target: str) -> Any:
    module, _, name = target.partition(":")
    return getattr(import_module(module), name)()


def _told(error: TokenError) -> Outcome:
    kind = OutcomeKind.NEEDS_USER if error.needs_user else OutcomeKind.RETRYABLE
    return Outcome(kind, str(error), retry_after_s=error.retry_after_s)


@dataclass(frozen=True, slots=True)
class _TokenFaultsTold:
    """Commands whose ``TokenError`` is told as an Outcome, the same for every provider."""

    inner: Commands

    def start(self, call: Call, vehicle: Vehicle, *, limit_kw: float | None) -> Outcome:
        try:
            return self.inner.start(call, vehicle, limit_kw=limit_kw)
        except TokenError as error:
            return _told(error)

    def stop(self, call: Call, vehicle: Vehicle) -> Outcome:
        try:
            return self.inner.stop(call, vehicle)
        except TokenError as error:
            return _told(error)

    def look(self, call: Call, vehicle: Vehicle) -> Outcome:
        try:
            return self.inner.look(call, vehicle)
        except TokenError as error:
            return _told(error)

    def wake(self, call: Call, vehicle: Vehicle) -> Outcome:
        try:
            return self.inner.wake(call, vehicle)
        except TokenError as error:
            return _told(error)

    def install_default(self, call: Call, vehicle: Vehicle, windows: tuple[Window, ...], *, timezone: str) -> Outcome:
        try:
            return self.inner.install_default(call, vehicle, windows, timezone=timezone)
        except TokenError as error:
            return _told(error)

    def remove_default(self, call: Call, vehicle: Vehicle) -> Outcome:
        try:
            return self.inner.remove_default(call, vehicle)
        except TokenError as error:
            return _told(error)
