"""Bad days of Axle, of the car makers' clouds and of cars, as a seed draws them: each begins, and ends by the calm."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from simulators.axle.readings import Rejection
from simulators.common import Fault
from tests.world.homes import Home
from tests.world.seen import Seen
from tests.world.world import World

STRAY = {"latitude": 52.2053, "longitude": 0.1218}

FAULTS: dict[str, Callable[[random.Random], dict[str, Any]]] = {
    "is out": lambda rng: {"status": rng.choice([500, 502, 503])},
    "answers 429": lambda rng: {"status": 429, "chance": 0.7},
    "answers 429 with a time": lambda rng: {"status": 429, "retry_after": rng.choice([5, 60, 300]), "chance": 0.7},
    "answers with a page": lambda rng: {"page": "<html>Down for maintenance</html>", "chance": 0.5},
    "acts and does not answer": lambda rng: {"when": "after", "drop": True, "chance": 0.3},
    "drops connections": lambda rng: {"drop": True, "chance": 0.5},
    "acts and answers 500": lambda rng: {"when": "after", "status": 500, "chance": 0.3},
    "takes long": lambda rng: {"delay_s": rng.choice([2.0, 8.0])},
    "has a fault of a few calls": lambda rng: {"status": 503, "skip": rng.choice([0, 3]), "count": rng.choice([1, 5])},
    "has a fault of its own": lambda rng: {
        "method": "POST",
        "status": 500,
        "body": {"error": "internal"},
        "chance": 0.5,
    },
}
"""What a service does on a bad day: its name, and the fault of its simulator."""

SPELLS: tuple[tuple[str, float, frozenset[str], dict[str, Any], dict[str, Any]], ...] = (
    ("in a garage", 0.08, frozenset({"enode", "smartcar", "tesla", "ocpp"}), {"reachable": False}, {"reachable": True}),
    ("asleep", 0.08, frozenset({"enode", "smartcar", "tesla"}), {"asleep": True}, {"asleep": False}),
    ("governed", 0.04, frozenset({"enode"}), {"governed": True}, {"governed": False}),
    ("account lost", 0.08, frozenset({"enode", "smartcar"}), {"account_connected": False}, {"account_connected": True}),
    ("stray", 0.05, frozenset({"enode", "smartcar"}), {"stray": STRAY}, {"stray": None}),
    (
        "ignores",
        0.04,
        frozenset({"enode", "tesla", "ocpp"}),
        {"action_fault": "confirmed_without_effect"},
        {"action_fault": None},
    ),
    ("refuses", 0.04, frozenset({"enode", "tesla", "ocpp"}), {"action_fault": "fails"}, {"action_fault": None}),
    ("confirms nothing", 0.04, frozenset({"enode"}), {"action_fault": "never_confirmed"}, {"action_fault": None}),
)
"""What happens to a car for a time: its name and chance, the providers, how it begins and how it ends."""


@dataclass
class Weather:
    """Puts a seed's bad days on the agenda of a world; ``until`` is when all of them are over."""

    world: World
    seen: Seen
    rng: random.Random
    until: datetime

    def draw(self, homes: tuple[Home, ...]) -> None:
        """Draw everything."""
        self._axle(homes)
        for provider in sorted({home.provider for home in homes}):
            self._maker(provider)
        for home in homes:
            self._car(home)

    def _span(self, shortest_s: float, longest_s: float) -> tuple[datetime, datetime]:
        now = self.world.clock.now()
        start = now + timedelta(seconds=self.rng.uniform(1800, (self.until - now).total_seconds() - 1800))
        return start, min(self.until, start + timedelta(seconds=self.rng.uniform(shortest_s, longest_s)))

    def _for(self, who: str, name: str, span: tuple[datetime, datetime], begin: Callable[[], Any], end: Any) -> None:
        start, until = span
        self.seen.outages[who].append((start, until, name))
        begun: list[Any] = []
        self.world.at(start, f"{who} {name}", lambda: begun.append(begin()))
        self.world.at(until, f"{who} {name} no more", lambda: end(begun[0]))

    def _axle(self, homes: tuple[Home, ...]) -> None:
        rng, axle = self.rng, self.world.axle
        for name, fault in FAULTS.items():
            if rng.random() < 0.1:
                made = Fault(**fault(rng))
                self._for("axle", name, self._span(120, 5400), partial(self._axle_fault, made), axle.faults.clear)
        if rng.random() < 0.2:
            self.world.at(self._span(0, 1)[0], "Axle revokes its tokens", axle.tokens.revoke_all)
        if rng.random() < 0.15:
            rejected = Rejection(count=rng.choice([1, 3]))
            self.world.at(self._span(0, 1)[0], "Axle rejects rows", lambda: axle.readings.reject(rejected))
        for home in homes:
            for _ in range(rng.choice([0, 0, 1, 2, 4])):
                again = partial(self._replan, home.asset)
                self.world.at(self._span(0, 1)[0], f"Axle plans {home.asset} again", again)

    def _axle_fault(self, made: Fault) -> int:
        return self.world.axle.faults.add(made).id

    def _replan(self, asset: str) -> str:
        axle = self.world.axle
        found = axle.world.asset_by_external_id.get(asset)
        if found is None or axle.events.why_no_schedule(axle.world.assets[found]) is not None:
            return "no schedule"
        return f"delivery {axle.events.issue(axle.world.assets[found])}"

    def _maker(self, provider: str) -> None:
        rng, world = self.rng, self.world
        for name, fault in FAULTS.items():
            if rng.random() < 0.06:
                body = {"path": f"^/{provider}/", **fault(rng)}
                self._for(
                    provider,
                    name,
                    self._span(120, 5400),
                    partial(self._maker_fault, body),
                    lambda one: world.simulated("DELETE", f"/faults/{one}"),
                )
        if provider != "ocpp" and rng.random() < 0.3:
            at = self._span(0, 1)[0]
            world.at(
                at, f"{provider} ends tokens", lambda: world.simulated("POST", f"/expire-tokens?provider={provider}")
            )
        if rng.random() < 0.05:
            at = self._span(0, 1)[0]
            self.seen.silences[provider].append((at, self.until))
            world.at(at, f"{provider} deletes the webhook's queue", lambda: self._webhook(provider, active=False))
            world.at(self.until, f"{provider} sends webhooks again", lambda: self._webhook(provider, active=True))

    def _maker_fault(self, body: dict[str, Any]) -> Any:
        return self.world.simulated("POST", "/faults", body)[0]["id"]

    def _webhook(self, provider: str, *, active: bool) -> None:
        self.world.simulated("POST", "/config", {provider: {"webhook_active": active}})

    def _car(self, home: Home) -> None:
        for name, chance, providers, begins, ends in SPELLS:
            if home.provider in providers and self.rng.random() < chance:
                longest_s = 12 * 3600 if name == "in a garage" else 3 * 3600
                self._for(
                    home.vehicle_id,
                    name,
                    self._span(600, longest_s),
                    partial(self._set, home.vehicle_id, begins),
                    partial(self._set, home.vehicle_id, ends),
                )

    def _set(self, vehicle_id: str, changes: dict[str, Any], *_: Any) -> None:
        self.world.simulated("POST", f"/cars/{vehicle_id}/set", changes)
