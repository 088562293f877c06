"""Reading OCPP 1.6 charging profiles as they are really sent: lenient in form, strict in meaning.

Explicit nulls, floats for whole numbers, unknown keys, any key order and the usual ISO 8601 forms are read. A value
that would change the charging and cannot be understood is refused, with a JSON pointer and a sentence.
"""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, cast, get_args

from driveway.domain.charging_profiles.profile import (
    ChargingProfile,
    Kind,
    Purpose,
    RateUnit,
    Recurrency,
    SchedulePeriod,
)
from driveway.domain.json_kind import json_kind

MOST_PERIODS = 2016
"""A week of five-minute periods: a longer schedule is a mistake."""

_INT32_MAX = 2**31 - 1
_MOST_LIMIT = 1e9
_MOST_PHASES = 3


class ProfileError(ValueError):
    """A profile that cannot be accepted.

    Attributes:
        pointer: RFC 6901 JSON pointer to the fault, within the body that was given.
        message: a plain sentence for the sender.
    """

    def __init__(self, pointer: str, message: str) -> None:
        super().__init__(f"{pointer or 'body'}: {message}")
        self.pointer = pointer
        self.message = message


def parse_set_charging_profile(body: object) -> ChargingProfile:
    """The profile in a ``SetChargingProfileRequest`` (OCPP 1.6 §6.43) or in a bare ``ChargingProfile``.

    ``connectorId`` is ignored: an asset is one connector.

    Raises:
        ProfileError: as ``parse_charging_profile``; pointers are into the body given.
    """
    if isinstance(body, Mapping) and "csChargingProfiles" in body:
        return _profile(body["csChargingProfiles"], "/csChargingProfiles")
    return _profile(body, "")


def parse_charging_profile(body: Mapping[str, Any]) -> ChargingProfile:
    """The profile in a decoded JSON ``ChargingProfile`` (OCPP 1.6 §7.8, §7.13, §7.14).

    Timestamps without an offset are UTC; all are returned as aware UTC.

    Raises:
        ProfileError: a required field is missing or null, a value has the wrong type, an unknown enum value, is
            negative, not finite or absurdly large, there are no periods, the first does not start at 0, or they do
            not ascend.
    """
    return _profile(body, "")


def _profile(body: object, at: str) -> ChargingProfile:
    given = _object(body, at)
    schedule_at = f"{at}/chargingSchedule"
    schedule = _object(_required(given, "chargingSchedule", at), schedule_at)
    kind = cast("Kind", _choice(given, "chargingProfileKind", at, get_args(Kind)))
    recurrency = None
    if kind == "Recurring" or given.get("recurrencyKind") is not None:
        recurrency = cast("Recurrency", _choice(given, "recurrencyKind", at, get_args(Recurrency)))
    return ChargingProfile(
        stack_level=_whole(_required(given, "stackLevel", at), f"{at}/stackLevel"),
        purpose=cast("Purpose", _choice(given, "chargingProfilePurpose", at, get_args(Purpose))),
        kind=kind,
        recurrency=recurrency,
        profile_id=_optional_whole(given, "chargingProfileId", at, lowest=-_INT32_MAX - 1),
        transaction_id=_optional_whole(given, "transactionId", at, lowest=-_INT32_MAX - 1),
        valid_from=_optional_instant(given, "validFrom", at),
        valid_to=_optional_instant(given, "validTo", at),
        unit=cast("RateUnit", _choice(schedule, "chargingRateUnit", schedule_at, get_args(RateUnit))),
        duration_s=_optional_whole(schedule, "duration", schedule_at),
        start_schedule=_optional_instant(schedule, "startSchedule", schedule_at),
        min_charging_rate=_optional_number(schedule, "minChargingRate", schedule_at),
        periods=_periods(
            _required(schedule, "chargingSchedulePeriod", schedule_at), f"{schedule_at}/chargingSchedulePeriod"
        ),
    )


def _periods(value: object, at: str) -> tuple[SchedulePeriod, ...]:
    if not isinstance(value, list | tuple):
        raise ProfileError(at, f"Expected an array of periods, not {json_kind(value)}.")
    if not value:
        raise ProfileError(at, "A schedule needs at least one period.")
    if len(value) > MOST_PERIODS:
        raise ProfileError(at, f"A schedule may have at most {MOST_PERIODS} periods, this one has {len(value)}.")
    periods = tuple(_period(item, f"{at}/{index}") for index, item in enumerate(value))
    if periods[0].start_s != 0:
        raise ProfileError(f"{at}/0/startPeriod", "The first period must start at 0.")
    for index in range(1, len(periods)):
        if periods[index].start_s <= periods[index - 1].start_s:
            raise ProfileError(f"{at}/{index}/startPeriod", "Every period must start later than the one before it.")
    return periods


def _period(value: object, at: str) -> SchedulePeriod:
    given = _object(value, at)
    number_phases = _optional_whole(given, "numberPhases", at)
    if number_phases is not None and not 1 <= number_phases <= _MOST_PHASES:
        raise ProfileError(f"{at}/numberPhases", f"Expected 1 to {_MOST_PHASES} phases.")
    return SchedulePeriod(
        start_s=_whole(_required(given, "startPeriod", at), f"{at}/startPeriod"),
        limit=_number(_required(given, "limit", at), f"{at}/limit"),
        number_phases=number_phases,
    )


def _object(value: object, at: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ProfileError(at, f"Expected an object, not {json_kind(value)}.")
    return value


def _required(given: Mapping[str, Any], name: str, at: str) -> object:
    value: object = given.get(name)
    if value is None:
        raise ProfileError(f"{at}/{name}", f"{name} is required.")
    return value


def _choice(given: Mapping[str, Any], name: str, at: str, allowed: tuple[str, ...]) -> str:
    value = _required(given, name, at)
    if not isinstance(value, str) or value not in allowed:
        raise ProfileError(f"{at}/{name}", f"Expected one of {', '.join(allowed)}.")
    return value


def _number(value: object, at: str, *, lowest: float = 0.0, highest: float = _MOST_LIMIT) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ProfileError(at, f"Expected a number, not {json_kind(value)}.")
    if isinstance(value, float) and not math.isfinite(value):
        raise ProfileError(at, "Expected a finite number.")
    if value < lowest:
        raise ProfileError(at, "The number must not be negative." if lowest == 0 else f"Expected at least {lowest:g}.")
    if value > highest:
        raise ProfileError(at, f"Expected at most {highest:g}.")
    return float(value)


def _whole(value: object, at: str, *, lowest: int = 0) -> int:
    number = _number(value, at, lowest=lowest, highest=_INT32_MAX)
    if not number.is_integer():
        raise ProfileError(at, "Expected a whole number.")
    return int(number)


def _optional_whole(given: Mapping[str, Any], name: str, at: str, *, lowest: int = 0) -> int | None:
    value = given.get(name)
    return None if value is None else _whole(value, f"{at}/{name}", lowest=lowest)


def _optional_number(given: Mapping[str, Any], name: str, at: str) -> float | None:
    value = given.get(name)
    return None if value is None else _number(value, f"{at}/{name}")


def _optional_instant(given: Mapping[str, Any], name: str, at: str) -> datetime | None:
    value = given.get(name)
    if value is None:
        return None
    pointer = f"{at}/{name}"
    if not isinstance(value, str):
        raise ProfileError(pointer, f"Expected an ISO 8601 timestamp, not {json_kind(value)}.")
    try:
        instant = datetime.fromisoformat(value.strip())
        return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ProfileError(pointer, "Expected an ISO 8601 timestamp such as '2026-04-14T22:00:00+00:00'.") from error
