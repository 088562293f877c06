"""The registry: every provider is found by its name, whole, and only when it is needed."""

import inspect
import os
import subprocess
import sys

import pytest

from driveway.vehicles import registry
from driveway.vehicles.provider import Commands, Webhooks


def shape(half: object, protocol: type) -> dict[str, list[str]]:
    names = [name for name, _ in inspect.getmembers(protocol, inspect.isfunction) if not name.startswith("_")]
    return {name: [n for n in inspect.signature(getattr(half, name)).parameters if n != "self"] for name in names}


@pytest.mark.parametrize("name", registry.PROVIDERS)
def test_every_provider_has_the_halves_it_names(name):
    provider = registry.PROVIDERS[name]
    if provider.webhooks:
        assert shape(registry.webhooks(name), Webhooks) == shape(Webhooks, Webhooks)
    if provider.commands:
        assert shape(registry.commands(name), Commands) == shape(Commands, Commands)
    assert provider.webhooks or provider.commands


@pytest.mark.parametrize("name", ["", "app", "nissan", "enode.webhooks", "ocpp"])
def test_a_provider_without_webhooks_is_unknown(name):
    with pytest.raises(registry.UnknownProviderError):
        registry.webhooks(name)


@pytest.mark.parametrize("name", ["", "app", "nissan"])
def test_a_provider_without_commands_is_unknown(name):
    with pytest.raises(registry.UnknownProviderError):
        registry.commands(name)


def test_asking_for_one_half_imports_neither_the_other_nor_another_provider():
    code = (
        "import sys; from driveway.vehicles.registry import webhooks; webhooks('enode');"
        "print([m for m in sys.modules if m.startswith('driveway.vehicles.')])"
    )
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environ)
    loaded = done.stdout
    assert "enode.webhooks" in loaded
    assert not any(name in loaded for name in ("commands", "smartcar", "tesla", "ocpp", "tokens"))
