"""Charge schedules kept in a Tesla: daily windows of wall time near a place."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from simulators.cars.car import Car

NEAR_DEGREES = 0.01
DAY_MIN = 1440
WEEKDAYS = ("Mon", "Tues", "Wed", "Thurs", "Fri", "Sat", "Sun")


class ScheduleError(ValueError):
    """A charge schedule that the car cannot keep."""


@dataclass(frozen=True, slots=True)
class ChargeSchedule:
    """One window. ``end_min`` None leaves it open until midnight; one at or before the start is on the next day."""

    id: int
    latitude: float
    longitude: float
    days: frozenset[str]
    start_min: int
    end_min: int | None
    body: dict[str, Any]

    def window(self, day: date, zone: ZoneInfo) -> tuple[datetime, datetime] | None:
        """The window that starts on a local day (aware UTC)."""
        if WEEKDAYS[day.weekday()] not in self.days:
            return None
        end_min = DAY_MIN if self.end_min is None else self.end_min
        if end_min <= self.start_min:
            end_min += DAY_MIN
        return _instant(day, self.start_min, zone), _instant(day, end_min, zone)


def _instant(day: date, minutes: int, zone: ZoneInfo) -> datetime:
    """When the car's clock shows a time or has passed it: the moment of the skip for a time that the clock skips."""
    wall = datetime.combine(day, time()) + timedelta(minutes=minutes)
    skipped = timedelta()
    while (instant := (wall - skipped).replace(tzinfo=zone).astimezone(UTC)).astimezone(zone).replace(
        tzinfo=None
    ) != wall - skipped:
        skipped += timedelta(minutes=1)
    return instant + min(skipped, timedelta(minutes=1))


def parse_schedule(body: dict[str, Any], *, default_id: int) -> ChargeSchedule | None:
    """The schedule that ``add_charge_schedule`` describes; None when it is disabled.

    Raises:
        ScheduleError: a field is missing or malformed.
    """
    try:
        days = str(body["days_of_week"])
        chosen = {"All": WEEKDAYS, "Weekdays": WEEKDAYS[:5]}.get(days) or tuple(days.split(","))
        start = int(body["start_time"]) if body.get("start_enabled") else 0
        end = int(body["end_time"]) if body.get("end_enabled") else None
        latitude, longitude = float(body["lat"]), float(body["lon"])
        schedule_id = int(body.get("id") or default_id)
    except (KeyError, TypeError, ValueError) as error:
        raise ScheduleError(f"malformed charge schedule: {error}") from error
    if not set(chosen) <= set(WEEKDAYS) or not 0 <= start < DAY_MIN or not 0 <= (end or 0) <= DAY_MIN:
        raise ScheduleError("days_of_week, start_time or end_time is out of range")
    if not body.get("enabled", True):
        return None
    return ChargeSchedule(schedule_id, latitude, longitude, frozenset(chosen), start, end, body | {"id": schedule_id})


class ChargeSchedules:
    """All schedules of one car: inside a window it charges, outside it waits, and elsewhere they do not count."""

    def __init__(self) -> None:
        """A car without schedules."""
        self.by_id: dict[int, ChargeSchedule] = {}

    def limit_kw(self, car: Car, at: datetime) -> float | None:
        """The car's power inside a window, 0 outside, None when no schedule is for this place."""
        here = self._here(car)
        if not here:
            return None
        inside = any(start <= at < end for start, end in self._windows(here, car, at))
        return car.spec.power_kw if inside else 0.0

    def next_edge(self, car: Car, after: datetime) -> datetime | None:
        """When a window next starts or ends."""
        edges = (edge for window in self._windows(self._here(car), car, after) for edge in window)
        return min((edge for edge in edges if edge > after), default=None)

    def end_session(self) -> None:
        """Schedules outlive sessions."""

    def _here(self, car: Car) -> list[ChargeSchedule]:
        place = car.spec.home if car.at_home else car.spec.away
        return [
            schedule
            for schedule in self.by_id.values()
            if abs(schedule.latitude - place.latitude) < NEAR_DEGREES
            and abs(schedule.longitude - place.longitude) < NEAR_DEGREES
        ]

    def _windows(self, schedules: list[ChargeSchedule], car: Car, at: datetime) -> list[tuple[datetime, datetime]]:
        zone = ZoneInfo(car.spec.timezone)
        today = at.astimezone(zone).date()
        # A schedule for one weekday may next act a week from now.
        days = [today + timedelta(days=offset) for offset in range(-2, 9)]
        windows = (schedule.window(day, zone) for schedule in schedules for day in days)
        return [window for window in windows if window is not None]
