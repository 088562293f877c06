"""The profiles that a charger gets from us."""

import math
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from driveway.domain.supply import SUPPLY_V, phases_of
from driveway.domain.twin import Window
from driveway.vehicles.provider import Call

DEFAULT_PROFILE_ID, COMMAND_PROFILE_ID, TRANSACTION_PROFILE_ID = OUR_IDS = 611_000, 611_100, 611_200
"""The ids of the profiles in a charger that are ours."""

COMMAND_STACK_LEVEL = 1100
NO_LIMIT = 99_999.0
DAY_S = 86_400
SKEW = timedelta(minutes=5)
"""A charger's clock may be behind: a schedule that starts "now" would have a hole until its clock gets there."""


def default_profile(
    windows: tuple[Window, ...],
    *,
    timezone: str,
    now: datetime,
    rate_unit: str = "W",
    stack_level: int = COMMAND_STACK_LEVEL - 1,
) -> dict[str, Any]:
    """The OCPP profile that charges in daily wall-time windows and holds between them.

    A charger knows only UTC, so its day starts at today's local midnight, given in UTC. After a change of the UTC
    offset it would be off by as much: install it again then. Without windows there is no limit: a charger on its own is
    never held all day.

    Args:
        windows: sorted and apart, in minutes after local midnight.
        timezone: the IANA zone of the windows.
        now: aware; its local date and offset are those of the profile.
        rate_unit: W or A; 0 and "no limit" are the same in both.
        stack_level: its place among the TxDefaultProfiles.
    """
    local_now = now.astimezone(ZoneInfo(timezone))
    # Midnight with the present offset: the profile repeats every 24 h, so the offset counts and not the calendar.
    midnight = datetime.combine(local_now.date(), time(), tzinfo=UTC) - (local_now.utcoffset() or timedelta(0))
    periods = [(0, 0.0)] if windows else [(0, NO_LIMIT)]
    for window in windows:
        periods += [(window.start_min * 60, NO_LIMIT), (window.end_min * 60, 0.0)]
    # Of two periods that start together the later one stands: a window may begin at midnight or where another ends.
    schedule = {start_s: limit for start_s, limit in periods if start_s < DAY_S}
    return {
        "chargingProfileId": DEFAULT_PROFILE_ID,
        "stackLevel": stack_level,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Recurring",
        "recurrencyKind": "Daily",
        "chargingSchedule": {
            "duration": DAY_S,
            "startSchedule": _stamp(midnight),
            "chargingRateUnit": rate_unit,
            "chargingSchedulePeriod": [{"startPeriod": s, "limit": limit} for s, limit in sorted(schedule.items())],
        },
    }


def command_profile(call: Call, limit_kw: float | None, *, lapses: bool = True) -> dict[str, Any]:
    """The profile that says what is wanted now: at most ``limit_kw`` (None: no limit), until it lapses if it does."""
    unit = rate_unit(call)
    period: dict[str, Any] = {"startPeriod": 0, "limit": _limit(call, limit_kw, unit)}
    if "phases" in call.extra:
        period["numberPhases"] = int(call.extra["phases"])
    valid_for = timedelta(seconds=float(call.extra.get("command_valid_s", "43200")))
    return {
        "chargingProfileId": COMMAND_PROFILE_ID,
        "stackLevel": stack_level(call),
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Absolute",
        **({"validTo": _stamp(call.now + valid_for)} if lapses else {}),
        "chargingSchedule": {
            "startSchedule": _stamp(call.now - SKEW),
            "chargingRateUnit": unit,
            "chargingSchedulePeriod": [period],
        },
    }


def _limit(call: Call, limit_kw: float | None, unit: str) -> float:
    """The limit in the unit, with the one decimal that OCPP allows (§7.14), and never above what was asked for."""
    if limit_kw is None:
        return NO_LIMIT
    per_unit_w = 1.0
    if unit == "A":
        per_unit_w = float(call.extra.get("voltage_v", SUPPLY_V)) * _phases(call)
    # Rounding first keeps 7.4 kW from becoming 7399.9 W.
    return math.floor(round(limit_kw * 10_000 / per_unit_w, 6)) / 10


def _phases(call: Call) -> int:
    stated = call.extra.get("phases")
    return phases_of(float(call.extra.get("power_kw", "0")), int(stated) if stated is not None else None)


def _stamp(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def rate_unit(call: Call) -> str:
    """The unit of the limits: W or A."""
    return call.extra.get("rate_unit", "W")


def stack_level(call: Call) -> int:
    """The stack level of what is wanted now. The default lies one below."""
    return int(call.extra.get("stack_level", COMMAND_STACK_LEVEL))


def connector_id(call: Call) -> int:
    """The connector that the asset is."""
    return int(call.extra.get("connector_id", "1"))
