"""What Axle has acknowledged of an asset, as the app sees it."""

from datetime import datetime
from typing import Any

import msgspec

from driveway.domain.axle_sync.differences import in_sync, next_call
from driveway.domain.twin import Twin


def axle_sync_status(twin: Twin, now: datetime) -> dict[str, Any]:
    """The ``axle`` member of answers: whether Axle is in sync, the next call, and since when Axle is behind."""
    call, synced = next_call(twin, now), in_sync(twin, now)
    return {
        "axle": {
            "in_sync": synced,
            "next_call": None if call is None else {"call": call.kind, **msgspec.to_builtins(call.body)},
            "unacknowledged_since": None if synced else msgspec.to_builtins(twin.axle.unacknowledged_since),
            "attempts": twin.axle.attempts,
            "last_error": twin.axle.last_error,
        }
    }
