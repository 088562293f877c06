"""Charging at once up to the driver's minimum state of charge, and when that ends. Pure.

The state of charge may be reported only once in a session. So the first estimate of how long it takes bounds it, and
the metered energy ends it earlier. A repeated report of the same state of charge does not restart it.
"""

import math
from datetime import datetime, timedelta

from driveway.domain.preferences.vehicle_intent import intent_in_force
from driveway.domain.twin import Observed, Session, Twin

BEFORE_PLUG_IN = timedelta(minutes=15)
"""The greatest age of a state of charge at the plug-in: an older one is from before the drive."""

LARGEST_BATTERY_KWH = 120.0
"""The battery size (kWh) that bounds the estimate where the real size is not known."""

BATTERY_SHARE = 0.9
"""The share of the metered energy that reaches the battery."""

_LEAST_S = 60


def minimum_soc_until(twin: Twin, session: Session | None) -> datetime | None:
    """When charging to the minimum state of charge ends (aware UTC); None if the car need not charge to it."""
    counting, soc = intent_in_force(twin), twin.presence.soc_pct
    minimum = counting.intent.minimum_soc_pct
    if session is None or minimum is None or soc is None or soc.value >= minimum:
        return None
    if not _is_of_session(twin, soc, session):
        return None
    battery_kwh = counting.battery_kwh or LARGEST_BATTERY_KWH
    missing_kwh = (minimum - soc.value) / 100.0 * battery_kwh
    if twin.link.power_kw <= 0 or _metered_kwh(twin, session) * BATTERY_SHARE >= missing_kwh:
        return None
    needed_s = max(_LEAST_S, math.ceil(missing_kwh / twin.link.power_kw * 3600.0))
    return _began_at(twin, soc, session) + timedelta(seconds=needed_s)


def _is_of_session(twin: Twin, soc: Observed, session: Session) -> bool:
    """Whether the state of charge is of the car as it was plugged in: not hours old, and not from away."""
    presence = twin.presence
    elsewhere = [at for at in (presence.moved_at, presence.away_seen_at) if at is not None]
    return soc.at >= session.plugged_at - BEFORE_PLUG_IN and all(soc.at > at for at in elsewhere)


def _began_at(twin: Twin, soc: Observed, session: Session) -> datetime:
    """When the estimate begins: with the first report of this state of charge, or our last start in the session."""
    started_at = twin.control.last_start_at
    since = max(twin.presence.soc_since or soc.at, session.opened_at)
    return max(since, started_at) if started_at is not None and started_at >= session.opened_at else since


def _metered_kwh(twin: Twin, session: Session) -> float:
    """The energy metered since the first report of the state of charge, if the session began with it; else 0."""
    since = twin.presence.soc_since
    if since is not None and since > session.opened_at + BEFORE_PLUG_IN:
        return 0.0
    return twin.meter.session_wh(session.id) / 1000
