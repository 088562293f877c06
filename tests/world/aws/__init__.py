"""AWS in memory, as far as Driveway uses it, at the form of the wire.

Real boto3 clients are attached with ``Cloud.attach``: botocore serialises, retries and parses as against AWS, and no
socket is opened. Tables, indexes, rules, filters, batch sizes, time-outs, queues, schedules and secrets are those of
``template.yaml``, by SAM's own translation. The world moves the clock, asks for what is due, runs the functions and
says how they ended. What goes wrong is decided by a ``Faults`` policy.

It holds
- DynamoDB: GetItem, BatchGetItem, PutItem, UpdateItem, DeleteItem, BatchWriteItem, TransactWriteItems (with reasons of
  cancellation and idempotent tokens), Query (of the table and of its indexes) and Scan; the whole grammar of
  conditions, updates and key conditions, with reserved words and unused placeholders refused; items up to 400 KB, pages
  up to 1 MB, normalised numbers; indexes and not strongly consistent reads that lag; expiry; the stream.
- SQS: delays, visibility, retention, receive counts, dead letters; at-least-once and in any order.
- EventBridge: patterns, input paths, retries, dead letters, API destinations; and its Scheduler.
- Lambda's sources: batches, partial answers, concurrency, filters; order per shard, bisecting, repetition, giving up;
  the retries of asynchronous invocations.
- Secrets Manager: the present values.

It leaves out
- IAM (the local stack of ``local/`` enforces it), the HTTP API (``Stack.routes`` says what is behind it), logs and
  metrics;
- Lambda's own scaling: beyond ``MaximumConcurrency`` every batch that is visible is handed out at once;
- DynamoDB's capacity as a number: throttling is a fault that the policy draws; TransactGetItems, PartiQL, local
  indexes, keys that are no texts, projections of parts of an attribute, several removals in one list;
- FIFO queues, long polling, message attributes of senders.
A request for anything left out is refused (``UnknownToTheCloudError``): an operation, a parameter of a request
(``known``), a part of an expression, a kind of index or of pattern. Of the template, a pattern, a schedule and a key
that the cloud does not know are refused. Other properties of its resources (queues, mappings, rules, targets) that are
not read here have no effect here, and nothing says so. The contract tests with moto and the local AWS compare what is
held.
"""

from tests.world.aws.clients import pauses
from tests.world.aws.clock import Clock
from tests.world.aws.cloud import Cloud
from tests.world.aws.delivery import Delivery
from tests.world.aws.faults import NO_FAULTS, Faults, Intercept, Passage, RandomFaults, Rates, Request
from tests.world.aws.stack import Function, Route, Stack, stack
from tests.world.aws.wire import AwsError, UnknownToTheCloudError

__all__ = [
    "NO_FAULTS",
    "AwsError",
    "Clock",
    "Cloud",
    "Delivery",
    "Faults",
    "Function",
    "Intercept",
    "Passage",
    "RandomFaults",
    "Rates",
    "Request",
    "Route",
    "Stack",
    "UnknownToTheCloudError",
    "pauses",
    "stack",
]
