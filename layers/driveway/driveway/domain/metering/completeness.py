"""Completeness by day: how much of an asset's local day Axle has accepted, and when a day is judged.

Days are local days of the site, because drivers are billed by them. A day has 48 half-hours, and 46 or 50 when the
clocks change. It is judged once, half a day after its end: late data and a night's outage of Axle are over by then.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from msgspec import Struct

from driveway.domain.enrolment import may_be_reported
from driveway.domain.half_hours import local_day_half_hours
from driveway.domain.metering.slot import GRACE, Slot
from driveway.domain.twin import Link

JUDGED_AFTER = timedelta(hours=12)


class Completeness(Struct, frozen=True):
    """How many closed half-hours Axle expects, accepted and rejected.

    ``unknown`` counts the half-hours that were not wholly measured. They never count as accepted.
    """

    expected: int
    accepted: int
    rejected: int
    unknown: int = 0

    @property
    def ratio(self) -> float:
        """Accepted over expected; 1 when nothing was expected."""
        return self.accepted / self.expected if self.expected else 1.0


def completeness(slots: Iterable[Slot], *, now: datetime, grace: timedelta = GRACE) -> Completeness:
    """The completeness of the half-hours whose grace is over at ``now``."""
    closed = [slot for slot in slots if slot.reportable and slot.end + grace <= now]
    accepted = sum(slot.is_known and slot.reported.accepted_wh == slot.value_wh for slot in closed)
    rejected = sum(slot.state == "rejected" for slot in closed)
    return Completeness(len(closed), accepted, rejected, sum(not slot.is_known for slot in closed))


def for_axle(slots: Iterable[Slot], link: Link) -> list[Slot]:
    """The slots that lie wholly in the time for which the asset takes part."""
    return [slot for slot in slots if may_be_reported(link, slot.start, slot.end)]


def of_local_day(slots: Sequence[Slot], day: date, timezone: str) -> list[Slot]:
    """The slots that lie in one local day (of 46, 48 or 50 half-hours in Britain)."""
    wanted = set(local_day_half_hours(day, timezone))
    return [slot for slot in slots if slot.start in wanted]


class Day(Struct, frozen=True):
    """A local day, how many half-hours it has, and how many of them Axle accepted."""

    day: date
    half_hours: int
    figure: Completeness


def local_day(at: datetime, timezone: str) -> date:
    """The local date of an aware instant."""
    return at.astimezone(ZoneInfo(timezone)).date()


def starts_at(day: date, timezone: str) -> datetime:
    """The start (UTC) of the first half-hour of a local day."""
    return local_day_half_hours(day, timezone)[0]


def judged_at(day: date, timezone: str) -> datetime:
    """When (UTC) a local day is judged."""
    return starts_at(day + timedelta(days=1), timezone) + JUDGED_AFTER


def day_judged_at(at: datetime, timezone: str) -> date:
    """The local day that is judged at this instant of ``judged_at``."""
    return local_day(at - JUDGED_AFTER, timezone) - timedelta(days=1)


def by_day(
    slots: Sequence[Slot], days: Iterable[date], timezone: str, *, now: datetime, grace: timedelta
) -> tuple[Day, ...]:
    """The figures of local days, from slots that cover them. Of the running day only half-hours that are over count."""
    return tuple(
        Day(
            day,
            len(local_day_half_hours(day, timezone)),
            completeness(of_local_day(slots, day, timezone), now=now, grace=grace),
        )
        for day in days
    )
