"""The half-hours of metered assets in a DynamoDB in this process."""

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count
from types import SimpleNamespace
from typing import Any

import boto3

from driveway.domain.metering.recording import Metered
from driveway.domain.metering.samples import Rating
from driveway.store.items import TWIN, asset_key, encode_item
from driveway.store.slots import SlotStore
from tests.support.domain.links import a_link
from tests.support.runtime.mocked_aws import mock_aws

AXLE_ID = "6f0c2f4e-6a5e-4f0e-9d7a-0d5f3b7f3a10"
RATING = Rating(power_w=7400)
ONBOARDED_AT = datetime(2026, 1, 1, tzinfo=UTC)
TABLES = count()


def metered(asset: str = "car-1") -> Metered:
    return Metered(asset, AXLE_ID if asset == "car-1" else f"axle-of-{asset}", RATING)


def place(store: SlotStore, asset: str, axle_asset_id: str | None = None) -> None:
    """Put the part of an asset's twin into the table that its half-hours need."""
    link = a_link(ONBOARDED_AT, asset=asset, axle_asset_id=axle_asset_id or metered(asset).axle_asset_id)
    twin = {"pk": asset_key(asset), "sk": TWIN, "link": link}
    store.client.put_item(TableName=store.name, Item=encode_item(twin))


class OneRequestAtATime:
    """A client whose requests are atomic among threads, which they are in DynamoDB and not in moto."""

    def __init__(self, client: Any) -> None:
        self._client, self._lock = client, threading.Lock()

    def get_paginator(self, operation: str) -> Any:
        """A paginator whose pages are each read as one request."""
        return SimpleNamespace(paginate=lambda **request: self._pages(operation, request))

    def _pages(self, operation: str, request: dict[str, Any]) -> Iterator[Any]:
        pages = iter(self._client.get_paginator(operation).paginate(**request))
        while True:
            with self._lock:
                page = next(pages, None)
            if page is None:
                return
            yield page

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._client, name)
        if not name.endswith(("_item", "_items", "query")):
            return method

        def locked(**request: Any) -> Any:
            with self._lock:
                return method(**request)

        return locked


@contextmanager
def dynamodb() -> Iterator[Any]:
    """A client of an in-process DynamoDB."""
    with mock_aws():
        client = boto3.client(
            "dynamodb", region_name="eu-west-2", aws_access_key_id="test", aws_secret_access_key="test"
        )
        yield OneRequestAtATime(client)


def new_store(client: Any, shards: int = 2, assets: Iterable[str] = ("car-1",)) -> SlotStore:
    """A table of its own with these assets, and the due index as the template declares it."""
    keys = [("pk", "sk"), ("slots_shard", "slots_due")]
    schemas = [[{"AttributeName": a, "KeyType": t} for a, t in zip(k, ("HASH", "RANGE"), strict=True)] for k in keys]
    name = f"driveway-{next(TABLES)}"
    client.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": a, "AttributeType": "S"} for pair in keys for a in pair],
        KeySchema=schemas[0],
        GlobalSecondaryIndexes=[
            {"IndexName": "SlotsDue", "KeySchema": schemas[1], "Projection": {"ProjectionType": "KEYS_ONLY"}}
        ],
    )
    store = SlotStore(client, name, shards)
    for asset in assets:
        place(store, asset)
    return store
