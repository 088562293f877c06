"""Reporting readings: what is due goes to Axle in batches, and every row's answer is written down by itself."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from driveway.axle.client import AxleClient, AxleRefusedError, AxleUnavailableError
from driveway.domain.ledger import (
    CLAIM,
    GRACE,
    Answers,
    RowKey,
    Slot,
    answered,
    answers_by_row,
    claimed,
    rows_for,
    waiting,
)
from driveway.runtime.context import Runtime
from driveway.store.slots import Key, SlotStore

PATH = "/data/readings"
ONE_ROW_TOO_BAD = frozenset({400, 413, 422})
SETTLE_TRIES = 5
REJECTIONS_KEPT = 20
FLUSH_PASSES = 4

Rows = list[dict[str, Any]]
Send = Callable[[Rows], object]
Settle = Callable[[Slot], Slot]


def send_readings(client: AxleClient) -> Send:
    """A function that posts rows to Axle as gzip and gives Axle's answers to them.

    It raises what the client raises: AxleRefusedError, AxleUnavailableError.
    """

    def send(rows: Rows) -> object:
        answer = client.post(PATH, {"readings": rows}, compress=True)
        return answer.get("responses") if isinstance(answer, Mapping) else None

    return send


@dataclass(slots=True)
class DrainReport:
    """What a drain did, in rows, and why it ended early: ``unavailable`` is Axle's error.

    ``rejections`` are the first ``REJECTIONS_KEPT`` of them, by asset and start, in Axle's words; all are on the slots.
    """

    sent: int = 0
    accepted: int = 0
    rejected: int = 0
    unanswered: int = 0
    unavailable: str | None = None
    out_of_time: bool = False
    rejections: list[tuple[str, datetime, str]] = field(default_factory=list)

    def keep(self, rejections: Sequence[tuple[str, datetime, str]]) -> None:
        """Add rejections while there is room, so that a report stays small whatever happens."""
        self.rejections += rejections[: REJECTIONS_KEPT - len(self.rejections)]

    @property
    def stopped(self) -> bool:
        return self.out_of_time or self.unavailable is not None


@dataclass(frozen=True, slots=True)
class Drain:
    """One run over the due half-hours.

    Any number of runs may work at once: a slot is sent by the run whose claim was written. A claim not followed
    by an answer ends by itself (``claim_for``), and the slot is sent again with the same value. ``claim_id`` is this
    run's own. The run stops once ``time_left`` (seconds) is under ``stop_at_s``; no more than one batch is held at a
    time. ``now`` is asked for again and again, for a run may be long.
    """

    slots: SlotStore
    send: Send
    now: Callable[[], datetime]
    time_left: Callable[[], float]
    claim_id: str
    rows_per_batch: int = 500
    lifetime_rows: bool = False
    grace: timedelta = GRACE
    claim_for: timedelta = CLAIM
    stop_at_s: float = 60.0
    workers: int = 8

    def run(self, shards: Sequence[str] | None = None) -> DrainReport:
        """Send what is due in these shards (all, in chance order, so that runs at once begin apart)."""
        if shards is None:
            names = self.slots.shard_names()
            shards = self.slots.rng.sample(names, k=len(names))
        report = DrainReport()
        with ThreadPoolExecutor(self.workers) as pool:
            for keys in self._due(shards):
                if self.time_left() < self.stop_at_s:
                    report.out_of_time = True
                if report.stopped:
                    break
                mine = [slot for slot in pool.map(self._claim, self.slots.get_many(keys)) if slot is not None]
                self._send(mine, report, pool)
        return report

    def flush(self, asset: str, since: datetime) -> DrainReport:
        """Send all that Axle has not heard of an asset from ``since`` (aware UTC) on, without waiting for late data.

        The half-hour that is still running is sent as far as it holds energy: nothing will be sent after.
        """
        report = DrainReport()
        with ThreadPoolExecutor(self.workers) as pool:
            for _ in range(FLUSH_PASSES):
                untold = [slot for slot in self.slots.read(asset, since) if self._is_untold(slot)]
                if not untold or report.stopped:
                    return report
                mine = [slot for slot in pool.map(self._take, untold) if slot is not None]
                for first in range(0, len(mine), self._at_once):
                    self._send(mine[first : first + self._at_once], report, pool)
        report.unavailable = report.unavailable or "Axle left readings without an answer."
        return report

    def _is_untold(self, slot: Slot) -> bool:
        over = slot.end <= self.now()
        return slot.due_at is not None and slot.reportable and (over or slot.energy_wh > 0)

    def _due(self, shards: Sequence[str]) -> Iterator[list[Key]]:
        for shard in shards:
            yield from self.slots.due(shard, now=self.now(), at_once=self._at_once)

    @property
    def _at_once(self) -> int:
        return max(1, self.rows_per_batch // (2 if self.lifetime_rows else 1))

    def _claim(self, slot: Slot) -> Slot | None:
        return self._take(slot) if slot.due_at is not None and slot.due_at <= self.now() else None

    def _take(self, slot: Slot) -> Slot | None:
        now = self.now()
        mine = self.slots.put(claimed(slot, self.claim_id, now=now, claim_for=self.claim_for))
        if mine is not None:
            self.slots.follow_on(mine, now=now, grace=self.grace)
        return mine

    def _send(self, slots: list[Slot], report: DrainReport, pool: ThreadPoolExecutor) -> None:
        if report.unavailable is not None:
            self._settle(slots, lambda slot: waiting(slot, now=self.now()), pool)
            return
        rows = rows_for(slots, lifetime_rows=self.lifetime_rows)
        answers: dict[RowKey, Mapping[str, Any]] = {}
        wait = None
        try:
            self._ask(rows, answers)
        except AxleUnavailableError as error:
            report.unavailable = error.detail
            wait = None if error.retry_after_s is None else timedelta(seconds=error.retry_after_s)
        self._count(rows, answers, report)
        self._settle(slots, lambda slot: self._answered(slot, answers, wait), pool)
        report.keep(_rejections(slots, answers))

    def _ask(self, rows: Rows, answers: dict[RowKey, Mapping[str, Any]]) -> None:
        """Send rows and add Axle's answers; a refusal of a request of one row answers that row.

        Raises:
            AxleUnavailableError: Axle cannot answer now; what it did answer before is in ``answers``.
        """
        if not rows:
            return
        try:
            answers |= answers_by_row(_list(self.send(rows)))
        except AxleRefusedError as error:
            if error.status not in ONE_ROW_TOO_BAD:
                raise AxleUnavailableError(error.detail, status=error.status) from error
            if len(rows) == 1:
                answers |= answers_by_row([{**rows[0], "accepted": False, "error": error.detail}])
                return
            # One row can spoil the request for all: halving finds it and lets the others through.
            half = len(rows) // 2
            self._ask(rows[:half], answers)
            self._ask(rows[half:], answers)

    def _answered(self, slot: Slot, answers: Answers, wait: timedelta | None) -> Slot:
        return answered(slot, answers, now=self.now(), grace=self.grace, lifetime_rows=self.lifetime_rows, wait=wait)

    def _count(self, rows: Rows, answers: Answers, report: DrainReport) -> None:
        said = [answers.get((row["asset_id"].lower(), _instant(row), row["label"])) for row in rows]
        heard = [answer for answer in said if answer is not None]
        missing = len(said) - len(heard) if report.unavailable is None else 0
        report.sent += len(heard) + missing
        report.accepted += sum(answer["accepted"] for answer in heard)
        report.rejected += sum(not answer["accepted"] for answer in heard)
        report.unanswered += missing

    def _settle(self, slots: Sequence[Slot], settle: Settle, pool: ThreadPoolExecutor) -> None:
        list(pool.map(lambda slot: self._settle_one(slot, settle), slots))

    def _settle_one(self, slot: Slot, settle: Settle) -> None:
        """Write what became of a claimed slot, over whatever was measured meanwhile, unless the claim was lost."""
        present: Slot | None = slot
        for _ in range(SETTLE_TRIES):
            if present is None or present.claim != self.claim_id:
                return
            if self.slots.put(settle(present)) is not None:
                return
            present = self.slots.get(slot.asset, slot.start)


def drain_of(current: Runtime, time_left: Callable[[], float]) -> Drain:
    """A run by the settings of the function it runs in, with ``time_left`` seconds.

    A claim outlives the calls it is for, which take real time also where the clock runs fast.
    """
    return Drain(
        slots=current.slots,
        send=send_readings(current.axle),
        now=current.now,
        time_left=time_left,
        claim_id=current.new_id(),
        rows_per_batch=int(current.settings.number("READINGS_BATCH_ROWS", 500)),
        lifetime_rows=current.lifetime_rows,
        grace=current.readings_grace,
        claim_for=current.clock.machine(CLAIM.total_seconds()),
    )


def _list(answers: object) -> Sequence[object]:
    return answers if isinstance(answers, list) else []


def _instant(row: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(row["start_timestamp"])


def _rejections(slots: Sequence[Slot], answers: Answers) -> list[tuple[str, datetime, str]]:
    by_row = {(slot.axle_asset_id.lower(), slot.start): slot.asset for slot in slots}
    return [
        (by_row[asset_id, start], start, str(answer.get("error")))
        for (asset_id, start, _), answer in answers.items()
        if not answer["accepted"] and (asset_id, start) in by_row
    ]
