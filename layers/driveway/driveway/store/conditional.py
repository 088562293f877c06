"""Conditional writes: what their failures mean."""

import random
import time
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

MOST_TRIES = 8
LONGEST_PAUSE_S = 0.32
CONDITION_FAILED = "ConditionalCheckFailed"
PASSING = frozenset({"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"})


class ContentionError(Exception):
    """Others kept changing the item; nothing was written, and the call may be repeated."""


def write_if(write: Callable[..., object], **request: Any) -> bool:
    """Make a conditional write, the client's method with this request; False when its condition does not hold.

    A conflict with a transaction says nothing about the condition: the write is repeated.

    Raises:
        ContentionError: transactions of others were in the way for all of the tries.
    """
    for attempt in range(MOST_TRIES):
        try:
            write(**request)
        except ClientError as error:
            if is_condition_failure(error):
                return False
            if not is_conflict(error):
                raise
            time.sleep(random.uniform(0, min(LONGEST_PAUSE_S, 0.01 * 2**attempt)))  # noqa: S311 - spreads retries
        else:
            return True
    raise ContentionError("transactions of others are in the way")


def updated_if(update: Callable[..., Any], **request: Any) -> dict[str, Any] | None:
    """Make a conditional update; the attributes that it changed, as they are now. None: its condition does not hold.

    Raises:
        ContentionError: transactions of others were in the way for all of the tries.
    """
    answers: list[dict[str, Any]] = []
    written = write_if(lambda **sent: answers.append(update(**sent)), **request, ReturnValues="UPDATED_NEW")
    return answers[-1]["Attributes"] if written else None


def is_condition_failure(error: ClientError) -> bool:
    """Whether a write failed because its condition does not hold. Only that says that the item is not as expected."""
    code = error.response["Error"]["Code"]
    return code == "ConditionalCheckFailedException" or CONDITION_FAILED in cancellation_reasons(error)


def is_conflict(error: ClientError) -> bool:
    """Whether a write failed because others were writing the same items; it says nothing about its condition."""
    code = error.response["Error"]["Code"]
    if code in {"TransactionConflictException", "TransactionInProgressException"}:
        return True
    return bool(PASSING.intersection(cancellation_reasons(error))) and not is_condition_failure(error)


def cancellation_reasons(error: ClientError) -> list[str]:
    """Why a transaction was cancelled, one code for each of its items; empty for any other error."""
    reasons: Any = error.response.get("CancellationReasons") or ()
    return [str(reason.get("Code")) for reason in reasons]
