"""What a central system says of a charger, as observations."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from driveway.domain.presence.observation import Observation
from driveway.vehicles.json_values import first_instant, flag, number, text

SOURCE = "ocpp"

STATUSES: Mapping[str, tuple[bool | None, bool | None]] = {
    "Available": (False, False),
    "Preparing": (True, False),
    "Charging": (True, True),
    "SuspendedEVSE": (True, False),
    "SuspendedEV": (True, False),
    "Finishing": (True, False),
}
"""ChargePointStatus (OCPP 1.6 §7.7) as (plugged in, charging). Reserved, Unavailable and Faulted say nothing."""


def observations(state: Mapping[str, Any], *, now: datetime) -> tuple[Observation, ...]:
    """What a central system says of a charger; ``now`` (aware UTC) dates it if it does not do so itself.

    A charger is fixed to its home, so a car plugged into it is at home. Of a charger that is not connected, undated
    values are of no known age and left out.
    """
    connected, status = flag(state.get("connected")), text(state.get("status"))
    reported_at = first_instant(state.get("at"), known_at=now)
    reachable = () if connected is None else (Observation(at=now, source=SOURCE, reachable=connected),)
    if reported_at is None and connected is False:
        return reachable
    by_status = STATUSES.get(status or "", (None, None))
    plugged_in, charging = flag(state.get("plugged_in")), flag(state.get("charging"))
    signals: dict[str, Any] = {
        "plugged_in": by_status[0] if plugged_in is None else plugged_in,
        "charging": by_status[1] if charging is None else charging,
        # The charger offers power and the car takes none, which is all that a charger can tell of a full battery.
        "battery_full": True if status == "SuspendedEV" and not charging else None,
        "power_kw": number(state.get("power_kw"), low=0),
        "energy_session_kwh": number(state.get("energy_session_kwh"), low=0),
        "energy_lifetime_kwh": number(state.get("energy_lifetime_kwh"), low=0),
    }
    if all(value is None for value in signals.values()):
        return reachable
    seen = Observation(at=reported_at or now, source=SOURCE, at_home=True, measuring_point="charger", **signals)
    return (seen, *reachable)
