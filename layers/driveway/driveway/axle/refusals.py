"""The half-hours that Axle refuses: by asset how many, since when and in which words; and reporting them again."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime
from itertools import groupby
from typing import Any

from msgspec import Struct

from driveway.domain.enrolment import may_be_reported
from driveway.domain.metering.completeness import local_day
from driveway.domain.metering.ledger import to_report_again
from driveway.domain.metering.slot import Slot
from driveway.domain.twin import Link
from driveway.runtime.context import Runtime
from driveway.store.slots import SlotStore

MOST_WORDS = 5
STOP_AT_S = 30.0


class Refusals(Struct, frozen=True):
    """The refused half-hours of an asset, since when the longest is refused, and Axle's different words."""

    asset: str
    half_hours: int
    since: datetime | None
    words: tuple[str, ...]


def refusals(slots: SlotStore, asset: str | None = None) -> list[Refusals]:
    """The refused half-hours by asset, of one asset or of all; those that are not reported any more are left out."""
    found = [slot for slot, _ in _refused(slots, asset)]
    found.sort(key=lambda slot: (slot.asset, slot.start))
    return [_of_asset(name, list(group)) for name, group in groupby(found, key=lambda slot: slot.asset)]


def _of_asset(asset: str, slots: list[Slot]) -> Refusals:
    words = dict.fromkeys(reported.words or "" for slot in slots for _, reported in slot.parked)
    since = min((slot.rejected_at for slot in slots if slot.rejected_at is not None), default=None)
    return Refusals(asset, len(slots), since, tuple(words)[:MOST_WORDS])


class Selection(Struct, frozen=True):
    """Which refused half-hours to report again: those of an asset, of a local day of the site, of both; or all."""

    asset: str | None = None
    day: date | None = None

    @classmethod
    def of(cls, given: Any) -> "Selection":
        """The selection that an operator gives as JSON. Raises ValueError if it is not one."""
        if not isinstance(given, Mapping) or not set(given) <= {"asset", "day"}:
            raise ValueError("Give {}, or an object with 'asset', with 'day' (such as 2026-01-15), or with both.")
        day = None if given.get("day") is None else date.fromisoformat(str(given["day"]))
        return cls(None if given.get("asset") is None else str(given["asset"]), day)


def report_again(selection: Selection, runtime: Runtime, time_left: Callable[[], float]) -> dict[str, Any]:
    """Make refused half-hours due for the next run; gives how many, and whether time ran short before the end."""
    due = 0
    for slot, link in _refused(runtime.slots, selection.asset):
        if time_left() < STOP_AT_S:
            return {"due": due, "complete": False}
        if selection.day is not None and local_day(slot.start, link.timezone) != selection.day:
            continue
        again = to_report_again(slot, now=runtime.now())
        due += again is not None and runtime.slots.put(again) is not None
    return {"due": due, "complete": True}


def _refused(slots: SlotStore, asset: str | None) -> Iterator[tuple[Slot, Link]]:
    links: dict[str, Link] = {}
    for some in slots.in_batches(slots.refused(asset)):
        links |= slots.links({slot.asset for slot in some} - set(links))
        yield from _reported(some, links)


def _reported(slots: Iterable[Slot], links: Mapping[str, Link]) -> Iterator[tuple[Slot, Link]]:
    for slot in slots:
        link = links.get(slot.asset)
        if link is not None and slot.parked and may_be_reported(link, slot.start, slot.end):
            yield slot, link
