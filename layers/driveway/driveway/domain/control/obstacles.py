"""What keeps a car from charging although its plan lets it, as far as it is known now, and what helps. Pure."""

from datetime import datetime
from enum import StrEnum

from driveway.domain.control.required_command import is_full, observed_state_matches
from driveway.domain.preferences.intent import CHARGING_EFFICIENCY
from driveway.domain.twin import Twin

FULL_PCT = 100.0


class Obstacle(StrEnum):
    """Why a car will not take what the plan offers."""

    ACCOUNT = "account"
    CAR = "car"
    LIMIT = "limit"


ADVICE: dict[Obstacle | None, str] = {
    None: "To charge at once, choose charge now.",
    Obstacle.ACCOUNT: "Connect the car maker's account again in the app.",
    Obstacle.CAR: "Your car does not follow our commands: start it in its own app, or unplug it and plug it in again.",
    Obstacle.LIMIT: "Your car stops at the charge limit in the car: raise that limit.",
}
"""What the driver can do; without an obstacle it is the plan that offers too little."""


def follows(twin: Twin, now: datetime) -> bool:
    """Whether no command of the session failed since the last one that was confirmed, and the car is not left alone."""
    control, session, command = twin.control, twin.presence.session, twin.control.command
    if control.breaker_until is not None and now < control.breaker_until:
        return False
    if control.failures == 0 or session is None or command is None:
        return True
    return command.planned_at < session.opened_at


def is_account_lost(twin: Twin) -> bool:
    """Whether the car cannot be started before its driver connects the account again."""
    return twin.presence.needs_user is not None and not observed_state_matches(twin, "start")


def charge_limit_pct(twin: Twin) -> float | None:
    """The charge limit in the car; None where it reports none, or none below a full battery."""
    limit = twin.presence.charge_limit_pct
    return float(limit.value) if limit is not None and limit.value < FULL_PCT else None


def room_kwh(twin: Twin) -> float | None:
    """The energy from the grid (kWh) that fits below the charge limit in the car; None where that is not known."""
    limit_pct, soc, battery_kwh = charge_limit_pct(twin), twin.presence.soc_pct, twin.link.battery_kwh
    if limit_pct is None:
        return None
    if is_full(twin):
        return 0.0
    if soc is None or battery_kwh is None:
        return None
    return max(0.0, limit_pct - soc.value) * battery_kwh / (FULL_PCT * CHARGING_EFFICIENCY)
