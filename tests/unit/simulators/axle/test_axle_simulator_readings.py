"""The simulated Axle checks meter readings."""

import gzip
import json
import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.axle.models import Reading
from simulators.axle.readings import ReadingStore
from tests.support.simulators.axle_client import (
    Axle,
    MovableClock,
)


def test_half_hourly_energy_is_judged_row_by_row(axle: Axle, clock: MovableClock) -> None:
    _, asset_id = axle.onboarded()
    now = clock.now()
    slot = now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=3)

    def row(start: datetime, value: float = 1.5, minutes: int = 30, **changes: Any) -> dict[str, Any]:
        return {
            "asset_id": asset_id,
            "start_timestamp": start.isoformat(),
            "end_timestamp": (start + timedelta(minutes=minutes)).isoformat(),
            "value": value,
            "label": "charger_consumption_energy_kwh",
        } | changes

    rows = [
        row(slot),
        row(slot + timedelta(minutes=30), 0),
        row(slot, asset_id=str(uuid.uuid4())),
        row(slot + timedelta(minutes=1)),
        row(slot, minutes=31),
        row(slot, -0.1),
        row(slot + timedelta(hours=12)),
        row(slot, 1234.5, 0, label="charger_lifetime_consumption_energy_kwh"),
        row(slot, -2.0, label="boundary_import_kw"),
        row(slot),
        row(slot, 1.75),
    ]
    packed = gzip.compress(json.dumps({"readings": rows}).encode())
    answer = axle.http.post(f"{axle.url}/data/readings", data=packed, headers={"Content-Encoding": "gzip"})
    responses = answer.json()["responses"]
    assert [one["accepted"] for one in responses] == [True] * 2 + [False] * 5 + [True] * 4
    assert [one["error"] for one in responses if not one["accepted"]] == [
        "Asset not found",
        "start_timestamp is not aligned to a half hour",
        "the interval is not 30 minutes",
        "charger_consumption_energy_kwh must be >= 0",
        "the reading is in the future",
    ]
    report = axle.get("/_sim/readings")
    assert report["counts"] == {"accepted": 6, "rejected": 5, "duplicates": 1, "corrections": 1}
    assert report["totals"][asset_id]["charger_consumption_energy_kwh"] == 1.75
    assert [one["value"] for one in report["rows"] if one["label"] == "charger_consumption_energy_kwh"] == [1.75, 0]


def test_rows_of_an_asset_that_is_not_enrolled_are_rejected_unless_configured(axle: Axle, clock: MovableClock) -> None:
    site_id, asset_id = axle.onboarded()
    start = clock.now().replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
    row = {
        "asset_id": asset_id,
        "start_timestamp": start.isoformat(),
        "end_timestamp": (start + timedelta(minutes=30)).isoformat(),
        "value": 1.5,
        "label": "charger_consumption_energy_kwh",
    }

    def answer() -> dict[str, Any]:
        posted = axle.http.post(f"{axle.url}/data/readings", json={"readings": [row]})
        found: dict[str, Any] = posted.json()["responses"][0]
        return found

    proposition = {"proposition": "full_asset_schedule_control"}
    axle.http.post(f"{axle.url}/entities/site/{site_id}/unenrol", json=proposition).raise_for_status()
    assert (answer()["accepted"], answer()["error"]) == (False, "Asset is not enrolled")
    axle.http.post(f"{axle.url}/_sim/config", json={"readings_of_unenrolled": "accept"}).raise_for_status()
    assert answer()["accepted"]


def test_rows_are_rejected_on_request_and_bad_bodies_as_a_whole(axle: Axle, clock: MovableClock) -> None:
    _, asset_id = axle.onboarded()
    start = clock.now().replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
    row = {
        "asset_id": asset_id,
        "start_timestamp": start.isoformat(),
        "end_timestamp": (start + timedelta(minutes=30)).isoformat(),
        "value": 1,
        "label": "charger_consumption_energy_kwh",
    }
    axle.post("/_sim/readings/reject", {"asset_id": asset_id, "error": "try later", "count": 1})
    first, second = axle.post("/data/readings", {"readings": [row, row]}).json()["responses"]
    assert (first["accepted"], first["error"], second["accepted"]) == (False, "try later", True)
    axle.post("/_sim/readings/reject", {"asset_id": asset_id, "start": start.isoformat()})
    earlier = {
        "start_timestamp": (start - timedelta(minutes=30)).isoformat(),
        "end_timestamp": start.isoformat(),
    }
    body = {"readings": [row, row | {"value": 2}, row | earlier]}
    assert [one["accepted"] for one in axle.post("/data/readings", body).json()["responses"]] == [False, False, True]
    bad = axle.post("/data/readings", {"readings": [row | {"label": "charger_kwh"}]})
    assert (bad.status_code, bad.json()["detail"][0]["loc"]) == (422, ["body", "readings", 0, "label"])
    headers = {"Content-Encoding": "gzip"}
    assert axle.http.post(f"{axle.url}/data/readings", data=b"{}", headers=headers).status_code == 400
    assert axle.get("/_sim/readings")["stored"] == 2


def test_a_large_load_of_readings_is_taken_in_seconds(axle: Axle) -> None:
    ids = [axle.onboarded(number)[1] for number in range(1, 21)]
    start = datetime(2026, 1, 1, tzinfo=UTC)
    rows = [
        {
            "asset_id": ids[number % 20],
            "start_timestamp": (start + timedelta(minutes=30) * (number // 20)).isoformat(),
            "end_timestamp": (start + timedelta(minutes=30) * (number // 20 + 1)).isoformat(),
            "value": 0.001,
            "label": "charger_consumption_energy_kwh",
        }
        for number in range(20_000)
    ]
    began = time.monotonic()
    answer = axle.post("/data/readings", {"readings": rows})
    assert time.monotonic() - began < 8
    assert sum(one["accepted"] for one in answer.json()["responses"]) == 20_000
    report = axle.get("/_sim/readings?rows=false")
    assert set(report["totals"]) == set(ids)
    assert {total["charger_consumption_energy_kwh"] for total in report["totals"].values()} == {1.0}


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 4000)), max_size=40),
    st.integers(1, 7),
)
def test_the_latest_value_of_a_slot_counts_however_the_rows_are_batched(
    rows: list[tuple[int, int]], batch_size: int
) -> None:
    store, asset_id, start = ReadingStore(), uuid.uuid4(), datetime(2026, 1, 1, tzinfo=UTC)
    readings = [
        Reading(
            asset_id=str(asset_id),
            start_timestamp=(start + timedelta(minutes=30) * slot).isoformat(),
            end_timestamp=(start + timedelta(minutes=30) * (slot + 1)).isoformat(),
            value=energy_wh / 1000,
            label="charger_consumption_energy_kwh",
        )
        for slot, energy_wh in rows
    ]
    for first in range(0, len(readings), batch_size):
        answers = store.take(readings[first : first + batch_size], {asset_id: True}, start + timedelta(days=1))
        assert all(answer["accepted"] for answer in answers)
    report, latest = store.report(), dict(rows)
    totals = report["totals"].get(str(asset_id), {"charger_consumption_energy_kwh": 0})
    assert totals["charger_consumption_energy_kwh"] * 1000 == pytest.approx(sum(latest.values()), abs=1e-6)
    assert report["counts"]["accepted"] == len(rows)
    assert report["counts"]["duplicates"] + report["counts"]["corrections"] == len(rows) - len(latest)
