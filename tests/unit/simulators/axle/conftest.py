"""A running Axle simulator, fresh for every test, and a partner for it to call."""

import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest

from simulators.axle.app import AxleSimulator
from simulators.common import running
from tests.support.simulators.axle_client import Axle, Driveway, MovableClock


@pytest.fixture(scope="module")
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture(scope="module")
def server(clock: MovableClock) -> Iterator[Axle]:
    simulator = AxleSimulator(clock)
    with running(simulator.asgi) as url:
        yield Axle(url, simulator)
    simulator.close()


@pytest.fixture
def axle(server: Axle) -> Axle:
    MovableClock.ahead = timedelta()
    server.simulator.reset()
    server.simulator.world.config = type(server.simulator.world.config)()
    server.log_in()
    return server


@pytest.fixture
def driveway() -> Iterator[Driveway]:
    partner = Driveway()
    thread = threading.Thread(target=partner.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield partner
    partner.server.shutdown()
    thread.join()
    partner.server.server_close()
