"""Every row of the ledger is valid by Axle's OpenAPI document, and its answers are understood."""

from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driveway.axle.readings import PATH
from driveway.domain.half_hours import HALF_HOUR
from driveway.domain.metering.ledger import answered, claimed, measured
from driveway.domain.metering.reading_rows import answers_by_row, rows_for
from driveway.domain.metering.samples import MAX_WH, Sample
from driveway.domain.metering.slot import Slot
from driveway.values import replace
from tests.support.contract.axle_openapi import axle_openapi, check_request
from tests.support.domain.twins import AXLE_ASSET_ID

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
starts = st.integers(0, 2 * 365 * 48).map(lambda number: EPOCH + number * HALF_HOUR)


def the_slot(start: datetime, energy_wh: int, register_wh: int | None) -> Slot:
    empty = Slot("car-1", AXLE_ASSET_ID, start, plugged=True)
    register = frozenset() if register_wh is None else frozenset({Sample(start, "lifetime", register_wh, "charger")})
    changed = replace(empty, energy_wh=energy_wh, samples=register)
    return measured(None, changed, now=start, grace=HALF_HOUR, lifetime_rows=True)


def test_every_row_is_valid_by_axles_openapi_with_and_without_lifetime_registers(
    capsys: pytest.CaptureFixture[str],
) -> None:
    axle_openapi()
    checked: Counter[str] = Counter()

    @settings(max_examples=100, deadline=None)
    @given(
        st.lists(
            st.tuples(starts, st.integers(0, MAX_WH), st.none() | st.integers(0, MAX_WH)),
            min_size=1,
            max_size=8,
            unique_by=lambda reported: reported[0],
        ),
        st.booleans(),
    )
    def rows_of(reported: list[tuple[datetime, int, int | None]], lifetime_rows: bool) -> None:
        slots = [claimed(the_slot(*values), "run", now=EPOCH) for values in reported]
        rows = rows_for(slots, lifetime_rows=lifetime_rows)
        registers = sum(register_wh is not None for _, _, register_wh in reported) if lifetime_rows else 0
        assert len(rows) == len(reported) + registers
        check_request("POST", PATH, {"readings": rows})
        checked.update(row["label"] for row in rows)
        answers: list[dict[str, Any]] = [{**row, "accepted": True, "error": None} for row in rows]
        by_row = answers_by_row(answers)
        for slot in slots:
            after = answered(slot, by_row, now=EPOCH, lifetime_rows=lifetime_rows)
            assert (after.state, after.due_at) == ("accepted", None)

    rows_of()
    assert set(checked) == {"charger_consumption_energy_kwh", "charger_lifetime_consumption_energy_kwh"}
    with capsys.disabled():
        print(f"\nReadings: {checked.total()} rows of {len(checked)} labels valid by Axle's OpenAPI document")
