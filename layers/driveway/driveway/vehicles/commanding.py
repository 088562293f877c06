"""Sends a planned command to its car: claimed on the twin first, answered on the twin after."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from driveway.domain.command import answered, claimed
from driveway.domain.guard import wakes_left
from driveway.domain.observation import Observation
from driveway.domain.twin import Command, Twin, Vehicle
from driveway.domain.wish import shows
from driveway.runtime.context import Runtime
from driveway.vehicles.connections import connect
from driveway.vehicles.intake import seen
from driveway.vehicles.metered import meter_twin
from driveway.vehicles.provider import Call, Commands, Outcome, OutcomeKind
from driveway.vehicles.registry import commands


def carry_out(detail: dict[str, Any], current: Runtime) -> None:
    """Send a ``ChargingCommand`` at its time; one that is superseded, expired or sent already is dropped.

    Raises:
        UnknownAssetError: the asset is gone.
    """
    asset, command_id = detail["asset"], detail["command_id"]
    current.clock.sleep_until(datetime.fromisoformat(detail["not_before"]))
    change = current.table.change_twin(
        asset, lambda twin: claimed(twin, command_id, current.now(), current.control_rules), now=current.now()
    )
    twin = change.after
    command = _by_id(twin, command_id)
    if not change.written or command is None or twin.link.vehicle is None:
        current.logger.info("dropped", extra={"command_id": command_id})
        return
    outcome, woken = _guarded(twin, twin.link.vehicle, command, current)
    current.logger.info(
        "command", extra={"command_id": command_id, "action": command.action, "outcome": outcome.kind.value}
    )
    _note(asset, command_id, outcome, woken=woken, current=current)


def _by_id(twin: Twin, command_id: str) -> Command | None:
    slots = (twin.control.command, twin.control.upkeep)
    return next((command for command in slots if command is not None and command.id == command_id), None)


def _guarded(twin: Twin, vehicle: Vehicle, command: Command, current: Runtime) -> tuple[Outcome, bool]:
    """The provider's answer behind its breaker: while the provider is out, its cars wait and it is spared."""
    key = vehicle.provider
    permit = current.breakers.allow(key, current.now())
    if not permit.granted:
        wait_s = (permit.until - current.now()).total_seconds() if permit.until is not None else None
        return Outcome(OutcomeKind.RETRYABLE, f"{key} is out of service for now.", retry_after_s=wait_s), False
    outcome, woken = _send(twin, vehicle, command, current)
    if outcome.unavailable:
        current.breakers.failed(key, permit, current.now(), wait_s=outcome.retry_after_s)
    else:
        current.breakers.succeeded(key, permit, current.now())
    return outcome, woken


def _send(twin: Twin, vehicle: Vehicle, command: Command, current: Runtime) -> tuple[Outcome, bool]:
    """The provider's answer, and whether the car was woken for it. A repeated command to charge looks first."""
    provider, call = commands(vehicle.provider), connect(vehicle, twin, current)
    looked: tuple[Observation, ...] = ()
    if command.attempts > 1 and command.action in {"start", "stop"} and not command.shown_before:
        looked = provider.look(call, vehicle).observations
        if looked and shows(seen(twin, looked, current), command.action):
            return Outcome(OutcomeKind.ALREADY_IN_STATE, "The car shows it already.", observations=looked), False
    outcome = _commanded(provider, call, vehicle, command, twin)
    if not outcome.asleep or wakes_left(twin, current.now(), current.control_rules) <= 0:
        return _with(outcome, looked), False
    woken = provider.wake(call, vehicle)
    if woken.kind not in {OutcomeKind.ACCEPTED, OutcomeKind.CONFIRMED, OutcomeKind.ALREADY_IN_STATE}:
        return _with(outcome, looked), woken.kind is not OutcomeKind.UNSUPPORTED
    return _with(_commanded(provider, call, vehicle, command, twin), looked), True


def _with(outcome: Outcome, observations: Sequence[Observation]) -> Outcome:
    return replace(outcome, observations=(*observations, *outcome.observations))


def _commanded(provider: Commands, call: Call, vehicle: Vehicle, command: Command, twin: Twin) -> Outcome:
    match command.action:
        case "start":
            return provider.start(call, vehicle, limit_kw=command.limit_kw)
        case "stop":
            return provider.stop(call, vehicle)
        case "install_default":
            return provider.install_default(call, vehicle, twin.tariff.off_peak, timezone=twin.tariff.timezone)
        case "remove_default":
            return provider.remove_default(call, vehicle)


def _note(asset: str, command_id: str, outcome: Outcome, *, woken: bool, current: Runtime) -> None:
    now, chance = current.now(), current.random.random()

    def rule(twin: Twin) -> Twin:
        return answered(
            seen(twin, outcome.observations, current),
            command_id,
            outcome=outcome.kind.value,
            detail=outcome.detail,
            now=now,
            rules=current.control_rules,
            spread=chance,
            retry_after_s=outcome.retry_after_s,
            provider_ref=outcome.provider_ref,
            woken=woken,
        )

    change = current.table.change_twin(asset, rule, now=now)
    meter_twin(change.after, outcome.observations, current)
