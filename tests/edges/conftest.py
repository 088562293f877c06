"""A stack by the wall clock, whose functions have met an edge before."""

from collections.abc import Iterator

import pytest

from driveway.runtime.clock import Clock
from local.stack import Options, stack
from tests.support.stack.fleet import CONCURRENCY, KINDS, PATIENT_WEBHOOKS, all_met, plugged_in, seconds_from_now
from tests.support.stack.homes import Stack

REHEARSED_S = 30.0


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The stack, up for the whole session, after a rehearsal, so that cold starts are not measured."""
    limits = {f"{kind.title()}Concurrency": str(CONCURRENCY) for kind in KINDS}
    with stack(Options(folder=tmp_path_factory.mktemp("stack"), parameters=limits, at_once=3)) as values:
        running = Stack(values, Clock())
        running.simulator("cars", "POST", "/config", PATIENT_WEBHOOKS)
        rehearsed = seconds_from_now(REHEARSED_S)
        all_met(plugged_in(running, "rehearsal", CONCURRENCY * len(KINDS)), lambda _: rehearsed)
        yield running
