"""The meter of a source: where it measures, how its register behaves, and when it reports.

Energy is counted at the charger: the driver pays for that energy, and Axle expects it. A value measured at the battery
is converted once, when its sample is made: 90 % of the charger's energy reaches the battery. The intent is converted
with the same figure. The error that may remain is the uncertainty of the measuring point.
"""

from collections.abc import Mapping
from fractions import Fraction

from msgspec import Struct

from driveway.domain.preferences.intent import CHARGING_EFFICIENCY
from driveway.domain.presence.observation import MeasuringPoint, RegisterKind

UNCERTAINTY_PCT: Mapping[MeasuringPoint, int] = {"charger": 2, "vehicle_ac_input": 4, "battery": 8, "unknown": 12}
"""How far, in per cent, a value may be from what a meter in the charger's supply would count.

``charger``: meters of class 1 or 2 (EN 50470). ``vehicle_ac_input``: the car's own, not calibrated. ``battery``: losses
are 5 to 15 %, the conversion assumes 10 %. ``unknown``: any of these; the value is not converted.
"""

_EFFICIENCY = Fraction(str(CHARGING_EFFICIENCY))


class MeterKind(Struct, frozen=True):
    """The meter that a provider's table describes.

    ``power_at``, ``session_at`` and ``lifetime_at`` are where each value is measured, unless the observation names
    another point. ``register`` is how the session register behaves; None if that differs by brand or is unknown.
    ``tells_every_change``: the source reports every change of power, so silence means that nothing changed. It is False
    for every source that is polled.
    """

    power_at: MeasuringPoint = "unknown"
    session_at: MeasuringPoint = "unknown"
    lifetime_at: MeasuringPoint = "unknown"
    register: RegisterKind | None = None
    tells_every_change: bool = False


UNKNOWN_METER = MeterKind()


def at_the_charger(value: int | None, point: MeasuringPoint) -> int | None:
    """Watts or watt-hours measured at ``point``, converted to the charger's side and rounded to whole ones."""
    return round(value / _EFFICIENCY) if value is not None and point == "battery" else value
