"""Reports readings: due half-hours go to Axle in batches, and the answer to every row is stored on its own."""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct, field

from driveway.axle.client import AxleClient
from driveway.axle.connection import axle_client
from driveway.axle.row_bisection import Rows, Send, SubmissionResult, submit_rows
from driveway.domain.enrolment import may_be_reported, takes_part
from driveway.domain.metering.ledger import answered, claimed, is_unreported, sending, sent_as, waiting, withheld
from driveway.domain.metering.reading_rows import Answers, RowKey, rows_for
from driveway.domain.metering.slot import CLAIM, GRACE, LAST_RETRY, LAST_RETRY_OF_REFUSED_ASSET, Slot
from driveway.domain.twin import Link
from driveway.runtime.context import Runtime
from driveway.store.slot_reads import Key
from driveway.store.slots import SlotStore
from driveway.values import replace

PATH = "/data/readings"
SETTLE_TRIES = 5
REJECTIONS_KEPT = 20
FLUSH_REACH = timedelta(days=31)
"""No sample is older than 30 days, so nothing older changes a half-hour."""
FLUSH_PAUSE_S = 0.5

Settle = Callable[[Slot], Slot]


def send_readings(client: AxleClient, time_left: Callable[[], float] | None = None) -> Send:
    """A function that posts rows to Axle as gzip, within the seconds that are left, and gives Axle's answers to them.

    It raises what the client raises: AxleRefusedError, AxleUnavailableError.
    """

    def send(rows: Rows) -> object:
        timeout_s = None if time_left is None else max(0.1, time_left())
        answer = client.post(PATH, {"readings": rows}, compress=True, timeout_s=timeout_s)
        return answer.get("responses") if isinstance(answer, Mapping) else None

    return send


class DrainReport(Struct):
    """What a drain did, in rows, and why it ended early: ``unavailable`` is Axle's error.

    ``waiting`` counts the rows that Axle did not accept and that are sent again later. ``rejections`` are the first
    ``REJECTIONS_KEPT`` rejected rows: asset, start and Axle's own text; all are on the slots. ``blocked_assets`` are
    the assets that Axle refuses, with its own text. ``withheld`` counts the half-hours of assets that do not take part.
    ``left`` counts the half-hours that a ``flush`` gave up.
    """

    sent: int = 0
    accepted: int = 0
    rejected: int = 0
    unanswered: int = 0
    waiting: int = 0
    withheld: int = 0
    left: int = 0
    unavailable: str | None = None
    out_of_time: bool = False
    rejections: list[tuple[str, datetime, str]] = field(default_factory=list)
    blocked_assets: dict[str, str] = field(default_factory=dict)

    def add(self, rows: Rows, result: SubmissionResult) -> None:
        """Add what Axle answered to the rows of a batch."""
        answers = {**result.answers, **result.parked}
        received = [answers[key] for row in rows if (key := _key(row)) in answers]
        sent = result.taken + len(result.parked)
        self.sent += sent
        self.accepted += sum(answer["accepted"] for answer in received)
        self.rejected += sum(not answer["accepted"] for answer in received)
        self.unanswered += sent - len(received)
        self.waiting += len(rows) - sent
        self.unavailable = result.unavailable.detail if result.unavailable is not None else self.unavailable

    def keep(self, rejections: Sequence[tuple[str, datetime, str]]) -> None:
        """Add rejections while there is room, so that a report stays small whatever happens."""
        self.rejections += rejections[: REJECTIONS_KEPT - len(self.rejections)]

    def keep_blocked_assets(self, texts: Mapping[str, str | None]) -> None:
        """Add the assets that have a text, while there is room."""
        reported = [(asset, text) for asset, text in texts.items() if text is not None]
        self.blocked_assets |= dict(reported[: REJECTIONS_KEPT - len(self.blocked_assets)])

    @property
    def stopped(self) -> bool:
        return self.out_of_time or self.unavailable is not None


class Drain(Struct, frozen=True):
    """One run over the due half-hours.

    Any number of runs may work at once: a shard is sent by the run that has its lease. A lease that its run does not
    keep or give back ends after ``claim_for``, and what is left is sent again. ``claim_id`` is this run's own. The run
    stops once ``time_left`` (seconds) is under ``stop_at_s``. It holds one batch at a time. ``now`` is a function,
    because a run may take long.
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
        """Send what is due in these shards (default: all, in random order, so that concurrent runs start apart)."""
        if shards is None:
            names = self.slots.shard_names()
            shards = self.slots.rng.sample(names, k=len(names))
        report = DrainReport()
        with ThreadPoolExecutor(self.workers) as pool:
            for shard in shards:
                self._send_shard(shard, report, pool)
                if report.stopped:
                    break
        if report.blocked_assets and not report.sent:
            report.unavailable = report.unavailable or next(iter(report.blocked_assets.values()))
        return report

    def _send_shard(self, shard: str, report: DrainReport, pool: ThreadPoolExecutor) -> None:
        """Send what is due in a shard, if no other run is doing so."""
        leases, is_mine = self.slots.leases, False
        try:
            for keys in self.slots.due(shard, now=self.now(), at_once=self._at_once):
                report.out_of_time = self._time_is_short()
                now = self.now()
                if report.stopped or not leases.take(shard, self.claim_id, now=now, until=now + self.claim_for):
                    break
                is_mine = True
                self._send(self._due(keys, report, pool), report, pool, self._time_is_short)
        except Exception:
            if is_mine:
                leases.give_back(shard, self.claim_id)
            raise
        if is_mine:
            leases.give_back(shard, self.claim_id)

    def _time_is_short(self) -> bool:
        return self.time_left() < self.stop_at_s

    def flush(self, link: Link) -> DrainReport:
        """Send the half-hours that had ended when an asset stopped taking part, as far as Axle has not answered them.

        They are sent without their grace, and again after a pause until ``time_left`` is used up. A half-hour that
        another run has claimed is sent, too: a value that Axle receives twice does no harm. ``left`` in the report
        counts those that Axle has not answered.
        """
        report = DrainReport()
        with ThreadPoolExecutor(self.workers) as pool:
            while left := self._unreported(link):
                if report.left:
                    time.sleep(max(0.0, min(FLUSH_PAUSE_S, self.time_left())))
                report.left, report.unavailable = len(left), None
                if self.time_left() <= 0 or report.blocked_assets:
                    return report
                mine = [slot for slot in pool.map(self._take, left) if slot is not None]
                for first in range(0, len(mine), self._at_once):
                    self._send(mine[first : first + self._at_once], report, pool, lambda: self.time_left() <= 0)
        report.left = 0
        return report

    def _unreported(self, link: Link) -> list[Slot]:
        slots = self.slots.read(link.asset, self.now() - FLUSH_REACH)
        return [
            slot
            for slot in slots
            if may_be_reported(link, slot.start, slot.end) and is_unreported(slot, lifetime_rows=self.lifetime_rows)
        ]

    @property
    def _at_once(self) -> int:
        return max(1, self.rows_per_batch // (2 if self.lifetime_rows else 1))

    def _due(self, keys: Sequence[Key], report: DrainReport, pool: ThreadPoolExecutor) -> list[Slot]:
        """The slots of these keys that this run sends; those of assets that do not take part are withheld."""
        due = [slot for slot in self.slots.get_many(keys) if slot.due_at is not None and slot.due_at <= self.now()]
        links = self.slots.links({slot.asset for slot in due})
        sent = [slot for slot in due if _is_sent(slot, links.get(slot.asset))]
        rest = [slot for slot in due if not _is_sent(slot, links.get(slot.asset))]
        report.withheld += sum(pool.map(lambda slot: self._withhold(slot, links.get(slot.asset)), rest))
        # The claim of a run that sent last readings, or of a form before, has lapsed.
        lapsed = [slot for slot in sent if slot.state == "sent"]
        taken = [slot for slot in pool.map(self._take, lapsed) if slot is not None]
        return [*(sending(slot) for slot in sent if slot.state != "sent"), *taken]

    def _withhold(self, slot: Slot, link: Link | None) -> bool:
        if link is None:
            # Its writer died before it saw that the asset was erased meanwhile.
            self.slots.delete(slot)
            return False
        stored = self.slots.put(withheld(slot))
        if stored is not None:
            self.slots.follow_on(stored, now=self.now(), grace=self.grace)
        return stored is not None

    def _take(self, slot: Slot) -> Slot | None:
        now = self.now()
        return self.slots.put(claimed(slot, self.claim_id, now=now, claim_for=self.claim_for))

    def _send(
        self, slots: list[Slot], report: DrainReport, pool: ThreadPoolExecutor, time_is_short: Callable[[], bool]
    ) -> None:
        if report.unavailable is not None:
            self._settle(slots, lambda slot: waiting(slot, now=self.now()), pool)
            return
        rows = rows_for(slots, lifetime_rows=self.lifetime_rows)
        last_call = self.now() + 0.9 * self.claim_for
        result = submit_rows(rows, self.send, time_is_short=lambda: time_is_short() or self.now() >= last_call)
        answers = {**result.answers, **result.parked}
        self._settle(slots, lambda slot: self._answered(slot, answers, result), pool)
        report.add(rows, result)
        report.keep(_rejections(slots, answers))
        report.keep_blocked_assets({slot.asset: result.blocked_assets.get(slot.axle_asset_id) for slot in slots})

    def _answered(self, slot: Slot, answers: Answers, result: SubmissionResult) -> Slot:
        retry_after_s = result.unavailable.retry_after_s if result.unavailable is not None else None
        alone = result.taken > 0 and slot.axle_asset_id in result.blocked_assets
        return answered(
            slot,
            answers,
            now=self.now(),
            grace=self.grace,
            lifetime_rows=self.lifetime_rows,
            wait=None if retry_after_s is None else timedelta(seconds=retry_after_s),
            longest=LAST_RETRY_OF_REFUSED_ASSET if alone else LAST_RETRY,
        )

    def _settle(self, slots: Sequence[Slot], settle: Settle, pool: ThreadPoolExecutor) -> None:
        list(pool.map(lambda slot: self._settle_one(slot, settle), slots))

    def _settle_one(self, slot: Slot, settle: Settle) -> None:
        """Store the result of a slot, on top of what was measured meanwhile, unless others have reported it since."""
        present: Slot | None = slot
        for _ in range(SETTLE_TRIES):
            mine = sent_as(present, slot) if present is not None else None
            if mine is None:
                return
            stored = self.slots.put(settle(mine))
            if stored is not None:
                self.slots.follow_on(stored, now=self.now(), grace=self.grace)
                return
            present = self.slots.get(slot.asset, slot.start)


def drain_of(runtime: Runtime, time_left: Callable[[], float]) -> Drain:
    """A run with the settings of its function and ``time_left`` seconds.

    A claim outlives its calls. Calls take real time, on a scaled clock too, so the claim is lengthened there.
    """
    return Drain(
        slots=runtime.slots,
        send=send_readings(axle_client(runtime)),
        now=runtime.now,
        time_left=time_left,
        claim_id=runtime.new_id(),
        rows_per_batch=int(runtime.settings.number("READINGS_BATCH_ROWS", 500)),
        lifetime_rows=runtime.lifetime_rows,
        grace=runtime.readings_grace,
        claim_for=runtime.clock.real_time(CLAIM.total_seconds()),
    )


def last_drain_of(runtime: Runtime, time_left: Callable[[], float]) -> Drain:
    """A run that sends the last readings of assets within ``time_left`` seconds."""
    return replace(drain_of(runtime, time_left), send=send_readings(axle_client(runtime), time_left))


def _is_sent(slot: Slot, link: Link | None) -> bool:
    """Whether a due half-hour is sent by a regular run; those of an asset that stopped taking part are flushed once."""
    return link is not None and takes_part(link) and may_be_reported(link, slot.start, slot.end)


def _key(row: Mapping[str, Any]) -> RowKey:
    return row["asset_id"].lower(), datetime.fromisoformat(row["start_timestamp"]), row["label"]


def _rejections(slots: Sequence[Slot], answers: Answers) -> list[tuple[str, datetime, str]]:
    by_row = {(slot.axle_asset_id.lower(), slot.start): slot.asset for slot in slots}
    return [
        (by_row[asset_id, start], start, str(answer.get("error")))
        for (asset_id, start, _), answer in answers.items()
        if not answer["accepted"] and (asset_id, start) in by_row
    ]
