"""One local stack for all stack tests: the real template with IAM enforced, simulators, a clock 300 times as fast."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from driveway.runtime.clock import parse_clock
from local.demo import result_of
from local.night import Night
from local.stack import Options, stack
from tests.support.runtime.app_receiver import AppReceiver, app_receiver
from tests.support.stack.homes import KINDS, Stack

EVENING = datetime(2026, 1, 15, tzinfo=UTC)
REPORT_EVERY_S = 900
"""The interval of reports of a charging car. On a clock 300 times as fast, two cores cannot process more."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the night first, which begins soon after the stack's clock, then the tests that need a quiet table.

    Drawn requests come last: they leave homes behind that nobody else would make.
    """

    def turn(item: pytest.Item) -> int:
        return (
            0
            if "night" in getattr(item, "fixturenames", ())
            else 1
            if "refusals" in item.nodeid
            else 3
            if "fuzz" in item.nodeid
            else 2
        )

    items.sort(key=turn)


@pytest.fixture(scope="session")
def app() -> Iterator[AppReceiver]:
    """The app's webhook: it gets every event of the stack."""
    with app_receiver() as receiver:
        yield receiver


@pytest.fixture(scope="session")
def running(app: AppReceiver, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The stack, up for the whole session."""
    clock_text = "start=2026-01-15T21:40:00Z,scale=300"
    folder = tmp_path_factory.mktemp("stack")
    webhook = {"AppWebhookUrl": app.url}
    options = Options(folder=folder, clock_text=clock_text, parameters=webhook, at_once=3, head_start_s=60)
    with stack(options) as values:
        running = Stack(values, parse_clock(values["clock"], on_aws=False), folder)
        running.simulator("cars", "POST", "/config", {kind: {"sample_every_s": REPORT_EVERY_S} for kind in KINDS})
        yield running


@pytest.fixture(scope="module", autouse=True)
def _unplugged_after(running: Stack) -> Iterator[None]:
    """Leave no car charging when a module ends, because each one costs the machine work."""
    yield
    running.simulator("cars", "POST", "/bulk/plug-out")


@pytest.fixture(scope="session")
def night(running: Stack) -> dict[str, Any]:
    """The result of Axle's documented scenario 1, played once."""
    entries: list[dict[str, Any]] = []
    played = Night(running.values, running.clock, EVENING, tell=entries.append)
    played.play()
    return result_of(played, []) | {"timeline": entries}
