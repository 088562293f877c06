"""The simulated cars, running: one simulator for each module, put back to its beginning for each test."""

from collections.abc import Iterator

import pytest

from tests.support.vehicles.car_rig import Rig, rig_at


@pytest.fixture(scope="module")
def shared() -> Iterator[Rig]:
    """One running simulator for all tests of a module."""
    with rig_at() as running:
        yield running


@pytest.fixture
def rig(shared: Rig) -> Rig:
    """The simulator as it was at its start, with its clock where it is."""
    shared.begin_again()
    return shared
