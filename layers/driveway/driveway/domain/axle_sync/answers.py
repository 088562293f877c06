"""The twin after a call to Axle was claimed, answered, postponed or refused. Pure."""

from collections.abc import Callable
from datetime import datetime, timedelta

from driveway.domain.axle_sync.calls import AxleCall, CallKind
from driveway.domain.axle_sync.differences import call_due, in_sync, next_call, possible_calls, takes_part
from driveway.domain.axle_sync.doubts import doubts, with_doubts
from driveway.domain.preferences.intent import intent_differs
from driveway.domain.twin import (
    AxleCallClaim,
    AxleDoubt,
    AxleLost,
    AxlePlug,
    AxleRefusal,
    AxleState,
    AxleSubject,
    Entry,
    Twin,
)
from driveway.domain.twin.events import Event
from driveway.domain.twin.reasons import Reason
from driveway.values import replace

FIRST_BACKOFF_S = 5.0
LONGEST_BACKOFF_S = 300.0
ACTS_WITHIN = timedelta(seconds=60)
"""The time after which Axle does not carry out an unanswered call any more."""


def claimed(twin: Twin, now: datetime, *, id: str, until: datetime) -> Twin:  # noqa: A002 - the field's name
    """The twin with its next call claimed: until then nobody else calls for this asset, so its calls keep their order.

    The same twin when there is no call to make. ``claimed_call`` gives the call. If its answer is never noted, the
    reported values are in doubt from ``until`` on.
    """
    call = call_due(twin, now)
    if call is None:
        return twin
    axle = replace(
        twin.axle,
        doubts=doubts(twin, now),
        lost=tuple(lost for lost in twin.axle.lost if now < lost.until),
        call_claim=AxleCallClaim(id, now, until, _news(twin.axle, call)),
        unacknowledged_since=twin.axle.unacknowledged_since or now,
    )
    return replace(twin, axle=axle)


def claimed_call(twin: Twin, id: str) -> AxleCall | None:  # noqa: A002 - the field's name
    """The call that was claimed under this id; None when it was not."""
    telling = twin.axle.call_claim
    return next_call(twin, telling.since) if telling is not None and telling.id == id else None


def answered(twin: Twin, id: str, note: Callable[[Twin], Twin]) -> Twin:  # noqa: A002 - the field's name
    """The twin with the result of a claimed call; the same twin when another instance has taken the claim over.

    In that case the values that the late call reported are in doubt, and are reported again.
    """
    telling = twin.axle.call_claim
    if telling is None or telling.id != id:
        return twin
    return note(replace(twin, axle=replace(twin.axle, call_claim=None)))


def acknowledged(twin: Twin, call: AxleCall, now: datetime) -> Twin:
    """The twin once Axle answered the call with a 2xx."""
    subjects = {reported.subject for reported in call.reports}
    axle = replace(twin.axle, doubts=tuple(doubt for doubt in twin.axle.doubts if doubt.subject not in subjects))
    if call.tariff is not None:
        axle = replace(axle, tariff=call.tariff)
    if call.intent is not None:
        axle = replace(axle, intent=call.intent)
    if call.kind in {"plug-in", "plug-out"}:
        axle = replace(axle, plug=AxlePlug(call.session_id), charging_rate_kw=call.charging_rate_kw)
    if call.charging_rate_kw is not None:
        axle = replace(axle, charging_rate_kw=call.charging_rate_kw)
    if call.kind == "plug-out" and axle.charge_now is not None and now < axle.charge_now.until:
        # Axle does not document whether a plug-out ends the charge-now.
        axle = replace(axle, doubts=with_doubts(axle.doubts, (AxleDoubt("charge_now"),)))
    if call.kind in {"charge-now", "charge-now-deleted"}:
        axle = replace(axle, charge_now=call.charge_now)
    axle = replace(axle, attempts=0, retry_at=None, last_error=None)
    text, detail = _ACKNOWLEDGED_TEXTS[call.kind], {"call": call.kind, **call.body}
    return _settled(replace(twin, axle=axle), now).tell(
        Entry(now, Event.AXLE_TOLD, Reason.AXLE_ACKNOWLEDGED, text, detail)
    )


_ACKNOWLEDGED_TEXTS: dict[CallKind, str] = {
    "tariff-update": "Axle knows the tariff.",
    "intent": "Axle knows what the driver needs.",
    "plug-in": "Axle knows that the car is plugged in at home.",
    "vehicle-update": "Axle knows at which power the car charges.",
    "plug-out": "Axle knows that the car is not plugged in.",
    "charge-now": "Axle knows of the charge-now.",
    "charge-now-deleted": "Axle knows that the charge-now is over.",
}


def _news(axle: AxleState, call: AxleCall) -> tuple[AxleDoubt, ...]:
    """The values that Axle may know, or not, while the call has no answer, without those it acknowledged before."""
    old: set[AxleSubject] = set()
    if call.tariff == axle.tariff:
        old.add("tariff")
    if call.intent is not None and not intent_differs(axle.intent, call.intent):
        old.add("intent")
    if call.charging_rate_kw == axle.charging_rate_kw:
        old.add("charging_rate")
    return tuple(reported for reported in call.reports if reported.subject not in old)


def pause_s(attempts: int, wait_s: float | None, spread: float) -> float:
    """The pause after a failure: it doubles from 5 s to 5 minutes, and its upper half is random.

    Args:
        attempts: how many calls failed in a row before this one.
        wait_s: the pause that Axle asked for (``Retry-After``), if it did: kept in full up to five minutes, and up to
            a quarter longer within them, so that the assets do not all call at once.
        spread: a random number, uniform in [0, 1).
    """
    backoff_s = min(LONGEST_BACKOFF_S, FIRST_BACKOFF_S * 2.0 ** min(attempts, 16)) * (0.5 + 0.5 * spread)
    asked_s = min(LONGEST_BACKOFF_S, (wait_s or 0.0) * (1 + 0.25 * spread))
    return max(backoff_s, asked_s)


def put_off(
    twin: Twin,
    detail: str,
    *,
    now: datetime,
    wait_s: float | None,
    spread: float,
    unanswered: AxleCall | None = None,
    acts_within: timedelta = ACTS_WITHIN,
) -> Twin:
    """The twin after a call that Axle could not answer: repeated after ``pause_s`` until Axle answers.

    ``unanswered`` is the call, if Axle may still have carried it out or may yet do so (``acts_within``).
    """
    axle = twin.axle
    later = replace(
        axle,
        attempts=axle.attempts + 1,
        retry_at=now + timedelta(seconds=pause_s(axle.attempts, wait_s, spread)),
        last_error=detail,
        doubts=with_doubts(axle.doubts, _news(axle, unanswered)) if unanswered else axle.doubts,
        lost=_with_lost(axle.lost, unanswered, now + acts_within) if unanswered else axle.lost,
        unacknowledged_since=axle.unacknowledged_since or now,
    )
    return _with_outage_reported(twin, replace(twin, axle=later), now)


def _with_lost(known: tuple[AxleLost, ...], call: AxleCall, until: datetime) -> tuple[AxleLost, ...]:
    values = call.report_values
    further = tuple(AxleLost(reported, values[reported.subject], until) for reported in call.reports)
    again = {(lost.reported, lost.value) for lost in further}
    return (*(lost for lost in known if (lost.reported, lost.value) not in again), *further)


def held_back(twin: Twin, detail: str, *, now: datetime, until: datetime) -> Twin:
    """The twin that has something to report while Axle's breaker is open: reconciled again at ``until``."""
    if call_due(twin, now) is None:
        return twin
    axle = replace(
        twin.axle,
        retry_at=until,
        last_error=twin.axle.last_error or detail,
        unacknowledged_since=twin.axle.unacknowledged_since or now,
    )
    return _with_outage_reported(twin, replace(twin, axle=axle), now)


def _with_outage_reported(before: Twin, after: Twin, now: datetime) -> Twin:
    if before.axle.retry_at is not None:
        return after
    text = "Axle cannot be reached; it is tried again until it answers."
    return after.tell(
        Entry(now, Event.AXLE_UNAVAILABLE, Reason.AXLE_UNAVAILABLE, text, {"error": after.axle.last_error})
    )


def refused(twin: Twin, call: AxleCall, *, status: int, detail: str, now: datetime) -> Twin:
    """The twin once Axle refused the call for good: not repeated until the value changes.

    The app gets ``NeedsAttention``, except for a plug-in with more than the plug state: its parts are then reported one
    by one, and Axle refuses the one at fault by itself.
    For an asset that no longer takes part, a refusal is expected, so there is no event.
    """
    if not takes_part(twin):
        return twin
    kept = tuple(refusal for refusal in twin.axle.refusals if refusal.fingerprint != call.fingerprint)
    refusal = AxleRefusal(call.kind, status, detail, call.fingerprint, now)
    axle = replace(
        twin.axle,
        attempts=0,
        retry_at=None,
        last_error=detail,
        refusals=(*kept, refusal),
        unacknowledged_since=twin.axle.unacknowledged_since or now,
    )
    event = Event.AXLE_REFUSED if call.kind == "plug-in" and call.body else Event.NEEDS_ATTENTION
    text = f"Axle refused the {call.kind}: {detail}"
    return _settled(replace(twin, axle=axle), now).tell(
        Entry(now, event, Reason.AXLE_REFUSED, text, {"call": call.kind, "status": status})
    )


def _settled(twin: Twin, now: datetime) -> Twin:
    """The twin without refusals of values that are out of date, and with the detail of the latest of the rest."""
    possible = possible_calls(twin, now)
    refusals = tuple(refusal for refusal in twin.axle.refusals if refusal.fingerprint in possible)
    return replace(
        twin,
        axle=replace(
            twin.axle,
            refusals=refusals,
            last_error=refusals[-1].detail if refusals else None,
            unacknowledged_since=None if in_sync(twin, now) else twin.axle.unacknowledged_since,
        ),
    )
