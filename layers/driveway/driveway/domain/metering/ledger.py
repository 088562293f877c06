"""The ledger of half-hours: the states that a report to Axle goes through.

A half-hour is ``open`` until its grace is over, ``due`` from then on, ``sent`` while an answer is awaited, and then
``accepted``, or ``rejected`` with Axle's words and parked. Late data makes it ``corrected``: it is due once more, for
the new value. It is done when the value Axle accepted is the value measured. It is ``unknown`` if nobody knows whether
anything flowed: nothing is sent, until a later sample tells.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from driveway.domain.metering.reading_rows import Answers
from driveway.domain.metering.slot import (
    CLAIM,
    ENERGY,
    FIRST_RETRY,
    GRACE,
    LAST_RETRY,
    LIFETIME,
    Label,
    ReportedValue,
    ReportState,
    Slot,
)


def measured(before: Slot | None, after: Slot, *, now: datetime, grace: timedelta, lifetime_rows: bool = False) -> Slot:
    """The slot after its samples or energy changed: what is to be told, and when.

    A half-hour is told a grace after its end; a correction a grace after the change, so that a burst of late data makes
    one call. While a claim is out nothing changes: whoever holds it sees the new value when the answer comes. What
    touches a doubt whether the car is at home is told after the doubt.
    """
    if after.state == "sent":
        return after
    if not after.reportable:
        return replace(after, state="open", due_at=None)
    untold = after.reported == ReportedValue()
    # What is not known yet is looked at once, a grace after its end: the half-hours that follow are made then.
    awaited = untold and after.value_wh is None and after.state != "unknown"
    if _settled(after, lifetime_rows) and not awaited:
        return replace(after, state=_settled_state(after), due_at=None, attempts=0)
    if not untold and _waits_already(before, after):
        return after
    due_at = after.end + grace if untold else max(after.end, now) + grace
    if after.held_until is not None:
        due_at = max(due_at, after.held_until)
    return replace(after, state="open" if untold else "corrected", due_at=due_at, attempts=0)


def _waits_already(before: Slot | None, after: Slot) -> bool:
    """Whether the slot was due before, for the same reason and no sooner or later than now."""
    if before is None or before.due_at is None:
        return False
    return before.state == after.state and before.held_until == after.held_until


def _settled(slot: Slot, lifetime_rows: bool) -> bool:
    return slot.reported.settles(slot.value_wh) and (
        not lifetime_rows or slot.reported_lifetime.settles(slot.lifetime_wh)
    )


def _settled_state(slot: Slot) -> ReportState:
    if slot.value_wh is None:
        return "unknown"
    return "accepted" if slot.reported.accepted_wh == slot.value_wh else "rejected"


def claimed(slot: Slot, claim: str, *, now: datetime, claim_for: timedelta = CLAIM) -> Slot:
    """The slot taken for sending by one run. If the run dies the slot is due again when the claim ends."""
    reported, reported_lifetime = slot.reported, slot.reported_lifetime
    if slot.state == "sent":
        reported, reported_lifetime = reported.unanswered(), reported_lifetime.unanswered()
    return replace(
        slot,
        state="sent",
        claim=claim,
        due_at=now + claim_for,
        attempts=slot.attempts + 1,
        reported=replace(reported, sent_wh=slot.value_wh),
        reported_lifetime=replace(reported_lifetime, sent_wh=slot.lifetime_wh),
    )


def claim_stands(slot: Slot, now: datetime) -> bool:
    """Whether a run has taken the slot for sending and may still be about it."""
    return slot.state == "sent" and slot.due_at is not None and now < slot.due_at


def to_tell_again(slot: Slot, *, now: datetime) -> Slot | None:
    """The slot due once more for the value that Axle refused; None when it is not parked."""
    if not slot.parked:
        return None
    reported, reported_lifetime = (
        replace(t, rejected_wh=None, words=None) for t in (slot.reported, slot.reported_lifetime)
    )
    return replace(
        slot, state="corrected", due_at=now, attempts=0, reported=reported, reported_lifetime=reported_lifetime
    )


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
    reported, heard = _told(slot, slot.reported, ENERGY, answers)
    reported_lifetime, heard_lifetime = (
        _told(slot, slot.reported_lifetime, LIFETIME, answers) if lifetime_rows else (slot.reported_lifetime, True)
    )
    slot = replace(slot, reported=reported, reported_lifetime=reported_lifetime, claim=None)
    if not (heard and heard_lifetime):
        return waiting(slot, now=now, wait=wait, longest=longest)
    if _settled(slot, lifetime_rows):
        return replace(slot, state=_settled_state(slot), due_at=None, attempts=0)
    return replace(slot, state="corrected", due_at=max(slot.end + grace, now), attempts=0)


def _told(slot: Slot, reported: ReportedValue, label: Label, answers: Answers) -> tuple[ReportedValue, bool]:
    if reported.settles(reported.sent_wh):
        return reported, True
    answer = answers.get((slot.axle_asset_id.lower(), slot.start, label))
    if answer is None:
        return reported.unanswered(), False
    if answer["accepted"]:
        return replace(reported, accepted_wh=reported.sent_wh, rejected_wh=None, words=None), True
    return replace(reported, rejected_wh=reported.sent_wh, words=str(answer.get("error") or "no reason given")), True


def waiting(slot: Slot, *, now: datetime, wait: timedelta | None = None, longest: timedelta = LAST_RETRY) -> Slot:
    """The claimed slot given back: due again after ``wait``, by default doubling with every attempt to ``longest``."""
    backoff = min(FIRST_RETRY * 2 ** min(max(slot.attempts - 1, 0), 10), longest)
    first_time = slot.reported.accepted_wh is None and slot.reported.rejected_wh is None
    state: ReportState = "open" if first_time else "corrected"
    return replace(slot, state=state, claim=None, due_at=now + (wait if wait is not None else backoff))
