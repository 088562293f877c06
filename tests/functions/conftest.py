"""The ``rig``: a stage in one process, new for every test."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from driveway.domain.twin import Home
from driveway.runtime.context import use
from simulators.axle.app import AxleSimulator
from simulators.cars.app import build_app
from simulators.cars.simulator import CarSimulator
from simulators.common import running
from tests.support.functions import webhook_calls
from tests.support.functions.assets import (
    SAMPLE_SECRETS,
    SMARTCAR_CAR,
    TESLA_CAR,
    a_twin,
    place,
    plugged_in,
    set_secret,
)
from tests.support.functions.rig import NOW, REGION, PresentOutput, Rig, RigClock, make_runtime
from tests.support.functions.stage import Stage
from tests.support.runtime.mocked_aws import mock_aws


@pytest.fixture(scope="session")
def axle_server() -> Iterator[tuple[RigClock, AxleSimulator, str]]:
    """One simulated Axle for all tests, on a clock that they share."""
    clock = RigClock(NOW)
    simulator = AxleSimulator(clock)
    with running(simulator.asgi) as url:
        yield clock, simulator, url
    simulator.close()


@pytest.fixture
def rig(axle_server: tuple[RigClock, AxleSimulator, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    """A new stage with a new Axle."""
    clock, simulator, url = axle_server
    clock.put(NOW)
    simulator.reset()
    simulator.world.config = type(simulator.world.config)()
    for name, value in {
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "POWERTOOLS_SERVICE_NAME": "driveway",
        "POWERTOOLS_METRICS_NAMESPACE": "Driveway",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("driveway.sites.reconcile.WAIT_S", 0.0)
    with mock_aws():
        runtime = make_runtime(clock, url)
        made = Rig(runtime, clock, simulator, url)
        runtime.__dict__["bus"] = made.bus
        use(runtime)
        for handler in runtime.logger.handlers:
            monkeypatch.setattr(handler, "stream", PresentOutput())
        yield made
        use(None)
        runtime.http.close()


@pytest.fixture
def car(rig: Rig) -> Rig:
    """A stage with a car that has been plugged in at home for an hour."""
    place(rig, plugged_in(a_twin(NOW - timedelta(days=30)), NOW - timedelta(hours=1)))
    return rig


@pytest.fixture
def cars(rig: Rig) -> Rig:
    """A stage with one car at each provider, and the secrets that signed the sample events."""
    rig.clock.put(webhook_calls.AT)
    onboarded, home = webhook_calls.AT - timedelta(days=30), Home(52.0907, 5.1214)
    place(
        rig,
        a_twin(onboarded, home=home),
        a_twin(onboarded, asset="car-2", axle_asset_id="axle-2", vehicle=SMARTCAR_CAR, home=home),
        a_twin(onboarded, asset="car-3", axle_asset_id="axle-3", vehicle=TESLA_CAR),
    )
    set_secret(rig, "WEBHOOK_SECRETS", SAMPLE_SECRETS)
    return rig


@pytest.fixture
def car_server(rig: Rig) -> Iterator[tuple[CarSimulator, str]]:
    """The car makers, on the clock of the stage; new, because their time never goes back."""
    simulator = CarSimulator(rig.clock)
    with running(build_app(simulator)) as url:
        yield simulator, url
    simulator.stop()


@pytest.fixture
def stage(rig: Rig, car_server: tuple[CarSimulator, str]) -> Iterator[Stage]:
    made = Stage(rig, *car_server)
    # The logger keeps the output that it was made with, and a test that captures the output closes its own.
    _ = rig.runtime.logger
    yield made
    made.break_nothing()
    made.cars.http.close()
