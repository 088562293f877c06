"""A cloud with a table, a queue, a rule and a schedule, small enough to be read beside a test."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.world.aws import NO_FAULTS, Cloud, Delivery, Faults, Stack

EVENING = datetime(2026, 1, 15, 18, 0, tzinfo=UTC)
TABLE = "table"


class HandClock:
    """A clock that is moved by hand."""

    def __init__(self, at: datetime = EVENING) -> None:
        self.at = at

    def now(self) -> datetime:
        """The present instant, aware UTC."""
        return self.at

    def advance(self, seconds: float) -> None:
        """Move on."""
        self.at += timedelta(seconds=seconds)


def function(name: str, timeout_s: int = 30) -> dict[str, Any]:
    """A function."""
    return {
        "Type": "AWS::Lambda::Function",
        "Properties": {
            "FunctionName": name,
            "Timeout": timeout_s,
            "MemorySize": 128,
            "Code": {"S3Key": "functions/none"},
            "Environment": {"Variables": {}},
        },
    }


def arn(logical_id: str, attribute: str = "Arn") -> dict[str, Any]:
    """A reference to a resource."""
    return {"Fn::GetAtt": [logical_id, attribute]}


def resources(**more: Any) -> dict[str, Any]:
    """The resources; ``more`` adds to or replaces properties, by logical id and property joined with ``__``."""
    key = [{"AttributeName": name, "KeyType": kind} for name, kind in (("pk", "HASH"), ("sk", "RANGE"))]
    due = [{"AttributeName": name, "KeyType": kind} for name, kind in (("due_shard", "HASH"), ("due_at", "RANGE"))]
    made: dict[str, Any] = {
        "Table": {
            "Type": "AWS::DynamoDB::Table",
            "Properties": {
                "TableName": TABLE,
                "AttributeDefinitions": [
                    {"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk", "due_shard", "due_at")
                ],
                "KeySchema": key,
                "GlobalSecondaryIndexes": [
                    {"IndexName": "Due", "KeySchema": due, "Projection": {"ProjectionType": "KEYS_ONLY"}}
                ],
                "TimeToLiveSpecification": {"AttributeName": "expires_at", "Enabled": True},
            },
        },
        "Work": {
            "Type": "AWS::SQS::Queue",
            "Properties": {
                "QueueName": "work",
                "VisibilityTimeout": 60,
                "RedrivePolicy": {"deadLetterTargetArn": arn("Letters"), "maxReceiveCount": 3},
            },
        },
        "Letters": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "letters"}},
        "Bus": {"Type": "AWS::Events::EventBus", "Properties": {"Name": "bus"}},
        "Rule": {
            "Type": "AWS::Events::Rule",
            "Properties": {
                "EventPattern": {"detail-type": ["Work"]},
                "Targets": [
                    {
                        "Id": "queue",
                        "Arn": arn("Work"),
                        "InputPath": "$.detail",
                        "RetryPolicy": {"MaximumRetryAttempts": 3, "MaximumEventAgeInSeconds": 3600},
                        "DeadLetterConfig": {"Arn": arn("Letters")},
                    }
                ],
            },
        },
        "Worker": function("worker"),
        "Reader": function("reader"),
        "Ticker": function("ticker"),
        "WorkerQueue": {
            "Type": "AWS::Lambda::EventSourceMapping",
            "Properties": {
                "BatchSize": 2,
                "EventSourceArn": arn("Work"),
                "FunctionName": {"Ref": "Worker"},
                "FunctionResponseTypes": ["ReportBatchItemFailures"],
                "ScalingConfig": {"MaximumConcurrency": 2},
            },
        },
        "ReaderStream": {
            "Type": "AWS::Lambda::EventSourceMapping",
            "Properties": {
                "BatchSize": 4,
                "EventSourceArn": arn("Table", "StreamArn"),
                "FunctionName": {"Ref": "Reader"},
                "BisectBatchOnFunctionError": True,
                "MaximumRetryAttempts": 2,
                "FunctionResponseTypes": ["ReportBatchItemFailures"],
                "DestinationConfig": {"OnFailure": {"Destination": arn("Letters")}},
                "FilterCriteria": {"Filters": [{"Pattern": '{"dynamodb": {"Keys": {"sk": {"S": ["TWIN"]}}}}'}]},
            },
        },
        "Minute": {
            "Type": "AWS::Scheduler::Schedule",
            "Properties": {
                "Name": "minute",
                "ScheduleExpression": "rate(1 minute)",
                "Target": {"Arn": arn("Ticker")},
            },
        },
    }
    for name, value in more.items():
        logical_id, property_name = name.split("__")
        made[logical_id]["Properties"][property_name] = value
    return made


class SmallCloud:
    """The cloud, its clock, and short forms of what tests do with it."""

    def __init__(self, faults: Faults = NO_FAULTS, **more: Any) -> None:
        self.clock = HandClock()
        self.cloud = Cloud(self.clock, Stack({"Resources": resources(**more)}, {}), faults)
        self.url = "https://sqs.eu-west-2.amazonaws.com/000000000000/work"

    def send(self, *bodies: str, delay_s: int = 0) -> None:
        """Put messages into the queue."""
        entries = [{"Id": str(n), "MessageBody": body, "DelaySeconds": delay_s} for n, body in enumerate(bodies)]
        self.cloud.client("sqs").send_message_batch(QueueUrl=self.url, Entries=entries)

    def write(self, pk: str, sk: str = "TWIN", **values: str) -> None:
        """Put an item of texts into the table; a number for ``expires_at``."""
        item: dict[str, Any] = {"pk": {"S": pk}, "sk": {"S": sk}}
        item |= {name: {"N" if name == "expires_at" else "S": value} for name, value in values.items()}
        self.cloud.client("dynamodb").put_item(TableName=TABLE, Item=item)

    def publish(self, detail_type: str = "Work", detail: str = '{"asset":"car-1"}') -> None:
        """Put an event on the bus."""
        entry = {"EventBusName": "bus", "Source": "test", "DetailType": detail_type, "Detail": detail}
        self.cloud.client("events").put_events(Entries=[entry])

    def due(self, function_: str, *, after_s: float = 0.0) -> list[Delivery]:
        """What a function gets, after a while. What others get ends well."""
        self.clock.advance(after_s)
        found = self.cloud.due(self.clock.now())
        for one in found:
            if one.function != function_:
                one.settle(None)
        return [one for one in found if one.function == function_]

    def letters(self) -> int:
        """How many dead letters there are."""
        return len(self.cloud.dead_letters().get("Letters", []))


def bodies(delivery: Delivery) -> list[str]:
    """The bodies of the messages in a delivery."""
    return [record["body"] for record in delivery.event["Records"]]


def places(delivery: Delivery) -> list[str]:
    """The partition keys of the records in a delivery of the stream."""
    return [record["dynamodb"]["Keys"]["pk"]["S"] for record in delivery.event["Records"]]


def failing(delivery: Delivery, *numbers: int) -> dict[str, Any]:
    """A partial batch answer: the records with these numbers failed."""
    records = [delivery.event["Records"][number] for number in numbers]
    names = [one["messageId"] if "messageId" in one else one["dynamodb"]["SequenceNumber"] for one in records]
    return {"batchItemFailures": [{"itemIdentifier": name} for name in names]}
