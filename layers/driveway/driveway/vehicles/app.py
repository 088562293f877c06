"""The app's own observations: ``POST /assets/{asset}/observations``, checked field by field."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, get_args

from driveway.domain.preferences.vehicle_intent import VEHICLE_ID_RULE, is_vehicle_id
from driveway.domain.presence.observation import Observation, RegisterKind
from driveway.vehicles.json_values import AHEAD

SOURCE = "app"
MOST_OBSERVATIONS = 100
MOST_POWER_KW = 1_000.0
MOST_ENERGY_KWH = 100_000_000.0
MEASURING_POINTS = ("charger", "vehicle_ac_input", "battery")


class ObservationsError(ValueError):
    """The body is refused as a whole. ``errors`` are pairs of an RFC 6901 pointer into it and what is wrong there."""

    def __init__(self, errors: list[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{pointer or '/'}: {message}" for pointer, message in errors))
        self.errors = errors


def parse_observations(body: Any, *, now: datetime) -> tuple[Observation, ...]:
    """The observations in a parsed JSON body ``{"observations": [...]}``, 1 to 100 of them, in the order given.

    Each has ``at`` (ISO 8601 with offset, at most five minutes after ``now``, which is aware) and at least one of
    ``plugged_in``, ``at_home``, ``charging`` (true or false), ``power_kw``, ``energy_session_kwh``,
    ``energy_lifetime_kwh``, ``energy_delta_kwh`` (not negative), ``soc_pct`` (0 to 100) and ``vehicle_id`` (which car
    is plugged in). It may say what its values are: ``measuring_point``, ``register`` and ``tells_every_change``. A null
    is the same as the field left out.

    Raises:
        ObservationsError: something in the body is not so; all that is wrong is listed.
    """
    errors: list[tuple[str, str]] = []
    items = _items(body, errors)
    found = tuple(_observation(item, f"/observations/{place}", now, errors) for place, item in enumerate(items))
    if errors:
        raise ObservationsError(errors)
    return tuple(observation for observation in found if observation is not None)


def _items(body: Any, errors: list[tuple[str, str]]) -> list[Any]:
    if not isinstance(body, dict):
        errors.append(("", 'must be an object: {"observations": [...]}'))
        return []
    errors.extend((f"/{_escaped(name)}", "unknown field") for name in body if name != "observations")
    items = body.get("observations")
    if not isinstance(items, list):
        errors.append(("/observations", "must be an array"))
        return []
    if not 1 <= len(items) <= MOST_OBSERVATIONS:
        errors.append(("/observations", f"must hold 1 to {MOST_OBSERVATIONS} observations, not {len(items)}"))
        return []
    return items


def _observation(item: Any, pointer: str, now: datetime, errors: list[tuple[str, str]]) -> Observation | None:
    if not isinstance(item, dict):
        errors.append((pointer, "must be an object"))
        return None
    known = {"at", *SIGNALS, *STATEMENTS}
    wrong = [(_escaped(name), "unknown field") for name in item if name not in known]
    signals, statements = _values(item, SIGNALS, wrong), _values(item, STATEMENTS, wrong)
    at: datetime | None = None
    try:
        at = _instant(item.get("at"), now)
    except ValueError as error:
        wrong.append(("at", str(error)))
    errors.extend((f"{pointer}/{name}", message) for name, message in wrong)
    if not wrong and not signals:
        errors.append((pointer, "says nothing: give at least one of " + ", ".join(SIGNALS)))
    return None if at is None else Observation(at=at, source=SOURCE, **signals, **statements)


def _values(
    item: Mapping[str, Any], fields: Mapping[str, Callable[[Any], Any]], wrong: list[tuple[str, str]]
) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, read in fields.items():
        if item.get(name) is None:
            continue
        try:
            values[name] = read(item[name])
        except ValueError as error:
            wrong.append((name, str(error)))
    return values


def _instant(value: Any, now: datetime) -> datetime:
    try:
        at = datetime.fromisoformat(value)
        utc = at.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        raise ValueError("must be an ISO 8601 instant with offset, for example 2026-11-22T18:00:05Z") from None
    if at.tzinfo is None:
        raise ValueError("needs a UTC offset, for example Z or +01:00")
    if utc > now + AHEAD:
        raise ValueError("is in the future")
    return utc


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("must be true or false")
    return value


def _number_up_to(most: float) -> Callable[[Any], float]:
    def read(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError("must be a number")
        if not 0 <= value <= most:
            raise ValueError(f"must be between 0 and {most:.0f}")
        return float(value)

    return read


def _vehicle_id(value: Any) -> str:
    if not isinstance(value, str) or not is_vehicle_id(value):
        raise ValueError(VEHICLE_ID_RULE)
    return value


def _one_of(values: Sequence[str]) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if value not in values:
            raise ValueError("must be one of " + ", ".join(values))
        return str(value)

    return read


SIGNALS: dict[str, Callable[[Any], bool | float | str]] = {
    "plugged_in": _flag,
    "at_home": _flag,
    "charging": _flag,
    "power_kw": _number_up_to(MOST_POWER_KW),
    "energy_session_kwh": _number_up_to(MOST_ENERGY_KWH),
    "energy_lifetime_kwh": _number_up_to(MOST_ENERGY_KWH),
    "energy_delta_kwh": _number_up_to(MOST_ENERGY_KWH),
    "soc_pct": _number_up_to(100),
    "vehicle_id": _vehicle_id,
}
STATEMENTS: dict[str, Callable[[Any], bool | float | str]] = {
    "measuring_point": _one_of(MEASURING_POINTS),
    "register": _one_of(get_args(RegisterKind)),
    "tells_every_change": _flag,
}
"""What an observation may say of its own source."""


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
