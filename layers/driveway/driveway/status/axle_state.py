"""What Axle has acknowledged of an asset, as the app sees it."""

from datetime import datetime
from typing import Annotated, Any

from msgspec import Meta, Struct, to_builtins

from driveway.domain.axle_sync.differences import in_sync, next_call
from driveway.domain.twin import Twin
from driveway.runtime.answer_types import Instant, utc_or_none


class AxleState(Struct, frozen=True, kw_only=True):
    """Whether Axle knows what the driver wants and what the car does."""

    in_sync: Annotated[bool, Meta(description="Whether Axle knows everything.")]
    next_call: Annotated[
        dict[str, Any] | None,
        Meta(
            description="The next call to Axle, with its body.",
            extra_json_schema={
                "properties": {"call": {"type": "string", "description": "The last part of the call's path."}},
                "required": ["call"],
                "additionalProperties": True,
            },
        ),
    ]
    unacknowledged_since: Annotated[
        Instant | None, Meta(description="Since when a change is not acknowledged by Axle.")
    ]
    attempts: Annotated[int, Meta(ge=0, description="Failed attempts in a row.")]
    last_error: Annotated[str | None, Meta(description="Axle's own text.")]


def axle_state(twin: Twin, now: datetime) -> AxleState:
    """Whether Axle is in sync at ``now`` (aware UTC), the next call, and since when Axle is behind."""
    call, synced = next_call(twin, now), in_sync(twin, now)
    return AxleState(
        in_sync=synced,
        next_call=None if call is None else {"call": call.kind, **to_builtins(call.body)},
        unacknowledged_since=None if synced else utc_or_none(twin.axle.unacknowledged_since),
        attempts=twin.axle.attempts,
        last_error=twin.axle.last_error,
    )
