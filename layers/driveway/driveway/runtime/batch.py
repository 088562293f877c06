"""Functions behind queues: each record is processed on its own, and SQS retries the failed ones."""

import json
from collections.abc import Callable
from typing import Any

from driveway.runtime.context import Runtime, current_runtime
from driveway.runtime.warm import warm

Work = Callable[[dict[str, Any], Runtime], None]
GiveUp = Callable[[dict[str, Any], int, Runtime], None]


class NoTimeLeftError(Exception):
    """A record was not begun, because the function's time is nearly over. The queue delivers it again."""


def queue_function(
    work: Work, give_up: GiveUp | None = None, most_receives: int = 0, *, needs_s: float = 0.0
) -> Callable[[dict[str, Any], Any], dict[str, Any]]:
    """The Lambda handler that calls ``work`` with each SQS record's JSON body. An error fails that record only.

    A record that was received more than ``most_receives`` times goes to ``give_up`` instead, with that number. So it is
    given up also if the function died each time. A record is begun only while ``needs_s`` seconds are left. So a batch
    ends before the function's time-out, and what was done of it is not done again.
    """

    from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response

    warm("table", "records", "queues")

    def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
        runtime = current_runtime()
        runtime.deadline.begin(context)

        def one(record: dict[str, Any]) -> None:
            if runtime.deadline.left_s() < needs_s:
                runtime.logger.info("a record waits for the next run")
                raise NoTimeLeftError
            body = json.loads(record["body"])
            runtime.logger.append_keys(asset=body.get("asset"))
            try:
                received = int(record.get("attributes", {}).get("ApproximateReceiveCount", 1))
                if give_up is not None and received > most_receives:
                    give_up(body, received, runtime)
                else:
                    work(body, runtime)
            except Exception:
                runtime.logger.exception("record failed")
                raise
            finally:
                runtime.logger.clear_state()

        if not event.get("Records"):
            return {"batchItemFailures": []}
        processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
        answer: Any = process_partial_response(event, one_record(one), processor)
        return dict(answer)

    return handler


def one_record(work: Callable[[dict[str, Any]], None]) -> Callable[[Any], None]:
    """``work`` on the plain mapping of a Powertools SQS record."""
    return lambda record: work(record.raw_event)
