"""The verdict on a home session: one code, one sentence, derived from what is kept of it. Pure.

The energy that is missing at the ready-by is split among what kept the car from taking it. The cause of the largest
part leads; of equal parts the one that stands first in ``Verdict``.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import Struct

from driveway.domain.control.desired import RELEASING
from driveway.domain.half_hours import HALF_HOUR, half_hour_of, half_hours_between
from driveway.domain.sessions.causes import FAILS_RELEASE, Cause, CauseSpan
from driveway.domain.sessions.plan import InForce, Need, energy_allowed_kwh
from driveway.domain.twin.reasons import Reason, local_hhmm

ENOUGH_KWH = 0.5
"""So much may be missing at the ready-by: less than a meter step and the rounding of a state of charge."""

WHOLE = 0.94
"""A car that takes this part of what is allowed in a half-hour is not slowed down. Where only the battery shows what it
took, a part is lost on the way: 5 to 15 %, and 10 % are assumed."""


class Verdict(StrEnum):
    """How a night went. Verdicts are part of the HTTP API: add, never rename."""

    READY = "READY"
    RUNNING = "RUNNING"
    NO_READY_BY = "NO_READY_BY"
    SHORT_PLUGGED_IN_LATE = "SHORT_PLUGGED_IN_LATE"
    SHORT_UNPLUGGED_EARLY = "SHORT_UNPLUGGED_EARLY"
    SHORT_ACCOUNT = "SHORT_ACCOUNT"
    SHORT_CAR_UNREACHABLE = "SHORT_CAR_UNREACHABLE"
    SHORT_PROVIDER_DOWN = "SHORT_PROVIDER_DOWN"
    SHORT_CAR_DID_NOT_FOLLOW = "SHORT_CAR_DID_NOT_FOLLOW"
    SHORT_UNSUPPORTED = "SHORT_UNSUPPORTED"
    SHORT_OPERATOR = "SHORT_OPERATOR"
    SHORT_BUDGET = "SHORT_BUDGET"
    STOPPED_BY_DRIVER = "STOPPED_BY_DRIVER"
    SHORT_LIMIT_IN_CAR = "SHORT_LIMIT_IN_CAR"
    SHORT_PLACE_IN_DOUBT = "SHORT_PLACE_IN_DOUBT"
    SHORT_SNOOZED = "SHORT_SNOOZED"
    SHORT_LEFT_ALONE = "SHORT_LEFT_ALONE"
    SHORT_PLAN = "SHORT_PLAN"
    ENERGY_UNKNOWN = "ENERGY_UNKNOWN"


SENTENCES: dict[Verdict, str] = {
    Verdict.READY: "The car had what was asked for.",
    Verdict.RUNNING: "The ready-by is still ahead.",
    Verdict.NO_READY_BY: "No ready-by time is set, so nothing was asked for by a time.",
    Verdict.SHORT_PLUGGED_IN_LATE: "The car was plugged in, or reported so, too late to take it all. Plug in earlier.",
    Verdict.SHORT_UNPLUGGED_EARLY: "The car was unplugged, or last seen plugged in at home, before its ready-by time.",
    Verdict.SHORT_ACCOUNT: "The car maker's account was not connected. Connect it again in the app.",
    Verdict.SHORT_CAR_UNREACHABLE: "The car could not be reached. Park it where it has reception, or wake it in its "
    "own app.",
    Verdict.SHORT_PROVIDER_DOWN: "The car maker's service did not answer. While that lasts, start the car at its "
    "charge point or in the car.",
    Verdict.SHORT_CAR_DID_NOT_FOLLOW: "The car accepted our commands and did not follow them. Check its own timers.",
    Verdict.SHORT_UNSUPPORTED: "This car cannot be started by its maker's service. Use the schedule in the car.",
    Verdict.SHORT_OPERATOR: "A setting of this service was wrong. The operator has to put it right.",
    Verdict.SHORT_BUDGET: "The car had used up its number of commands.",
    Verdict.STOPPED_BY_DRIVER: "Charging was stopped in the car, or its battery was full. To charge at once, choose "
    "charge now.",
    Verdict.SHORT_LIMIT_IN_CAR: "A limit in the car stopped it earlier or slowed it down. Check its charge limit.",
    Verdict.SHORT_PLACE_IN_DOUBT: "The car reported that it was away from home, so it was left alone.",
    Verdict.SHORT_SNOOZED: "Smart charging was snoozed, and the car did not charge by itself. End the snooze, or start "
    "the car in its own app.",
    Verdict.SHORT_LEFT_ALONE: "The car was not controlled, and did not charge by itself.",
    Verdict.SHORT_PLAN: "The plan gave it too little time. Ask for less, or choose charge now.",
    Verdict.ENERGY_UNKNOWN: "Not all energy was measured, so nobody can tell whether the car had enough.",
}
"""The cause of each verdict and what the driver can do, without amounts."""

_OF_CAUSE: dict[Cause, Verdict] = {
    Cause.ACCOUNT: Verdict.SHORT_ACCOUNT,
    Cause.CAR_UNREACHABLE: Verdict.SHORT_CAR_UNREACHABLE,
    Cause.PROVIDER_DOWN: Verdict.SHORT_PROVIDER_DOWN,
    Cause.DID_NOT_FOLLOW: Verdict.SHORT_CAR_DID_NOT_FOLLOW,
    Cause.UNSUPPORTED: Verdict.SHORT_UNSUPPORTED,
    Cause.OPERATOR_FAULT: Verdict.SHORT_OPERATOR,
    Cause.BUDGET: Verdict.SHORT_BUDGET,
    Cause.STOPPED_IN_CAR: Verdict.STOPPED_BY_DRIVER,
    Cause.LIMIT_IN_CAR: Verdict.SHORT_LIMIT_IN_CAR,
    Cause.PLACE_IN_DOUBT: Verdict.SHORT_PLACE_IN_DOUBT,
    Cause.SNOOZED: Verdict.SHORT_SNOOZED,
    Cause.LEFT_ALONE: Verdict.SHORT_LEFT_ALONE,
    Cause.UNMEASURED: Verdict.ENERGY_UNKNOWN,
}
_ORDER = list(Verdict)


class Spread(Struct, frozen=True):
    """The energy (kWh) that flowed some time between two readings hours apart, and the power (kW) at the first one."""

    start: datetime
    end: datetime
    energy_kwh: float
    first_kw: float


class HalfHour(Struct, frozen=True):
    """What the session took in the half-hour that starts at ``start`` (aware UTC); None: it was not measured.

    ``since`` and ``until`` bound the part of it in which the session ran; None: its own start and end. ``spread``: it
    is a share of what the car took over hours, at a higher power for a part of them.
    """

    start: datetime
    energy_kwh: float | None
    since: datetime | None = None
    until: datetime | None = None
    spread: Spread | None = None


class SessionFacts(Struct, frozen=True):
    """What is known of a session.

    Attributes:
        opened_at, closed_at: the session (aware UTC); ``closed_at`` None: it still runs.
        need: what the driver needed by when; None if there was no ready-by.
        half_hours: the energy of the session, in order.
        parts: the limits in force from the plug-in on, at least until the ready-by.
        causes: what kept the car from charging.
        is_full: the battery was full or at its charge limit by the ready-by, or by the end where there is none.
        charge_limit_pct: the charge limit in the car, where it reports one.
        filled_at: since when it was so full, where that is known (aware UTC).
    """

    opened_at: datetime
    closed_at: datetime | None
    power_kw: float
    timezone: str
    need: Need | None
    half_hours: Sequence[HalfHour] = ()
    parts: Sequence[InForce] = ()
    causes: Sequence[CauseSpan] = ()
    is_full: bool = False
    charge_limit_pct: float | None = None
    filled_at: datetime | None = None


class Judgement(Struct, frozen=True):
    """The verdict, its sentence, and the energies (kWh) behind it. ``parts_kwh`` has what is missing by its cause."""

    verdict: Verdict
    text: str
    wanted_kwh: float | None
    got_kwh: float
    missing_kwh: float
    parts_kwh: dict[Verdict, float]


def judge(facts: SessionFacts, now: datetime) -> Judgement:
    """The verdict on a session as it stands at ``now`` (aware UTC)."""
    total_kwh = energy_kwh(facts.half_hours, facts.opened_at, facts.closed_at or now)
    need = facts.need
    if need is None:
        text = f"Your car took {total_kwh:.1f} kWh. {SENTENCES[Verdict.NO_READY_BY]}"
        return Judgement(Verdict.NO_READY_BY, text, None, total_kwh, 0.0, {})
    by, wanted_kwh = need.ready_by, need.energy_kwh
    counted_from = need.as_of if need.target_soc_pct is not None else facts.opened_at
    got_kwh = energy_kwh(facts.half_hours, max(counted_from, facts.opened_at), by)
    missing_kwh = max(0.0, wanted_kwh - got_kwh)
    amounts = f"{got_kwh:.1f} of {wanted_kwh:.1f} kWh by {local_hhmm(by, facts.timezone)}"
    if missing_kwh <= ENOUGH_KWH or _is_filled(facts):
        full = "" if missing_kwh <= ENOUGH_KWH else " Its battery is full."
        return Judgement(Verdict.READY, f"Your car got {amounts}.{full}", wanted_kwh, got_kwh, missing_kwh, {})
    if facts.closed_at is None and now < by:
        text = f"Your car has {got_kwh:.1f} of {wanted_kwh:.1f} kWh so far."
        return Judgement(Verdict.RUNNING, text, wanted_kwh, got_kwh, missing_kwh, {})
    parts_kwh = _missing_by_cause(facts, need, missing_kwh)
    verdict = max(parts_kwh, key=lambda one: (round(parts_kwh[one], 3), -_ORDER.index(one)))
    return Judgement(
        verdict, f"Your car got {amounts}. {SENTENCES[verdict]}", wanted_kwh, got_kwh, missing_kwh, parts_kwh
    )


def energy_kwh(half_hours: Iterable[HalfHour], start: datetime, end: datetime) -> float:
    """The measured energy (kWh) between two instants; of a half-hour in part, its share by the time of the session."""
    return sum((one.energy_kwh or 0.0) * _share(one, start, end) for one in half_hours)


def _share(one: HalfHour, start: datetime, end: datetime) -> float:
    since, until = one.since or one.start, one.until or one.start + HALF_HOUR
    inside = min(until, end) - max(since, start)
    return max(0.0, inside / (until - since)) if since < until else 0.0


def _is_filled(facts: SessionFacts) -> bool:
    """Whether the battery took all that fits, and no limit of the driver's in the car lies below that."""
    return facts.is_full and (facts.charge_limit_pct is None or facts.charge_limit_pct >= 100)


def _missing_by_cause(facts: SessionFacts, need: Need, missing_kwh: float) -> dict[Verdict, float]:
    """The missing energy (kWh) by its cause, scaled so that the parts add up to it."""
    by, power_kw = need.ready_by, facts.power_kw
    ended_at = min(by, facts.closed_at or by)
    possible_kwh = power_kw * max(0.0, (by - facts.opened_at) / timedelta(hours=1))
    allowed_kwh = energy_allowed_kwh(facts.parts, facts.opened_at, by, power_kw=power_kw, where_unknown=True)
    parts_kwh = {
        Verdict.SHORT_PLUGGED_IN_LATE: max(0.0, need.energy_kwh - possible_kwh),
        Verdict.SHORT_UNPLUGGED_EARLY: _offered_kwh(facts, ended_at, by),
        Verdict.SHORT_PLAN: max(0.0, min(need.energy_kwh, possible_kwh) - allowed_kwh),
    }
    for cause, lost_kwh in _lost_by_cause(facts, ended_at).items():
        verdict = _OF_CAUSE[cause]
        parts_kwh[verdict] = parts_kwh.get(verdict, 0.0) + lost_kwh
    if parts_kwh.get(Verdict.ENERGY_UNKNOWN, 0.0) < missing_kwh - ENOUGH_KWH:
        # With all that was not measured the car still had too little, so the rest is the cause.
        parts_kwh.pop(Verdict.ENERGY_UNKNOWN, None)
    total_kwh = sum(parts_kwh.values())
    if total_kwh <= 0:
        return {Verdict.SHORT_PLAN: missing_kwh}
    return {verdict: part * missing_kwh / total_kwh for verdict, part in parts_kwh.items() if part > 0}


def _lost_by_cause(facts: SessionFacts, ended_at: datetime) -> dict[Cause, float]:
    """The energy (kWh) that the plan allowed and the car did not take until ``ended_at``, by its cause."""
    measured = {one.start: one.energy_kwh for one in facts.half_hours}
    edges, spread = set(_edges_of_charging(facts, measured)), {one.start for one in facts.half_hours if one.spread}
    lost_kwh: dict[Cause, float] = {}
    for start in half_hours_between(half_hour_of(facts.opened_at), ended_at):
        since, until = max(start, facts.opened_at), min(start + HALF_HOUR, ended_at)
        allowed_kwh = _offered_kwh(facts, since, until)
        energy = measured.get(start, 0.0)
        missing = allowed_kwh - (energy or 0.0)
        if missing <= 0 or (energy is not None and energy >= WHOLE * allowed_kwh):
            continue
        was_measured = energy is not None and start not in edges
        shows_slow = bool(energy) and start not in spread
        weights = _weights(facts, since, until, was_measured=was_measured, shows_slow=shows_slow)
        total = sum(weights.values())
        for cause, weight in weights.items():
            lost_kwh[cause] = lost_kwh.get(cause, 0.0) + missing * weight / total
    return lost_kwh


def _edges_of_charging(facts: SessionFacts, measured: Mapping[datetime, float | None]) -> Iterator[datetime]:
    """The half-hours in which charging began or ended, next to one in which the car took all that was allowed.

    When it began or ended is known from the reports before and after, so part of their energy may not be measured.
    """
    if facts.is_full:
        return
    for start, energy in measured.items():
        before, after = start - HALF_HOUR, start + HALF_HOUR
        begins = not measured.get(before) and _is_whole(facts, measured, after)
        ends = not measured.get(after) and _is_whole(facts, measured, before)
        if energy and (begins or ends):
            yield start


def _is_whole(facts: SessionFacts, measured: Mapping[datetime, float | None], half_hour: datetime) -> bool:
    """Whether the car took all that was allowed in a half-hour."""
    allowed_kwh = _offered_kwh(facts, half_hour, half_hour + HALF_HOUR)
    return allowed_kwh > 0 and (measured.get(half_hour) or 0.0) >= WHOLE * allowed_kwh


def _offered_kwh(facts: SessionFacts, start: datetime, end: datetime) -> float:
    """The energy (kWh) that is known to have been allowed between two instants."""
    return energy_allowed_kwh(facts.parts, start, end, power_kw=facts.power_kw, where_unknown=False)


def _weights(
    facts: SessionFacts, since: datetime, until: datetime, *, was_measured: bool, shows_slow: bool
) -> dict[Cause, float]:
    """How the energy lost between two instants is split among its causes."""
    inside = [part.left_alone for part in facts.parts if part.start < until and since < part.end]
    weights = _weights_of_causes(facts, since, until, released=bool(RELEASING.intersection(inside)))
    if sum(weights.values()) > 0:
        return weights
    if Reason.SNOOZED in inside:
        return {Cause.SNOOZED: 1.0}
    if any(reason is not None for reason in inside):
        return {Cause.LEFT_ALONE: 1.0}
    fills_before = facts.is_full and facts.filled_at is not None and facts.filled_at <= since
    if not was_measured and not fills_before:
        return {Cause.UNMEASURED: 1.0}
    if shows_slow or facts.is_full:
        return {Cause.LIMIT_IN_CAR: 1.0}
    return {Cause.DID_NOT_FOLLOW: 1.0}


def _weights_of_causes(facts: SessionFacts, since: datetime, until: datetime, *, released: bool) -> dict[Cause, float]:
    """The energy (kWh) that was allowed while each cause held."""
    weights: dict[Cause, float] = {}
    for span in facts.causes:
        start, end = max(span.start, since), min(span.end, until)
        if start < end and (span.cause in FAILS_RELEASE or not released):
            weights[span.cause] = weights.get(span.cause, 0.0) + _offered_kwh(facts, start, end)
    return weights
