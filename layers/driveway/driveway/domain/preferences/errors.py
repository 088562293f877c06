"""The faults of a preference (tariff, intent, charge-now), each with a pointer to its place."""

import math
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from driveway.domain.json_kind import json_kind


class PreferenceError(ValueError):
    """A preference cannot be accepted.

    Attributes:
        errors: pairs of a JSON pointer (RFC 6901) relative to the preference's own body and a sentence for the caller.
    """

    def __init__(self, errors: Iterable[tuple[str, str]]) -> None:
        """Hold the faults; there is at least one."""
        self.errors = tuple(errors)
        super().__init__(" ".join(f"{pointer or 'body'}: {message}" for pointer, message in self.errors))

    def under(self, prefix: str) -> "PreferenceError":
        """The same faults for a body that lies at ``prefix`` in a larger one, such as ``/assets/0/intent``."""
        return PreferenceError((prefix + pointer, message) for pointer, message in self.errors)


def pointer_to(*tokens: str | int) -> str:
    """The JSON pointer through these keys and indexes, escaped as RFC 6901 §3 says."""
    return "".join("/" + str(token).replace("~", "~0").replace("/", "~1") for token in tokens)


class Faults:
    """Collects faults, so that the caller gets all of them in one answer.

    A reader returns None for a value that is absent, null or faulty; the difference is in ``errors``.
    """

    def __init__(self) -> None:
        """No faults yet."""
        self.errors: list[tuple[str, str]] = []

    def add(self, pointer: str, message: str) -> None:
        """Note a fault at a place."""
        self.errors.append((pointer, message))

    def raise_if_any(self) -> None:
        """Raise the collected faults.

        Raises:
            PreferenceError: at least one fault was noted.
        """
        if self.errors:
            raise PreferenceError(self.errors)

    def fields(self, body: Any, pointer: str, known: Collection[str]) -> dict[str, Any]:
        """The fields of a JSON object that are not null; a fault for every field that is not ``known``."""
        if not isinstance(body, Mapping):
            self.add(pointer, f"Give a JSON object, not {json_kind(body)}.")
            return {}
        for key in body:
            if key not in known:
                self.add(pointer + pointer_to(key), f"Unknown field. Known are {', '.join(known)}.")
        return {key: body[key] for key in known if body.get(key) is not None}

    def text(self, value: Any, pointer: str) -> str | None:
        """The value if it is a string; a fault otherwise."""
        if isinstance(value, str):
            return value
        self.add(pointer, f"Give a string, not {json_kind(value)}.")
        return None

    def number(self, value: Any, pointer: str, low: float, high: float, *, above: bool = False) -> float | None:
        """The value if it is a number from ``low`` (itself excluded if ``above``) to ``high``; a fault otherwise."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.add(pointer, f"Give a number, not {json_kind(value)}.")
            return None
        too_low = value <= low if above else value < low
        if too_low or value > high or (isinstance(value, float) and math.isnan(value)):
            least = f"more than {low:g} and" if above else f"at least {low:g} and"
            self.add(pointer, f"Give a number that is {least} at most {high:g}.")
            return None
        return float(value) + 0.0  # -0.0 would be shown as such

    def flag(self, value: Any, pointer: str) -> bool:
        """The value if it is true or false; a fault, and false, otherwise."""
        if isinstance(value, bool):
            return value
        self.add(pointer, f"Give true or false, not {json_kind(value)}.")
        return False

    def choice(self, value: Any, pointer: str, choices: tuple[str, ...]) -> str | None:
        """The value if it is one of the strings; a fault otherwise."""
        if isinstance(value, str) and value in choices:
            return value
        self.add(pointer, f"Give one of {', '.join(choices)}.")
        return None
