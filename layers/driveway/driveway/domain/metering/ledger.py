"""The ledger of half-hours: what was measured, what Axle was told of it and what Axle said.

A half-hour is ``open`` until its grace is over, ``due`` from then on, ``sent`` while an answer is awaited, and then
``accepted``, or ``rejected`` with Axle's words and parked. Late data makes it ``corrected``: it is due once more, for
the new value. It is done when the value Axle accepted is the value measured.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal

from driveway.domain.half_hours import HALF_HOUR, local_day_half_hours
from driveway.domain.metering.energy import Quality
from driveway.domain.metering.samples import Sample
from driveway.domain.presence.observation import MeasuringPoint

ReportState = Literal["open", "due", "sent", "accepted", "rejected", "corrected"]
Label = Literal["charger_consumption_energy_kwh", "charger_lifetime_consumption_energy_kwh"]

ENERGY: Label = "charger_consumption_energy_kwh"
LIFETIME: Label = "charger_lifetime_consumption_energy_kwh"
GRACE = timedelta(minutes=10)
CLAIM = timedelta(minutes=5)
FIRST_RETRY = timedelta(seconds=30)
LAST_RETRY = timedelta(minutes=5)
LAST_RETRY_SHUT_OUT = timedelta(hours=4)
"""Of an asset that Axle takes nothing of, while it takes that of others."""


@dataclass(frozen=True, slots=True)
class Told:
    """What became of one value of a half-hour: the value (Wh) sent last, the one accepted, the one refused and why."""

    sent_wh: int | None = None
    accepted_wh: int | None = None
    rejected_wh: int | None = None
    words: str | None = None

    def settles(self, value_wh: int | None) -> bool:
        """Whether Axle has said its last word on this value."""
        return value_wh is None or value_wh in (self.accepted_wh, self.rejected_wh)

    def unanswered(self) -> "Told":
        """As far as is known after the answer to what was sent got lost: Axle may hold either value."""
        return self if self.settles(self.sent_wh) else replace(self, accepted_wh=None)


@dataclass(frozen=True, slots=True)
class Slot:
    """A half-hour of an asset (``start`` aware UTC): its samples, its energy and the state of its report.

    ``due_at`` is when it next needs work: the end of its grace, of a claim or of a wait before a retry. ``claim`` names
    the run that is sending it. ``version`` is the optimistic lock; 0 is a slot that is not stored yet.
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
    plugged: bool = False
    plugged_at_end: bool = False
    state: ReportState = "open"
    due_at: datetime | None = None
    claim: str | None = None
    attempts: int = 0
    told: Told = Told()
    told_lifetime: Told = Told()
    version: int = 0

    @property
    def end(self) -> datetime:
        return self.start + HALF_HOUR

    @property
    def lifetime_wh(self) -> int | None:
        """The register of all energy taken at home as last seen in this half-hour, the charger's if there are several.

        A car's own register is none: it counts what was taken elsewhere, too.
        """
        seen = [s for s in self.samples if s.kind == "lifetime" and s.measuring_point in ("charger", "unknown")]
        return max(seen, key=lambda s: (s.measuring_point == "charger", s.at, s.value)).value if seen else None

    @property
    def parked(self) -> tuple[tuple[Label, Told], ...]:
        """The rows that Axle refused and that are not told again by themselves."""
        rows: tuple[tuple[Label, Told], ...] = ((ENERGY, self.told), (LIFETIME, self.told_lifetime))
        return tuple(row for row in rows if self.due_at is None and row[1].rejected_wh is not None)

    @property
    def reportable(self) -> bool:
        """Whether Axle is to hear of it: plugged in, with energy, or told of before."""
        return self.plugged or self.energy_wh > 0 or self.told != Told()


def state_at(slot: Slot, now: datetime) -> ReportState:
    """The state as it is at ``now``: what is open, corrected or waiting is due once its time has come."""
    if slot.due_at is not None and slot.due_at <= now:
        return "due"
    return slot.state


def measured(before: Slot | None, after: Slot, *, now: datetime, grace: timedelta, lifetime_rows: bool = False) -> Slot:
    """The slot after its samples or energy changed: what is to be told, and when.

    A half-hour is told a grace after its end; a correction a grace after the change, so that a burst of late data makes
    one call. While a claim is out nothing changes: whoever holds it sees the new value when the answer comes.
    """
    if after.state == "sent":
        return after
    if not after.reportable:
        return replace(after, state="open", due_at=None)
    if _settled(after, lifetime_rows):
        return replace(after, state=_settled_state(after), due_at=None, attempts=0)
    untold = after.told == Told()
    if before is not None and before.due_at is not None and before.state == after.state and not untold:
        return after
    due_at = after.end + grace if untold else max(after.end, now) + grace
    return replace(after, state="open" if untold else "corrected", due_at=due_at, attempts=0)


def _settled(slot: Slot, lifetime_rows: bool) -> bool:
    return slot.told.settles(slot.energy_wh) and (not lifetime_rows or slot.told_lifetime.settles(slot.lifetime_wh))


def _settled_state(slot: Slot) -> ReportState:
    return "accepted" if slot.told.accepted_wh == slot.energy_wh else "rejected"


def claimed(slot: Slot, claim: str, *, now: datetime, claim_for: timedelta = CLAIM) -> Slot:
    """The slot taken for sending by one run. If the run dies the slot is due again when the claim ends."""
    told, told_lifetime = slot.told, slot.told_lifetime
    if slot.state == "sent":
        told, told_lifetime = told.unanswered(), told_lifetime.unanswered()
    return replace(
        slot,
        state="sent",
        claim=claim,
        due_at=now + claim_for,
        attempts=slot.attempts + 1,
        told=replace(told, sent_wh=slot.energy_wh),
        told_lifetime=replace(told_lifetime, sent_wh=slot.lifetime_wh),
    )


def claim_stands(slot: Slot, now: datetime) -> bool:
    """Whether a run has taken the slot for sending and may still be about it."""
    return slot.state == "sent" and slot.due_at is not None and now < slot.due_at


def to_tell_again(slot: Slot, *, now: datetime) -> Slot | None:
    """The slot due once more for the value that Axle refused; None when it is not parked."""
    if not slot.parked:
        return None
    told, told_lifetime = (replace(t, rejected_wh=None, words=None) for t in (slot.told, slot.told_lifetime))
    return replace(slot, state="corrected", due_at=now, attempts=0, told=told, told_lifetime=told_lifetime)


def rows_for(slots: Iterable[Slot], *, lifetime_rows: bool = False) -> list[dict[str, Any]]:
    """The readings rows (Axle's ``POST /data/readings``) for what claimed slots have to tell.

    Values are kWh with three decimals at most, so they are whole watt-hours; timestamps are UTC.
    """
    rows = []
    for slot in slots:
        if not slot.told.settles(slot.told.sent_wh):
            rows.append(_row(slot, ENERGY, slot.told.sent_wh))
        if lifetime_rows and not slot.told_lifetime.settles(slot.told_lifetime.sent_wh):
            rows.append(_row(slot, LIFETIME, slot.told_lifetime.sent_wh))
    return rows


def _row(slot: Slot, label: Label, value_wh: int | None) -> dict[str, Any]:
    return {
        "asset_id": slot.axle_asset_id,
        "start_timestamp": _utc(slot.start),
        "end_timestamp": _utc(slot.end),
        "value": (value_wh or 0) / 1000,
        "label": label,
    }


def _utc(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


RowKey = tuple[str, datetime, str]
Answers = Mapping[RowKey, Mapping[str, Any]]


def answers_by_row(responses: Iterable[object]) -> dict[RowKey, Mapping[str, Any]]:
    """Axle's answers by asset, start and label, in whatever order they came; anything else is left out."""
    answers: dict[RowKey, Mapping[str, Any]] = {}
    for response in responses:
        if not isinstance(response, Mapping) or not isinstance(response.get("accepted"), bool):
            continue
        try:
            start = datetime.fromisoformat(str(response["start_timestamp"]))
        except (KeyError, ValueError):
            continue
        start = start.replace(tzinfo=UTC) if start.tzinfo is None else start.astimezone(UTC)
        answers[(str(response.get("asset_id")).lower(), start, str(response.get("label")))] = response
    return answers


def answered(
    slot: Slot,
    answers: Answers,
    *,
    now: datetime,
    grace: timedelta = GRACE,
    lifetime_rows: bool = False,
    wait: timedelta | None = None,
    longest: timedelta = LAST_RETRY,
) -> Slot:
    """The claimed slot after Axle's answers. Values without one, which Axle may hold, wait as by ``waiting``.

    The answer counts for the value that was sent, so a value measured in the meantime is due at once if its grace is
    over, and the value that was accepted is never sent again.
    """
    told, heard = _told(slot, slot.told, ENERGY, answers)
    told_lifetime, heard_lifetime = (
        _told(slot, slot.told_lifetime, LIFETIME, answers) if lifetime_rows else (slot.told_lifetime, True)
    )
    slot = replace(slot, told=told, told_lifetime=told_lifetime, claim=None)
    if not (heard and heard_lifetime):
        return waiting(slot, now=now, wait=wait, longest=longest)
    if _settled(slot, lifetime_rows):
        return replace(slot, state=_settled_state(slot), due_at=None, attempts=0)
    return replace(slot, state="corrected", due_at=max(slot.end + grace, now), attempts=0)


def _told(slot: Slot, told: Told, label: Label, answers: Answers) -> tuple[Told, bool]:
    if told.settles(told.sent_wh):
        return told, True
    answer = answers.get((slot.axle_asset_id.lower(), slot.start, label))
    if answer is None:
        return told.unanswered(), False
    if answer["accepted"]:
        return replace(told, accepted_wh=told.sent_wh, rejected_wh=None, words=None), True
    return replace(told, rejected_wh=told.sent_wh, words=str(answer.get("error") or "no reason given")), True


def waiting(slot: Slot, *, now: datetime, wait: timedelta | None = None, longest: timedelta = LAST_RETRY) -> Slot:
    """The claimed slot given back: due again after ``wait``, by default doubling with every attempt to ``longest``."""
    backoff = min(FIRST_RETRY * 2 ** min(max(slot.attempts - 1, 0), 10), longest)
    first_time = slot.told.accepted_wh is None and slot.told.rejected_wh is None
    state: ReportState = "open" if first_time else "corrected"
    return replace(slot, state=state, claim=None, due_at=now + (wait if wait is not None else backoff))


def successors(slot: Slot, *, now: datetime) -> list[datetime]:
    """The starts of the half-hours that follow a slot which ended plugged in, up to the one ``now`` lies in."""
    starts = []
    start = slot.end
    while slot.plugged_at_end and start <= now:
        starts.append(start)
        start += HALF_HOUR
    return starts


def next_to_make(latest: Slot, *, now: datetime, grace: timedelta = GRACE) -> Slot | None:
    """The half-hour that has to follow an asset's latest one at once; None while that one is to be claimed first."""
    to_be_claimed = latest.due_at is not None and latest.state != "sent"
    following = [] if to_be_claimed else successors(latest, now=now)
    return plugged_slot(latest, following[0], grace=grace) if following else None


def plugged_slot(after: Slot, start: datetime, *, grace: timedelta = GRACE) -> Slot:
    """A half-hour of a plugged session nothing has been heard of yet: no energy, until a sample says otherwise."""
    return Slot(
        after.asset,
        after.axle_asset_id,
        start,
        plugged=True,
        plugged_at_end=True,
        due_at=start + HALF_HOUR + grace,
    )


@dataclass(frozen=True, slots=True)
class Completeness:
    """How many of the closed half-hours Axle has to know were accepted, and how many it refused."""

    expected: int
    accepted: int
    rejected: int

    @property
    def ratio(self) -> float:
        """Accepted over expected; 1 when nothing was expected."""
        return self.accepted / self.expected if self.expected else 1.0


def completeness(slots: Iterable[Slot], *, now: datetime, grace: timedelta = GRACE) -> Completeness:
    """The completeness of the half-hours whose grace is over at ``now``."""
    closed = [slot for slot in slots if slot.reportable and slot.end + grace <= now]
    accepted = sum(slot.told.accepted_wh == slot.energy_wh for slot in closed)
    rejected = sum(slot.state == "rejected" for slot in closed)
    return Completeness(len(closed), accepted, rejected)


def without_holes(slots: Sequence[Slot], *, now: datetime) -> list[Slot]:
    """Slots in order, and those between them and up to ``now`` that are missing although the car was plugged in."""
    found: list[Slot] = []
    for number, slot in enumerate(slots):
        found.append(slot)
        following = slots[number + 1].start if number + 1 < len(slots) else None
        missing = successors(slot, now=now if following is None else following - HALF_HOUR)
        found += [plugged_slot(slot, start) for start in missing]
    return found


def of_local_day(slots: Sequence[Slot], day: date, timezone: str) -> list[Slot]:
    """The slots that lie in one local day (of 46, 48 or 50 half-hours in Britain)."""
    wanted = set(local_day_half_hours(day, timezone))
    return [slot for slot in slots if slot.start in wanted]
