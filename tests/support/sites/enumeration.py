"""Runs of operations with one fault at one call, and of two operations interleaved at one call."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import pytest

from tests.support.faults import FAULTS, Call, FaultKind
from tests.support.functions.rig import Reply
from tests.support.sites.energy import ASSET, differences_of_energy, plug_facts
from tests.support.sites.operations import Operation
from tests.support.sites.snapshot import Snapshot, put_back, taken
from tests.support.sites.world import LONGEST, World, new_world

ALL = os.environ.get("SITE_CRASH_POINTS") == "all"
"""Whether every run is made, in place of the gate's share."""

SITES = ("home-1", "home-2")
MOST_REPEATS = 30
FINAL = frozenset({200, 201, 204, 404, 409, 422})


@dataclass(frozen=True)
class Run:
    """One run: the number of the call and the fault there; ``again``: the app repeats its request until it is done."""

    number: int
    fault: FaultKind
    again: bool

    def __str__(self) -> str:
        return f"{self.fault} at {self.number}, {'repeated' if self.again else 'given up'}"


@contextmanager
def home_of(operation: Operation, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A new world with the home that an operation begins with. The home is made once, and put back for each run."""
    snapshot = _HOMES.get(operation)
    if snapshot is None:
        with new_world(monkeypatch) as world:
            operation.before(world)
            snapshot = _HOMES[operation] = taken(world)
    with new_world(monkeypatch) as world:
        put_back(snapshot, world)
        yield world


_HOMES: dict[Operation, Snapshot] = {}


def calls_of(operation: Operation, monkeypatch: pytest.MonkeyPatch) -> list[Call]:
    """The calls that an undisturbed operation makes."""
    with home_of(operation, monkeypatch) as world:
        _, calls = world.attempt(operation.do)
        return list(calls)


def runs_of(calls: list[Call]) -> Iterator[Run]:
    """Every run with one fault that can happen."""
    for number, call in enumerate(calls):
        for fault in FAULTS:
            if call.suffers(fault):
                yield Run(number, fault, again=True)
                yield Run(number, fault, again=False)


def undisturbed(operation: Operation, monkeypatch: pytest.MonkeyPatch) -> tuple[str, list[str]]:
    """The result of an operation without a fault, and the differences in the end."""
    with home_of(operation, monkeypatch) as world:
        world.attempt(operation.do)
        world.settle(LONGEST)
        return outcome(world), differences(world)


def disturbed(operation: Operation, run: Run, monkeypatch: pytest.MonkeyPatch) -> tuple[str, list[str]]:
    """The same with a fault, two hours later."""
    with home_of(operation, monkeypatch) as world:
        reply, _ = world.attempt(operation.do, fault=(run.number, run.fault))
        settled(world, operation, reply, again=run.again)
        return outcome(world), differences(world)


def settled(world: World, operation: Operation, reply: Reply | None, *, again: bool) -> None:
    """Let two hours pass, in which the caller may repeat what had that reply (None: its function died)."""
    world.settle()
    if again:
        _repeat(world, operation, reply)
    world.settle(LONGEST)


def interleaved(one: Operation, other: Operation, number: int, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The differences two hours after the other operation came in before a call of the first."""
    with home_of(one, monkeypatch) as world:

        def come_in() -> None:
            other.do(world)

        world.attempt(one.do, between=(number, come_in))
        world.settle(LONGEST)
        return differences(world)


def _repeat(world: World, operation: Operation, reply: Reply | None) -> None:
    for _ in range(MOST_REPEATS):
        if reply is not None and reply.status in FINAL:
            return
        wait_s = int(reply.headers.get("Retry-After", 5)) if reply is not None else 5
        world.settle(timedelta(seconds=wait_s))
        reply = operation.do(world)


def outcome(world: World) -> str:
    """The state of the sites, in a form that can be compared."""
    found = []
    for site in SITES:
        record = world.record(site)
        if record is None:
            continue
        present = [asset for asset in record.assets if ("ASSET#" + asset, "TWIN") in world.table.items]
        vehicles = [world.runtime.table.twin(asset).link.vehicle for asset in present]
        facts = plug_facts(world) if ASSET in present else []
        found.append(f"{site} {record.state} {record.assets} {vehicles} {record.snoozed_until} {facts}")
    return "\n".join(found)


def differences(world: World) -> list[str]:
    """The differences between our records, Axle's, the half-hours and their energy, the aliases and the cars."""
    found = [*(fault for site in SITES for fault in world.faults_found(site)), *world.strays()]
    found += world.personal_data()
    return found + differences_of_energy(world)
