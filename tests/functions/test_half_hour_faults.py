"""Whatever dies, fails or is in the way while half-hours are recorded and sent: they and Axle come to agree.

In the gate each call has one fault in turn; ``SITE_CRASH_POINTS=all`` runs every fault at every call.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from driveway.store.conditional import ContentionError
from tests.support.faults import FAULTS, Call, FaultKind
from tests.support.functions.rig import NOW, Reply, function
from tests.support.sites.energy import plug_facts, slots_of
from tests.support.sites.enumeration import ALL, differences, home_of, settled
from tests.support.sites.operations import Operation, asset, home, put
from tests.support.sites.world import World

HALF_HOUR = timedelta(minutes=30)
RUN_EVERY = timedelta(minutes=5)


@dataclass(frozen=True)
class Report:
    """A report of a car that its sender repeats until it is acknowledged, and what it makes of the half-hours."""

    name: str
    signals: tuple[tuple[str, Any], ...]
    before: Callable[[World], None]
    facts: tuple[str, ...]

    def __str__(self) -> str:
        return self.name

    def send(self, world: World) -> Reply:
        try:
            world.observe("car-1", **dict(self.signals))
        except (ClientError, BotoCoreError, ContentionError):
            return Reply(500, {}, "")
        return Reply(200, {}, "")


def unplugged_home(world: World) -> None:
    assert put(world, asset("electric_vehicle", plugged_in=False)).status == 201
    world.settle(timedelta(minutes=20))


REPORTS = (
    Report("a plug-in", (), unplugged_home, ("plugged",)),
    Report("a register", (("energy_lifetime_kwh", 101.0),), home("electric_vehicle"), ("plugged",)),
    Report(
        "a plug-out",
        (("plugged_in", False), ("at_home", False)),
        home("electric_vehicle"),
        ("plugged", "unplugged"),
    ),
)


def faults_at(calls: list[Call]) -> Iterator[tuple[int, FaultKind]]:
    """Every fault at every call, or in the gate one at each call, each in turn."""
    for number, call in enumerate(calls):
        possible = [fault for fault in FAULTS if call.suffers(fault)]
        yield from ((number, fault) for fault in (possible if ALL else [possible[number % len(possible)]]))


@pytest.mark.parametrize("report", REPORTS, ids=str)
@pytest.mark.parametrize("again", [True, False], ids=["repeated", "given up"])
def test_a_report_with_a_fault_at_any_call_leaves_the_twin_and_the_half_hours_in_agreement(
    report: Report, again: bool, monkeypatch: pytest.MonkeyPatch, record_property: Any
) -> None:
    operation = Operation(report.name, report.send, report.before)
    with home_of(operation, monkeypatch) as world:
        _, calls = world.attempt(report.send)
        calls = list(calls)
    found, runs = [], 0
    for number, fault in faults_at(calls):
        runs += 1
        with home_of(operation, monkeypatch) as world:
            reply, _ = world.attempt(report.send, fault=(number, fault))
            settled(world, operation, reply, again=again)
            facts, differing = plug_facts(world), [*differences(world)]
            if differing or (again and tuple(facts) != report.facts):
                found.append(f"{fault} at {number} ({calls[number]}): {differing or facts}")
    record_property("outcome", f"{report} ({'repeated' if again else 'given up'}): {len(calls)} calls, {runs} runs")
    assert found == []


# Sending.


class Context:
    """What Lambda passes: how long the run may still take."""

    def get_remaining_time_in_millis(self) -> int:
        return 600_000


def send(world: World) -> Reply:
    """One run of the function that sends half-hours."""
    try:
        function("meter_readings").handler({}, Context())
    except (ClientError, BotoCoreError):
        return Reply(500, {}, "")
    return Reply(200, {}, "")


def at_axle(world: World) -> dict[datetime, float]:
    """The energy in kWh that Axle has accepted for each half-hour, by its start."""
    rows = world.axle.readings.report(with_rows=True)["rows"]
    return {datetime.fromisoformat(row["start_timestamp"]): row["value"] for row in rows}


def at_home(world: World) -> dict[datetime, float | None]:
    """The same as it was recorded here, of the half-hours that ended over ten minutes ago; None: not known."""
    ended = [slot for slot in slots_of(world) if slot.end < world.clock.now() - timedelta(minutes=10)]
    return {slot.start: None if slot.state == "unknown" else slot.energy_wh / 1000 for slot in ended}


@contextmanager
def sending_home(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with home_of(SENDING, monkeypatch) as world:
        yield world


def idle_home(world: World) -> None:
    """The car drew energy, and reports that it does not charge, and every change: the half-hours after it are zeros."""
    home("electric_vehicle")(world)
    world.observe("car-1", charging=False, power_kw=0.0, tells_every_change=True)


SENDING = Operation("sending", send, idle_home)


def test_half_hours_are_sent_without_a_gap_whatever_fails_at_any_call(
    monkeypatch: pytest.MonkeyPatch, record_property: Any
) -> None:
    with sending_home(monkeypatch) as world:
        _, calls = world.attempt(send)
        calls = list(calls)
    found, runs = [], 0
    for number, fault in faults_at(calls):
        runs += 1
        with sending_home(monkeypatch) as world:
            world.attempt(send, fault=(number, fault))
            for _ in range(24):
                world.settle(RUN_EVERY)
                send(world)
            here, there = at_home(world), at_axle(world)
            starts = [NOW + step * HALF_HOUR for step in range(5)]
            if list(here) != starts or {start: there.get(start) for start in starts} != here:
                found.append(f"{fault} at {number} ({calls[number]}): {here}, {there}")
    record_property("outcome", f"half-hours sent: {len(calls)} calls, {runs} runs, {len(found)} differ")
    assert found == []


def test_a_run_that_died_with_its_claim_is_replaced_once_the_claim_lapses(monkeypatch: pytest.MonkeyPatch) -> None:
    with sending_home(monkeypatch) as world:
        _, calls = world.attempt(send)
        sending = next(number for number, call in enumerate(calls) if "readings" in call.about)
    with sending_home(monkeypatch) as world:
        assert world.attempt(send, fault=(sending, "death before"))[0] is None
        world.settle(timedelta(minutes=4))
        send(world)
        assert at_axle(world) == {}, "the claim stands"
        world.settle(timedelta(minutes=1))
        send(world)
        assert at_axle(world) == {NOW: 1.0}
