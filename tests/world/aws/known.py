"""The parameters of requests that the cloud knows; a request with any other is refused, since it would be ignored."""

from collections.abc import Iterator, Mapping
from typing import Any

from tests.world.aws.wire import UnknownToTheCloudError

EXPRESSIONS = frozenset({"ExpressionAttributeNames", "ExpressionAttributeValues"})
READ = EXPRESSIONS | {"ConsistentRead", "ProjectionExpression"}
PAGE = READ | {"TableName", "FilterExpression", "Limit", "ExclusiveStartKey", "Select"}
WRITE = EXPRESSIONS | {"TableName", "ConditionExpression", "ReturnValues", "ReturnValuesOnConditionCheckFailure"}
MESSAGE = frozenset({"MessageBody", "DelaySeconds"})

PARAMETERS: Mapping[str, frozenset[str]] = {
    "GetItem": READ | {"TableName", "Key"},
    "BatchGetItem": frozenset({"RequestItems"}),
    "PutItem": WRITE | {"Item"},
    "UpdateItem": WRITE | {"Key", "UpdateExpression"},
    "DeleteItem": WRITE | {"Key"},
    "BatchWriteItem": frozenset({"RequestItems"}),
    "TransactWriteItems": frozenset({"TransactItems", "ClientRequestToken"}),
    "Query": PAGE | {"IndexName", "KeyConditionExpression", "ScanIndexForward"},
    "Scan": PAGE,
    "SendMessage": MESSAGE | {"QueueUrl"},
    "SendMessageBatch": frozenset({"QueueUrl", "Entries"}),
    "ReceiveMessage": frozenset({"QueueUrl", "MaxNumberOfMessages", "VisibilityTimeout", "AttributeNames"}),
    "DeleteMessage": frozenset({"QueueUrl", "ReceiptHandle"}),
    "DeleteMessageBatch": frozenset({"QueueUrl", "Entries"}),
    "GetQueueAttributes": frozenset({"QueueUrl", "AttributeNames"}),
    "GetQueueUrl": frozenset({"QueueName"}),
    "PutEvents": frozenset({"Entries"}),
    "GetSecretValue": frozenset({"SecretId"}),
    "PutSecretValue": frozenset({"SecretId", "SecretString", "ClientRequestToken"}),
}
ENTRIES: Mapping[str, frozenset[str]] = {
    "SendMessageBatch": MESSAGE | {"Id"},
    "DeleteMessageBatch": frozenset({"Id", "ReceiptHandle"}),
    "PutEvents": frozenset({"Source", "DetailType", "Detail", "EventBusName", "Resources"}),
}
"""The same of each entry of a request with entries."""


def refuse_unknown(operation: str, body: Mapping[str, Any]) -> None:
    """Refuse a parameter that would have no effect here. Raises UnknownToTheCloudError."""
    unknown = sorted(_unknown(operation, body))
    if unknown:
        raise UnknownToTheCloudError(f"{operation} with {', '.join(unknown)}")


def _unknown(operation: str, body: Mapping[str, Any]) -> Iterator[str]:
    """What is not known; of an operation that is not known at all its own service says so."""
    yield from body.keys() - PARAMETERS.get(operation, body.keys())
    for entry in body.get("Entries", ()):
        yield from entry.keys() - ENTRIES.get(operation, entry.keys())
    if operation == "BatchGetItem":
        for held in body["RequestItems"].values():
            yield from held.keys() - (READ | {"Keys"})
    for part in body.get("TransactItems", ()):
        for held in part.values():
            yield from held.keys() - (WRITE | {"Key", "Item", "UpdateExpression"})
