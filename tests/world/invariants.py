"""What must hold while the world runs: small checks of plain values, each of which yields what is wrong.

``watch`` and ``watched_writes`` feed them; ``test_invariants`` plants a violation of each. Times are aware UTC.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from driveway.domain.twin import Twin

SKEW = timedelta(seconds=5)
"""Clocks of two instances differ by up to four seconds."""

RESERVED_SHARE = 0.2
"""The part of a budget that is kept for letting cars charge."""

MOST_REQUESTS = 10
"""A command or a state read that was begun within its budget makes so many requests at most."""

LARGEST_MESSAGE = 256 * 1024
HOME_POSITION, AWAY_POSITION = ("51.5034", "-0.1276"), ("51.752", "-1.2577")
"""Where simulated cars are: at home, and elsewhere."""


@dataclass(frozen=True)
class Sent:
    """A start or stop that left for a car. ``free``: the dwell time does not hold it back."""

    at: datetime
    action: str
    command_id: str
    free: bool = False


@dataclass(frozen=True)
class Asked:
    """A request about a car. ``lets_charge``: it may use the reserved part of each budget."""

    at: datetime
    vehicle_id: str
    lets_charge: bool = False


def over_the_month(asked: Sequence[Asked], most: int | None) -> Iterator[str]:
    """The requests about the car of the last one exceed those of a month; a request that lets it charge never does."""
    if most is None or not asked or asked[-1].lets_charge:
        return
    last = asked[-1]
    made = sum(one.vehicle_id == last.vehicle_id and one.at.month == last.at.month for one in asked)
    if made > most * (1 - RESERVED_SHARE) + MOST_REQUESTS:
        yield f"request {made} of the month about {last.vehicle_id}, of which there are {most}"


def over_the_bucket(asked: Sequence[Asked], size: int | None, refill_per_min: float) -> Iterator[str]:
    """The last request was made with the provider's bucket of requests at once empty, or down to its reserve."""
    if size is None or not asked:
        return
    left, at = float(size), asked[0].at
    for one in asked:
        left = min(float(size), left + refill_per_min * (one.at - at).total_seconds() / 60) - 1
        at = one.at
    least = 0.0 if asked[-1].lets_charge else size * RESERVED_SHARE
    if left < least - 2:  # clocks differ by less than the time of one request
        yield f"a request with {left:.1f} of {size} requests at once left"


def dwell_cut(sent: Sequence[Sent], least: timedelta) -> Iterator[str]:
    """The last command changes what the one before did, too early for the car."""
    if not sent or sent[-1].free:
        return
    last = sent[-1]
    before = next((one for one in reversed(sent) if one.action != last.action), None)
    if before is not None and last.at - before.at < least - SKEW:
        yield f"a {last.action} {last.at - before.at} after a {before.action}"


def too_many_pairs(stops: Collection[str], most: int) -> Iterator[str]:
    """The stops of a session that worked, by command, are more than its cap."""
    if len(stops) > most:
        yield f"{len(stops)} stops in a session, the cap is {most}"


def written_out_of_order(before: Mapping[str, object] | None, after: Mapping[str, object] | None) -> Iterator[str]:
    """A twin is written over a version that its writer has not read. The due time of a day's check has no version."""
    if before is None or after is None:
        return
    apart = {"slots_due", "slots_shard"}
    same = {k: v for k, v in before.items() if k not in apart} == {k: v for k, v in after.items() if k not in apart}
    was, now = int(str(before["version"])), int(str(after["version"]))
    if not same and now != was + 1:
        yield f"version {now} is written over version {was}"
    if int(str(after["revision"])) not in {int(str(before["revision"])), int(str(before["revision"])) + 1}:
        yield f"revision {after['revision']} is written over revision {before['revision']}"


def called_unclaimed(twin: Twin, now: datetime) -> Iterator[str]:
    """Axle is called about an asset by somebody who has not claimed the call: its calls could overtake one another."""
    claim = twin.axle.call_claim
    if claim is None or now > claim.until + SKEW:
        yield f"Axle is called about {twin.link.asset} without a claim"


def plugged_in_too_early(twin: Twin) -> Iterator[str]:
    """Axle gets the first plug-in before tariff and intent."""
    axle = twin.axle
    if axle.plug is None and not axle.refusals and (axle.tariff is None or axle.intent is None):
        yield f"Axle gets the plug-in of {twin.link.asset} first: {axle}"


def too_large(where: str, text: str) -> Iterator[str]:
    """A message or an event exceeds what SQS and EventBridge take."""
    size = len(text.encode())
    if size > LARGEST_MESSAGE:
        yield f"{where} has {size} bytes"


def position_in(where: str, text: str, *, home_is_allowed: bool = False) -> Iterator[str]:
    """A position is where none may be: a car's nowhere, a home's only in the home's own item."""
    if all(part in text for part in AWAY_POSITION):
        yield f"{where} has a car's position"
    if not home_is_allowed and all(part in text for part in HOME_POSITION):
        yield f"{where} has a home's position"


@dataclass(frozen=True)
class OpenState:
    """A state that time must end: at ``until`` (None: nothing ends it), by the reconciler with this due time."""

    name: str
    until: datetime | None
    due: str


def open_states(twin: Twin) -> Iterator[OpenState]:
    """The states of a twin that must not last."""
    control, presence = twin.control, twin.presence
    for name, command in (("command", control.command), ("schedule command", control.schedule_command)):
        if command is not None and command.state in {"planned", "sent"}:
            until = command.confirm_by or (command.expires_at if command.state == "planned" else None)
            yield OpenState(f"{name} {command.state}", until, "control_due")
    if control.request is not None:
        yield OpenState(f"request {control.request.kind}", control.request.retry_at, "control_due")
    if presence.held_plug_out is not None:
        yield OpenState("held plug-out", presence.held_plug_out.until, "control_due")
    if twin.charge_now is not None:
        yield OpenState("charge-now", twin.charge_now.until, "control_due")
    if twin.link.snoozed_until is not None:
        yield OpenState("snooze", twin.link.snoozed_until, "control_due")
    takes_part = twin.link.enrolled and not twin.link.leaving
    if twin.axle.call_claim is not None and takes_part:
        yield OpenState("call to Axle", twin.axle.call_claim.until, "axle_due")
    elif twin.axle.retry_at is not None and takes_part:
        yield OpenState("pause before Axle", twin.axle.retry_at, "axle_due")


def never_left(states: Iterator[OpenState], dues: Mapping[str, datetime | None], now: datetime) -> Iterator[str]:
    """An open state has no time that ends it, or nobody is due at that time."""
    for state in states:
        due = dues.get(state.due)
        if state.until is None:
            yield f"{state.name} has no end"
        elif due is None or due > max(state.until, now) + SKEW:
            yield f"{state.name} ends at {state.until}, and {state.due} is {due}"


def zero_for_energy(accepted_wh: float | None, true_wh: float) -> Iterator[str]:
    """A measured zero was accepted for a half-hour in which energy flowed; what is unknown is not sent."""
    if accepted_wh == 0 and true_wh > 50:
        yield f"0 Wh accepted, {true_wh:.0f} Wh flowed"
