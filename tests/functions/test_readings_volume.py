"""A backlog of half-hours is drained by run after run, each in its time; nothing is left out, nothing sent twice."""

import gzip
import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from requests import PreparedRequest, Response
from requests.adapters import BaseAdapter

from driveway.domain.half_hours import HALF_HOUR
from driveway.domain.metering.slot import Slot
from driveway.runtime.settings import Settings
from driveway.store.slot_items import slot_item
from tests.support.domain.metering_table import new_store
from tests.support.functions.rig import NOW, Rig, function

ASSETS, HALF_HOURS = 40, 25
ROWS_PER_BATCH = 50
ITEMS_AT_ONCE = 25
RUN_S, REQUEST_S = 150.0, 12.0
STOP_AT_S = 60.0


@dataclass
class SlowAxle(BaseAdapter):
    """An Axle that takes as long for a request as one may; it refuses some rows and is out of service at times."""

    rejected_rows: set[tuple[str, str]] = field(default_factory=set)
    down_at: frozenset[int] = frozenset()
    left_s: float = RUN_S
    asked: int = 0
    received: Counter[tuple[str, str]] = field(default_factory=Counter)

    def send(self, request: PreparedRequest, *args: Any, **kwargs: Any) -> Response:
        assert isinstance(request.body, bytes)
        assert self.left_s >= STOP_AT_S, "a request is begun when there is no time for its answer"
        rows = json.loads(gzip.decompress(request.body))["readings"]
        assert len(rows) <= ROWS_PER_BATCH
        self.asked += 1
        self.left_s -= REQUEST_S
        places = [(row["asset_id"], row["start_timestamp"]) for row in rows]
        if self.asked in self.down_at:
            return self._answer(request, 503, {"detail": "busy"})
        if self.rejected_rows & set(places):
            return self._answer(request, 422, {"detail": "value: not today"})
        self.received.update(places)
        return self._answer(request, 200, {"responses": [{**row, "accepted": True} for row in rows]})

    @staticmethod
    def _answer(request: PreparedRequest, status: int, body: dict[str, Any]) -> Response:
        response = Response()
        response.status_code, response.url, response.request = status, request.url or "", request
        response._content = json.dumps(body).encode()
        return response

    def close(self) -> None:
        """Nothing is open."""

    def get_remaining_time_in_millis(self) -> int:
        """As Lambda's context tells it."""
        return round(self.left_s * 1000)


def backlog(rig: Rig) -> list[Slot]:
    """Due half-hours of many cars, in a table of their own: one without a stream takes moto half the time."""
    store = new_store(rig.runtime.dynamodb, shards=4, assets=[f"car-{number}" for number in range(ASSETS)])
    rig.runtime.__dict__["slots"] = store
    slots = [
        Slot(
            f"car-{asset}",
            f"axle-{asset}",
            NOW + number * HALF_HOUR,
            energy_wh=asset * HALF_HOURS + number,
            plugged=True,
            due_at=NOW + (number + 1) * HALF_HOUR,
            version=1,
        )
        for asset in range(ASSETS)
        for number in range(HALF_HOURS)
    ]
    puts: list[Any] = [{"PutRequest": {"Item": slot_item(slot, store.shards)}} for slot in slots]
    for first in range(0, len(puts), ITEMS_AT_ONCE):
        store.client.batch_write_item(RequestItems={store.name: puts[first : first + ITEMS_AT_ONCE]})
    return slots


def test_a_backlog_of_a_thousand_is_drained_once_by_runs_that_each_end_in_time(rig: Rig) -> None:
    slots = backlog(rig)
    rejected_rows = {("axle-7", "2026-01-15T19:00:00Z"), ("axle-31", "2026-01-16T02:30:00Z")}
    axle = SlowAxle(rejected_rows=set(rejected_rows), down_at=frozenset({11, 12}))
    rig.runtime.http.mount(f"{rig.axle_url}/data/readings", axle)
    rig.runtime.settings = Settings({**rig.runtime.settings.environ, "READINGS_BATCH_ROWS": str(ROWS_PER_BATCH)})
    reports: list[dict[str, Any]] = []
    rig.clock.put(NOW + timedelta(days=2))
    while not reports or reports[-1]["sent"] or reports[-1]["waiting"]:
        axle.left_s = RUN_S
        reports.append(function("meter_readings").handler({}, axle))
        assert axle.left_s >= STOP_AT_S - REQUEST_S
        rig.clock.move(minutes=30)
        assert len(reports) < 40
    assert sum(report["out_of_time"] for report in reports) >= 2
    assert sum(report["unavailable"] is not None for report in reports) == 2
    wanted = {(slot.axle_asset_id, slot.start.isoformat().replace("+00:00", "Z")) for slot in slots}
    assert set(axle.received) == wanted - rejected_rows
    assert set(axle.received.values()) == {1}
    stored = [slot for number in range(ASSETS) for slot in rig.runtime.slots.read(f"car-{number}", NOW)]
    states = Counter(slot.state for slot in stored)
    assert states == {"accepted": len(slots) - 2, "rejected": 2}
    assert sum(report["accepted"] for report in reports) == len(slots) - 2
