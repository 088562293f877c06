"""When a car may charge, by the app's requests and by Axle's schedules as they arrived. Knows nothing of control."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tests.world.app import Asked

VOLTS = 230.0
LEAST_KW = 6 * VOLTS / 1000
"""What a car of one phase draws at least (IEC 61851)."""

Span = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class AcceptedBody:
    """A body that the app asked for. It counted from some time between ``asked_at`` and ``answered_at`` on."""

    asked_at: datetime
    answered_at: datetime
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Arrival:
    """A schedule of Axle that arrived; ``is_sure``: it was answered 2xx. ``periods`` empty: the schedule is cleared."""

    at: datetime
    is_sure: bool
    created_at: datetime
    is_envelope: bool
    periods: tuple[tuple[datetime, datetime, float], ...]


def wall(day: date, text: str, zone: ZoneInfo) -> datetime:
    """The instant (UTC) of a wall time: the earlier one where it exists twice, the skip where it does not exist."""
    hour, minute = map(int, text.split(":"))
    local = datetime.combine(day + timedelta(days=hour // 24), time(hour % 24, minute), zone)
    instant = local.astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None):
        return instant
    while instant.astimezone(zone).utcoffset() != local.utcoffset():
        instant -= timedelta(minutes=1)
    return instant + timedelta(minutes=1)


def off_peak(tariff: Mapping[str, Any], since: datetime, until: datetime) -> list[Span]:
    """The off-peak times of the app's tariff between two instants."""
    zone = ZoneInfo(tariff["timezone"])
    day, found = since.astimezone(zone).date() - timedelta(days=1), []
    while day <= until.astimezone(zone).date():
        for one in tariff["off_peak"]:
            ends_on = day if one["end"] > one["start"] else day + timedelta(days=1)
            found.append((wall(day, one["start"], zone), wall(ends_on, one["end"], zone)))
        day += timedelta(days=1)
    return [(start, end) for start, end in sorted(found) if start < end]


def arrivals(deliveries: Sequence[Mapping[str, Any]], power_kw: float) -> list[Arrival]:
    """What arrived of Axle's schedules for one asset, in order of time."""
    found = []
    for one in deliveries:
        for attempt in one["attempts"]:
            status = attempt["status"]
            if status is not None and 400 <= status < 500:
                continue
            at, is_sure = datetime.fromisoformat(attempt["at"]), status is not None and status < 300
            created_at = datetime.fromisoformat(one["created_at"])
            periods = tuple(_periods(one["body"], power_kw))
            found.append(Arrival(at, is_sure, created_at, one["mode"] == "envelope", periods))
    return sorted(found, key=lambda one: one.at)


def _periods(body: Any, power_kw: float) -> Iterator[tuple[datetime, datetime, float]]:
    if body is None:
        return
    profile = body.get("csChargingProfiles") or body.get("payload", {}).get("charging_profile") or body
    schedule = profile["chargingSchedule"]
    start = datetime.fromisoformat(schedule["startSchedule"])
    periods = schedule["chargingSchedulePeriod"]
    ends = [one["startPeriod"] for one in periods[1:]] + [schedule["duration"]]
    for one, end_s in zip(periods, ends, strict=True):
        kw = one["limit"] * (VOLTS if schedule["chargingRateUnit"] == "A" else 1.0) / 1000
        drawn_kw = min(power_kw, kw) if kw >= LEAST_KW else 0.0
        yield start + timedelta(seconds=one["startPeriod"]), start + timedelta(seconds=end_s), drawn_kw


def accepted_bodies(asked: Sequence[Asked], method: str, path: str) -> list[AcceptedBody]:
    """The requests of one kind that were answered 2xx, in order."""
    return [
        AcceptedBody(one.asked_at, one.answered_at, one.body or {})
        for one in asked
        if one.method == method and one.path == path and one.status is not None and one.status < 300
        if one.asked_at is not None and one.answered_at is not None
    ]


@dataclass(frozen=True)
class Allowance:
    """Everything that decides when one car may charge. Where something is in doubt, it may not."""

    power_kw: float
    tariffs: Sequence[AcceptedBody]
    charge_nows: Sequence[AcceptedBody]
    charge_now_ends: Sequence[AcceptedBody]
    arrived: Sequence[Arrival]

    def edges(self, since: datetime, until: datetime) -> set[datetime]:
        """The instants at which the allowed power may change."""
        found = {one.at for one in self.arrived}
        found |= {edge for one in self.arrived for start, end, _ in one.periods for edge in (start, end)}
        for given in (*self.tariffs, *self.charge_nows, *self.charge_now_ends):
            found |= {given.asked_at, given.answered_at}
        for given in self.tariffs:
            found |= {edge for span in off_peak(given.body, since, until) for edge in span}
        found |= {until for given in self.charge_nows for until in self._charge_now(given)}
        return found

    def _charge_now(self, given: AcceptedBody) -> Span:
        minutes = timedelta(minutes=given.body["for_minutes"])
        return given.asked_at + minutes, given.answered_at + minutes

    def kw(self, at: datetime, plugged_at: datetime) -> float:
        """The power (kW) that a car may surely draw at an instant, plugged in since ``plugged_at``; 0: none."""
        if self._is_charge_now(at, plugged_at):
            return self.power_kw
        return min(self._by_schedule(at, plugged_at, unsure=unsure) for unsure in (False, True))

    def _is_charge_now(self, at: datetime, plugged_at: datetime) -> bool:
        for given in self.charge_nows:
            starts, (ends, _) = given.answered_at, self._charge_now(given)
            if (
                starts <= at < ends
                and starts >= plugged_at
                and not any(starts <= one.answered_at and one.asked_at <= at for one in self.charge_now_ends)
            ):
                return True
        return False

    def _by_schedule(self, at: datetime, plugged_at: datetime, *, unsure: bool) -> float:
        found = [one for one in self.arrived if one.at <= at and (one.is_sure or unsure)]
        latest = max(found, key=lambda one: one.created_at if one.is_envelope else one.at, default=None)
        default_kw = min((self._by_tariff(at, one) for one in self._tariffs_at(at)), default=0.0)
        if latest is None:
            return default_kw
        limit_kw = next((kw for start, end, kw in latest.periods if start <= at < end), None)
        if limit_kw is None:
            return default_kw
        # What came before the plug-in may belong to this session or to the one before.
        return limit_kw if latest.at >= plugged_at else min(limit_kw, default_kw)

    def _tariffs_at(self, at: datetime) -> list[AcceptedBody]:
        counted = [one for one in self.tariffs if one.answered_at <= at]
        in_doubt = [one for one in self.tariffs if one.asked_at <= at < one.answered_at]
        return counted[-1:] + in_doubt

    def _by_tariff(self, at: datetime, given: AcceptedBody) -> float:
        around = off_peak(given.body, at - timedelta(days=1), at + timedelta(days=1))
        return self.power_kw if any(start <= at < end for start, end in around) else 0.0
