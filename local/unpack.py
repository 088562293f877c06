"""``make unpack-table``: what a rollback to 0.1 needs. That version reads twins and half-hours only unpacked.

Each packed item is written again in the form of 0.1, on condition that nobody changed it meanwhile; what was changed is
written in the next round. Run it after 0.1 is deployed again: this version would pack what it touches.
"""

import argparse
import sys
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import boto3

from driveway.store.items import PACKED, decode_item, encode_item, stamp

QUIET = "quiet"
CONDITION = "version = :version AND attribute_exists(packed)"


def as_first_release(item: Mapping[str, Any]) -> dict[str, Any]:
    """A packed twin or half-hour as an item of 0.1, one version on as after every write."""
    values = decode_item(item)
    values.pop(QUIET, None)
    values["version"] += 1
    claimed_until = values.pop("claimed_until", None)
    if claimed_until is not None:
        # 0.1 has a claimed half-hour in the index at the end of its claim.
        values["slots_due"] = stamp(datetime.fromisoformat(claimed_until))
    return encode_item(values)


def unpack_table(dynamodb: Any, table: str) -> int:
    """Write every packed item of a table in the form of 0.1; gives how many there were. It may be repeated."""
    done, left = 0, True
    while left:
        left = False
        for page in dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True):
            for item in page["Items"]:
                if PACKED not in item:
                    continue
                try:
                    values = {":version": item["version"]}
                    dynamodb.put_item(
                        TableName=table,
                        Item=as_first_release(item),
                        ConditionExpression=CONDITION,
                        ExpressionAttributeValues=values,
                    )
                    done += 1
                except dynamodb.exceptions.ConditionalCheckFailedException:
                    left = True
    return done


def main(arguments: list[str] | None = None) -> int:
    """Read the arguments, unpack a table, and print how many items that were."""
    parser = argparse.ArgumentParser(prog="python -m local.unpack", description=__doc__)
    parser.add_argument("table", help="the output TableName of the stack")
    table = parser.parse_args(arguments).table
    print(f"{unpack_table(boto3.client('dynamodb'), table)} items of {table} are in the form of 0.1.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
