"""The intent: the driver's need, as an app gives it, in the one form in which it is stored, and in Axle's form.

Source of Axle's rules (energy estimated, charging mode, ready-by as wall time): its API description, schema ``Intent``.
"""

import re
from collections.abc import Mapping
from datetime import date, datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any, cast, get_args

from msgspec import UNSET, to_builtins

from driveway.domain.preferences.answers import IntentAnswer, ReadyByDays, VehicleIntentAnswer
from driveway.domain.preferences.departures import WEEKDAYS, next_departure
from driveway.domain.preferences.errors import Faults, PreferenceError, pointer_to
from driveway.domain.twin import AxleIntent, ChargingMode, Intent, VehicleIntent, Weekday
from driveway.domain.wall_time import DAY_MIN, TimeOfDayError, hhmm, parse_time_of_day

DEFAULT_HOURS = 4.0
"""Hours of charging at the asset's power that are requested if the driver names no energy."""

CHARGING_EFFICIENCY = 0.9
"""Energy that arrives in the battery for each unit taken from the grid, in AC charging at home."""

SOC_ENERGY_TOLERANCE_KWH = 0.5
"""A new state of charge is reported only if it changes the needed energy by more than this."""

_ENERGY_FIELDS = ("kwh", "hours", "target_soc_pct")
_FIELDS = (*_ENERGY_FIELDS, "ready_by", "exceptions", "may_charge_peak", "charging_mode", "minimum_soc_pct")
_MOST_EXCEPTIONS = 366
_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_TENTH = Decimal("0.1")
_DUST = Decimal("0.000001")


def parse_intent(body: Mapping[str, Any], *, default: Intent | None = None) -> Intent:
    """The intent in an app's body, normalised.

    Energy is at most one of ``kwh``, ``hours`` and ``target_soc_pct``; none means the default hours. ``ready_by`` is
    one local time for all days or an object by weekday (``mon`` to ``sun``; a day left out has no departure);
    ``exceptions`` gives other times by ISO date. Null is absent. A body replaces the intent it updates, except that
    one without ``ready_by`` keeps that of ``default``, and its exceptions unless it brings its own.

    Raises:
        PreferenceError: with a pointer to every fault; ``ready_by`` is required where there is no ``default``.
    """
    faults = Faults()
    given = faults.fields(body, "", _FIELDS)
    ready_by = _read_ready_by(given.get("ready_by"), default, faults)
    exceptions = _read_exceptions(given.get("exceptions"), faults)
    if default is not None and "ready_by" not in given and "exceptions" not in given:
        exceptions = dict(default.exceptions)
    _check_one_amount(given, faults)
    intent = Intent(
        ready_by=ready_by,
        kwh=_read_number(given, "kwh", 500, faults),
        hours=_read_number(given, "hours", 168, faults),
        target_soc_pct=_read_number(given, "target_soc_pct", 100, faults),
        exceptions=exceptions,
        may_charge_peak=faults.flag(given.get("may_charge_peak", False), "/may_charge_peak"),
        charging_mode=_read_charging_mode(given.get("charging_mode", "maximise_charging_time"), faults),
        minimum_soc_pct=_read_number(given, "minimum_soc_pct", 100, faults),
    )
    if intent.target_soc_pct is not None and (intent.minimum_soc_pct or 0) > intent.target_soc_pct:
        faults.add("/minimum_soc_pct", "The minimum is above target_soc_pct.")
    faults.raise_if_any()
    return intent


def _check_one_amount(given: Mapping[str, Any], faults: Faults) -> None:
    amounts = [key for key in _ENERGY_FIELDS if key in given]
    for key in amounts[1:]:
        faults.add(pointer_to(key), f"Give only one of {', '.join(_ENERGY_FIELDS)}: there is {amounts[0]} already.")


def _read_charging_mode(value: Any, faults: Faults) -> ChargingMode:
    return cast("ChargingMode", faults.choice(value, "/charging_mode", get_args(ChargingMode)))


def _read_number(given: Mapping[str, Any], key: str, most: float, faults: Faults) -> float | None:
    return faults.number(given[key], pointer_to(key), 0, most) if key in given else None


def _read_ready_by(value: Any, default: Intent | None, faults: Faults) -> dict[Weekday, str]:
    if value is None:
        if default is None:
            faults.add("/ready_by", "Give the local time the car must be ready by, such as '07:00', or one by weekday.")
        return dict(default.ready_by) if default else {}
    if not isinstance(value, Mapping):
        local_time = _read_time(value, "/ready_by", faults)
        return dict.fromkeys(WEEKDAYS, local_time)
    if not value:
        faults.add("/ready_by", "Give a time for at least one weekday.")
    for day in value:
        if day not in WEEKDAYS:
            faults.add(pointer_to("ready_by", day), f"Unknown weekday. Known are {', '.join(WEEKDAYS)}.")
    return {day: _read_time(value[day], pointer_to("ready_by", day), faults) for day in WEEKDAYS if day in value}


def _read_exceptions(value: Any, faults: Faults) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        faults.add("/exceptions", "Give an object of local times by date, such as {'2026-12-25': '11:00'}.")
        return {}
    if len(value) > _MOST_EXCEPTIONS:
        faults.add("/exceptions", f"Give at most {_MOST_EXCEPTIONS} dates.")
        return {}
    times = {}
    for day in sorted(value):
        pointer = pointer_to("exceptions", day)
        if not _is_date(day):
            faults.add(pointer, "Give a date of the calendar as YYYY-MM-DD.")
        times[day] = _read_time(value[day], pointer, faults)
    return times


def _is_date(text: str) -> bool:
    try:
        return _ISO_DATE.fullmatch(text) is not None and 2000 <= date.fromisoformat(text).year < 2200
    except ValueError:
        return False


def _read_time(value: Any, pointer: str, faults: Faults) -> str:
    text = faults.text(value, pointer)
    if text is None:
        return ""
    try:
        minutes = parse_time_of_day(text)
    except TimeOfDayError as error:
        faults.add(pointer, str(error))
        return ""
    if minutes == DAY_MIN:
        faults.add(pointer, "A departure is at '00:00' to '23:59': for midnight give '00:00' of the day that begins.")
    return hhmm(minutes)


def check_intent_fits(intent: Intent, *, battery_kwh: float | None) -> None:
    """Whether the asset is known well enough for the intent.

    Raises:
        PreferenceError: the intent has a target state of charge and the battery size is not known.
    """
    if intent.target_soc_pct is not None and battery_kwh is None:
        raise PreferenceError(
            [("/target_soc_pct", "A target needs the asset's battery_kwh, which is not known. Give kwh or hours.")]
        )


def intent_answer(intent: Intent) -> IntentAnswer:
    """The intent in an answer to the app; it parses to itself."""
    return IntentAnswer(**_members(intent))


def vehicle_intent_answer(own: VehicleIntent) -> VehicleIntentAnswer:
    """A car's intent in an answer to the app; it parses to itself."""
    battery_kwh = UNSET if own.battery_kwh is None else own.battery_kwh
    return VehicleIntentAnswer(**_members(own.intent), battery_kwh=battery_kwh)


def intent_body(intent: Intent) -> dict[str, Any]:
    """``intent_answer`` as plain values, for the timeline."""
    body: dict[str, Any] = to_builtins(intent_answer(intent))
    return body


def _members(intent: Intent) -> dict[str, Any]:
    """The members of an intent's answer. ``ready_by`` is one time if all seven days have it."""
    times = set(intent.ready_by.values())
    one_time = len(times) == 1 and len(intent.ready_by) == len(WEEKDAYS)
    optional = {
        "kwh": intent.kwh,
        "hours": intent.hours,
        "target_soc_pct": intent.target_soc_pct,
        "minimum_soc_pct": intent.minimum_soc_pct,
        "exceptions": dict(sorted(intent.exceptions.items())) or None,
    }
    return {
        **{key: value for key, value in optional.items() if value is not None},
        "ready_by": times.pop() if one_time else ReadyByDays(**intent.ready_by),
        "may_charge_peak": intent.may_charge_peak,
        "charging_mode": intent.charging_mode,
    }


def axle_intent(
    intent: Intent,
    *,
    link_power_kw: float,
    battery_kwh: float | None,
    soc_pct: float | None,
    timezone: str,
    now: datetime,
    vehicle_id: str | None = None,
    default_hours: float = DEFAULT_HOURS,
    charging_efficiency: float = CHARGING_EFFICIENCY,
) -> AxleIntent | None:
    """The intent in Axle's form, for the first departure after ``now`` (aware); None if there is no departure.

    ``soc_pct`` is the latest observed state of charge, ``timezone`` (IANA) the site's, ``vehicle_id`` the car that was
    named as plugged in, if one was. The energy is taken from the
    grid, so what a target adds to the battery is divided by the efficiency. It is rounded up to 0.1 kWh and is neither
    negative nor above the battery. ``energy_estimated`` is false only where the energy comes from a target and an
    observed state of charge.

    Raises:
        UnknownZoneError: ``timezone`` is not a zone.
    """
    departure = next_departure(intent, timezone, now)
    if departure is None:
        return None
    measured = intent.target_soc_pct is not None and battery_kwh is not None and soc_pct is not None
    energy_kwh = _energy_kwh(
        intent,
        default_kwh=_exact(default_hours) * _exact(link_power_kw),
        power_kw=_exact(link_power_kw),
        battery_kwh=None if battery_kwh is None else _exact(battery_kwh),
        soc_pct=None if soc_pct is None else _exact(soc_pct),
        charging_efficiency=_exact(charging_efficiency),
    )
    return AxleIntent(
        energy_required_kwh=_rounded_up(energy_kwh, battery_kwh),
        ready_by=departure.at,
        ready_by_local_time=f"{departure.local_time}:00",
        energy_estimated=not measured,
        may_charge_peak=intent.may_charge_peak,
        charging_mode=intent.charging_mode,
        target_soc_pct=intent.target_soc_pct if measured else None,
        vehicle_id=vehicle_id,
    )


def _energy_kwh(
    intent: Intent,
    *,
    default_kwh: Decimal,
    power_kw: Decimal,
    battery_kwh: Decimal | None,
    soc_pct: Decimal | None,
    charging_efficiency: Decimal,
) -> Decimal:
    if intent.kwh is not None:
        return _exact(intent.kwh)
    if intent.hours is not None:
        return _exact(intent.hours) * power_kw
    if intent.target_soc_pct is None or battery_kwh is None:
        return default_kwh
    from_empty_kwh = _exact(intent.target_soc_pct) * battery_kwh / (100 * charging_efficiency)
    if soc_pct is None:
        # The state of charge is unknown: ask for the default hours, but at most for what an empty battery needs.
        return min(default_kwh, from_empty_kwh)
    return (_exact(intent.target_soc_pct) - soc_pct) * battery_kwh / (100 * charging_efficiency)


def _exact(value: float) -> Decimal:
    """The float as the decimal that a person wrote, so that 7.4 times 4 is exactly 29.6."""
    return Decimal(str(value))


def _rounded_up(energy_kwh: Decimal, battery_kwh: float | None) -> float:
    tenths = energy_kwh.quantize(_DUST).quantize(_TENTH, rounding=ROUND_CEILING)
    if battery_kwh is not None:
        tenths = min(tenths, _exact(battery_kwh).quantize(_TENTH, rounding=ROUND_FLOOR))
    return float(max(Decimal(0), tenths))


def intent_differs(acked: AxleIntent | None, wanted: AxleIntent) -> bool:
    """Whether Axle, having acknowledged the one, must learn the other.

    Two differences do not count: the date of ``ready_by``, which Axle discards, and an energy that changed by at most
    ``SOC_ENERGY_TOLERANCE_KWH`` under the same car and target, since then only the state of charge changed.
    """
    if acked is None:
        return True
    tolerance_kwh = _exact(SOC_ENERGY_TOLERANCE_KWH) if same_target(acked, wanted) else Decimal(0)
    moved_kwh = abs(_exact(acked.energy_required_kwh) - _exact(wanted.energy_required_kwh))
    return moved_kwh > tolerance_kwh or _terms(acked) != _terms(wanted)


def same_target(acked: AxleIntent, wanted: AxleIntent) -> bool:
    """Whether both have their energy from the same target of the same car, so that only its state of charge moved."""
    target = acked.target_soc_pct
    return target is not None and (target, acked.vehicle_id) == (wanted.target_soc_pct, wanted.vehicle_id)


def _terms(intent: AxleIntent) -> tuple[str, bool, bool, str]:
    return (intent.ready_by_local_time, intent.energy_estimated, intent.may_charge_peak, intent.charging_mode)
