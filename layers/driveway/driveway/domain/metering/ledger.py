"""The ledger of half-hours: the states that a report to Axle goes through.

A half-hour is ``open`` until its grace is over, ``due`` from then on, ``sent`` until Axle answers, and then
``accepted``, or ``rejected`` with Axle's reason and parked. Late data makes it ``corrected``: the new value is due. It
is done when Axle has accepted the measured value. It is ``unknown`` if no sample shows whether energy flowed: then
nothing is sent until a later sample shows it. It is ``withheld`` if the asset does not take part.
"""

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
from driveway.values import replace

CLOCKS_DIFFER = timedelta(minutes=1)
"""A run whose clock is ahead may have sent what is due only soon."""


def measured(before: Slot | None, after: Slot, *, now: datetime, grace: timedelta, lifetime_rows: bool = False) -> Slot:
    """The slot after its samples or energy changed, with the time at which its report is due.

    A half-hour is reported a grace after its end, and a correction a grace after the change, so that a burst of late
    data makes one call. A claimed slot does not change: its run sees the new value when Axle answers. A half-hour that
    touches an away doubt is reported after the doubt. A value that was due may have been sent: what Axle holds is then
    unknown until it answers again.
    """
    if after.state == "sent":
        return after
    if before is not None and before.due_at is not None and before.due_at <= now + CLOCKS_DIFFER:
        after = _with_value_perhaps_sent(before, after, lifetime_rows)
    if not after.reportable:
        return replace(after, state="open", due_at=None)
    unreported = after.reported == ReportedValue()
    # An unknown half-hour is due once, a grace after its end: the drain then makes the half-hours that follow it.
    awaited = unreported and after.value_wh is None and after.state != "unknown"
    if _settled(after, lifetime_rows) and not awaited:
        return replace(after, state=_settled_state(after), due_at=None, attempts=0)
    if not unreported and _waits_already(before, after):
        return after
    due_at = after.end + grace if unreported else max(after.end, now) + grace
    if after.held_until is not None:
        due_at = max(due_at, after.held_until)
    return replace(after, state="open" if unreported else "corrected", due_at=due_at, attempts=0)


def _with_value_perhaps_sent(before: Slot, after: Slot, lifetime_rows: bool) -> Slot:
    """The changed slot, if a run may have sent the value before: the run that is at work, or one that died."""
    if before.value_wh != after.value_wh:
        after = replace(after, reported=_perhaps_sent(after.reported, before.value_wh))
    if lifetime_rows and before.lifetime_wh != after.lifetime_wh:
        after = replace(after, reported_lifetime=_perhaps_sent(after.reported_lifetime, before.lifetime_wh))
    return after


def _perhaps_sent(reported: ReportedValue, value_wh: int | None) -> ReportedValue:
    return reported if value_wh is None else replace(reported, sent_wh=value_wh).unanswered()


def _waits_already(before: Slot | None, after: Slot) -> bool:
    """Whether the slot was already due for the same reason."""
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
    """The slot while one run sends it. If the run dies, the slot is due again when the claim ends."""
    reported, reported_lifetime = slot.reported, slot.reported_lifetime
    if slot.state == "sent":
        reported, reported_lifetime = reported.unanswered(), reported_lifetime.unanswered()
    return replace(
        slot,
        state="sent",
        claim=claim,
        due_at=now + claim_for,
        listed_at=slot.listed_at or slot.due_at,
        attempts=slot.attempts + 1,
        reported=replace(reported, sent_wh=slot.value_wh),
        reported_lifetime=replace(reported_lifetime, sent_wh=slot.lifetime_wh),
    )


def sending(slot: Slot) -> Slot:
    """The slot as the run that has the lease of its shard sends it. It is stored once Axle has answered.

    If the run dies before, the slot is still due, and a change of it counts with the value having been sent.
    """
    return replace(
        slot,
        attempts=slot.attempts + 1,
        reported=replace(slot.reported, sent_wh=slot.value_wh),
        reported_lifetime=replace(slot.reported_lifetime, sent_wh=slot.lifetime_wh),
    )


def sent_as(present: Slot, sent: Slot) -> Slot | None:
    """The slot as it is stored now, with the values that were sent of it; None if others have reported it since."""
    if present.claim != sent.claim:
        return None
    for now, then in ((present.reported, sent.reported), (present.reported_lifetime, sent.reported_lifetime)):
        answered_since = {now.accepted_wh, now.rejected_wh} - {then.accepted_wh, then.rejected_wh, None}
        if answered_since:
            return None
    return replace(
        present,
        attempts=sent.attempts,
        reported=replace(present.reported, sent_wh=sent.reported.sent_wh),
        reported_lifetime=replace(present.reported_lifetime, sent_wh=sent.reported_lifetime.sent_wh),
    )


def withheld(slot: Slot) -> Slot:
    """The slot that is not reported, because the asset does not take part. Its energy is still for the app."""
    values = (slot.reported, slot.reported_lifetime)
    if slot.state == "sent":
        values = (slot.reported.unanswered(), slot.reported_lifetime.unanswered())
    reported, reported_lifetime = (replace(value, rejected_wh=None, words=None) for value in values)
    return replace(
        slot,
        state="withheld",
        claim=None,
        listed_at=None,
        due_at=None,
        attempts=0,
        reported=reported,
        reported_lifetime=reported_lifetime,
        rejected_at=None,
    )


def is_unreported(slot: Slot, *, lifetime_rows: bool = False) -> bool:
    """Whether Axle has still to answer to the value of a slot."""
    return slot.reportable and not _settled(slot, lifetime_rows)


def to_report_again(slot: Slot, *, now: datetime) -> Slot | None:
    """The slot due again for the value that Axle rejected; None when it is not parked."""
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
    """The claimed slot after Axle's answers. A value without an answer, which Axle may hold, waits as in ``waiting``.

    The answer is about the value that was sent. So a value measured in the meantime is due at once if its grace is
    over, and an accepted value is never sent again.
    """
    reported, is_answered = _after_answer(slot, slot.reported, ENERGY, answers)
    reported_lifetime, is_lifetime_answered = (
        _after_answer(slot, slot.reported_lifetime, LIFETIME, answers)
        if lifetime_rows
        else (slot.reported_lifetime, True)
    )
    slot = _dated(
        replace(slot, reported=reported, reported_lifetime=reported_lifetime, claim=None, listed_at=None), now
    )
    if not (is_answered and is_lifetime_answered):
        return waiting(slot, now=now, wait=wait, longest=longest)
    if _settled(slot, lifetime_rows):
        return replace(slot, state=_settled_state(slot), due_at=None, attempts=0)
    return replace(slot, state="corrected", due_at=max(slot.end + grace, now), attempts=0)


def _dated(slot: Slot, now: datetime) -> Slot:
    """The slot with the times of its answers: the first acceptance, and since when a row is refused."""
    accepted_wh = slot.reported.accepted_wh
    if accepted_wh is not None and slot.first_accepted_at is None:
        slot = replace(slot, first_accepted_at=now, first_accepted_wh=accepted_wh)
    refused = slot.reported.rejected_wh is not None or slot.reported_lifetime.rejected_wh is not None
    return replace(slot, rejected_at=(slot.rejected_at or now) if refused else None)


def _after_answer(slot: Slot, reported: ReportedValue, label: Label, answers: Answers) -> tuple[ReportedValue, bool]:
    """One value after Axle's answers, and whether one of them was about it."""
    if reported.settles(reported.sent_wh):
        return reported, True
    answer = answers.get((slot.axle_asset_id.lower(), slot.start, label))
    if answer is None:
        return reported.unanswered(), False
    if answer["accepted"]:
        return replace(reported, accepted_wh=reported.sent_wh, rejected_wh=None, words=None), True
    return replace(reported, rejected_wh=reported.sent_wh, words=str(answer.get("error") or "no reason given")), True


def waiting(slot: Slot, *, now: datetime, wait: timedelta | None = None, longest: timedelta = LAST_RETRY) -> Slot:
    """The slot with its claim given up: due again after ``wait``, which by default doubles with every attempt."""
    backoff = min(FIRST_RETRY * 2 ** min(max(slot.attempts - 1, 0), 10), longest)
    first_time = slot.reported.accepted_wh is None and slot.reported.rejected_wh is None
    state: ReportState = "open" if first_time else "corrected"
    return replace(slot, state=state, claim=None, listed_at=None, due_at=now + (wait if wait is not None else backoff))
