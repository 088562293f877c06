"""What the driver wants: tariff, intent, charge-now."""

from datetime import datetime
from typing import Literal, get_args

from msgspec import Struct, field

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]

TariffType = Literal["single_rate", "dual_rate", "dynamic", "smart", "unknown"]

ChargingMode = Literal["maximise_charging_time", "minimise_charging_time"]


class Window(Struct, frozen=True):
    """A daily wall-time window in minutes after local midnight, ``0 <= start_min < end_min <= 1440``."""

    start_min: int
    end_min: int


class Tariff(Struct, frozen=True):
    """Off-peak windows, the same every day: split at midnight, sorted, merged. Written by ``preferences``.

    ``pence_per_kwh`` are the prices of the day's 48 half-hours by the wall clock of ``timezone``, from 00:00; empty
    where the app gave none. They are for the driver's cost and are never sent to Axle.
    """

    off_peak: tuple[Window, ...]
    timezone: str
    tariff_type: TariffType = "unknown"
    pence_per_kwh: tuple[float, ...] = ()


class Intent(Struct, frozen=True):
    """What the driver wants: one of ``kwh``, ``hours``, ``target_soc_pct``, or none of them (the default hours).

    ``ready_by`` gives ``HH:MM`` wall time in the site's zone by weekday (a day left out has no departure);
    ``exceptions`` gives it by ISO date. Written by ``preferences``.
    """

    ready_by: dict[Weekday, str]
    kwh: float | None = None
    hours: float | None = None
    target_soc_pct: float | None = None
    exceptions: dict[str, str] = field(default_factory=dict)
    may_charge_peak: bool = False
    charging_mode: ChargingMode = "maximise_charging_time"
    minimum_soc_pct: float | None = None


class VehicleIntent(Struct, frozen=True):
    """What the driver of one of several cars wants, and that car's battery where it is not the asset's.

    Written by ``preferences``.
    """

    intent: Intent
    battery_kwh: float | None = None


ChargeTestStep = Literal["connection", "place", "plug", "start", "stop"]
CHARGE_TEST_STEPS: tuple[ChargeTestStep, ...] = get_args(ChargeTestStep)


class ChargeTest(Struct, frozen=True):
    """A test charge: asked for by the app, carried on by ``charge_control``.

    Attributes:
        step: the step that runs, or with which the test ended; ``since`` and ``until`` are its bounds (aware UTC).
        passed: when each step passed.
        failures: the commands given up in a row when the step began; one more means that this step was given up.
        outcome: how it ended, at ``ended_at``; None while it runs.
        reason: why it failed, or why the last step was left out (a Reason).
    """

    id: str
    asked_at: datetime
    since: datetime
    until: datetime
    step: ChargeTestStep = "connection"
    passed: dict[ChargeTestStep, datetime] = field(default_factory=dict)
    failures: int = 0
    ended_at: datetime | None = None
    outcome: Literal["passed", "failed"] | None = None
    reason: str | None = None


class ChargeNow(Struct, frozen=True):
    """Charging at once, whatever the plan; always bounded. Written by ``preferences``.

    ``metered_wh`` is the meter's total when it began; with ``kwh`` it ends once so much more is metered.
    """

    id: str
    started_at: datetime
    until: datetime
    kwh: float | None = None
    metered_wh: int | None = None
