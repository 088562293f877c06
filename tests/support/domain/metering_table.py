"""The half-hours on an in-process DynamoDB, and an Axle that keeps what it accepts."""

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import boto3

from driveway.domain.metering.recording import Metered
from driveway.domain.metering.samples import Rating, Sample
from driveway.store.items import TWIN, asset_key, encode_item
from driveway.store.slots import SlotStore
from tests.support.runtime.mocked_aws import mock_aws

AXLE_ID = "6f0c2f4e-6a5e-4f0e-9d7a-0d5f3b7f3a10"
PLUG_IN = datetime(2026, 1, 15, 22, 0, tzinfo=UTC)
RATING = Rating(power_w=7400)
TABLES = count()

Row = dict[str, Any]


def metered(asset: str = "car-1") -> Metered:
    return Metered(asset, AXLE_ID if asset == "car-1" else f"axle-of-{asset}", RATING)


def place(store: SlotStore, asset: str, axle_asset_id: str | None = None) -> None:
    """Put the part of an asset's twin into the table that its half-hours need."""
    link = {"axle_asset_id": axle_asset_id or metered(asset).axle_asset_id}
    twin = {"pk": asset_key(asset), "sk": TWIN, "link": link}
    store.client.put_item(TableName=store.name, Item=encode_item(twin))


class OneRequestAtATime:
    """A client whose requests are atomic among threads, which they are in DynamoDB and not in moto."""

    def __init__(self, client: Any) -> None:
        self._client, self._lock = client, threading.Lock()

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


@dataclass
class Axle:
    """Accepts rows as Axle does: by asset, start and label, the last value counts."""

    rows: dict[tuple[str, str, str], float] = field(default_factory=dict)
    received: Counter[tuple[str, str, str, float]] = field(default_factory=Counter)
    batches: list[int] = field(default_factory=list)
    faults: list[Callable[[list[Row]], object]] = field(default_factory=list)

    def __call__(self, rows: list[Row]) -> object:
        self.batches.append(len(rows))
        if self.faults:
            return self.faults.pop(0)(rows)
        return [self.take(row) for row in rows]

    def take(self, row: Row, error: str | None = None) -> Row:
        answer = {key: row[key] for key in ("asset_id", "start_timestamp", "end_timestamp", "label")}
        if error is not None:
            return {**answer, "accepted": False, "error": error}
        key = (row["asset_id"], row["start_timestamp"], row["label"])
        self.rows[key] = row["value"]
        self.received[(*key, row["value"])] += 1
        return {**answer, "accepted": True}

    @property
    def accepted_wh(self) -> int:
        return sum(round(value * 1000) for value in self.rows.values())


def plugged_in_idle(at: datetime = PLUG_IN) -> list[Sample]:
    """A plug-in with an idle car, by a source that reports every change."""
    return [Sample(at, "plugged"), Sample(at, "stopped", tells_every_change=True)]


def a_night_at(power_w: int, *, hours: float = 6, start: datetime = PLUG_IN + timedelta(hours=1.5)) -> list[Sample]:
    """Plug-in, charging at one rate reported every ten minutes, and the stop. The source reports every change."""
    minutes = range(0, int(hours * 60), 10)
    return [
        *plugged_in_idle(),
        *(Sample(start + timedelta(minutes=m), "power", power_w, tells_every_change=True) for m in minutes),
        Sample(start + timedelta(hours=hours), "stopped", tells_every_change=True),
    ]
