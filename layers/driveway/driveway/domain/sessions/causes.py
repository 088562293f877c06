"""What kept a car from charging although the plan let it, read from its timeline. Pure."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import Struct

from driveway.domain.control.command_states import TAKEN
from driveway.domain.sessions.plan import InForce
from driveway.domain.twin import Entry, OutcomeKind
from driveway.domain.twin.events import Event
from driveway.domain.twin.reasons import Reason

OWN_STOP_SHOWS_WITHIN = timedelta(minutes=10)
"""A car that stops within this long of our own stop command stopped because of it."""


class Cause(StrEnum):
    """Why a car did not charge although the plan let it."""

    CAR_UNREACHABLE = "CAR_UNREACHABLE"
    PROVIDER_DOWN = "PROVIDER_DOWN"
    ACCOUNT = "ACCOUNT"
    UNSUPPORTED = "UNSUPPORTED"
    DID_NOT_FOLLOW = "DID_NOT_FOLLOW"
    OPERATOR_FAULT = "OPERATOR_FAULT"
    BUDGET = "BUDGET"
    STOPPED_IN_CAR = "STOPPED_IN_CAR"
    LIMIT_IN_CAR = "LIMIT_IN_CAR"
    PLACE_IN_DOUBT = "PLACE_IN_DOUBT"
    SNOOZED = "SNOOZED"
    LEFT_ALONE = "LEFT_ALONE"
    UNMEASURED = "UNMEASURED"


class CauseSpan(Struct, frozen=True):
    """From ``start`` until ``end`` (aware UTC) this cause kept the car from charging."""

    start: datetime
    end: datetime
    cause: Cause


_ATTENTION: dict[str, Cause] = {
    Reason.PROVIDER_NEEDS_USER: Cause.ACCOUNT,
    Reason.DRIVER_STOP_RESPECTED: Cause.STOPPED_IN_CAR,
    Reason.DAILY_BUDGET_SPENT: Cause.BUDGET,
    Reason.PROVIDER_UNSUPPORTED: Cause.UNSUPPORTED,
}
_REFUSED: dict[str, Cause] = {
    OutcomeKind.NEEDS_USER: Cause.ACCOUNT,
    OutcomeKind.UNSUPPORTED: Cause.UNSUPPORTED,
    OutcomeKind.NEEDS_OPERATOR: Cause.OPERATOR_FAULT,
}
FAILS_RELEASE = frozenset({Cause.CAR_UNREACHABLE, Cause.PROVIDER_DOWN, Cause.ACCOUNT, Cause.OPERATOR_FAULT})
"""What keeps our release from a car, which else charges as it likes."""

_RELEASES = frozenset({Event.UNENROLLED, Event.SNOOZED, Event.CONTROL_RELEASED})
"""From here on these causes count only once the release fails, too."""

_ENDS = frozenset({Event.CHARGING_STARTED, Event.RECONNECTED, Event.HOME_CONFIRMED, Event.COMMAND_CONFIRMED})
_CHARGES: dict[str, bool] = {
    Event.CHARGING_STARTED: True,
    Event.CHARGING_STOPPED: False,
    Event.PLUGGED_OUT: False,
    "start": True,
    "stop": False,
}
"""Whether the car charges after an event, or after a command that is confirmed."""

_WITHOUT_EFFECT = frozenset({Event.COMMAND_RETRIED, Event.COMMAND_FAILED, Event.COMMAND_EXPIRED})
_BEGINS: dict[str, Cause] = {
    Event.COMMAND_PUT_OFF: Cause.PROVIDER_DOWN,
    Event.HOME_DOUBTED: Cause.PLACE_IN_DOUBT,
}


def cause_spans(
    entries: Iterable[Entry], parts: Sequence[InForce], start: datetime, end: datetime, *, is_full: bool = False
) -> list[CauseSpan]:
    """The spans within ``[start, end)`` (aware UTC) in which a cause kept the car from charging, in order.

    Args:
        entries: the timeline, in order of time. Entries before ``start`` count: a cause may be older than the session.
        parts: the limits that were in force.
        start: the plug-in.
        end: the ready-by or the plug-out.
        is_full: the battery was full, or at its charge limit, by the ready-by.
    """
    spans: list[CauseSpan] = []
    stop = Cause.LIMIT_IN_CAR if is_full else Cause.STOPPED_IN_CAR
    present: Cause | None = None
    since, stopped_by_us_at, is_charging = start, None, False
    for entry in entries:
        if entry.at >= end:
            break
        is_charging = _charges_after(entry, charged_before=is_charging)
        if _is_harmless(entry, is_charging=is_charging):
            continue
        if entry.event == Event.COMMAND_SENT and entry.detail.get("action") == "stop":
            stopped_by_us_at = entry.at
        by_us = stopped_by_us_at is not None and entry.at - stopped_by_us_at <= OWN_STOP_SHOWS_WITHIN
        of_itself = stop if _may_charge(parts, entry.at) and not by_us else None
        following = _after(entry, present, stop=of_itself)
        if following is present:
            continue
        if present is not Cause.DID_NOT_FOLLOW or entry.event != Event.COMMAND_REFUSED:
            # A refusal that comes later explains why an accepted command had no effect.
            spans += _span(present, since, entry.at, start)
            since = entry.at
        present = following
    return [*spans, *_span(present, since, end, start)]


def _charges_after(entry: Entry, *, charged_before: bool) -> bool:
    if entry.event == Event.COMMAND_CONFIRMED:
        return _CHARGES.get(str(entry.detail.get("action")), charged_before)
    return _CHARGES.get(entry.event, charged_before)


def _is_harmless(entry: Entry, *, is_charging: bool) -> bool:
    """Whether it is about a default schedule in the car or charger that does not hold it."""
    action = entry.detail.get("action")
    return action == "install_default" or (action == "remove_default" and is_charging)


def _span(cause: Cause | None, since: datetime, until: datetime, start: datetime) -> list[CauseSpan]:
    since = max(since, start)
    return [CauseSpan(since, until, cause)] if cause is not None and since < until else []


def _may_charge(parts: Sequence[InForce], at: datetime) -> bool:
    part = next((part for part in parts if part.start <= at < part.end), None)
    return part is not None and (part.left_alone is not None or (part.limit_kw or 0.0) > 0)


def _after(entry: Entry, present: Cause | None, *, stop: Cause | None) -> Cause | None:
    """The cause that holds after an entry. ``stop`` is the one behind a car that stops now."""
    if entry.event in _ENDS:
        return Cause.LIMIT_IN_CAR if entry.reason == Reason.BATTERY_FULL else None
    if entry.event in _RELEASES:
        return None if present in FAILS_RELEASE else present
    if entry.event == Event.COMMAND_REFUSED:
        return _refused(entry)
    if entry.event in _WITHOUT_EFFECT:
        return _without_effect(entry) if present is None or _explains_more(entry, present) else present
    if entry.event == Event.CHARGING_STOPPED:
        return present or stop
    begins = _ATTENTION.get(entry.reason) if entry.event == Event.NEEDS_ATTENTION else _BEGINS.get(entry.event)
    return begins or present


def _explains_more(entry: Entry, present: Cause) -> bool:
    """Whether a command that the car took, without effect, says more than the cause that holds.

    A car that stopped of itself and then takes our start without charging is not one that its driver stopped.
    """
    taken = entry.detail.get("outcome") in TAKEN
    is_stuck = present is Cause.STOPPED_IN_CAR and entry.detail.get("action") == "start"
    return taken and (present in FAILS_RELEASE or is_stuck)


def _refused(entry: Entry) -> Cause:
    outcome = str(entry.detail.get("outcome"))
    if outcome in _REFUSED:
        return _REFUSED[outcome]
    if entry.detail.get("unavailable"):
        return Cause.PROVIDER_DOWN
    return Cause.BUDGET if entry.reason == Reason.WAKE_BUDGET_SPENT else Cause.CAR_UNREACHABLE


def _without_effect(entry: Entry) -> Cause:
    """The cause behind a command that had no effect: the car took it, or no answer came."""
    outcome = entry.detail.get("outcome")
    if entry.reason == Reason.DAILY_BUDGET_SPENT:
        return Cause.BUDGET
    return Cause.DID_NOT_FOLLOW if outcome in TAKEN else Cause.PROVIDER_DOWN
