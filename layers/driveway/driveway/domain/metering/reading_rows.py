"""The rows of Axle's ``POST /data/readings``: half-hours as rows, and Axle's answers by row."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from driveway.domain.instants import utc_text
from driveway.domain.metering.slot import ENERGY, LIFETIME, Label, Slot


def rows_for(slots: Iterable[Slot], *, lifetime_rows: bool = False) -> list[dict[str, Any]]:
    """The readings rows (Axle's ``POST /data/readings``) for the values of claimed slots.

    Values are kWh with three decimals at most, so they are whole watt-hours; timestamps are UTC.
    """
    rows = []
    for slot in slots:
        if not slot.reported.settles(slot.reported.sent_wh):
            rows.append(_row(slot, ENERGY, slot.reported.sent_wh))
        if lifetime_rows and not slot.reported_lifetime.settles(slot.reported_lifetime.sent_wh):
            rows.append(_row(slot, LIFETIME, slot.reported_lifetime.sent_wh))
    return rows


def _row(slot: Slot, label: Label, value_wh: int | None) -> dict[str, Any]:
    return {
        "asset_id": slot.axle_asset_id,
        "start_timestamp": utc_text(slot.start),
        "end_timestamp": utc_text(slot.end),
        "value": (value_wh or 0) / 1000,
        "label": label,
    }


RowKey = tuple[str, datetime, str]
Answers = Mapping[RowKey, Mapping[str, Any]]


def answers_by_row(responses: Iterable[object]) -> dict[RowKey, Mapping[str, Any]]:
    """Axle's answers by asset, start and label, in any order. Other content is left out."""
    answers: dict[RowKey, Mapping[str, Any]] = {}
    for response in responses:
        if not isinstance(response, Mapping) or not isinstance(response.get("accepted"), bool):
            continue
        try:
            start = datetime.fromisoformat(str(response["start_timestamp"]))
        except (KeyError, ValueError):
            continue
        start = start.replace(tzinfo=UTC) if start.tzinfo is None else start.astimezone(UTC)
        answers[(str(response.get("asset_id")).lower(), start, str(response.get("label")))] = response
    return answers
