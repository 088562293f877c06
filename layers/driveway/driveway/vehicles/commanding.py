"""Sends a planned command to its car: claimed on the twin first, answered on the twin after."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from driveway.domain.command import answered, claimed
from driveway.domain.observation import Observation
from driveway.domain.sight import disconnected
from driveway.domain.twin import Command, Twin, Vehicle
from driveway.domain.wish import shows
from driveway.runtime.context import Runtime
from driveway.vehicles.connections import connect
from driveway.vehicles.intake import seen
from driveway.vehicles.metered import meter_change
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
    twin, command = change.after, change.after.control.command
    if not change.written or command is None or twin.link.vehicle is None:
        current.logger.info("dropped", extra={"command_id": command_id})
        return
    outcome, woken = _send(twin, twin.link.vehicle, command, current)
    current.logger.info(
        "command", extra={"command_id": command_id, "action": command.action, "outcome": outcome.kind.value}
    )
    _note(asset, command_id, outcome, woken=woken, current=current)


def _send(twin: Twin, vehicle: Vehicle, command: Command, current: Runtime) -> tuple[Outcome, bool]:
    """The provider's answer, and whether the car was woken for it. A repeated command looks first."""
    provider, call = commands(vehicle.provider), connect(vehicle, twin, current)
    looked: tuple[Observation, ...] = ()
    if command.attempts > 1:
        look = provider.look(call, vehicle)
        looked = look.observations
        if looked and shows(seen(twin, looked, current), command.action):
            return Outcome(OutcomeKind.ALREADY_IN_STATE, "The car shows it already.", observations=looked), False
    outcome = _commanded(provider, call, vehicle, command)
    if not outcome.asleep or twin.control.wakes_today >= current.control_rules.daily_wakes:
        return _with(outcome, looked), False
    woken = provider.wake(call, vehicle)
    if woken.kind not in {OutcomeKind.ACCEPTED, OutcomeKind.CONFIRMED, OutcomeKind.ALREADY_IN_STATE}:
        return _with(outcome, looked), woken.kind is not OutcomeKind.UNSUPPORTED
    return _with(_commanded(provider, call, vehicle, command), looked), True


def _with(outcome: Outcome, observations: Sequence[Observation]) -> Outcome:
    return replace(outcome, observations=(*observations, *outcome.observations))


def _commanded(provider: Commands, call: Call, vehicle: Vehicle, command: Command) -> Outcome:
    if command.action == "start":
        return provider.start(call, vehicle, limit_kw=command.limit_kw)
    return provider.stop(call, vehicle)


def _note(asset: str, command_id: str, outcome: Outcome, *, woken: bool, current: Runtime) -> None:
    now, chance = current.now(), current.random.random()

    def rule(twin: Twin) -> Twin:
        after = answered(
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
        return disconnected(after, outcome.detail, now) if outcome.kind is OutcomeKind.NEEDS_USER else after

    change = current.table.change_twin(asset, rule, now=now)
    meter_change(change, outcome.observations, current)
