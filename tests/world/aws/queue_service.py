"""SQS's operations."""

from collections.abc import Callable, Mapping
from datetime import datetime

from tests.world.aws.faults import Faults, Request
from tests.world.aws.queues import (
    LONGEST_DELAY_S,
    MOST_IN_A_BATCH,
    MOST_MESSAGE_BYTES,
    Message,
    OnQueue,
    Queue,
    digest,
    entry_ids,
    invalid_parameter,
    sqs_error,
)
from tests.world.aws.wire import JSON, AwsError, UnknownToTheCloudError

LONGEST_VISIBILITY_S = 43_200


class Sqs:
    """The service: queues by logical id."""

    def __init__(self, queues: Mapping[str, Queue], faults: Faults, now: Callable[[], datetime]) -> None:
        self._queues = {queue.name: queue for queue in queues.values()}
        self._faults, self._now = faults, now
        self._operations: dict[str, OnQueue] = {
            "SendMessage": self._send,
            "ReceiveMessage": self._receive,
            "DeleteMessage": self._delete,
            "DeleteMessageBatch": self._delete_batch,
            "ChangeMessageVisibility": self._change_visibility,
            "GetQueueAttributes": self._attributes,
        }

    def perform(self, request: Request) -> JSON:
        """Carry out a request. Raises AwsError, UnknownToTheCloudError."""
        if request.operation == "GetQueueUrl":
            queue = self._named(request.body["QueueName"])
            return {"QueueUrl": f"https://sqs.eu-west-2.amazonaws.com/000000000000/{queue.name}"}
        queue = self._named(request.body["QueueUrl"].rsplit("/", 1)[-1])
        if request.operation == "SendMessageBatch":
            return self._send_batch(queue, request)
        operation = self._operations.get(request.operation)
        if operation is None:
            raise UnknownToTheCloudError(f"sqs.{request.operation}")
        return operation(queue, request.body)

    def _named(self, name: str) -> Queue:
        if name not in self._queues:
            message = "The specified queue does not exist."
            raise sqs_error("QueueDoesNotExist", message, "AWS.SimpleQueueService.NonExistentQueue")
        return self._queues[name]

    def _send(self, queue: Queue, body: JSON) -> JSON:
        text, delay = body["MessageBody"], body.get("DelaySeconds")
        if not text:
            raise sqs_error(
                "MissingParameter", "The request must contain the parameter MessageBody.", "MissingParameter"
            )
        if len(text.encode()) > MOST_MESSAGE_BYTES:
            raise invalid_parameter(
                f"One or more parameters are invalid. Reason: Message must be shorter than {MOST_MESSAGE_BYTES} bytes."
            )
        if delay is not None and not 0 <= delay <= LONGEST_DELAY_S:
            raise invalid_parameter(
                f"Value {delay} for parameter DelaySeconds is invalid. Reason: Must be >= 0 and <= {LONGEST_DELAY_S}."
            )
        return {"MessageId": queue.send(text, self._now(), delay), "MD5OfMessageBody": digest(text)}

    def _send_batch(self, queue: Queue, request: Request) -> JSON:
        entries = request.body["Entries"]
        entry_ids(entries)
        if sum(len(entry["MessageBody"].encode()) for entry in entries) > MOST_MESSAGE_BYTES:
            raise sqs_error("BatchRequestTooLong", f"Batch requests cannot be longer than {MOST_MESSAGE_BYTES} bytes.")
        refused = self._faults.refused_entries(request, len(entries))
        sent: list[JSON] = []
        failed: list[JSON] = []
        for number, entry in enumerate(entries):
            if number in refused:
                failed.append({"Id": entry["Id"], "Code": "InternalError", "SenderFault": False})
                continue
            try:
                sent.append({"Id": entry["Id"], **self._send(queue, entry)})
            except AwsError as error:
                code = error.query_code.rsplit(".", 1)[-1]
                failed.append({"Id": entry["Id"], "Code": code, "SenderFault": True, "Message": error.message})
        return {"Successful": sent} | ({"Failed": failed} if failed else {})

    def _receive(self, queue: Queue, body: JSON) -> JSON:
        most = body.get("MaxNumberOfMessages", 1)
        if not 1 <= most <= MOST_IN_A_BATCH:
            raise invalid_parameter(f"Value {most} for parameter MaxNumberOfMessages is invalid.")
        found = [_shown(one) for one in queue.receive(most, self._now(), body.get("VisibilityTimeout"))]
        return {"Messages": found} if found else {}

    def _delete(self, queue: Queue, body: JSON) -> JSON:
        queue.delete(body["ReceiptHandle"])
        return {}

    def _delete_batch(self, queue: Queue, body: JSON) -> JSON:
        entry_ids(body["Entries"])
        for entry in body["Entries"]:
            queue.delete(entry["ReceiptHandle"])
        return {"Successful": [{"Id": entry["Id"]} for entry in body["Entries"]]}

    def _change_visibility(self, queue: Queue, body: JSON) -> JSON:
        if not 0 <= body["VisibilityTimeout"] <= LONGEST_VISIBILITY_S:
            raise invalid_parameter(f"Value {body['VisibilityTimeout']} for parameter VisibilityTimeout is invalid.")
        queue.hide(body["ReceiptHandle"], self._now(), body["VisibilityTimeout"])
        return {}

    def _attributes(self, queue: Queue, body: JSON) -> JSON:
        known = queue.counts(self._now()) | {"QueueArn": queue.arn, "VisibilityTimeout": str(int(queue.visibility_s))}
        wanted = body.get("AttributeNames", [])
        if "All" in wanted:
            return {"Attributes": known}
        if any(name not in known for name in wanted):
            raise UnknownToTheCloudError(f"queue attributes {wanted}")
        return {"Attributes": {name: known[name] for name in wanted}}


def _shown(message: Message) -> JSON:
    return {
        "MessageId": message.id,
        "ReceiptHandle": message.receipt,
        "Body": message.body,
        "MD5OfBody": digest(message.body),
        "Attributes": {"ApproximateReceiveCount": str(message.received)},
    }
