"""What the functions serve, and what the template routes to them."""

import importlib.util
import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from samtranslator.yaml_helper import yaml_parse

from driveway.runtime.http_api import HttpFunction, Scope

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Served:
    """A route as its function serves it. ``summary`` is the first line of its handler's docstring, without the stop.

    ``also`` are the further scopes that may call it.
    """

    route: str
    function: str
    scope: Scope
    summary: str
    handler: Callable[[dict[str, Any], Any], dict[str, Any]]
    also: tuple[Scope, ...] = ()


@dataclass(frozen=True, slots=True)
class Routed:
    """A route as the template gives it to a function; ``authorized`` if a bearer token is looked at on the way."""

    route: str
    function: str
    authorized: bool


@cache
def served_routes() -> dict[str, Served]:
    """Every route in a function's table, by its key (``PUT /sites/{site}``).

    Raises:
        ValueError: two functions serve the same route.
    """
    found: dict[str, Served] = {}
    for path in sorted((ROOT / "functions").glob("*/app.py")):
        module = _load(path)
        for table in (value for value in vars(module).values() if isinstance(value, HttpFunction)):
            for key, route in table.routes.items():
                if key in found:
                    raise ValueError(f"{key} is served by {found[key].function} and {path.parent.name}.")
                summary = (inspect.getdoc(route.handle) or "").partition("\n")[0].rstrip(".")
                found[key] = Served(key, path.parent.name, route.scope, summary, module.handler, route.also)
    return found


def _load(path: Path) -> Any:
    name = f"functions_{path.parent.name}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@cache
def template() -> dict[str, Any]:
    """The SAM template as plain values."""
    parsed: dict[str, Any] = yaml_parse((ROOT / "template.yaml").read_text())
    return parsed


def routed() -> dict[str, Routed]:
    """Every HTTP route of the template, by its key, but for the one that takes what no other takes."""
    found = {}
    for resource in template()["Resources"].values():
        if resource["Type"] != "AWS::Serverless::Function":
            continue
        properties = resource["Properties"]
        for event in properties.get("Events", {}).values():
            if event["Type"] != "HttpApi" or "Path" not in event["Properties"]:
                continue
            at = event["Properties"]
            key = f"{at['Method']} {at['Path']}"
            authorized = at.get("Auth", {}).get("Authorizer") != "NONE"
            found[key] = Routed(key, Path(properties["CodeUri"]).name, authorized)
    return found
