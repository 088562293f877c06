"""Sends a planned command to its car: claimed on the twin first, answered on the twin after."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from driveway.domain.control.breaker import Permit
from driveway.domain.control.command_answers import answered
from driveway.domain.control.command_dispatch import claimed, put_off
from driveway.domain.control.outcome import Outcome
from driveway.domain.control.protection import may_wake
from driveway.domain.control.required_command import observed_state_matches
from driveway.domain.control.trial_start import has_left
from driveway.domain.presence.observation import Observation
from driveway.domain.twin import Command, OutcomeKind, Twin, Vehicle
from driveway.observations.metering_intake import meter_twin
from driveway.observations.webhook_intake import seen
from driveway.runtime.context import Runtime
from driveway.vehicles.connections import connect
from driveway.vehicles.metrics import count_command
from driveway.vehicles.provider import Call, Commands
from driveway.vehicles.registry import commands


def carry_out(detail: dict[str, Any], runtime: Runtime) -> None:
    """Send a ``ChargingCommand`` at its time; one that is superseded, expired or sent already is dropped.

    While its provider is out of service it is not sent but put off, so that its car loses no attempt by it.

    Raises:
        UnknownAssetError: the asset is gone.
    """
    asset, command_id, provider = detail["asset"], detail["command_id"], detail["provider"]
    # It is read anew every few minutes, which must not take time at the edge, nor fail once the command counts as sent.
    runtime.secret("PROVIDERS_SECRET")
    runtime.clock.sleep_until(datetime.fromisoformat(detail["not_before"]))
    permit = runtime.breakers.allow(provider, runtime.now())
    if not permit.granted:
        _put_off(asset, command_id, provider, permit, runtime)
        return
    claim = None
    try:
        claim = _claimed(asset, command_id, provider, runtime)
    finally:
        if claim is None:
            runtime.breakers.unused(provider, permit, runtime.now())
    if claim is None:
        runtime.logger.info("dropped", extra={"command_id": command_id})
        return
    twin, vehicle, command = claim
    outcome, woken = _send(twin, vehicle, command, runtime)
    if outcome.unavailable:
        runtime.breakers.failed(provider, permit, runtime.now(), wait_s=outcome.retry_after_s)
    else:
        runtime.breakers.succeeded(provider, permit, runtime.now())
    runtime.logger.info(
        "command", extra={"command_id": command_id, "action": command.action, "outcome": outcome.kind.value}
    )
    _note(asset, command, outcome, woken=woken, runtime=runtime)
    count_command(provider, outcome, runtime)


def _put_off(asset: str, command_id: str, provider: str, permit: Permit, runtime: Runtime) -> None:
    now, rules = runtime.now(), runtime.control_rules
    until = runtime.breakers.comeback(permit, now)
    runtime.table.change_twin(asset, lambda twin: put_off(twin, command_id, until=until, now=now, rules=rules), now=now)
    runtime.logger.info("put off", extra={"command_id": command_id})
    count_command(provider, None, runtime)


def _claimed(asset: str, command_id: str, provider: str, runtime: Runtime) -> tuple[Twin, Vehicle, Command] | None:
    """The twin, its car and the command, claimed for this call to send; None if this call must not send it.

    A claim that was written counts, whatever became of its acknowledgement: it carries this call's own id.
    """
    now, rules, sender = runtime.now(), runtime.control_rules, runtime.new_id()

    def rule(twin: Twin) -> Twin | None:
        vehicle = twin.link.vehicle
        known = vehicle is not None and vehicle.provider == provider
        return claimed(twin, command_id, now, rules, sender=sender) if known else None

    try:
        twin = runtime.table.change_twin(asset, rule, now=now).after
    except (ClientError, BotoCoreError):
        twin = runtime.table.twin(asset)
        if not _is_claimed_by(sender, _by_id(twin, command_id)):
            raise
    vehicle, command = twin.link.vehicle, _by_id(twin, command_id)
    if vehicle is None or command is None or not _is_claimed_by(sender, command):
        return None
    return twin, vehicle, command


def _is_claimed_by(sender: str, command: Command | None) -> bool:
    return command is not None and command.state == "sent" and command.sent_by == sender


def _by_id(twin: Twin, command_id: str) -> Command | None:
    slots = (twin.control.command, twin.control.schedule_command)
    return next((command for command in slots if command is not None and command.id == command_id), None)


def _send(twin: Twin, vehicle: Vehicle, command: Command, runtime: Runtime) -> tuple[Outcome, bool]:
    """The provider's answer, and whether the car was woken for it. Some commands look at the car first."""
    provider, call = commands(vehicle.provider), connect(vehicle, twin, runtime)
    looked: tuple[Observation, ...] = ()
    if _looks_first(command):
        state = provider.read_state(call, vehicle)
        looked = state.observations
        settled = _settled_by_look(seen(twin, looked, runtime), command, state)
        if settled is not None:
            return settled, False
    outcome = _commanded(provider, call, vehicle, command, twin)
    if not _should_wake(twin, command, outcome, runtime):
        return _with(outcome, looked), False
    woken = provider.wake(call, vehicle)
    if woken.kind not in {OutcomeKind.ACCEPTED, OutcomeKind.CONFIRMED, OutcomeKind.ALREADY_IN_STATE}:
        return _with(outcome, looked), woken.kind is not OutcomeKind.UNSUPPORTED
    return _with(_commanded(provider, call, vehicle, command, twin), looked), True


def _looks_first(command: Command) -> bool:
    """Whether the car is looked at before the command is sent: before a repetition and before a trial."""
    if command.trial is not None:
        return True
    return command.attempts > 1 and command.action in {"start", "stop"} and not command.already_in_state_when_sent


def _settled_by_look(twin: Twin, command: Command, state: Outcome) -> Outcome | None:
    """The outcome where the look before a command makes sending it pointless; None where it is sent.

    Args:
        twin: the twin with what the look found.
        command: the command that is to be sent.
        state: the provider's answer to the look.
    """
    if state.observations and observed_state_matches(twin, command.action):
        text = "The car shows it already."
        return Outcome(OutcomeKind.ALREADY_IN_STATE, text, observations=state.observations)
    if command.trial is None:
        return None
    if has_left(twin):
        return Outcome(OutcomeKind.FAILED, "The car has left.", observations=state.observations)
    return state if state.asleep or state.kind is OutcomeKind.NEEDS_USER else None


def _should_wake(twin: Twin, command: Command, outcome: Outcome, runtime: Runtime) -> bool:
    """Whether a car that was found asleep is woken; never for a trial."""
    if not outcome.asleep or command.trial is not None:
        return False
    return may_wake(twin, command.action, runtime.now(), runtime.control_rules)


def _with(outcome: Outcome, observations: Sequence[Observation]) -> Outcome:
    return replace(outcome, observations=(*observations, *outcome.observations))


def _commanded(provider: Commands, call: Call, vehicle: Vehicle, command: Command, twin: Twin) -> Outcome:
    match command.action:
        case "start":
            limited = twin.control.last_limit_kw is not None
            return provider.start(call, vehicle, limit_kw=command.limit_kw, limited=limited)
        case "stop":
            return provider.stop(call, vehicle)
        case "install_default":
            return provider.install_default(call, vehicle, twin.tariff.off_peak, timezone=twin.tariff.timezone)
        case "remove_default":
            return provider.remove_default(call, vehicle)


def _note(asset: str, command: Command, outcome: Outcome, *, woken: bool, runtime: Runtime) -> None:
    now, spread = runtime.now(), runtime.random.random()

    def rule(twin: Twin) -> Twin:
        after = answered(
            seen(twin, outcome.observations, runtime),
            command.id,
            outcome=outcome.kind,
            detail=outcome.detail,
            now=now,
            rules=runtime.control_rules,
            spread=spread,
            retry_after_s=outcome.retry_after_s,
            provider_ref=outcome.provider_ref,
            asleep=outcome.asleep,
            woken=woken,
        )
        if not _may_have_limited(command, outcome):
            return after
        return replace(after, control=replace(after.control, last_limit_kw=command.limit_kw))

    change = runtime.table.change_twin(asset, rule, now=now)
    meter_twin(change.after, outcome.observations, runtime)


def _may_have_limited(command: Command, outcome: Outcome) -> bool:
    """Whether a start that was not taken may have set its limit all the same, which has to be taken back then."""
    limits = command.action == "start" and command.limit_kw is not None
    return limits and outcome.kind in {OutcomeKind.RETRYABLE, OutcomeKind.FAILED} and not outcome.asleep
