"""The due times of a twin as its item has them."""

from collections.abc import Mapping
from datetime import datetime

from driveway.domain.due import Dues
from driveway.store.items import due_stamp, stamp

DueStamps = Mapping[str, str | None]
"""``axle_due`` and ``control_due``."""


def stamps(dues: Dues) -> dict[str, str | None]:
    """Due times as the item has them; None where nothing is ahead."""
    return {
        "axle_due": due_stamp(dues.axle) if dues.axle else None,
        "control_due": due_stamp(dues.control) if dues.control else None,
    }


def with_earlier_look(before: DueStamps, dues: dict[str, str | None], now: datetime) -> dict[str, str | None]:
    """The due times, with the stored time of charge control if that is earlier and ahead.

    Looking too early does no harm, and a place in an index that stays costs nothing.
    """
    stored = before.get("control_due")
    if stored is None or stored <= stamp(now) or (dues["control_due"] is not None and dues["control_due"] < stored):
        return dues
    return {**dues, "control_due": stored}


def same_dues(before: DueStamps, dues: DueStamps, now: datetime) -> bool:
    """Whether these due times are the stored ones. Two due times that are both past count as equal."""
    at = stamp(now)
    return all(
        before.get(name) == due or (due is not None and due <= at and (before.get(name) or "~") <= at)
        for name, due in dues.items()
    )
