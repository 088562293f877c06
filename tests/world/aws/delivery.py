"""An event on its way to a function, and the answer of it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(eq=False)
class Delivery:
    """One invocation of a function. Its source learns how it ended by ``settle`` or ``failed``, once.

    Attributes:
        function: the logical id of the function in the template; of an API destination for events to the app.
        event: the event, as the function gets it; of an API destination the request: method, url, headers, body.
        timeout_s: after so many seconds the function is cut off.
        order_key: deliveries with the same key go one after another; None: in any order and side by side.
        source: the logical id of the event source mapping, the schedule or the rule.
        at: when it was handed out (aware UTC).
    """

    function: str
    event: Any
    timeout_s: float
    order_key: str | None
    source: str
    at: datetime
    end: Callable[[bool, Any], None] = field(repr=False)
    ended: bool = False

    def settle(self, answer: Any) -> None:
        """The function returned an answer."""
        self._end(True, answer)

    def failed(self, error: object = None) -> None:
        """The function raised an error, was cut off or was killed."""
        self._end(False, error)

    def _end(self, returned: bool, answer: Any) -> None:
        if self.ended:
            raise RuntimeError(f"{self.source} has its answer already")
        self.ended = True
        self.end(returned, answer)


def failures(answer: Any, known: list[str]) -> list[str] | None:
    """The failed identifiers of a partial batch answer, None when the whole batch counts as failed.

    An empty answer, or one without failures, is a success; a missing or unknown identifier fails the whole batch.
    """
    if not answer:
        return []
    if not isinstance(answer, dict):
        return None
    entries = answer.get("batchItemFailures") or []
    names = [entry.get("itemIdentifier") if isinstance(entry, dict) else None for entry in entries]
    found = [name for name in names if isinstance(name, str) and name in known]
    return found if len(found) == len(names) else None
