"""Many cars with an edge at the same instant: all get their command, within each car maker's limit.

``TOGETHER`` says how many.
"""

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.stack.fleet import (
    CONCURRENCY,
    KINDS,
    Edge,
    all_met,
    first_edge_of,
    most_at_once,
    plugged_in,
    spread_of,
)
from tests.support.stack.homes import Stack

TOGETHER = int(os.environ.get("TOGETHER", "60"))
ANSWERS_AFTER_S = 0.25
COMMANDS = {"enode": "/enode/.+/charging$", "smartcar": "/smartcar/.+/commands/", "tesla": "/tesla/.+/command/charge_"}
IN_PATHS = {"enode": "/charging", "smartcar": "/commands/charge/", "tesla": "/command/charge_"}


@pytest.fixture(scope="module")
def edges(running: Stack) -> Iterator[list[Edge]]:
    """One edge, met by all cars, while their makers take their time to answer."""
    homes = plugged_in(running, "together", TOGETHER)
    running.simulator("cars", "POST", "/config", {"smartcar": {"hold_open_s": 0}})
    slow = [{"path": path, "method": "POST", "when": "after", "delay_s": ANSWERS_AFTER_S} for path in COMMANDS.values()]
    running.simulator("cars", "POST", "/faults", slow)
    at = first_edge_of(TOGETHER)
    yield all_met(homes, lambda _: at)
    running.simulator("cars", "DELETE", "/faults")


def calls(running: Stack, kind: str) -> list[dict[str, Any]]:
    """The commands to these cars that a car maker got."""
    sent = running.simulator("cars", "GET", f"/requests?method=POST&path={IN_PATHS[kind]}")["requests"]
    return [call for call in sent if f"/{kind}/" in call["path"] and "/together-" in call["path"]]


def test_all_get_one_command_and_none_before_the_edge(
    edges: list[Edge], record_property: Callable[[str, object], None]
) -> None:
    by_kind = {kind: [edge.late_s() for edge in edges if edge.home.provider == kind] for kind in KINDS}
    drained = ", ".join(f"{kind} {max(lateness_s):.1f} s" for kind, lateness_s in by_kind.items())
    spread = spread_of([edge.late_s() for edge in edges])
    record_property(
        "outcome",
        f"{len(edges)} cars with one edge, {CONCURRENCY} calls at once to each car maker, which answers after"
        f" {ANSWERS_AFTER_S} s: all commanded, {spread} after the edge; drained: {drained}",
    )
    for edge in edges:
        assert edge.orders() == [edge.action], edge.home.story()
        assert edge.late_s() >= 0, edge.home.story()


@pytest.mark.parametrize("kind", KINDS)
def test_no_car_maker_is_called_more_often_at_once_than_its_limit(edges: list[Edge], running: Stack, kind: str) -> None:
    sent = calls(running, kind)
    assert len(sent) == sum(edge.home.provider == kind for edge in edges)
    assert 1 < most_at_once(sent) <= CONCURRENCY
