"""How the simulated Axle plans a night, after the scenarios that Axle documents, and the profile it sends."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any, Literal

from simulators.axle.off_peak import instant, off_peak_stretches, parse_off_peak_times, zone

UNLIMITED_W = 99999.0
"""What Axle sends for "draw rated power"."""

STACK_LEVEL = 1100
_UTC_ZONES = {"UTC", "Etc/UTC", "GMT", "Etc/GMT"}
_GB_ZONE = "Europe/London"

Span = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class PlanTariff:
    """Off-peak times in the canonical form and the zone of their wall time."""

    off_peak_times: str
    timezone: str


@dataclass(frozen=True, slots=True)
class PlanIntent:
    """The energy that the car needs, and the wall time by which it needs it."""

    energy_required_kwh: float
    ready_by: time
    may_charge_peak: bool = False
    charging_mode: Literal["maximise_charging_time", "minimise_charging_time"] = "maximise_charging_time"


@dataclass(frozen=True, slots=True)
class Stretch:
    """From ``start`` until ``end`` (UTC) at most ``limit_w``."""

    start: datetime
    end: datetime
    limit_w: float


def home_zone_name(tariff_zone: str) -> str:
    """The zone of the ready-by time: that of the tariff, except that a meter on UTC is in a British home."""
    return _GB_ZONE if tariff_zone in _UTC_ZONES else tariff_zone


def next_ready_by(ready_by: time, zone_name: str, now: datetime) -> datetime:
    """The first instant after ``now`` (UTC) at which the wall clock of the zone shows ``ready_by``."""
    tz = zone(zone_name)
    day = now.astimezone(tz).date()
    candidates = (instant(day + timedelta(days=days), ready_by, tz) for days in range(-1, 3))
    return next(candidate for candidate in candidates if candidate > now)


def plan(
    tariff: PlanTariff, intent: PlanIntent, charging_rate_kw: float, charge_now_until: datetime | None, now: datetime
) -> list[Stretch]:
    """The limits from ``now`` (UTC, cut to the whole second) until the next ready-by.

    All off-peak is charged; ``minimise_charging_time`` stops when the energy is in the car at ``charging_rate_kw``.
    With ``may_charge_peak`` what off-peak cannot give is taken from peak time: after the last off-peak stretch, then
    nearest before it. A running charge-now goes first, counts towards the energy, and may outlast the ready-by.

    Raises:
        InvalidTariffError: the tariff cannot be read.
    """
    start = now.astimezone(UTC).replace(microsecond=0)
    ready = next_ready_by(intent.ready_by, home_zone_name(tariff.timezone), start)
    boost_end = max(charge_now_until or start, start).replace(microsecond=0)
    free_from = min(boost_end, ready)
    off_peak = off_peak_stretches(parse_off_peak_times(tariff.off_peak_times), zone(tariff.timezone), free_from, ready)
    needed_s = intent.energy_required_kwh / charging_rate_kw * 3600 - (boost_end - start).total_seconds()
    charged = _first(off_peak, needed_s) if intent.charging_mode == "minimise_charging_time" else off_peak
    if intent.may_charge_peak:
        short_s = needed_s - _seconds(off_peak)
        charged = [*charged, *_peak(off_peak, (free_from, ready), short_s)]
    if boost_end > start:
        charged = [(start, boost_end), *charged]
    return _stretches(charged, start, max(ready, boost_end))


def _seconds(spans: Iterable[Span]) -> float:
    return sum((end - start).total_seconds() for start, end in spans)


def _first(spans: Iterable[Span], wanted_s: float) -> list[Span]:
    taken: list[Span] = []
    left_s = float(-(-wanted_s // 1))
    for start, end in spans:
        if left_s <= 0:
            break
        until = min(end, start + timedelta(seconds=left_s))
        left_s -= (until - start).total_seconds()
        taken.append((start, until))
    return taken


def _last(spans: list[Span], wanted_s: float) -> list[Span]:
    taken: list[Span] = []
    left_s = float(-(-wanted_s // 1))
    for start, end in reversed(spans):
        if left_s <= 0:
            break
        since = max(start, end - timedelta(seconds=left_s))
        left_s -= (end - since).total_seconds()
        taken.append((since, end))
    return taken


def _peak(off_peak: list[Span], window: Span, wanted_s: float) -> list[Span]:
    start, end = window
    edges = [start, *(edge for span in off_peak for edge in span), end]
    peak = [(edges[n], edges[n + 1]) for n in range(0, len(edges), 2) if edges[n] < edges[n + 1]]
    off_peak_end = off_peak[-1][1] if off_peak else start
    after = _first([span for span in peak if span[0] >= off_peak_end], wanted_s)
    before = _last([span for span in peak if span[1] <= off_peak_end], wanted_s - _seconds(after))
    return [*before, *after]


def _stretches(charged: list[Span], start: datetime, end: datetime) -> list[Stretch]:
    found: list[Stretch] = []

    def add(since: datetime, until: datetime, limit_w: float) -> None:
        if since >= until:
            return
        if found and found[-1].limit_w == limit_w:
            found[-1] = Stretch(found[-1].start, until, limit_w)
        else:
            found.append(Stretch(since, until, limit_w))

    at = start
    for since, until in sorted(charged):
        add(at, since, 0.0)
        add(max(at, since), until, UNLIMITED_W)
        at = max(at, until)
    add(at, end, 0.0)
    return found


def charging_seconds(stretches: Iterable[Stretch], until: datetime) -> float:
    """How long the stretches let a car charge before ``until``."""
    return sum(
        max(0.0, (min(stretch.end, until) - stretch.start).total_seconds())
        for stretch in stretches
        if stretch.limit_w > 0
    )


@dataclass(frozen=True, slots=True)
class ScheduleForm:
    """How a plan is written: the unit, the phases stated (None: none), and the limit in that unit while it charges."""

    unit: Literal["W", "A"] = "W"
    number_phases: int | None = 1
    limit: float = UNLIMITED_W


def charging_profile(stretches: list[Stretch], form: ScheduleForm | None = None) -> dict[str, Any]:
    """The OCPP 1.6 ChargingProfile as Axle sends it: explicit nulls, floats, one phase, 99999.0 for no limit."""
    form, start = form or ScheduleForm(), stretches[0].start
    return {
        "chargingProfileId": None,
        "transactionId": None,
        "stackLevel": STACK_LEVEL,
        "chargingProfilePurpose": "TxProfile",
        "chargingProfileKind": "Absolute",
        "recurrencyKind": None,
        "validFrom": None,
        "validTo": None,
        "chargingSchedule": {
            "duration": round((stretches[-1].end - start).total_seconds()),
            "startSchedule": start.astimezone(UTC).isoformat(),
            "chargingRateUnit": form.unit,
            "chargingSchedulePeriod": [
                {
                    "startPeriod": round((stretch.start - start).total_seconds()),
                    "limit": float(form.limit if stretch.limit_w else 0.0),
                    "numberPhases": form.number_phases,
                }
                for stretch in stretches
            ],
            "minChargingRate": 0.0,
        },
    }
