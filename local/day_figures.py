"""What became of the half-hours of one local day: counts and energies, of an asset, a site or the fleet. Pure."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Self

from driveway.domain.enrolment import may_be_reported
from driveway.domain.metering.slot import Slot
from driveway.domain.twin import Link

LATE = timedelta(hours=1)
"""A half-hour that Axle first accepted later than this after its end is late."""


@dataclass(slots=True)
class DayFigures:
    """Half-hours and energies of a day.

    Attributes:
        expected: half-hours that Axle has, or has to get: the asset takes part, and was plugged in or took energy.
        accepted: of these, those whose present energy Axle accepted.
        refused: those that Axle refuses, by its words.
        waiting: those that are sent, or will be.
        unknown: those of which not all is measured; some energy may be missing.
        given_up: those whose energy was not sent, because the asset stopped taking part before.
        late: those that Axle first accepted more than an hour after their end.
        corrected: those of which Axle holds another energy than it accepted first.
        withheld: half-hours beside the expected ones, in which the asset did not take part.
        measured_wh, accepted_wh: the energy of the expected half-hours as measured, and as Axle accepted it.
        withheld_wh: the energy of the withheld ones.
    """

    expected: int = 0
    accepted: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    waiting: int = 0
    unknown: int = 0
    given_up: int = 0
    late: int = 0
    corrected: int = 0
    withheld: int = 0
    measured_wh: int = 0
    accepted_wh: int = 0
    withheld_wh: int = 0

    def add(self, slot: Slot, link: Link) -> None:
        """Count one half-hour."""
        if not slot.reportable:
            return
        if slot.reported.accepted_wh is None and not may_be_reported(link, slot.start, slot.end):
            self.withheld += 1
            self.withheld_wh += slot.energy_wh
            return
        self.expected += 1
        self.measured_wh += slot.energy_wh
        self.accepted_wh += slot.reported.accepted_wh or 0
        self.unknown += not slot.is_known
        first_at, holds_wh = slot.first_accepted_at, slot.reported.accepted_wh
        self.late += first_at is not None and first_at - slot.end > LATE
        self.corrected += holds_wh is not None and holds_wh != slot.first_accepted_wh
        if slot.value_wh is not None and holds_wh == slot.value_wh:
            self.accepted += 1
        elif slot.parked:
            self.refused[slot.reported.words or "no reason given"] += 1
        elif slot.state == "withheld":
            self.given_up += 1
        elif slot.value_wh is not None:
            self.waiting += 1

    def __iadd__(self, other: Self) -> Self:
        """Add the figures of another asset or site."""
        for name in self.__dataclass_fields__:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        return self


def figures_of(slots: Iterable[Slot], link: Link) -> DayFigures:
    """The figures of the half-hours of one asset."""
    figures = DayFigures()
    for slot in slots:
        figures.add(slot, link)
    return figures


def explained(figures: DayFigures, slots: Iterable[Slot]) -> list[str]:
    """Why Axle holds another energy than was measured, in sentences; none if it does not."""
    found: list[str] = []
    if figures.accepted_wh == figures.measured_wh:
        return found
    flags = Counter(flag for slot in slots for flag in slot.flags)
    if figures.refused:
        found.append(f"{figures.refused.total()} refused")
    if figures.waiting:
        found.append(f"{figures.waiting} not answered yet")
    if figures.given_up:
        found.append(f"{figures.given_up} given up")
    return [*found, *(f"{number} flagged {flag}" for flag, number in sorted(flags.items()))]


def first_instant(at: datetime | None) -> str:
    """An instant for a table of text."""
    return "-" if at is None else f"{at:%Y-%m-%d %H:%M}"
