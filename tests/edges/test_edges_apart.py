"""Edges by the wall clock, each car at a second of its own: how late its maker gets the command.

``EDGES`` says how many.
"""

import os
from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.support.stack.fleet import KINDS, Edge, all_met, first_edge_of, plugged_in, spread_of
from tests.support.stack.homes import Stack

EDGES = int(os.environ.get("EDGES", "200"))
A_TICK_S = 30.0
"""An edge whose wake-up is lost waits for the minute clock: half a minute on average."""


@pytest.fixture(scope="module")
def edges(running: Stack) -> list[Edge]:
    """An edge of each kind a second, met by all cars."""
    homes = plugged_in(running, "apart", EDGES)
    first = first_edge_of(EDGES)
    return all_met(homes, lambda number: first + timedelta(seconds=number // len(KINDS)))


def test_each_car_gets_one_command_and_not_before_its_edge(edges: list[Edge]) -> None:
    for edge in edges:
        assert edge.orders() == [edge.action], edge.home.story()
        assert edge.late_s() >= 0, edge.home.story()


def test_no_edge_waits_for_the_minute_clock(edges: list[Edge], record_property: Callable[[str, object], None]) -> None:
    lateness_s = [edge.late_s() for edge in edges]
    kinds = f"{len(KINDS)} a second, starts and stops of {', '.join(KINDS)}"
    record_property(
        "outcome",
        f"{len(edges)} edges by the wall clock, {kinds}: commanded {spread_of(lateness_s)} after the edge,"
        " never before (the goal is 1 s)",
    )
    worst = max(edges, key=Edge.late_s)
    assert worst.late_s() < A_TICK_S, f"edge at {worst.at}\n{worst.home.story()}"
