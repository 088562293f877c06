"""Commands that wait for the rate of calls to their provider: refused for it, or with a turn that is far ahead."""

from datetime import datetime, timedelta
from typing import Any

from driveway.domain.control.command_dispatch import not_sent, put_off
from driveway.domain.control.outcome import Outcome
from driveway.domain.twin import Command, Twin
from driveway.domain.twin.reasons import Reason
from driveway.runtime.context import Runtime
from driveway.store.table import Change, UnknownAssetError
from driveway.vehicles.request_meter import RequestMeter

TOO_MANY_REQUESTS = 429
PAUSE_S = 2.0
"""How long no command is sent to a provider that refused one for the rate of our calls, and named no time."""

LONGEST_PAUSE = timedelta(minutes=15)


def command_of(twin: Twin, command_id: str) -> Command | None:
    """The command to charge, or the command for the default schedule, of that id."""
    slots = (twin.control.command, twin.control.schedule_command)
    return next((command for command in slots if command is not None and command.id == command_id), None)


def is_refused_for_rate(outcome: Outcome, meter: RequestMeter) -> bool:
    """Whether the provider refused a call for the rate of all our calls. That shows that its service works."""
    return outcome.unavailable and meter.last_status == TOO_MANY_REQUESTS


def refused_for_rate(change: Change, command: Command, outcome: Outcome, meter: RequestMeter, runtime: Runtime) -> bool:
    """Whether the provider refused the command for the rate of our calls; then it waits, and counts as not sent."""
    if not is_refused_for_rate(outcome, meter):
        return False
    now, rules = runtime.now(), runtime.control_rules
    until = now + timedelta(seconds=outcome.retry_after_s or PAUSE_S)
    runtime.pacing.pause(meter.provider, min(until, now + LONGEST_PAUSE))
    if meter.made > 1:
        return False
    comeback = runtime.breakers.comeback(until, now)

    def rule(twin: Twin) -> Twin | None:
        back = not_sent(change.before, change.after, twin)
        if back is None:
            return None
        return put_off(back, command.id, until=comeback, now=now, rules=rules, reason=Reason.REQUEST_RATE_REACHED)

    return runtime.table.change_twin(change.after.link.asset, rule, now=now).written


def wait_for_turn(detail: dict[str, Any], turn: datetime, runtime: Runtime) -> datetime | None:
    """Note on the twin that a command waits for its turn, so that it is not announced again; when it expires now.

    None where it is no command of the twin any more.
    """
    now, rules, command_id = runtime.now(), runtime.control_rules, detail.get("command_id", "")
    reason = Reason.REQUEST_RATE_REACHED

    def rule(twin: Twin) -> Twin | None:
        return put_off(twin, command_id, until=turn, now=now, rules=rules, reason=reason, queued=True)

    try:
        command = command_of(runtime.table.change_twin(detail["asset"], rule, now=now).after, command_id)
    except UnknownAssetError:
        return None
    return command.expires_at if command is not None else None
