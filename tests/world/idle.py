"""Ticks of the minute clock that would find nothing: they cost much and do nothing, so they are passed over."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from driveway.store.items import stamp
from driveway.store.slot_items import SLOT


def nothing_is_due(items: Iterable[Mapping[str, Any]], until: datetime) -> bool:
    """Whether no item of the table, in the form of the wire, is due up to an instant, and no switch was used."""
    limit = stamp(until)
    for item in items:
        if item["sk"]["S"].startswith(SLOT):
            continue
        for name in ("axle_due", "control_due", "slots_due"):
            due = item.get(name)
            if due is not None and due["S"] <= limit:
                return False
    return True
