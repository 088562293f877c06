"""Enode's asynchronous charge actions, from PENDING to one of three ends."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from simulators.cars.car import Car, Mode
from simulators.cars.settings import EnodeSettings
from simulators.cars.wire import stamp
from simulators.cars.world import World

Kind = Literal["START", "STOP"]
State = Literal["PENDING", "CONFIRMED", "FAILED", "CANCELLED"]
MODES: dict[Kind, Mode] = {"START": "start", "STOP": "stop"}


@dataclass(slots=True)
class Action:
    """One charge action. ``failure`` is its reason's type and a sentence."""

    id: str
    user_id: str
    target_id: str
    kind: Kind
    created_at: datetime
    updated_at: datetime
    entry: dict[str, Any]
    state: State = "PENDING"
    completed_at: datetime | None = None
    failure: tuple[str, str] | None = None

    def as_json(self) -> dict[str, Any]:
        """The action as the API gives it."""
        return {
            "id": self.id,
            "userId": self.user_id,
            "createdAt": stamp(self.created_at),
            "updatedAt": stamp(self.updated_at),
            "completedAt": stamp(self.completed_at) if self.completed_at else None,
            "state": self.state,
            "targetId": self.target_id,
            "targetType": "vehicle",
            "kind": self.kind,
            "failureReason": {"type": self.failure[0], "detail": self.failure[1]} if self.failure else None,
        }


class Actions:
    """All actions. ``on_end`` is called for each one that ends, with its car when there still is one."""

    def __init__(self, world: World, on_end: Callable[[Action, Car | None], None]) -> None:
        """No actions yet."""
        self._world = world
        self._on_end = on_end
        self.by_id: dict[str, Action] = {}
        self._pending: dict[str, Action] = {}

    @property
    def _settings(self) -> EnodeSettings:
        return self._world.settings.enode

    def clear(self) -> None:
        """Forget all actions."""
        self.by_id.clear()
        self._pending.clear()

    def pending(self, car: Car) -> Action | None:
        """The action under way for a car."""
        return self._pending.get(car.spec.vehicle_id)

    def begin(self, car: Car, kind: Kind, now: datetime) -> Action:
        """The pending action of the same kind, or a new one that replaces a pending one of the other kind."""
        before = self.pending(car)
        if before is not None and before.kind == kind:
            return before
        if before is not None:
            self._end(before, "CANCELLED", now, ("CONFLICT", "A newer action for this vehicle was requested."))
        entry: dict[str, Any] = {"at": now.isoformat(), "command": kind, "obeyed_at": None}
        car.commands.append(entry)
        action = Action(str(uuid.uuid4()), car.spec.user_id, car.spec.vehicle_id, kind, now, now, entry)
        self.by_id[action.id] = action
        self._pending[car.spec.vehicle_id] = action
        delay = timedelta(seconds=car.spec.command_delay_s)
        self._world.later(now + delay, lambda at: self._attempt(action, at))
        return action

    def unnecessary(self, car: Car, kind: Kind, now: datetime) -> Action:
        """An action that was over as soon as it was asked for, because the car is already so."""
        action = self.begin(car, kind, now)
        self._end(action, "CANCELLED", now, ("UNNECESSARY", "The vehicle is already in the requested state."))
        return action

    def cancel(self, action: Action, now: datetime) -> bool:
        """Cancel a pending action; False when it has already ended."""
        if action.state != "PENDING":
            return False
        self._end(action, "CANCELLED", now, ("REQUESTED_CANCELLATION", "The action was cancelled on request."))
        return True

    def _attempt(self, action: Action, at: datetime) -> None:
        if action.state != "PENDING":
            return
        car = self._world.cars.get(action.target_id)
        if car is None:
            self._end(action, "FAILED", at, ("NOT_FOUND", "The vehicle is gone."))
            return
        times_out_at = action.created_at + timedelta(seconds=self._settings.action_timeout_s)
        if at >= times_out_at:
            self._end(action, "FAILED", at, ("NO_RESPONSE", "The vehicle did not respond in time."))
            return
        if not self._carried_out(action, car, at):
            retry_at = min(times_out_at, at + timedelta(seconds=self._settings.action_retry_s))
            self._world.later(retry_at, lambda then: self._attempt(action, then))

    def _carried_out(self, action: Action, car: Car, at: datetime) -> bool:
        """Try once; True when the action has ended."""
        fault = car.spec.action_fault
        if fault == "fails":
            self._end(action, "FAILED", at, ("FAILED_PRECONDITION", "The vehicle refused."))
            return True
        if fault == "confirmed_without_effect":
            self._end(action, "CONFIRMED", at)
            return True
        if car.spec.asleep or not car.spec.reachable:
            return False
        if not car.plugged:
            self._end(action, "FAILED", at, ("FAILED_PRECONDITION", "The vehicle is not plugged in."))
            return True
        if action.entry["obeyed_at"] is None:
            action.entry["obeyed_at"] = at.isoformat()
        car.command(at, MODES[action.kind])
        self._world.touch(car, at)
        if fault == "never_confirmed" or car.charging != (action.kind == "START"):
            return False
        self._end(action, "CONFIRMED", at)
        return True

    def _end(self, action: Action, state: State, at: datetime, failure: tuple[str, str] | None = None) -> None:
        action.state, action.updated_at, action.completed_at, action.failure = state, at, at, failure
        if self._pending.get(action.target_id) is action:
            del self._pending[action.target_id]
        self._on_end(action, self._world.cars.get(action.target_id))
