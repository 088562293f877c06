"""Requests to the provider that do not command the car: a state read, and the end of a trial start. Pure.

A provider's webhooks may be lost for good: Enode deletes its queue after a day of failures, Smartcar after three. So
the state of a car without a report for twelve hours is read once, before the next off-peak window. The state of a car
that was onboarded without its plug state is read too. A trial start that has no effect (see ``trial_start``) is
cancelled where the provider can, so that it does not start the car hours later.
"""

import hashlib
from datetime import UTC, datetime, timedelta

from driveway.domain.control.command_states import TAKEN
from driveway.domain.control.settings import ControlRules
from driveway.domain.schedules.default_schedule import off_peak_intervals
from driveway.domain.twin import Presence, Twin, VehicleRequest
from driveway.values import replace

SILENT_AFTER = timedelta(hours=12)
"""After this time without a report the state of a car is read."""

LOOKED_AT_BEFORE = timedelta(minutes=10)
LOOKS_SPREAD_OVER = timedelta(minutes=50)
"""State reads end ten minutes before the window and are spread over the fifty before: a fleet shares one rate limit."""

MOST_ATTEMPTS = 3
LOOK_WITHIN = timedelta(minutes=5)
"""How long the first command waits for a state read of a car that may have been driven."""

LOOKED_AHEAD = timedelta(hours=48)


def last_report_at(presence: Presence) -> datetime | None:
    """When the car was last reported on, by the time of its newest signal (aware UTC); None if it never was."""
    signals = (
        presence.plugged_in,
        presence.at_home,
        presence.charging,
        presence.power_kw,
        presence.soc_pct,
        presence.reachable,
    )
    return max((signal.at for signal in signals if signal is not None), default=None)


def with_vehicle_request(twin: Twin, now: datetime, rules: ControlRules, *, new_id: str) -> Twin:
    """The twin with the request that is due at ``now`` (aware UTC); one without an answer is repeated a few times."""
    request = twin.control.request
    if request is not None and now < request.retry_at:
        return twin
    if request is not None and request.attempts < MOST_ATTEMPTS and twin.link.vehicle is not None:
        attempts = request.attempts + 1
        again = replace(request, id=new_id, retry_at=now + _pause(attempts, rules), attempts=attempts)
        return replace(twin, control=replace(twin.control, request=again))
    control = replace(twin.control, request=None) if request is not None else twin.control
    retry_at = now + _pause(1, rules)
    ref, look_at = _ref_to_cancel(twin), look_due(twin, now)
    if ref is not None:
        cancel = VehicleRequest(new_id, "cancel", now, retry_at, provider_ref=ref)
        control = replace(control, request=cancel, cancelled_ref=ref)
    elif look_at is not None and look_at <= now:
        control = replace(control, request=VehicleRequest(new_id, "look", now, retry_at), looked_at=now)
    return twin if control is twin.control else replace(twin, control=control)


def _pause(attempts: int, rules: ControlRules) -> timedelta:
    return rules.lost_after * float(2 ** (attempts - 1))


def vehicle_request_done(twin: Twin, request_id: str) -> Twin:
    """The twin once the provider answered a request."""
    request = twin.control.request
    if request is None or request.id != request_id:
        return twin
    return replace(twin, control=replace(twin.control, request=None))


def vehicle_request_due(twin: Twin, now: datetime) -> datetime | None:
    """When a request is planned or repeated next (aware UTC); None when none is ahead."""
    request = twin.control.request
    return request.retry_at if request is not None else look_due(twin, now)


def _ref_to_cancel(twin: Twin) -> str | None:
    """The provider's name of a trial start that ended without effect and may still be under way there."""
    command = twin.control.command
    if command is None or command.trial != "unplugged" or command.state not in {"superseded", "expired"}:
        return None
    if command.outcome not in TAKEN or command.provider_ref == twin.control.cancelled_ref:
        return None
    return command.provider_ref


def look_due(twin: Twin, now: datetime) -> datetime | None:
    """When to read the car's state next (aware UTC): at once if its plug was never reported, else after a silence."""
    link, presence, looked_at = twin.link, twin.presence, twin.control.looked_at
    if link.vehicle is None or not link.enrolled or link.leaving or presence.needs_user is not None:
        return None
    if (presence.plugged_in is None and looked_at is None) or is_place_to_be_checked(twin):
        return now
    reported_at = last_report_at(presence) or link.onboarded_at
    silent_at = max(reported_at, looked_at or reported_at) + SILENT_AFTER
    windows = off_peak_intervals(twin.tariff, now, now + LOOKED_AHEAD)
    looks = [start - _ahead_of_window(link.asset, start) for start, _ in windows if start > now]
    return next((max(at, now) for at in looks if at >= silent_at), None)


def with_state_read(twin: Twin, now: datetime) -> Twin:
    """The twin whose car's state is read at once, because reports of it were lost at ``now`` (aware UTC)."""
    return replace(twin, presence=replace(twin.presence, look_wanted_at=now))


def is_place_to_be_checked(twin: Twin) -> bool:
    """Whether the car may have been driven since its place was measured, without a state read in this session."""
    wanted_at, looked_at = twin.presence.look_wanted_at, twin.control.looked_at
    return wanted_at is not None and (looked_at is None or looked_at < wanted_at)


def place_checked_until(twin: Twin, now: datetime) -> datetime | None:
    """When commands stop waiting for the state read that checks the place; None when they need not wait."""
    wanted_at, request = twin.presence.look_wanted_at, twin.control.request
    if wanted_at is None or now >= wanted_at + LOOK_WITHIN:
        return None
    under_way = request is not None and request.kind == "look"
    return wanted_at + LOOK_WITHIN if under_way or is_place_to_be_checked(twin) else None


def _ahead_of_window(asset: str, start: datetime) -> timedelta:
    """The time between a state read and its window: always the same for one asset and one window."""
    digest = hashlib.sha256(f"{asset}|{start.astimezone(UTC).isoformat()}".encode()).digest()
    seconds = int.from_bytes(digest[:8]) % int(LOOKS_SPREAD_OVER.total_seconds())
    return LOOKED_AT_BEFORE + timedelta(seconds=seconds)
