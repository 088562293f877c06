"""Leases: who works on a shard of the due half-hours, so that no two runs send at once."""

from datetime import datetime
from typing import TYPE_CHECKING

from msgspec import Struct

from driveway.store.conditional import write_if
from driveway.store.items import encode_item, stamp

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

KEY = "READINGS#"


class Leases(Struct, frozen=True):
    """The leases in the table ``name``. A lease that its owner did not give back lapses."""

    client: "DynamoDBClient"
    name: str

    def take(self, shard: str, owner: str, *, now: datetime, until: datetime) -> bool:
        """Take a shard until an instant (aware UTC), or keep it for longer; False while another owner has it."""
        return write_if(
            self.client.put_item,
            TableName=self.name,
            Item=encode_item({**_key(shard), "owner": owner, "until": stamp(until)}),
            ConditionExpression="attribute_not_exists(pk) OR #owner = :owner OR #until <= :now",
            ExpressionAttributeNames={"#owner": "owner", "#until": "until"},
            ExpressionAttributeValues=encode_item({":owner": owner, ":now": stamp(now)}),
        )

    def give_back(self, shard: str, owner: str) -> None:
        """Give a shard back, unless another owner has it."""
        write_if(
            self.client.delete_item,
            TableName=self.name,
            Key=encode_item(_key(shard)),
            ConditionExpression="#owner = :owner",
            ExpressionAttributeNames={"#owner": "owner"},
            ExpressionAttributeValues=encode_item({":owner": owner}),
        )


def _key(shard: str) -> dict[str, str]:
    return {"pk": KEY + shard, "sk": "STATE"}
