"""What a source's meter is: where it measures, how its register behaves, and when it reports.

Energy is counted at the charger, for that is what the driver pays for and what Axle is told. A value of the battery's
side is converted once, as it is taken in: what reaches the battery is 90 % of what the charger gave, by the same figure
that the intent is converted with. The error that may remain is the measuring point's uncertainty.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from driveway.domain.preferences.intent import CHARGING_EFFICIENCY
from driveway.domain.presence.observation import MeasuringPoint, RegisterKind

UNCERTAINTY_PCT: Mapping[MeasuringPoint, int] = {"charger": 2, "vehicle_ac_input": 4, "battery": 8, "unknown": 12}
"""How far, in per cent, a value may be from what a meter in the charger's supply would count.

``charger``: meters of class 1 or 2 (EN 50470). ``vehicle_ac_input``: the car's own, not calibrated. ``battery``: losses
of 5 to 15 % were converted with 10 %. ``unknown``: it may be any of them, and is not converted.
"""

_EFFICIENCY = Fraction(str(CHARGING_EFFICIENCY))


@dataclass(frozen=True, slots=True)
class MeterKind:
    """What a provider's table says of its values.

    ``power_at``, ``session_at`` and ``lifetime_at`` are where each is measured, and count unless the observation says
    otherwise. ``register`` is how its session register behaves; None where that differs by brand or is not known.
    ``tells_every_change``: it reports whenever power changes, so that silence means that nothing changed. False for all
    that is polled.
    """

    power_at: MeasuringPoint = "unknown"
    session_at: MeasuringPoint = "unknown"
    lifetime_at: MeasuringPoint = "unknown"
    register: RegisterKind | None = None
    tells_every_change: bool = False


UNKNOWN_METER = MeterKind()


def at_the_charger(value: int | None, point: MeasuringPoint) -> int | None:
    """Watts or watt-hours measured at ``point`` as a meter in the charger counts them, to the nearest whole one."""
    return round(value / _EFFICIENCY) if value is not None and point == "battery" else value
