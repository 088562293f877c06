"""Stream records that cannot be processed: set aside at once and alone, so that their shard goes on.

A record is not at fault when a service refuses or does not answer. Then the stream repeats it, for up to an hour.
"""

import json
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from driveway.outbox.publish import BusError
from driveway.outbox.wakeups import QueueError
from driveway.runtime.context import Runtime
from driveway.runtime.metrics import emit
from driveway.runtime.settings import SettingsError
from driveway.store.conditional import ContentionError
from driveway.store.records import UnwrittenError

LARGEST_BYTES = 256 * 1024
"""A message holds a mebibyte at most. No twin comes near a quarter of that."""

OF_A_SERVICE = (BotoCoreError, BusError, QueueError, UnwrittenError, ContentionError, SettingsError)
OF_THE_CONTENT = frozenset(
    {"ValidationException", "InvalidParameterValue", "AWS.SimpleQueueService.BatchRequestTooLong"}
)
"""A service refuses with these codes what it will never accept."""


def is_of_a_service(error: Exception) -> bool:
    """Whether a service or this deployment is at fault, so that the same record may succeed later."""
    if isinstance(error, ClientError):
        return error.response["Error"]["Code"] not in OF_THE_CONTENT
    return isinstance(error, OF_A_SERVICE)


def set_aside(function: str, record: Mapping[str, Any], error: Exception, runtime: Runtime) -> None:
    """Put a record into the queue from which ``make redrive`` gives it to the function again.

    Args:
        function: the name of the function that gets it again, as the template has it without the stage.
    """
    runtime.logger.error("record set aside", exc_info=error)
    message = {"function": function, "error": type(error).__name__}
    if "kinesis" in record:
        # Telemetry holds positions, which are not kept here: its place in the stream, which keeps it for a day.
        number = record["kinesis"]["sequenceNumber"]
        place = {"streamArn": record.get("eventSourceARN"), "shardId": str(record.get("eventID", "")).partition(":")[0]}
        place |= {"startSequenceNumber": number, "endSequenceNumber": number}
        body = json.dumps({**message, "KinesisBatchInfo": place})
    else:
        body = _with_record(message, record)
    runtime.queues.send_message(QueueUrl=runtime.settings.text("STREAM_FAILURES_QUEUE_URL"), MessageBody=body)
    emit({"RecordsSetAside": 1}, runtime)


def _with_record(message: Mapping[str, Any], record: Mapping[str, Any]) -> str:
    body = json.dumps({**message, "record": record})
    if len(body.encode()) > LARGEST_BYTES:
        kept = {"Keys", "SequenceNumber", "ApproximateCreationDateTime"}
        changed = {name: value for name, value in record.get("dynamodb", {}).items() if name in kept}
        return json.dumps({**message, "record": {"eventName": record.get("eventName"), "dynamodb": changed}})
    return body
