"""Asking Axle about rows: all at once, and in parts where it refuses a request for the sake of some of its rows."""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

from driveway.axle.client import AxleRefusedError, AxleUnavailableError
from driveway.domain.metering.reading_rows import RowKey, answers_by_row

ABOUT_ROWS = frozenset({400, 413, 422})
"""Refusals of what a request says: a row at fault is one that is refused alone."""

ABOUT_ASSETS = frozenset({403, 404, 409})
"""Refusals of whose the rows are: the asset at fault is one of which all rows are refused."""

MOST_REQUESTS = 100
"""For one batch; rows that are left then wait for the next run."""

MOST_REFUSED = 20
"""So many found at fault while nothing was taken, and the fault is Axle's and not theirs."""

Rows = list[dict[str, Any]]
Send = Callable[[Rows], object]


@dataclass(slots=True)
class SubmissionResult:
    """What Axle said of the rows of a batch.

    Attributes:
        answers: its answers, by row.
        requests: how many it took to ask.
        taken: how many rows the requests had that it took, whatever it answered to each row.
        spoilt: the rows that were refused alone for what they say, as rejected rows.
        shut_out: Axle's ids of the assets that it takes nothing of, and its words.
        unavailable: why it could not be asked about the rest.
        cut_short: the rest was left because there was no time, or had been enough requests.
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
        """The spoilt rows, if it is sure that the fault is theirs."""
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
            # The largest in turn with the latest: faults that lie side by side are not to be taken for Axle's.
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
    """What to ask about in place of rows that were refused together; none if the fault is found, which is noted."""
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
    """Sorted rows cut in two near their middle, between two units; nothing when all are of one unit."""
    cuts = [at for at in range(1, len(rows)) if unit(rows[at - 1]) != unit(rows[at])]
    if not cuts:
        return []
    middle = min(cuts, key=lambda at: abs(2 * at - len(rows)))
    return [rows[middle:], rows[:middle]]


def _series(row: Mapping[str, Any]) -> tuple[str, str]:
    return row["asset_id"], row["label"]


def _row(row: Mapping[str, Any]) -> tuple[str, str, str]:
    return row["asset_id"], row["label"], row["start_timestamp"]
