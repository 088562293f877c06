"""The composite-schedule cases of public OCPP 1.6 implementations, transcribed as data."""

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from driveway.domain.charging_profiles import ChargingProfile, Period, composite_schedule, parse_charging_profile

VECTORS = json.loads((Path(__file__).parents[3] / "data" / "charging_profile_vectors.json").read_text())


def installed_on_connector(vector: Mapping[str, Any]) -> list[ChargingProfile]:
    """The profiles that count for the connector asked for; its own ones come after those of the whole charge point."""
    context = vector["context"]
    wanted = (0, context["connector_id"])
    pairs = zip(context["profile_connector_ids"], vector["profiles"], strict=True)
    chosen = [(connector, parse_charging_profile(profile)) for connector, profile in pairs if connector in wanted]
    return [profile for _, profile in sorted(chosen, key=lambda pair: pair[0])]


def computed(vector: Mapping[str, Any]) -> list[Period]:
    context = vector["context"]
    at = datetime.fromisoformat(vector["at"])
    transaction_start = context["transaction_start"] and datetime.fromisoformat(context["transaction_start"])
    if transaction_start is None and context["assume_transaction_from_at_when_none"]:
        transaction_start = at
    return composite_schedule(
        installed_on_connector(vector),
        start=at,
        duration_s=vector["duration_s"],
        unit=vector["charging_rate_unit"],
        transaction_start=transaction_start,
        transaction_id=context["transaction_id"],
        default_phases=context["default_number_phases"],
        voltage_v=context["voltage_v"],
    )


def comparable(steps: list[tuple[int, float | None, int | None]]) -> list[tuple[int, Any, int | None]]:
    merged: list[tuple[int, Any, int | None]] = []
    for start_s, limit, phases in steps:
        if not merged or merged[-1][1:] != (limit, phases):
            merged.append((start_s, limit, phases))
    return [
        (start_s, None if limit is None else pytest.approx(limit, rel=1e-4), phases)
        for start_s, limit, phases in merged
    ]


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["name"] for vector in VECTORS])
def test_the_composite_schedule_is_that_of_the_vector(vector: Mapping[str, Any]) -> None:
    phases_count = vector["context"]["compare_phases"]
    expected = [
        (
            step["startPeriod"],
            None if step.get("gap") else step["limit"],
            step.get("numberPhases") if phases_count and not step.get("gap") else None,
        )
        for step in vector["expected"]
    ]
    found = [
        (period.start_s, period.limit, period.number_phases if phases_count else None) for period in computed(vector)
    ]

    assert comparable(found) == comparable(expected)
