"""A table for half-hours: one server for each module, a new store for each test."""

from collections.abc import Iterator
from typing import Any

import pytest

from driveway.store.slots import SlotStore
from tests.support.domain.metering_table import dynamodb, new_store


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    """The client of a simulated DynamoDB."""
    with dynamodb() as found:
        yield found


@pytest.fixture
def store(client: Any) -> SlotStore:
    """A store without half-hours."""
    return new_store(client)
