"""What the app is answered to its own observations. The documented schema is derived from these values."""

from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta, Struct

from driveway.domain.presence.observation import Observation
from driveway.domain.reports.apply_observations import ignored_signals
from driveway.domain.twin import Twin
from driveway.domain.twin.reasons import Reason
from driveway.observations.webhook_intake import presence_rules
from driveway.runtime.answer_types import Instant, Revision, utc
from driveway.runtime.context import Runtime


class IgnoredSignal(Struct, frozen=True, kw_only=True):
    """A signal that did not count."""

    at: Annotated[Instant, Meta(description="The time of the observation.")]
    signal: Annotated[str | None, Meta(description="Its field.")]
    reason: Reason
    text: Annotated[str, Meta(description="Why it did not count, in a sentence.")]


class ObservationsStored(Struct, frozen=True, kw_only=True):
    """What became of observations."""

    accepted: Annotated[int, Meta(ge=1, description="How many were accepted.")]
    changed: Annotated[bool, Meta(description="Whether they changed anything.")]
    session: Annotated[str | None, Meta(description="The home charging session that is open.")]
    ignored: Annotated[
        list[IgnoredSignal],
        Meta(description="What did not change the state of the car. Its energy may still count."),
    ]
    revision: Revision


def ignored(before: Twin, observations: Sequence[Observation], runtime: Runtime) -> list[IgnoredSignal]:
    """The signals of observations that did not count, and why; ``before`` is the twin before it took them."""
    rules = presence_rules(observations, runtime)
    return [
        IgnoredSignal(at=utc(effect.at), signal=effect.signal, reason=effect.reason, text=effect.text)
        for effect in ignored_signals(before, observations, now=runtime.now(), rules=rules)
    ]
