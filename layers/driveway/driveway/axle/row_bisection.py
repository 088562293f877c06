"""Submits rows to Axle. If Axle refuses a request because of some of its rows, the request is halved."""

from collections.abc import Callable, Hashable, Mapping
from typing import Any

from msgspec import Struct, field

from driveway.axle.client import AxleRefusedError, AxleUnavailableError
from driveway.domain.metering.reading_rows import RowKey, answers_by_row

ABOUT_ROWS = frozenset({400, 413, 422})
"""Statuses that refuse a row. The row at fault is the one that is refused alone."""

ABOUT_ASSETS = frozenset({403, 404, 409})
"""Statuses that refuse an asset, not a row. All rows of that asset are refused."""

MOST_REQUESTS = 100
"""Requests for one batch. Rows that are left wait for the next run."""

MOST_REFUSED = 20
"""After this many refusals without one accepted row, treat Axle as unavailable."""

Rows = list[dict[str, Any]]
Send = Callable[[Rows], object]


class SubmissionResult(Struct):
    """What Axle answered to the rows of a batch.

    Attributes:
        answers: Axle's answers, by row.
        requests: how many requests were sent.
        taken: how many rows were in requests that Axle answered with 2xx, whatever the answer to each row.
        rejected_rows: the rows that were refused alone because of their content, as rejections.
        blocked_assets: Axle's ids of the assets that it refuses, with its own text.
        unavailable: why the rest could not be sent.
        cut_short: the rest was left, because the time or the number of requests was used up.
    """

    answers: dict[RowKey, Mapping[str, Any]] = field(default_factory=dict)
    requests: int = 0
    taken: int = 0
    rejected_rows: dict[RowKey, Mapping[str, Any]] = field(default_factory=dict)
    blocked_assets: dict[str, str] = field(default_factory=dict)
    unavailable: AxleUnavailableError | None = None
    cut_short: bool = False

    @property
    def parked(self) -> Mapping[RowKey, Mapping[str, Any]]:
        """The rejected rows, once it is certain that Axle refuses these rows and not everything."""
        undecided = not self.taken and (self.cut_short or self.unavailable is not None)
        return {} if undecided else self.rejected_rows


def submit_rows(rows: Rows, send: Send, *, time_is_short: Callable[[], bool]) -> SubmissionResult:
    """Send rows (at most one for each asset, start and label) to Axle; what it refuses as a whole is halved.

    Halving finds the rows or assets at fault and lets the others through. It ends when ``time_is_short``.
    """
    result = SubmissionResult()
    waiting = [sorted(rows, key=_row)] if rows else []
    while waiting and result.unavailable is None:
        if result.requests and (result.requests >= MOST_REQUESTS or time_is_short()):
            result.cut_short = True
            break
        result.requests += 1
        if not result.taken and result.requests % 2 == 0:
            # Every other time the largest part: otherwise neighbouring faults would look like a refusal of everything.
            waiting.sort(key=len)
        some = waiting.pop()
        try:
            answers = send(some)
        except AxleUnavailableError as error:
            result.unavailable = error
        except AxleRefusedError as error:
            waiting += _parts_of_refused(some, error, result)
        else:
            result.taken += len(some)
            result.answers |= answers_by_row(answers if isinstance(answers, list) else [])
    return result


def _parts_of_refused(rows: Rows, error: AxleRefusedError, result: SubmissionResult) -> list[Rows]:
    """The parts to send in place of rows that were refused together; none once the fault is found and noted."""
    if error.status not in ABOUT_ROWS | ABOUT_ASSETS:
        result.unavailable = AxleUnavailableError(error.detail, status=error.status)
        return []
    parts = _halves(rows, _row if error.status in ABOUT_ROWS else _series)
    if not parts and error.status in ABOUT_ROWS:
        result.rejected_rows |= answers_by_row([{**rows[0], "accepted": False, "error": error.detail}])
    elif not parts:
        result.blocked_assets[rows[0]["asset_id"]] = error.detail
    many = len(result.rejected_rows) + len(result.blocked_assets) >= MOST_REFUSED or result.requests >= MOST_REQUESTS
    if many and not result.taken:
        result.unavailable = AxleUnavailableError(f"Axle takes no readings: {error.detail}", status=error.status)
    return parts


def _halves(rows: Rows, unit: Callable[[dict[str, Any]], Hashable]) -> list[Rows]:
    """Sorted rows in two halves, cut between two units near the middle; no halves if all are of one unit."""
    cuts = [at for at in range(1, len(rows)) if unit(rows[at - 1]) != unit(rows[at])]
    if not cuts:
        return []
    middle = min(cuts, key=lambda at: abs(2 * at - len(rows)))
    return [rows[middle:], rows[:middle]]


def _series(row: Mapping[str, Any]) -> tuple[str, str]:
    return row["asset_id"], row["label"]


def _row(row: Mapping[str, Any]) -> tuple[str, str, str]:
    return row["asset_id"], row["label"], row["start_timestamp"]
