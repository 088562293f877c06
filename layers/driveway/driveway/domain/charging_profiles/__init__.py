"""OCPP 1.6 charging profiles: their values, and the limit that a stack of them gives.

``parse_charging_profile`` reads one, ``composite_schedule`` stacks them, ``trimmed`` drops periods that are over.
``docs/charging-profiles.md`` decides the points that the specification leaves open.
"""

from driveway.domain.charging_profiles.composite import (
    Applied,
    Layers,
    anchored,
    combined_limit,
    composite_schedule,
    is_over,
    resolve_layers,
)
from driveway.domain.charging_profiles.parsing import (
    ProfileError,
    parse_charging_profile,
    parse_set_charging_profile,
)
from driveway.domain.charging_profiles.profile import (
    ChargingProfile,
    Kind,
    Period,
    Purpose,
    RateUnit,
    Recurrency,
    SchedulePeriod,
)
from driveway.domain.charging_profiles.trimming import trimmed

__all__ = [
    "Applied",
    "ChargingProfile",
    "Kind",
    "Layers",
    "Period",
    "ProfileError",
    "Purpose",
    "RateUnit",
    "Recurrency",
    "SchedulePeriod",
    "anchored",
    "combined_limit",
    "composite_schedule",
    "is_over",
    "parse_charging_profile",
    "parse_set_charging_profile",
    "resolve_layers",
    "trimmed",
]
