"""A half-hour of an asset as it is stored: its samples, its energy and the state of its report to Axle."""

from datetime import datetime, timedelta
from typing import Literal

from msgspec import Struct

from driveway.domain.half_hours import HALF_HOUR
from driveway.domain.metering.handed_on import HandedOn
from driveway.domain.metering.pieces import Quality
from driveway.domain.metering.samples import Sample
from driveway.domain.presence.observation import MeasuringPoint
from driveway.domain.presence.rules import POLLED
from driveway.values import replace

ReportState = Literal["open", "due", "sent", "accepted", "rejected", "corrected", "unknown", "withheld"]
Label = Literal["charger_consumption_energy_kwh", "charger_lifetime_consumption_energy_kwh"]

ENERGY: Label = "charger_consumption_energy_kwh"
LIFETIME: Label = "charger_lifetime_consumption_energy_kwh"
GRACE = timedelta(minutes=10)
CLAIM = timedelta(minutes=5)
FIRST_RETRY = timedelta(seconds=30)
LAST_RETRY = timedelta(minutes=5)
UNKNOWN_TOLERATED_MS = 60_000
DOUBT_LASTS = timedelta(minutes=65)
"""Longer than any away doubt lasts, so that a half-hour is always reported in the end."""
RETURN_SEEN = POLLED + GRACE
"""So long after a half-hour in which a car was unplugged the report has come that may show it back since then."""
LAST_RETRY_OF_REFUSED_ASSET = timedelta(hours=4)
"""The longest retry delay of an asset whose rows Axle refuses while it accepts those of others."""


class ReportedValue(Struct, frozen=True):
    """The report of one value (Wh) of a half-hour: last sent, accepted, rejected, and Axle's reason (``words``)."""

    sent_wh: int | None = None
    accepted_wh: int | None = None
    rejected_wh: int | None = None
    words: str | None = None

    def settles(self, value_wh: int | None) -> bool:
        """Whether Axle has finally accepted or rejected this value."""
        return value_wh is None or value_wh in (self.accepted_wh, self.rejected_wh)

    def unanswered(self) -> "ReportedValue":
        """The report after an answer was lost: Axle may hold the value sent or the one before."""
        return self if self.settles(self.sent_wh) else replace(self, accepted_wh=None)


class Slot(Struct, frozen=True):
    """A half-hour of an asset (``start`` aware UTC): its samples, its energy and the state of its report.

    ``doubted_since`` is the beginning of an away doubt that is open at the half-hour's end. A half-hour that touches a
    doubt is not reported before ``held_until``, and neither is a zero of one in which the car was unplugged.

    ``due_at`` is when it next needs work: the end of its grace, of a claim or of a retry delay. ``claim`` names the run
    that is sending it; ``listed_at`` is then its place in the due index, which a claim does not move. ``unknown_ms``,
    ``idle_at_end`` and ``sessions_wh`` are those of the ``HalfHour``.
    ``first_accepted_at`` is when Axle first accepted an energy, and which; ``rejected_at`` since when it refuses a row.
    ``handed_on`` is the state that a day from noon to noon UTC hands on to the next; the last slot of the day holds it.
    ``version`` is the optimistic lock; a slot that is not stored yet has 0.
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
    listed_at: datetime | None = None
    attempts: int = 0
    reported: ReportedValue = ReportedValue()
    reported_lifetime: ReportedValue = ReportedValue()
    first_accepted_at: datetime | None = None
    first_accepted_wh: int | None = None
    rejected_at: datetime | None = None
    version: int = 0

    @property
    def end(self) -> datetime:
        return self.start + HALF_HOUR

    @property
    def value_wh(self) -> int | None:
        """The energy to report to Axle; None if it is unknown whether any flowed."""
        may_have_flowed = self.unknown_ms > 0 or "before_plug_in" in self.flags
        return None if may_have_flowed and not self.energy_wh else self.energy_wh

    @property
    def is_known(self) -> bool:
        """Whether the half-hour is measured, except for at most a minute."""
        return self.value_wh is not None and self.unknown_ms <= UNKNOWN_TOLERATED_MS

    @property
    def lifetime_wh(self) -> int | None:
        """The last reading of a lifetime register at home in this half-hour, the charger's if there are several.

        A car's own register does not qualify: it counts energy taken elsewhere, too.
        """
        seen = [s for s in self.samples if s.kind == "lifetime" and s.measuring_point in ("charger", "unknown")]
        return max(seen, key=lambda s: (s.measuring_point == "charger", s.at, s.value)).value if seen else None

    @property
    def parked(self) -> tuple[tuple[Label, ReportedValue], ...]:
        """The rows that Axle rejected and that are not sent again without a request."""
        rows: tuple[tuple[Label, ReportedValue], ...] = ((ENERGY, self.reported), (LIFETIME, self.reported_lifetime))
        return tuple(row for row in rows if self.due_at is None and row[1].rejected_wh is not None)

    @property
    def reportable(self) -> bool:
        """Whether Axle expects it: plugged in, with energy, or reported before."""
        return self.plugged or self.energy_wh > 0 or self.reported != ReportedValue()
