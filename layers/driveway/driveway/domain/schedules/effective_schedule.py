"""The effective schedule: for every moment the limit of an asset, its source and its reason.

All limits form one stack of OCPP charging profiles: the default schedule at the bottom, Axle's profiles at their
levels, the minimum state of charge and charge-now on top. The stack decides.
"""

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Literal

from msgspec import Struct

from driveway.domain.charging_profiles import (
    Applied,
    ChargingProfile,
    Layers,
    SchedulePeriod,
    anchored,
    combined_limit,
    resolve_layers,
)
from driveway.domain.schedules.default_schedule import off_peak_intervals, spread_starts
from driveway.domain.schedules.minimum_soc import minimum_soc_until
from driveway.domain.supply import SUPPLY_V, least_power_w, phases_of
from driveway.domain.twin import InstalledProfile, Presence, Session, Twin
from driveway.domain.twin.reasons import Reason
from driveway.values import replace

Source = Literal["axle", "default", "charge_now", "minimum_soc"]

HORIZON = timedelta(hours=36)
"""How far ahead edges are searched: past the next day's off-peak, at any time of day."""

DEFAULT_LEVEL = -1
"""Below every level that OCPP allows, so that Axle's level 0 is above the default schedule and never replaces it."""

_SPREAD_MARGIN = timedelta(hours=1)


class Stretch(Struct, frozen=True):
    """From ``start`` until ``end`` (aware UTC) at most ``limit_kw``; the asset's own power means no limit."""

    start: datetime
    end: datetime
    limit_kw: float
    source: Source
    reason: Reason


class _Entry(Struct, frozen=True):
    source: Source
    profile: ChargingProfile


def effective_schedule(twin: Twin, start: datetime, end: datetime, *, spread_s: int = 0) -> list[Stretch]:
    """The stretches over ``[start, end)`` (aware): ascending, contiguous, covering all of it, no two neighbours alike.

    A TxProfile counts while the session it came for is open, a Relative profile from that session's opening on. Without
    a session the schedule consists of the other profiles. The limit is never above the asset's power. A minimum state
    of charge that is not reached is charged for at once, for as long as it takes at the asset's power
    (``minimum_soc``).

    Args:
        twin: the asset.
        start: the first instant.
        end: the end of the last stretch; the result is empty unless it is later than ``start``.
        spread_s: the longest delay of the default schedule's starts, see ``spread_starts``.
    """
    if start >= end:
        return []
    start, end = start.astimezone(UTC), end.astimezone(UTC)
    base = start.replace(microsecond=0)
    window_s = math.ceil((end - base).total_seconds())
    session = _open_session(twin.presence)
    entries = list(_entries(twin, session, base, base + timedelta(seconds=window_s), spread_s))
    resolved = resolve_layers(
        [entry.profile for entry in entries],
        start=base,
        duration_s=window_s,
        transaction_start=base if session is None else session.opened_at,
    )
    stretches: list[Stretch] = []
    for layers in resolved:
        until = min(end, base + timedelta(seconds=layers.end_s))
        since = max(start, base + timedelta(seconds=layers.start_s))
        stretch = _stretch(twin, entries, layers, since, until)
        if stretches and _alike(stretches[-1], stretch):
            stretches[-1] = replace(stretches[-1], end=until)
        else:
            stretches.append(stretch)
    return stretches


def _alike(one: Stretch, other: Stretch) -> bool:
    return (one.limit_kw, one.source, one.reason) == (other.limit_kw, other.source, other.reason)


def _open_session(presence: Presence) -> Session | None:
    session = presence.session
    return None if session is None or session.closed_at is not None else session


def _entries(twin: Twin, session: Session | None, start: datetime, end: datetime, spread_s: int) -> Iterator[_Entry]:
    yield _Entry("default", _default_profile(twin, start, end, spread_s))
    top = 0
    for installed in twin.profiles:
        if _counts(installed, twin.presence, session):
            # The session bounds a TxProfile here: Axle's transactionId names nothing that we know.
            profile = replace(anchored(installed.profile, installed.received_at), transaction_id=None)
            top = max(top, profile.stack_level)
            yield _Entry("axle", profile)
    until = minimum_soc_until(twin, session)
    if until is not None and until > start:
        until = min(until, end)
        yield _Entry("minimum_soc", _full_power(twin, top + 1, start, until))
    if twin.charge_now is not None:
        charge_now = twin.charge_now
        yield _Entry("charge_now", _full_power(twin, top + 2, charge_now.started_at, charge_now.until))


def _counts(installed: InstalledProfile, presence: Presence, session: Session | None) -> bool:
    """Whether a profile of Axle's counts now. It does not after its session, nor if Relative without a session."""
    if installed.profile.purpose != "TxProfile":
        return session is not None or installed.profile.kind != "Relative"
    if session is None:
        return False
    if installed.session_id is not None:
        return installed.session_id == session.id
    # Received while no session was open, it waits for the next one and belongs to that one only.
    last = presence.last_session
    return session.opened_at >= installed.received_at and (last is None or last.opened_at < installed.received_at)


def _default_profile(twin: Twin, start: datetime, end: datetime, spread_s: int) -> ChargingProfile:
    around = off_peak_intervals(twin.tariff, start - _SPREAD_MARGIN, end + _SPREAD_MARGIN)
    off_peak = spread_starts(around, asset=twin.link.asset, spread_s=spread_s, timezone=twin.link.timezone)
    begins = start - _SPREAD_MARGIN
    limits = {0: 0.0}
    for since, until in off_peak:
        limits[int((since - begins).total_seconds())] = _power_w(twin)
        limits[int((until - begins).total_seconds())] = 0.0
    return ChargingProfile(
        stack_level=DEFAULT_LEVEL,
        purpose="TxDefaultProfile",
        kind="Absolute",
        unit="W",
        start_schedule=begins,
        periods=tuple(SchedulePeriod(start_s, limit) for start_s, limit in limits.items()),
    )


def _full_power(twin: Twin, level: int, since: datetime, until: datetime) -> ChargingProfile:
    return ChargingProfile(
        stack_level=level,
        purpose="TxProfile",
        kind="Absolute",
        unit="W",
        start_schedule=since,
        valid_to=until,
        periods=(SchedulePeriod(0, _power_w(twin)),),
    )


def _power_w(twin: Twin) -> float:
    return twin.link.power_kw * 1000.0


def _stretch(twin: Twin, entries: list[_Entry], layers: Layers, start: datetime, end: datetime) -> Stretch:
    limit_kw = _limit_kw(twin, layers)
    lead = layers.lead
    # The default schedule covers all of the window, so one profile always leads; only Axle installs maxima.
    capped = limit_kw < _limit_kw(twin, replace(layers, cap=None))
    source: Source = "axle" if capped or lead is None else entries[lead.index].source
    return Stretch(start, end, limit_kw, source, reason_of(source, limit_kw))


def _limit_kw(twin: Twin, layers: Layers) -> float:
    """The limit of the layers, at most the asset's power, and 0 where no car can draw as little.

    A limit at or above the asset's power, such as Axle's 99999, means no limit, and becomes exactly that power. Amperes
    are per phase: they count on the lowest of the phases that the layers state and those of the asset.
    """
    power_kw, vehicle = twin.link.power_kw, twin.link.vehicle
    own_phases = phases_of(power_kw, vehicle.phases if vehicle is not None else None)
    on_own = replace(layers, lead=_within(layers.lead, own_phases), cap=_within(layers.cap, own_phases))
    limit_w, stated = combined_limit(on_own, unit="W", default_phases=own_phases, voltage_v=SUPPLY_V)
    if limit_w is None or limit_w >= _power_w(twin):
        return power_kw
    return 0.0 if limit_w < least_power_w(stated or own_phases) else limit_w / 1000.0


def _within(applied: Applied | None, phases: int) -> Applied | None:
    """The applied limit, with at most the asset's phases: OCPP's own default is three (OCPP 1.6 §7.14)."""
    if applied is None or applied.number_phases is None:
        return applied
    return replace(applied, number_phases=min(applied.number_phases, phases))


def reason_of(source: Source, limit_kw: float) -> Reason:
    """The reason code of a limit (kW) that a source decides."""
    match source:
        case "axle":
            return Reason.AXLE_SCHEDULE
        case "charge_now":
            return Reason.CHARGE_NOW
        case "minimum_soc":
            return Reason.MINIMUM_SOC
        case "default":
            return Reason.DEFAULT_OFF_PEAK if limit_kw > 0 else Reason.DEFAULT_PEAK
