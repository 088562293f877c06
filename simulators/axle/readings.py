"""Meter readings: each row accepted or rejected on its own."""

import math
import threading
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from simulators.axle.models import Reading

_HALF_HOUR = timedelta(minutes=30)
_HALF_HOURLY = {"charger_consumption_energy_kwh", "provisional_consumption_kwh"}
_SIGNED = {"boundary_import_kw", "battery_inverter_import_kw"}

RowKey = tuple[UUID, str, datetime]


class Rejection(BaseModel):
    """Sound rows to reject: those of one asset, or any; those that start at one time, or any.

    ``count`` None means until it is cleared.
    """

    model_config = ConfigDict(extra="forbid")

    asset_id: UUID | None = None
    start: AwareDatetime | None = None
    error: str = "Internal error while processing the reading"
    count: int | None = Field(default=None, ge=1)

    def fits(self, reading: Reading) -> bool:
        """Whether it rejects this row."""
        return self.asset_id in {None, reading.asset_id} and self.start in {None, reading.start_timestamp}


def fault_of(reading: Reading, now: datetime) -> str | None:
    """Why a row is rejected on its own; None if it is sound."""
    start, end = reading.start_timestamp, reading.end_timestamp
    error = _value_fault(reading)
    if error is None and end < start:
        error = "end_timestamp is before start_timestamp"
    if error is None and reading.label in _HALF_HOURLY:
        error = _slot_fault(start, end)
    if error is None and end > now:
        error = "the reading is in the future"
    return error


def _value_fault(reading: Reading) -> str | None:
    if reading.value < 0 and reading.label not in _SIGNED:
        return f"{reading.label} must be >= 0"
    if reading.label == "battery_state_of_charge_pct" and reading.value > 100:
        return f"{reading.label} must be <= 100"
    return None


def _slot_fault(start: datetime, end: datetime) -> str | None:
    if start.astimezone(UTC).minute % 30 or start.second or start.microsecond:
        return "start_timestamp is not aligned to a half hour"
    return None if end - start == _HALF_HOUR else "the interval is not 30 minutes"


def _membership_fault(asset_id: UUID, known: Mapping[UUID, bool]) -> str | None:
    if asset_id not in known:
        return "Asset not found"
    # Unconfirmed: Axle's documentation does not say what it answers to rows of an asset that is not enrolled.
    return None if known[asset_id] else "Asset is not enrolled"


class ReadingStore:
    """The accepted rows: one value per asset, label and start; a later different value is a correction."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        """Forget all rows, counts and rejections."""
        with self._lock:
            self._rows: dict[RowKey, tuple[datetime, float]] = {}
            self._counts: Counter[str] = Counter()
            self._rejected: list[dict[str, Any]] = []
            self._rejections: list[Rejection] = []

    def reject(self, rejection: Rejection) -> None:
        """Reject rows from now on as described."""
        with self._lock:
            self._rejections.append(rejection)

    def stop_rejecting(self) -> None:
        """Accept sound rows again."""
        with self._lock:
            self._rejections.clear()

    def take(self, readings: list[Reading], known: Mapping[UUID, bool], now: datetime) -> list[dict[str, Any]]:
        """Check and store rows, in order; gives Axle's answer for each. ``known``: the assets, True if enrolled."""
        with self._lock:
            return [self._take_row(reading, known, now) for reading in readings]

    def _take_row(self, reading: Reading, known: Mapping[UUID, bool], now: datetime) -> dict[str, Any]:
        answer: dict[str, Any] = {
            "asset_id": str(reading.asset_id),
            "start_timestamp": reading.start_timestamp.isoformat(),
            "end_timestamp": reading.end_timestamp.isoformat(),
            "label": reading.label,
            "accepted": True,
        }
        error = self._ordered_rejection(reading)
        if error is None:
            error = _membership_fault(reading.asset_id, known) or fault_of(reading, now)
        if error is not None:
            answer |= {"accepted": False, "error": error}
            self._counts["rejected"] += 1
            self._rejected.append({**answer, "value": reading.value, "at": now.isoformat()})
            return answer
        key = (reading.asset_id, reading.label, reading.start_timestamp.astimezone(UTC))
        value = (reading.end_timestamp.astimezone(UTC), reading.value)
        before = self._rows.get(key)
        self._counts["accepted"] += 1
        if before is not None:
            self._counts["duplicates" if before == value else "corrections"] += 1
        self._rows[key] = value
        return answer

    def _ordered_rejection(self, reading: Reading) -> str | None:
        for rejection in self._rejections:
            if rejection.fits(reading):
                if rejection.count is not None:
                    rejection.count -= 1
                    if rejection.count == 0:
                        self._rejections.remove(rejection)
                return rejection.error
        return None

    def report(self, asset_id: UUID | None = None, *, with_rows: bool = True) -> dict[str, Any]:
        """Counts, sums per asset and label, rejected rows and (unless left out) the accepted rows by start."""
        with self._lock:
            rows = [(key, value) for key, value in self._rows.items() if asset_id in {None, key[0]}]
            rejected = [row for row in self._rejected if asset_id is None or row["asset_id"] == str(asset_id)]
            counts = {name: self._counts[name] for name in ("accepted", "rejected", "duplicates", "corrections")}
        values: dict[str, dict[str, list[float]]] = {}
        for (row_asset, label, _), (_, value) in rows:
            values.setdefault(str(row_asset), {}).setdefault(label, []).append(value)
        totals = {
            row_asset: {label: round(math.fsum(numbers), 9) for label, numbers in labels.items()}
            for row_asset, labels in values.items()
        }
        report: dict[str, Any] = {"counts": counts, "stored": len(rows), "totals": totals, "rejected": rejected}
        if with_rows:
            report["rows"] = [
                {
                    "asset_id": str(row_asset),
                    "label": label,
                    "start_timestamp": start.isoformat(),
                    "end_timestamp": end.isoformat(),
                    "value": value,
                }
                for (row_asset, label, start), (end, value) in sorted(rows, key=lambda row: row[0][2])
            ]
        return report
