"""The twin: everything Driveway knows of one asset, as plain frozen values.

This part is the dictionary of the state; the rules that change it live in the parts above. Each group of the twin has
a file of its own. Instants are aware UTC. Energies are kWh and powers kW, except in metering, where energies are whole
watt-hours. ``reasons`` are the codes and sentences of what was decided.
"""

from driveway.domain.twin.asset import AssetType, Capabilities, Home, Link, Vehicle
from driveway.domain.twin.axle import (
    AxleCallClaim,
    AxleDoubt,
    AxleIntent,
    AxleLost,
    AxlePlug,
    AxleRefusal,
    AxleState,
    AxleSubject,
    AxleTariff,
    InstalledProfile,
    ScheduleMark,
)
from driveway.domain.twin.control import (
    Command,
    CommandAction,
    CommandState,
    Control,
    LateStop,
    OutcomeKind,
    StandingLimit,
    Trial,
    UnaskedStops,
    VehicleRequest,
)
from driveway.domain.twin.meter import ExcessPower, Meter, SessionEnergy
from driveway.domain.twin.preferences import (
    CHARGE_TEST_STEPS,
    ChargeNow,
    ChargeTest,
    ChargeTestStep,
    ChargingMode,
    Intent,
    Tariff,
    TariffType,
    VehicleIntent,
    Weekday,
    Window,
)
from driveway.domain.twin.presence import AwayDoubt, FullBattery, HeldPlugOut, NamedVehicle, Observed, Presence, Session
from driveway.domain.twin.twin import WANTED_OR_OBSERVED, Entry, Twin, changed_groups

__all__ = [
    "CHARGE_TEST_STEPS",
    "WANTED_OR_OBSERVED",
    "AssetType",
    "AwayDoubt",
    "AxleCallClaim",
    "AxleDoubt",
    "AxleIntent",
    "AxleLost",
    "AxlePlug",
    "AxleRefusal",
    "AxleState",
    "AxleSubject",
    "AxleTariff",
    "Capabilities",
    "ChargeNow",
    "ChargeTest",
    "ChargeTestStep",
    "ChargingMode",
    "Command",
    "CommandAction",
    "CommandState",
    "Control",
    "Entry",
    "ExcessPower",
    "FullBattery",
    "HeldPlugOut",
    "Home",
    "InstalledProfile",
    "Intent",
    "LateStop",
    "Link",
    "Meter",
    "NamedVehicle",
    "Observed",
    "OutcomeKind",
    "Presence",
    "ScheduleMark",
    "Session",
    "SessionEnergy",
    "StandingLimit",
    "Tariff",
    "TariffType",
    "Trial",
    "Twin",
    "UnaskedStops",
    "Vehicle",
    "VehicleIntent",
    "VehicleRequest",
    "Weekday",
    "Window",
    "changed_groups",
]
