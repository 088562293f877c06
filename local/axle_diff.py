"""What a newly fetched OpenAPI document of Axle's changes: ``make axle-diff FILE=new.json``.

Axle's document changes without a change of its version, so versions are not compared. A change touches us if it
concerns an operation that we call, or an event that Axle sends us.
"""

import json
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from driveway.axle.answers import FORMS

BESIDE_THE_REPOSITORY = Path(__file__).resolve().parents[2] / "shared" / "axle" / "openapi-1.4.6.json"
METHODS = ("get", "post", "put", "patch", "delete")
TOKEN = ("post", "/auth/token-form")
RECEIVED = frozenset({("get", "/examples/dispatch-event"), ("get", "/examples/ocpp-charging-profile")})
"""The operations whose answers are examples of what Axle sends us."""

LOOKS_CALLED = "/entities/asset/{asset_id}/event/plug-in-schedule"
"""A path that looks like those of events that we send."""

UNIMPORTANT = frozenset({"title", "description", "summary", "operationId", "tags", "examples", "example"})


@dataclass(frozen=True, slots=True, order=True)
class Change:
    """A change of an operation. ``touches_us``: we call it, or it describes what Axle sends us."""

    touches_us: bool
    operation: str
    text: str

    def __str__(self) -> str:
        return f"{'TOUCHES US' if self.touches_us else 'elsewhere '}  {self.operation}: {self.text}"


def is_used(method: str, path: str) -> bool:
    """Whether we call an operation, or get what it describes."""
    if (method, path) == TOKEN or (method, path) in RECEIVED:
        return True
    return path != LOOKS_CALLED and any(form.method == method.upper() and form.path.fullmatch(path) for form in FORMS)


def differences(held: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    """The changes from one document to another, those that touch us first."""
    before, after = _operations(held), _operations(new)
    found = [
        Change(is_used(*key), _named(key), "is gone" if key in before else "is new")
        for key in before.keys() ^ after.keys()
    ]
    for key in before.keys() & after.keys():
        texts = sorted(set(_changed(_whole(before[key], held), _whole(after[key], new), "")))
        found += [Change(is_used(*key), _named(key), text) for text in texts]
    return sorted(found, key=lambda change: (not change.touches_us, change.operation, change.text))


def _operations(document: Mapping[str, Any]) -> dict[tuple[str, str], Any]:
    return {
        (method, path): operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if method in METHODS
    }


def _named(key: tuple[str, str]) -> str:
    return f"{key[0].upper()} {key[1]}"


def _whole(value: Any, document: Mapping[str, Any], within: tuple[str, ...] = (), *, names: bool = False) -> Any:
    """The value with what it refers to in place of each reference, and lists of named things by their names.

    ``names``: the members are named by Axle, so one may be called ``title``.
    """
    found = _by_name(value) if isinstance(value, list) else value
    if not isinstance(found, dict):
        return found
    reference = None if names else found.get("$ref")
    if isinstance(reference, str):
        inside = (*within, reference)
        return reference if reference in within else _whole(_referred(reference, document), document, inside)
    return {
        name: _whole(inner, document, within, names=name == "properties" and not names)
        for name, inner in found.items()
        if names or name not in UNIMPORTANT
    }


def _by_name(items: list[Any]) -> dict[str, Any]:
    if items and all(isinstance(item, dict) and "name" in item for item in items):
        return {str(item["name"]): item for item in items}
    if all(isinstance(item, str) for item in items):
        return dict.fromkeys(items, True)
    return {str(number): item for number, item in enumerate(items)}


def _referred(reference: str, document: Mapping[str, Any]) -> Any:
    found: Any = document
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return found


def _changed(before: Any, after: Any, place: str) -> Iterator[str]:
    if isinstance(before, dict) and isinstance(after, dict):
        for name in before.keys() | after.keys():
            inside = f"{place}/{name}"
            if name not in after:
                yield f"{inside} is gone"
            elif name not in before:
                yield f"{inside} is new"
            else:
                yield from _changed(before[name], after[name], inside)
    elif before != after:
        yield f"{place} was {json.dumps(before)[:80]}, is {json.dumps(after)[:80]}"


def main(arguments: list[str]) -> int:
    """Print the changes; 1 if one of them touches us, 2 if the arguments are wrong."""
    if len(arguments) not in {1, 2}:
        print("Give the new document, and the one to compare with if it is not the one that the contract tests hold.")
        return 2
    new = json.loads(Path(arguments[0]).read_text())
    named = arguments[1] if len(arguments) > 1 else os.environ.get("AXLE_OPENAPI", str(BESIDE_THE_REPOSITORY))
    held = json.loads(Path(named).read_text())
    found = differences(held, new)
    for change in found:
        print(change)
    touching = sum(change.touches_us for change in found)
    print(f"{len(found)} changes, {touching} of them in what we use.")
    return 1 if touching else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
