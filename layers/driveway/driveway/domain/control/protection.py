"""Guards that protect the car from our commands: the reasons to hold a command back. Pure."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from driveway.domain.control.budgets import budget_spent
from driveway.domain.control.desired import Desired, desired_in, is_charge_now_to_try
from driveway.domain.control.held_back import HeldBack
from driveway.domain.control.required_command import (
    RequiredCommand,
    is_full,
    is_instructed,
    last_sent_action,
    observed_state_matches,
    required_command,
    schedule_window,
)
from driveway.domain.control.settings import ControlRules
from driveway.domain.control.vehicle_requests import place_checked_until
from driveway.domain.control.vehicle_schedules import edge_that_switched
from driveway.domain.schedules.default_schedule import off_peak_intervals
from driveway.domain.twin import CommandAction, Twin
from driveway.domain.twin.reasons import Reason
from driveway.domain.wall_time import to_utc

UNSUPPORTED_FOR = timedelta(days=1)
BRITISH_PEAK_STARTS_MIN = (8 * 60, 16 * 60)
"""The Electric Vehicles (Smart Charge Points) Regulations 2021: peak is 08:00-11:00 and 16:00-22:00 on weekdays."""


def explain(twin: Twin, now: datetime, rules: ControlRules) -> tuple[Desired, HeldBack | None]:
    """The desired action at ``now`` (aware UTC), and the guard that holds it back, if one does."""
    schedule = schedule_window(twin, now, rules)
    want, wanted = desired_in(twin, now, schedule), required_command(twin, now, rules, schedule)
    command = twin.control.command
    if command is not None and command.state == "planned" and command.provider_retry_at is not None:
        return want, HeldBack(Reason(command.put_off_for), command.provider_retry_at)
    return want, guard(twin, wanted, now, rules) if wanted else None


def guard(twin: Twin, wanted: RequiredCommand, now: datetime, rules: ControlRules) -> HeldBack | None:
    """The guard that holds the required command back now; None when none does."""
    barred = (
        _unsupported(twin, wanted, now)
        or _pointless(twin, wanted, now)
        or budget_spent(twin, wanted.action, now, rules)
        or _breaker(twin, wanted, now)
    )
    if barred is not None:
        return barred
    if wanted.release:
        given_up = HeldBack(Reason.RELEASE_GIVEN_UP) if twin.control.release_given_up_at is not None else None
        return given_up or _restart_guard(twin, wanted.not_before, rules)
    if wanted.action == "stop":
        return _stop_guard(twin, wanted.not_before, rules, is_test=wanted.desired.reason is Reason.TEST_CHARGE)
    if wanted.desired.reason is Reason.TEST_CHARGE:
        return None
    if wanted.desired.source in {"charge_now", "minimum_soc"}:
        untried = wanted.desired.source == "charge_now" and is_charge_now_to_try(twin, wanted.not_before)
        return None if untried else _restart_guard(twin, wanted.not_before, rules)
    return _start_guard(twin, wanted.not_before, rules)


def _pointless(twin: Twin, wanted: RequiredCommand, now: datetime) -> HeldBack | None:
    """Hold back a command to a car that may be elsewhere, and a start of a car that may be unplugged or is full."""
    held, checked_until = twin.presence.held_plug_out, place_checked_until(twin, now)
    if checked_until is not None:
        return HeldBack(Reason.PLACE_BEING_CHECKED, checked_until)
    if wanted.action == "start" and held is not None:
        return HeldBack(Reason.PLUG_OUT_HELD, held.until)
    full = believes_full(twin, wanted.action) and not _tries_full(twin, wanted)
    return HeldBack(Reason.BATTERY_FULL) if full else None


def believes_full(twin: Twin, action: CommandAction) -> bool:
    """Whether a full battery makes a start useless. A charger is still started: its car may want more later."""
    return action == "start" and not is_instructed(twin) and is_full(twin)


def _tries_full(twin: Twin, wanted: RequiredCommand) -> bool:
    """Whether to start a car that counts as full, because its charge limit may have been raised.

    One such start is made for each charge-now, and one in each off-peak window without a start so far.
    """
    at, started_at = wanted.not_before, twin.control.last_start_at
    if wanted.desired.source == "charge_now":
        return is_charge_now_to_try(twin, at)
    window = off_peak_intervals(twin.tariff, at - timedelta(days=1), at + timedelta(seconds=1))
    since = next((start for start, end in window if start <= at < end), None)
    return since is not None and (started_at is None or started_at < since)


def _unsupported(twin: Twin, wanted: RequiredCommand, now: datetime) -> HeldBack | None:
    """Hold back for a day a command that the car or charger cannot carry out, as its maker answered."""
    command = twin.control.command
    if command is None or command.action != wanted.action or command.ended_at is None:
        return None
    until = command.ended_at + UNSUPPORTED_FOR
    known = command.outcome == "UNSUPPORTED" and command.state == "failed" and now < until
    return HeldBack(Reason.PROVIDER_UNSUPPORTED, until) if known else None


def _breaker(twin: Twin, wanted: RequiredCommand, now: datetime) -> HeldBack | None:
    """The guard of the open breaker. A release, a new charge-now and a test charge are still tried once.

    So is the hold of a charger whose start was given up: it accepted that start, and may yet charge by it. The hold of
    one that shows that it obeyed a release waits: the next window could begin before the pause is over.
    """
    until, command = twin.control.breaker_until, twin.control.command
    tries_account = twin.presence.needs_user is not None and wanted.trial is not None
    if until is None or now >= until or tries_account:
        return None
    if wanted.release and (command is None or not command.release or command.state != "failed"):
        return None
    if _ends_a_given_up_start(twin, wanted):
        return None
    untried = wanted.desired.source == "charge_now" and is_charge_now_to_try(twin, wanted.not_before)
    tested = wanted.desired.reason is Reason.TEST_CHARGE
    return None if untried or tested else HeldBack(Reason.BREAKER_OPEN, until)


def _ends_a_given_up_start(twin: Twin, wanted: RequiredCommand) -> bool:
    command = twin.control.command
    if command is None or command.action != "start" or (command.release and command.state == "confirmed"):
        return False
    return wanted.action == "stop" and is_instructed(twin)


def _stop_guard(twin: Twin, at: datetime, rules: ControlRules, *, is_test: bool) -> HeldBack | None:
    control, session, started_at = twin.control, twin.presence.session, twin.control.last_start_at
    if session is not None and control.pairs_session_id == session.id and control.pairs >= rules.max_pairs:
        return HeldBack(Reason.PAIR_CAP_REACHED)
    if started_at is None or at >= started_at + rules.min_dwell or is_test:
        return None
    until = started_at + rules.min_dwell
    peaks = peak_starts(twin, started_at, until)
    if any(peak <= at for peak in peaks):
        return None
    return HeldBack(Reason.MINIMUM_DWELL, min([until, *peaks]))


def _start_guard(twin: Twin, at: datetime, rules: ControlRules) -> HeldBack | None:
    control = twin.control
    if control.last_stop_at is not None and at < control.last_stop_at + rules.min_dwell:
        return HeldBack(Reason.MINIMUM_DWELL, control.last_stop_at + rules.min_dwell)
    started_at = control.last_start_at
    if (
        started_at is not None
        and observed_state_matches(twin, "start")
        and last_sent_action(control, twin.presence.session) == "start"
    ):
        # Another limit for a car that charges.
        early = at < started_at + rules.min_dwell
        return HeldBack(Reason.MINIMUM_DWELL, started_at + rules.min_dwell) if early else None
    return _restart_guard(twin, at, rules)


def _restart_guard(twin: Twin, at: datetime, rules: ControlRules) -> HeldBack | None:
    """The pause before another start of a car that was started and does not charge, although nobody stopped it.

    If the schedule in the car stopped it, or a plug-out that was too short to end the session, there is no pause.
    """
    control, command, started_at = twin.control, twin.control.command, twin.control.last_start_at
    stops, stopped_at = twin.control.unasked_stops, _unasked_stop_at(twin)
    if stops is not None and stopped_at is not None:
        if stops.with_plug_out:
            return None
        again_at = stopped_at + rules.restart_wait * 2 ** min(control.restarts, 3)
        return HeldBack(Reason.RETRY_WAIT, again_at) if at < again_at else None
    if (
        started_at is None
        or last_sent_action(control, twin.presence.session) != "start"
        or observed_state_matches(twin, "start")
    ):
        return None
    if command is None or command.action != "start" or command.state != "confirmed":
        return None
    charging = twin.presence.charging
    edge = edge_that_switched(twin, charging, rules) if charging else None
    if edge is not None and started_at < edge:
        return None
    again_at = started_at + rules.restart_wait * 2 ** min(control.restarts, 3)
    return HeldBack(Reason.RETRY_WAIT, again_at) if at < again_at else None


def _unasked_stop_at(twin: Twin) -> datetime | None:
    """When the car stopped although it should charge and we did not stop it; None if it did not stop."""
    stops, session = twin.control.unasked_stops, twin.presence.session
    return stops.stopped_at if stops is not None and session is not None and stops.session_id == session.id else None


def peak_starts(twin: Twin, since: datetime, until: datetime) -> list[datetime]:
    """The instants in ``(since, until)`` (aware UTC) at which peak begins, by the tariff or by British regulation."""
    edges = [end for _, end in off_peak_intervals(twin.tariff, since, until)]
    zone = ZoneInfo(twin.link.timezone)
    first = since.astimezone(zone).date()
    for day in range((until.astimezone(zone).date() - first).days + 1):
        date = first + timedelta(days=day)
        if date.weekday() < 5:
            edges += [to_utc(date, minutes, zone) for minutes in BRITISH_PEAK_STARTS_MIN]
    return sorted(edge for edge in edges if since < edge < until)
