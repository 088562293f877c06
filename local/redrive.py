"""``make redrive``: everything that was set aside goes back to where it failed.

- A dead letter goes back to its queue. A wake-up that is not needed finds nothing to do, and a command that is not
  planned any more is dropped.
- An event that could not be delivered is put on the bus again. Every target accepts it twice.
- A stream record is given to its function again: from the message, or from the stream, which keeps records for a day.

What fails again stays, or comes back. Only messages that were there when the command began are looked at.
"""

import argparse
import base64
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, partial
from typing import Any

from local.outputs import ALIAS, outputs_of
from local.resync import clients_of

DEAD_LETTERS = "-dead-letters"
SPECIAL = ("undelivered-events", "stream-failures")
AT_ONCE = 10
HIDDEN_S = 120
"""How long a message is hidden from others while it is processed."""


@dataclass(frozen=True, slots=True)
class Redriven:
    """How many messages of a queue went back, and what became of the others."""

    done: int
    left: tuple[str, ...] = ()


class StillFailingError(RuntimeError):
    """What was set aside fails again; its message stays."""


@dataclass(frozen=True, slots=True)
class Redrive:
    """Moves what was set aside in one stage; ``client`` makes clients of AWS services, ``bus`` is the bus's name."""

    client: Callable[[str], Any]
    stage: str
    bus: str

    def queues(self) -> list[str]:
        """Every queue with things that were set aside, without the stage's prefix."""
        prefix = f"driveway-{self.stage}-"
        pages = self.client("sqs").get_paginator("list_queues").paginate(QueueNamePrefix=prefix)
        names = [url.rpartition("/")[2].removeprefix(prefix) for page in pages for url in page.get("QueueUrls", [])]
        return sorted(name for name in names if name in SPECIAL or name.endswith(DEAD_LETTERS))

    def run(self, name: str) -> Redriven:
        """Redrive one of the queues. It may be repeated."""
        sqs, url, back = self.client("sqs"), self._url(name), self._way_back(name)
        began_ms, done, left, kept = datetime.now(UTC).timestamp() * 1000, 0, [], []
        while found := self._received(url):
            for message in found:
                if float(message["Attributes"]["SentTimestamp"]) > began_ms:
                    kept.append(message)
                    continue
                try:
                    back(message)
                except StillFailingError as error:
                    left.append(str(error))
                    kept.append(message)
                    continue
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                done += 1
        for message in kept:
            sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0)
        return Redriven(done, tuple(left))

    def _url(self, name: str) -> str:
        return str(self.client("sqs").get_queue_url(QueueName=f"driveway-{self.stage}-{name}")["QueueUrl"])

    def _received(self, url: str) -> list[dict[str, Any]]:
        answer = self.client("sqs").receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=AT_ONCE,
            VisibilityTimeout=HIDDEN_S,
            MessageSystemAttributeNames=["SentTimestamp"],
        )
        found: list[dict[str, Any]] = answer.get("Messages", [])
        return found

    def _way_back(self, name: str) -> Callable[[dict[str, Any]], object]:
        if name == "undelivered-events":
            return self._put_again
        if name == "stream-failures":
            return self._process_again
        return partial(self._send, self._url(name.removesuffix(DEAD_LETTERS)))

    def _send(self, url: str, message: dict[str, Any]) -> None:
        self.client("sqs").send_message(QueueUrl=url, MessageBody=message["Body"])

    def _put_again(self, message: dict[str, Any]) -> None:
        event = json.loads(message["Body"])
        entry = {
            "EventBusName": self.bus,
            "Source": event["source"],
            "DetailType": event["detail-type"],
            "Detail": json.dumps(event["detail"]),
            "Time": datetime.fromisoformat(event["time"]),
        }
        if self.client("events").put_events(Entries=[entry])["FailedEntryCount"]:
            raise StillFailingError(f"the bus refused {event['detail-type']}")

    def _process_again(self, message: dict[str, Any]) -> None:
        body = json.loads(message["Body"])
        arn = body.get("requestContext", {}).get("functionArn", "")
        function = arn.partition(":function:")[2].partition(":")[0] or f"driveway-{self.stage}-{body['function']}"
        if "record" in body:
            self._invoke(function, [body["record"]])
            return
        read = self._of_kinesis if "KinesisBatchInfo" in body else self._of_the_table
        for record in read(body.get("KinesisBatchInfo") or body["DDBStreamBatchInfo"]):
            self._invoke(function, [record])

    def _of_the_table(self, place: dict[str, Any]) -> Iterator[dict[str, Any]]:
        streams = self.client("dynamodbstreams")
        found = streams.get_shard_iterator(
            StreamArn=place["streamArn"],
            ShardId=place["shardId"],
            ShardIteratorType="AT_SEQUENCE_NUMBER",
            SequenceNumber=place["startSequenceNumber"],
        )
        for record in _records(streams, found["ShardIterator"]):
            if int(record["dynamodb"]["SequenceNumber"]) > int(place["endSequenceNumber"]):
                return
            if record["dynamodb"]["Keys"]["sk"] == {"S": "TWIN"}:
                yield json.loads(json.dumps(record, default=_as_json))

    def _of_kinesis(self, place: dict[str, Any]) -> Iterator[dict[str, Any]]:
        kinesis = self.client("kinesis")
        found = kinesis.get_shard_iterator(
            StreamARN=place["streamArn"],
            ShardId=place["shardId"],
            ShardIteratorType="AT_SEQUENCE_NUMBER",
            StartingSequenceNumber=place["startSequenceNumber"],
        )
        for record in _records(kinesis, found["ShardIterator"]):
            if int(record["SequenceNumber"]) > int(place["endSequenceNumber"]):
                return
            data = base64.b64encode(record["Data"]).decode()
            yield {"kinesis": {"sequenceNumber": record["SequenceNumber"], "data": data}}

    def _invoke(self, function: str, records: list[dict[str, Any]]) -> None:
        payload = json.dumps({"Records": records}).encode()
        answer = self.client("lambda").invoke(FunctionName=function, Qualifier=ALIAS, Payload=payload)
        result = json.loads(answer["Payload"].read())
        if answer.get("FunctionError") or result["batchItemFailures"]:
            raise StillFailingError(f"{function} fails again; its log says why")


def _records(client: Any, iterator: str | None) -> Iterator[dict[str, Any]]:
    """The records of a shard from an iterator on, page by page, as far as it has any now."""
    while iterator is not None:
        page = client.get_records(ShardIterator=iterator)
        yield from page["Records"]
        iterator = page.get("NextShardIterator") if page["Records"] else None


def _as_json(value: Any) -> Any:
    """A time as seconds, and a binary value in base64, as Lambda has them in the records of a stream."""
    return base64.b64encode(value).decode() if isinstance(value, bytes) else int(value.timestamp())


def main(arguments: list[str] | None = None) -> int:
    """Read the arguments and redrive one queue, or all; 1 if something fails again."""
    parser = argparse.ArgumentParser(prog="python -m local.redrive", description=__doc__)
    parser.add_argument("--stage", default="dev")
    parser.add_argument("--queue", help="axle-sync-dead-letters, undelivered-events, ...; without it, every one")
    wanted = parser.parse_args(arguments)
    stack = f"driveway-{wanted.stage}"
    client = clients_of(stack)
    bus = outputs_of(client("cloudformation"), stack)["BusName"]
    redrive = Redrive(cache(client), wanted.stage, bus)
    results = {name: redrive.run(name) for name in ([wanted.queue] if wanted.queue else redrive.queues())}
    for name, result in results.items():
        print(f"{name}: {result.done} went back, {len(result.left)} stay")
        for why in sorted(set(result.left)):
            print(f"  {why}")
    return 1 if any(result.left for result in results.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
