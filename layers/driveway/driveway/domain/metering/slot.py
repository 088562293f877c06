"""A half-hour of an asset as it is stored: its samples, its energy and the state of its report to Axle."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from driveway.domain.half_hours import HALF_HOUR
from driveway.domain.metering.histories import HandedOn
from driveway.domain.metering.pieces import Quality
from driveway.domain.metering.samples import Sample
from driveway.domain.presence.observation import MeasuringPoint

ReportState = Literal["open", "due", "sent", "accepted", "rejected", "corrected", "unknown"]
Label = Literal["charger_consumption_energy_kwh", "charger_lifetime_consumption_energy_kwh"]

ENERGY: Label = "charger_consumption_energy_kwh"
LIFETIME: Label = "charger_lifetime_consumption_energy_kwh"
GRACE = timedelta(minutes=10)
CLAIM = timedelta(minutes=5)
FIRST_RETRY = timedelta(seconds=30)
LAST_RETRY = timedelta(minutes=5)
UNKNOWN_TOLERATED_MS = 60_000
DOUBT_LASTS = timedelta(minutes=65)
"""Longer than a doubt whether the car is at home can last, so that a half-hour is told in the end whatever happens."""
LAST_RETRY_SHUT_OUT = timedelta(hours=4)
"""Of an asset that Axle takes nothing of, while it takes that of others."""


@dataclass(frozen=True, slots=True)
class ReportedValue:
    """What became of one value of a half-hour: the value (Wh) sent last, the one accepted, the one refused and why."""

    sent_wh: int | None = None
    accepted_wh: int | None = None
    rejected_wh: int | None = None
    words: str | None = None

    def settles(self, value_wh: int | None) -> bool:
        """Whether Axle has said its last word on this value."""
        return value_wh is None or value_wh in (self.accepted_wh, self.rejected_wh)

    def unanswered(self) -> "ReportedValue":
        """As far as is known after the answer to what was sent got lost: Axle may hold either value."""
        return self if self.settles(self.sent_wh) else replace(self, accepted_wh=None)


@dataclass(frozen=True, slots=True)
class Slot:
    """A half-hour of an asset (``start`` aware UTC): its samples, its energy and the state of its report.

    ``doubted_since`` is since when it is in doubt, at the half-hour's end, whether the car is at home; while the
    half-hour touches a doubt it is not told before ``held_until``.

    ``due_at`` is when it next needs work: the end of its grace, of a claim or of a wait before a retry. ``claim`` names
    the run that is sending it. ``unknown_ms``, ``idle_at_end`` and ``sessions_wh`` are those of the ``HalfHour``.
    ``handed_on``, on the last slot of a day from noon to noon UTC, is what the days after it have to know. ``version``
    is the optimistic lock; 0 is a slot that is not stored yet.
    """

    asset: str
    axle_asset_id: str
    start: datetime
    samples: frozenset[Sample] = frozenset()
    energy_wh: int = 0
    quality: Quality | None = None
    measuring_point: MeasuringPoint = "unknown"
    flags: tuple[str, ...] = ()
    carry: int = 0
    unknown_ms: int = 0
    idle_at_end: bool = False
    sessions_wh: tuple[tuple[int, int], ...] = ()
    handed_on: HandedOn | None = None
    doubted_since: datetime | None = None
    held_until: datetime | None = None
    plugged: bool = False
    plugged_at_end: bool = False
    state: ReportState = "open"
    due_at: datetime | None = None
    claim: str | None = None
    attempts: int = 0
    reported: ReportedValue = ReportedValue()
    reported_lifetime: ReportedValue = ReportedValue()
    version: int = 0

    @property
    def end(self) -> datetime:
        return self.start + HALF_HOUR

    @property
    def value_wh(self) -> int | None:
        """The energy that Axle is told; None where it is not known whether any flowed: that is not 0."""
        return None if self.unknown_ms and not self.energy_wh else self.energy_wh

    @property
    def is_known(self) -> bool:
        """Whether the half-hour is measured, but for seconds."""
        return self.value_wh is not None and self.unknown_ms <= UNKNOWN_TOLERATED_MS

    @property
    def lifetime_wh(self) -> int | None:
        """The register of all energy taken at home as last seen in this half-hour, the charger's if there are several.

        A car's own register is none: it counts what was taken elsewhere, too.
        """
        seen = [s for s in self.samples if s.kind == "lifetime" and s.measuring_point in ("charger", "unknown")]
        return max(seen, key=lambda s: (s.measuring_point == "charger", s.at, s.value)).value if seen else None

    @property
    def parked(self) -> tuple[tuple[Label, ReportedValue], ...]:
        """The rows that Axle refused and that are not told again by themselves."""
        rows: tuple[tuple[Label, ReportedValue], ...] = ((ENERGY, self.reported), (LIFETIME, self.reported_lifetime))
        return tuple(row for row in rows if self.due_at is None and row[1].rejected_wh is not None)

    @property
    def reportable(self) -> bool:
        """Whether Axle is to hear of it: plugged in, with energy, or told of before."""
        return self.plugged or self.energy_wh > 0 or self.reported != ReportedValue()
