"""What is answered of an asset's schedule. The documented schemas are derived from these values."""

from typing import Annotated

from msgspec import Meta, Struct, field

from driveway.domain.sessions.plan import KnownSource
from driveway.domain.twin.reasons import Reason
from driveway.runtime.answer_types import Instant


class Stretch(Struct, frozen=True, kw_only=True):
    """A limit, from when until when, and why."""

    start: Annotated[Instant, Meta(description="Inclusive.")]
    end: Annotated[Instant, Meta(description="Exclusive.")]
    limit_kw: Annotated[
        Annotated[float, Meta(ge=0)] | None,
        Meta(description="0 holds; null: no record says what was in force then."),
    ]
    source: KnownSource
    reason: Reason


class Schedule(Struct, frozen=True, kw_only=True):
    """The limits in force over time: of the past by the plans that were kept, and those ahead."""

    start: Instant = field(name="from")
    end: Instant = field(name="to")
    stretches: Annotated[list[Stretch], Meta(description="Contiguous, ascending.")]


ANSWERS = (Schedule,)
