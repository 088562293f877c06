"""What a home's supply gives a car: volts, phases, and the least current that a charger can offer."""

SUPPLY_V = 230.0
"""Between phase and neutral (BS EN 50160)."""

LEAST_CURRENT_A = 6.0
"""Per phase. The control pilot cannot say less (IEC 61851-1, annex A): below it a car draws nothing, or ignores it."""

ONE_PHASE_KW = 7.4
"""The power of 32 A on one phase, which is the most that a British home charger gives on one."""


def phases_of(power_kw: float, phases: int | None = None) -> int:
    """The phases that an asset charges on: as stated, else one up to 7.4 kW and three above."""
    if phases is not None:
        return phases
    return 1 if power_kw <= ONE_PHASE_KW else 3


def least_power_w(phases: int) -> float:
    """The least power that a charger can offer over so many phases."""
    return LEAST_CURRENT_A * phases * SUPPLY_V
