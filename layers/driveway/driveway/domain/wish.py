"""What we would command now, if anything, and what speaks against it. Pure."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from driveway.domain.control_rules import ControlRules
from driveway.domain.default_schedule import off_peak_intervals
from driveway.domain.desired import Desired, desired
from driveway.domain.effective_schedule import next_edge
from driveway.domain.reasons import Reason
from driveway.domain.twin import CommandAction, Control, Session, Twin

LIMITING = frozenset({"tesla", "ocpp"})
"""Providers whose cars or chargers can be held at a part of their power."""

INSTRUCTED = frozenset({"ocpp"})
"""Providers that do what they were last told whatever the car shows: a charger has to be told to hold beforehand."""

RESERVED_FOR_STARTS = 2


@dataclass(frozen=True, slots=True)
class Wish:
    """A command we would plan: the action, its limit, from when, and what is desired then."""

    action: CommandAction
    limit_kw: float | None
    not_before: datetime
    edge_at: datetime | None
    desired: Desired
    release: bool = False


@dataclass(frozen=True, slots=True)
class HeldBack:
    """Why a wish has to wait, and until when (None: until something changes)."""

    reason: Reason
    until: datetime | None = None


def shows(twin: Twin, action: CommandAction) -> bool:
    """Whether the car shows what the action asks for."""
    charging = twin.presence.charging
    return charging is not None and bool(charging.value) == (action == "start")


def next_change(twin: Twin, now: datetime, rules: ControlRules) -> datetime | None:
    """When to look because the effective schedule changes: ``lead`` before its next edge that is not looked at yet."""
    edge = next_edge(twin, now + rules.lead, spread_s=rules.default_spread_s)
    return edge - rules.lead if edge else None


def wish(twin: Twin, now: datetime, rules: ControlRules) -> Wish | None:
    """What to command at ``now``, or at an edge within the lead; None when the car does what is desired."""
    at, edge = now, next_edge(twin, now, spread_s=rules.default_spread_s) if twin.presence.session else None
    if edge is not None and edge - now <= rules.lead:
        at = edge
    else:
        edge = None
    want = desired(twin, at, spread_s=rules.default_spread_s)
    if want.want == "leave":
        return _release_wish(twin, now, want)
    action: CommandAction = "start" if want.want == "charge" else "stop"
    limit_kw = want.limit_kw if want.want == "charge" and _limits(twin) else None
    if _does_it(twin, action, limit_kw):
        return None
    return Wish(action, limit_kw, at, edge, want)


def _limits(twin: Twin) -> bool:
    return twin.link.vehicle is not None and twin.link.vehicle.provider in LIMITING


def _does_it(twin: Twin, action: CommandAction, limit_kw: float | None) -> bool:
    """Whether the car does what is asked, or has been told and has shown nothing else since."""
    vehicle, session, command = twin.link.vehicle, twin.presence.session, twin.control.command
    if vehicle is None or session is None:
        return True
    told = last_told(twin.control, session)
    same_limit = action == "stop" or told is None or told != "start" or twin.control.last_limit_kw == limit_kw
    if vehicle.provider in INSTRUCTED:
        return told == action and same_limit
    if shows(twin, action):
        return same_limit
    if action == "start" and twin.presence.battery_full is not None and twin.presence.battery_full.value:
        return True
    settled = command is not None and command.state == "confirmed" and command.action == action
    charging = twin.presence.charging
    return settled and command is not None and not _shown_since(charging.at if charging else None, command.ended_at)


def _shown_since(shown_at: datetime | None, instant: datetime | None) -> bool:
    return shown_at is not None and (instant is None or shown_at > instant)


def last_told(control: Control, session: Session) -> CommandAction | None:
    """What we last told the car in this session; None when nothing."""
    start, stop = control.last_start_at, control.last_stop_at
    latest = max((at for at in (start, stop) if at is not None), default=None)
    if latest is None or latest < session.opened_at:
        return None
    return "start" if latest == start else "stop"


def _release_wish(twin: Twin, now: datetime, want: Desired) -> Wish | None:
    """Let a car charge that we hold and are letting go of."""
    session = twin.presence.session
    command = twin.control.command
    if session is None or twin.link.vehicle is None or want.reason is Reason.THIRD_PARTY_INTERFERENCE:
        return None
    if last_told(twin.control, session) != "stop" or shows(twin, "start"):
        return None
    if command is not None and command.release and command.state != "superseded":
        return None
    return Wish("start", None, now, None, want, release=True)


def guard(twin: Twin, wanted: Wish, now: datetime, rules: ControlRules) -> HeldBack | None:
    """What speaks against carrying out a wish now; None when nothing does."""
    control, at = twin.control, wanted.not_before
    spent = control.commands_today if control.budget_day == day_of(now) else 0
    allowed = rules.daily_commands - (RESERVED_FOR_STARTS if wanted.action == "stop" else 0)
    if spent >= allowed:
        return HeldBack(Reason.DAILY_BUDGET_SPENT, _next_day(now))
    if wanted.release:
        return None
    if control.breaker_until is not None and now < control.breaker_until:
        return HeldBack(Reason.BREAKER_OPEN, control.breaker_until)
    if wanted.action == "stop":
        return None if _is_peak(twin, at) else _stop_guard(twin, at, rules)
    if wanted.desired.source in {"charge_now", "minimum_soc"}:
        return None
    return _start_guard(twin, at, rules)


def _stop_guard(twin: Twin, at: datetime, rules: ControlRules) -> HeldBack | None:
    control, session = twin.control, twin.presence.session
    if session is not None and control.pairs_session_id == session.id and control.pairs >= rules.max_pairs:
        return HeldBack(Reason.PAIR_CAP_REACHED)
    if control.last_start_at is not None and at < control.last_start_at + rules.min_dwell:
        return HeldBack(Reason.MINIMUM_DWELL, control.last_start_at + rules.min_dwell)
    return None


def _start_guard(twin: Twin, at: datetime, rules: ControlRules) -> HeldBack | None:
    control, session = twin.control, twin.presence.session
    if control.last_stop_at is not None and at < control.last_stop_at + rules.min_dwell:
        return HeldBack(Reason.MINIMUM_DWELL, control.last_stop_at + rules.min_dwell)
    started = control.last_start_at
    if (
        started is not None
        and session is not None
        and last_told(control, session) == "start"
        and at < started + rules.restart_wait
        and control.command is not None
        and control.command.state == "confirmed"
    ):
        return HeldBack(Reason.MINIMUM_DWELL, started + rules.restart_wait)
    return None


def _is_peak(twin: Twin, at: datetime) -> bool:
    return not off_peak_intervals(twin.tariff, at, at + timedelta(seconds=1))


def day_of(now: datetime) -> str:
    """The UTC day that budgets are counted by."""
    return now.astimezone(UTC).date().isoformat()


def _next_day(now: datetime) -> datetime:
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + timedelta(days=1)
