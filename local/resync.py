"""``python -m local.resync PROVIDER``: read the state of every car of a provider, after its webhooks were lost.

A request goes the way of a command: through the bus to the provider's queue, whose concurrency limits the rate.
A few are sent each second, so that commands do not wait behind them.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from driveway.outbox.events import SOURCE
from local.outputs import outputs_of
from local.stack import STACK, running

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_events import EventBridgeClient

MOST_IN_A_CALL = 10
LOCAL_STACK = STACK
FOLDER = Path(".local")


def assets_of(client: "DynamoDBClient", table: str, provider: str) -> Iterator[str]:
    """The assets with a vehicle at a provider. It reads the whole table, so its cost grows with the table."""
    pages = client.get_paginator("scan").paginate(
        TableName=table,
        FilterExpression="begins_with(pk, :alias)",
        ExpressionAttributeValues={":alias": {"S": f"ALIAS#{provider}#"}},
        ProjectionExpression="asset",
    )
    for page in pages:
        for item in page["Items"]:
            yield item["asset"]["S"]


def look_event(asset: str, provider: str, bus: str) -> dict[str, Any]:
    """The event that requests a state read of an asset's car."""
    detail = {"asset": asset, "provider": provider, "action": "look"}
    return {"Source": SOURCE, "DetailType": "ChargingCommand", "Detail": json.dumps(detail), "EventBusName": bus}


def resync(
    client: "DynamoDBClient",
    events: "EventBridgeClient",
    *,
    table: str,
    bus: str,
    provider: str,
    per_second: float,
    sleep: Callable[[float], None] = time.sleep,
) -> int:
    """Request a state read of every car of a provider, at a rate per second; gives how many were requested.

    Raises:
        RuntimeError: the bus refused an event; the same call may be repeated.
    """
    assets, sent = assets_of(client, table, provider), 0
    while batch := list(islice(assets, MOST_IN_A_CALL)):
        answer = events.put_events(Entries=[look_event(asset, provider, bus) for asset in batch])  # type: ignore[misc]  # the event is built as a plain dict
        if answer["FailedEntryCount"]:
            raise RuntimeError(f"The bus refused {answer['FailedEntryCount']} of {len(batch)} requests.")
        sent += len(batch)
        sleep(len(batch) / per_second)
    return sent


def clients_of(stack: str, folder: Path = FOLDER) -> Any:
    """A function that makes clients for a stack: with the caller's AWS credentials, or of the local AWS that runs."""
    import boto3

    values = running(folder) if stack == LOCAL_STACK else None
    if values is None:
        return boto3.client
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=values["region"])
    return partial(session.client, endpoint_url=values["aws_endpoint_url"])


def main(arguments: list[str] | None = None) -> None:
    """Read the arguments, find the stack and request the state reads."""
    parser = argparse.ArgumentParser(prog="python -m local.resync", description=__doc__)
    parser.add_argument("provider", choices=["enode", "smartcar", "tesla", "ocpp"])
    parser.add_argument("--stack", default="driveway-dev", help="the stack's name: driveway-prod, or driveway-local")
    parser.add_argument("--per-second", type=float, default=5.0, help="looks sent a second")
    wanted = parser.parse_args(arguments)
    client = clients_of(wanted.stack)
    outputs = outputs_of(client("cloudformation"), wanted.stack)
    sent = resync(
        client("dynamodb"),
        client("events"),
        table=outputs["TableName"],
        bus=outputs["BusName"],
        provider=wanted.provider,
        per_second=wanted.per_second,
    )
    print(f"{sent} cars of {wanted.provider} will be looked at.")


if __name__ == "__main__":
    main()
