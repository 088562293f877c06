"""The default off-peak schedule kept in the car, which then charges by it without us.

The car's schedules repeat at the car's own wall time and act only near a place (``add_charge_schedule``). Ours have
fixed ids: to set one again changes it, and to remove them needs no memory of what was set.
"""

from datetime import datetime
from zoneinfo import ZoneInfo

from driveway.domain.control.outcome import Outcome
from driveway.domain.twin import OutcomeKind, Vehicle, Window
from driveway.vehicles.json_values import number
from driveway.vehicles.provider import Call
from driveway.vehicles.tesla import api

DAY_MIN = 1440
SCHEDULE_IDS = (1700000001, 1700000002, 1700000003, 1700000004)
"""By Tesla's default an id is a time in unix seconds: these lie in the past, where the driver makes no schedule."""

_DONE = (OutcomeKind.ACCEPTED, OutcomeKind.ALREADY_IN_STATE)


def install(call: Call, vehicle: Vehicle, windows: tuple[Window, ...], *, timezone: str) -> Outcome:
    """Set one schedule for each window and remove those of ours that are left over.

    ``windows`` are wall time of ``timezone``. The home's ``latitude``, ``longitude`` and ``home_timezone`` come in
    ``call.extra``; where the two zones differ, the times hold until one of them next changes its clock.
    UNSUPPORTED without the place, or with more windows than we have ids for.
    """
    latitude = number(call.extra.get("latitude"), low=-90, high=90)
    longitude = number(call.extra.get("longitude"), low=-180, high=180)
    if latitude is None or longitude is None:
        return Outcome(OutcomeKind.UNSUPPORTED, "Charging windows belong to a place, and where home is is not known.")
    shift_min = _ahead_min(call.extra.get("home_timezone", timezone), call.now) - _ahead_min(timezone, call.now)
    spans = spans_of_the_day(windows, shift_min=shift_min)
    if len(spans) > len(SCHEDULE_IDS):
        return Outcome(OutcomeKind.UNSUPPORTED, f"More than {len(SCHEDULE_IDS)} charging windows a day.")
    for schedule_id, (start_min, end_min) in zip(SCHEDULE_IDS, spans, strict=False):
        schedule = {
            "id": schedule_id,
            "lat": latitude,
            "lon": longitude,
            "days_of_week": "All",
            "enabled": True,
            "start_enabled": True,
            "start_time": start_min,
            "end_enabled": True,
            "end_time": end_min,
            "one_time": False,
        }
        outcome = api.command(call, vehicle, "add_charge_schedule", schedule, "add_schedule").outcome
        if outcome.kind not in _DONE:
            return outcome
    return _remove(call, vehicle, SCHEDULE_IDS[len(spans) :])


def remove(call: Call, vehicle: Vehicle) -> Outcome:
    """Remove every schedule of ours; one that is not there is as good as removed."""
    return _remove(call, vehicle, SCHEDULE_IDS)


def _remove(call: Call, vehicle: Vehicle, schedule_ids: tuple[int, ...]) -> Outcome:
    for schedule_id in schedule_ids:
        outcome = api.command(call, vehicle, "remove_charge_schedule", {"id": schedule_id}, "remove_schedule").outcome
        if outcome.kind not in _DONE:
            return outcome
    return Outcome(OutcomeKind.ACCEPTED)


def spans_of_the_day(windows: tuple[Window, ...], *, shift_min: int = 0) -> tuple[tuple[int, int], ...]:
    """Daily windows as ``(start, end)`` in minutes after midnight, shifted, sorted by start, those that touch joined.

    A window over midnight ends before it starts. Windows that fill the day give none: a car without a schedule charges
    when it is plugged in.
    """
    cheap = [False] * DAY_MIN
    for window in windows:
        for minute in range(window.start_min, window.end_min):
            cheap[(minute + shift_min) % DAY_MIN] = True
    starts = [minute for minute in range(DAY_MIN) if cheap[minute] and not cheap[minute - 1]]
    ends = [minute for minute in range(DAY_MIN) if not cheap[minute] and cheap[minute - 1]]
    # A span that is open at midnight gives the day's first end, which belongs to the last start.
    if starts and ends[0] <= starts[0]:
        ends = ends[1:] + ends[:1]
    return tuple(zip(starts, ends, strict=True))


def _ahead_min(timezone: str, at: datetime) -> int:
    """How far the zone's wall time is ahead of UTC, in minutes."""
    offset = at.astimezone(ZoneInfo(timezone)).utcoffset()
    return int(offset.total_seconds() // 60) if offset else 0
