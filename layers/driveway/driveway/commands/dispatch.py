"""Sends a planned command to its car: claimed on the twin first, answered on the twin after."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from msgspec import Struct

from driveway.commands.charging_current import Sending, restore, set_for_start
from driveway.commands.counted import MOST_REQUESTS, report_reserve
from driveway.commands.rate import command_of, is_refused_for_rate, refused_for_rate
from driveway.domain.control.budgets import LET_CHARGE, may_wake, with_requests_made
from driveway.domain.control.command_answers import answered
from driveway.domain.control.command_dispatch import claimed, put_off
from driveway.domain.control.held_back import HeldBack
from driveway.domain.control.operator_switch import with_switch
from driveway.domain.control.outcome import Outcome
from driveway.domain.control.required_command import observed_state_matches
from driveway.domain.control.standing_limit import with_standing_limit
from driveway.domain.control.trial_start import has_left
from driveway.domain.presence.observation import Observation
from driveway.domain.twin import Command, OutcomeKind, StandingLimit, Twin, Vehicle
from driveway.domain.twin.reasons import Reason
from driveway.observations.metering_intake import meter_twin
from driveway.observations.webhook_intake import seen
from driveway.runtime.context import Runtime
from driveway.store.table import Change
from driveway.values import replace
from driveway.vehicles.connections import connect
from driveway.vehicles.metrics import count_command
from driveway.vehicles.registry import commands
from driveway.vehicles.request_meter import RequestMeter

LATE_S = 60.0
"""A command that can be sent only so much later than planned is counted for the operator."""


class _Sent(Struct, frozen=True):
    """The provider's answer, the limit of ours that may stand in the car since, and whether the car was woken."""

    outcome: Outcome
    standing: StandingLimit | None
    woken: bool = False

    def after(self, observations: Sequence[Observation]) -> "_Sent":
        """The same with what was observed before."""
        return replace(self, outcome=replace(self.outcome, observations=(*observations, *self.outcome.observations)))


def _count_late(planned: datetime, provider: str, runtime: Runtime) -> None:
    if runtime.now() - planned > runtime.clock.real_time(LATE_S):
        from driveway.runtime.metrics import emit

        emit({"CommandsLate": 1}, runtime, provider=provider)


def carry_out(detail: dict[str, Any], runtime: Runtime) -> None:
    """Send a ``ChargingCommand`` at its time; one that is superseded, expired or sent already is dropped.

    It has one call of the provider's rate. While its provider is out of service it is not sent but put off,
    so that its car loses no attempt by it.

    Raises:
        UnknownAssetError: the asset is gone.
    """
    asset, command_id, provider = detail["asset"], detail["command_id"], detail["provider"]
    # Both are read again now and then, which must not take time at the edge, nor fail once the command counts as sent.
    runtime.secret("PROVIDERS_SECRET")
    runtime.control_switch.read(runtime.now())
    runtime.clock.sleep_until(datetime.fromisoformat(detail["not_before"]))
    _count_late(datetime.fromisoformat(detail["not_before"]), provider, runtime)
    permit = runtime.breakers.allow(provider, runtime.now())
    if not permit.granted:
        runtime.pacing.give_back(provider, 1)
        held_back = HeldBack(Reason.PROVIDER_BREAKER_OPEN, permit.until)
        _put_off(asset, command_id, provider, held_back, runtime)
        return
    meter = RequestMeter(provider, runtime, lets_charge=detail.get("action", "start") in LET_CHARGE, calls=1)
    claim = None
    try:
        spent = meter.prepay("command")
        if spent is not None:
            _put_off(asset, command_id, provider, spent, runtime)
            report_reserve(None, meter, runtime)
            return
        claim = _claimed(asset, command_id, provider, runtime)
    finally:
        if claim is None:
            runtime.breakers.unused(provider, permit, runtime.now())
            meter.give_back()
    if claim is None:
        runtime.logger.info("dropped", extra={"command_id": command_id})
        return
    change, vehicle, command = claim
    sent = _send(change.after, vehicle, command, meter, runtime)
    meter.give_back()
    outcome = sent.outcome
    if outcome.unavailable and not is_refused_for_rate(outcome, meter):
        runtime.breakers.failed(provider, permit, runtime.now(), wait_s=outcome.retry_after_s)
    else:
        runtime.breakers.succeeded(provider, permit, runtime.now())
    runtime.logger.info(
        "command", extra={"command_id": command_id, "action": command.action, "outcome": outcome.kind.value}
    )
    if outcome.kind is OutcomeKind.NEEDS_OPERATOR:
        runtime.logger.error("the operator has to act", extra={"provider": provider, "detail": outcome.detail})
    if not refused_for_rate(change, command, outcome, meter, runtime):
        report_reserve(_note(asset, command, sent, meter, runtime), meter, runtime)
    count_command(provider, outcome, runtime)


def _put_off(asset: str, command_id: str, provider: str, held_back: HeldBack, runtime: Runtime) -> None:
    now, rules, reason = runtime.now(), runtime.control_rules, held_back.reason
    until = runtime.breakers.comeback(held_back.until, now)

    def rule(twin: Twin) -> Twin | None:
        return put_off(twin, command_id, until=until, now=now, rules=rules, reason=reason)

    runtime.table.change_twin(asset, rule, now=now)
    runtime.logger.info("put off", extra={"command_id": command_id, "reason": reason.value})
    count_command(provider, None, runtime)


def _claimed(asset: str, command_id: str, provider: str, runtime: Runtime) -> tuple[Change, Vehicle, Command] | None:
    """The change of the twin, its car and the command, claimed for this call; None if this call must not send it.

    A claim that was written counts, whatever became of its acknowledgement: it carries this call's own id.
    """
    now, rules, sender = runtime.now(), runtime.control_rules, runtime.new_id()
    switch = runtime.control_switch.read(now)

    def rule(twin: Twin) -> Twin | None:
        vehicle = twin.link.vehicle
        known = vehicle is not None and vehicle.provider == provider
        if not known:
            return None
        twin = with_switch(twin, now, released=True, since=switch.since) if switch.released else twin
        return claimed(twin, command_id, now, rules, sender=sender, requests=MOST_REQUESTS)

    try:
        change = runtime.table.change_twin(asset, rule, now=now)
    except (ClientError, BotoCoreError):
        twin = runtime.table.twin(asset)
        if not _is_claimed_by(sender, command_of(twin, command_id)):
            raise
        change = Change(twin, twin)
    twin = change.after
    vehicle, command = twin.link.vehicle, command_of(twin, command_id)
    if vehicle is None or command is None or not _is_claimed_by(sender, command):
        return None
    return change, vehicle, command


def _is_claimed_by(sender: str, command: Command | None) -> bool:
    return command is not None and command.state == "sent" and command.sent_by == sender


def _send(twin: Twin, vehicle: Vehicle, command: Command, meter: RequestMeter, runtime: Runtime) -> _Sent:
    """Send a claimed command, some after a state read. A sleeping car is woken if allowed, then commanded again."""
    provider, call = commands(vehicle.provider), connect(vehicle, twin, meter, runtime)
    looked: tuple[Observation, ...] = ()
    if _looks_first(command):
        state = provider.read_state(call, vehicle)
        looked = state.observations
        settled = _settled_by_look(seen(twin, looked, runtime), command, state)
        if settled is not None:
            return _Sent(settled, twin.control.standing_limit)
    sending = Sending(provider, call, vehicle, command, twin, runtime)
    sent = _commanded(sending)
    if not _should_wake(twin, command, sent.outcome, runtime):
        return sent.after(looked)
    woken = provider.wake(call, vehicle)
    if woken.kind not in {OutcomeKind.ACCEPTED, OutcomeKind.CONFIRMED, OutcomeKind.ALREADY_IN_STATE}:
        return replace(sent.after(looked), woken=woken.kind is not OutcomeKind.UNSUPPORTED)
    twin = replace(twin, control=replace(twin.control, standing_limit=sent.standing))
    return replace(_commanded(replace(sending, twin=twin)).after(looked), woken=True)


def _looks_first(command: Command) -> bool:
    """Whether the car is looked at before the command is sent: before a repetition and before a trial."""
    if command.trial in {"unplugged", "account"}:
        return True
    return command.attempts > 1 and command.action in {"start", "stop"} and not command.already_in_state_when_sent


def _settled_by_look(twin: Twin, command: Command, state: Outcome) -> Outcome | None:
    """The outcome if the state read before a command makes it unnecessary; None if it is sent.

    Args:
        twin: the twin with what the state read found.
        command: the command to send.
        state: the provider's answer to the state read.
    """
    current_to_set = command.action == "start" and twin.control.standing_limit is not None
    if state.observations and observed_state_matches(twin, command.action) and not current_to_set:
        text = "The car shows it already."
        return Outcome(OutcomeKind.ALREADY_IN_STATE, text, observations=state.observations)
    if command.trial not in {"unplugged", "account"}:
        return None
    if command.trial == "account":
        return state if state.kind is OutcomeKind.NEEDS_USER else None
    if has_left(twin):
        return Outcome(OutcomeKind.FAILED, "The car has left.", observations=state.observations)
    return state if state.asleep or state.kind is OutcomeKind.NEEDS_USER else None


def _should_wake(twin: Twin, command: Command, outcome: Outcome, runtime: Runtime) -> bool:
    """Whether a car that was found asleep is woken; never for a trial."""
    if not outcome.asleep or command.trial == "unplugged":
        return False
    return may_wake(twin, command.action, runtime.now(), runtime.control_rules)


def _commanded(sending: Sending) -> _Sent:
    provider, call, vehicle, tariff = sending.provider, sending.call, sending.vehicle, sending.twin.tariff
    match sending.command.action:
        case "start":
            return _started(sending)
        case "stop":
            return _Sent(provider.stop(call, vehicle), sending.standing)
        case "install_default":
            installed = provider.install_default(call, vehicle, tariff.off_peak, timezone=tariff.timezone)
            return _Sent(installed, sending.standing)
        case "remove_default":
            return _Sent(provider.remove_default(call, vehicle), sending.standing)
        case "restore_current":
            return _Sent(restore(sending), sending.standing)


def _started(sending: Sending) -> _Sent:
    """Start the car, once its current is as it should be where it keeps one."""
    done = set_for_start(sending)
    if done is not None and done.refused is not None:
        return _Sent(done.refused, done.standing).after(done.observations)
    outcome = sending.provider.start(sending.call, sending.vehicle, limit_kw=sending.command.limit_kw)
    if done is None:
        return _Sent(outcome, sending.standing)
    outcome = replace(outcome, detail=outcome.detail or done.detail)
    return _Sent(outcome, done.standing).after(done.observations)


def _note(asset: str, command: Command, sent: _Sent, meter: RequestMeter, runtime: Runtime) -> Twin:
    now, spread, outcome = runtime.now(), runtime.random.random(), sent.outcome

    def rule(twin: Twin) -> Twin:
        counted_at = command.sent_at or now
        counted = with_requests_made(twin, meter.made, counted=command.requests, counted_at=counted_at, now=now)
        return answered(
            with_standing_limit(seen(counted, outcome.observations, runtime), command.id, sent.standing),
            command.id,
            outcome=outcome.kind,
            detail=outcome.detail,
            now=now,
            rules=runtime.control_rules,
            spread=spread,
            retry_after_s=outcome.retry_after_s,
            provider_ref=outcome.provider_ref,
            asleep=outcome.asleep,
            woken=sent.woken,
            unavailable=outcome.unavailable,
        )

    change = runtime.table.change_twin(asset, rule, now=now)
    meter_twin(change.after, outcome.observations, runtime)
    return change.after
