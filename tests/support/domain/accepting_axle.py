"""An Axle that keeps the rows that it accepts."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Row = dict[str, Any]


@dataclass
class Axle:
    """Accepts rows as Axle does: by asset, start and label, the last value counts.

    Attributes:
        rows: the last accepted value of each row.
        received: how often each value of each row was received and accepted.
        batches: the number of rows of each request.
        faults: what answers the next requests in its place.
    """

    rows: dict[tuple[str, str, str], float] = field(default_factory=dict)
    received: Counter[tuple[str, str, str, float]] = field(default_factory=Counter)
    batches: list[int] = field(default_factory=list)
    faults: list[Callable[[list[Row]], object]] = field(default_factory=list)

    def __call__(self, rows: list[Row]) -> object:
        self.batches.append(len(rows))
        if self.faults:
            return self.faults.pop(0)(rows)
        return [self.take(row) for row in rows]

    def take(self, row: Row, error: str | None = None) -> Row:
        answer = {key: row[key] for key in ("asset_id", "start_timestamp", "end_timestamp", "label")}
        if error is not None:
            return {**answer, "accepted": False, "error": error}
        key = (row["asset_id"], row["start_timestamp"], row["label"])
        self.rows[key] = row["value"]
        self.received[(*key, row["value"])] += 1
        return {**answer, "accepted": True}

    @property
    def accepted_wh(self) -> int:
        return sum(round(value * 1000) for value in self.rows.values())
