"""A car whose reports presence receives."""

from datetime import UTC, datetime, timedelta
from typing import Any

from driveway.domain.presence.observation import Observation
from driveway.domain.presence.observe import observe, settle
from driveway.domain.presence.rules import EffectKind, PresenceRules, PresenceStep
from driveway.domain.twin import Presence
from driveway.domain.twin.reasons import Reason

T0 = datetime(2026, 11, 22, 18, 0, tzinfo=UTC)
RULES = PresenceRules()
HOUR = 3600


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


class Car:
    """A car whose reports arrive the moment they are made, unless ``now`` says otherwise."""

    def __init__(self, rules: PresenceRules = RULES) -> None:
        self.presence = Presence()
        self.rules = rules
        self.own_stop_at: datetime | None = None
        self.step = PresenceStep(self.presence)

    def says(self, seconds: float, *, now: float | None = None, **signals: Any) -> "Car":
        self.step = observe(
            self.presence,
            Observation(at=at(seconds), source="app", **signals),
            now=at(seconds if now is None else now),
            rules=self.rules,
            own_stop_at=self.own_stop_at,
        )
        self.presence = self.step.presence
        return self

    def waits_until(self, seconds: float) -> "Car":
        self.step = settle(self.presence, now=at(seconds))
        self.presence = self.step.presence
        return self

    @property
    def effects(self) -> list[tuple[EffectKind, Reason]]:
        return [(effect.kind, effect.reason) for effect in self.step.effects]

    @property
    def in_session(self) -> bool:
        return self.presence.session is not None

    @property
    def closed_at(self) -> datetime | None:
        return self.presence.last_session.closed_at if self.presence.last_session else None


def plugged_at_home(rules: PresenceRules = RULES) -> Car:
    return Car(rules).says(0, plugged_in=True, at_home=True)


OPENED = (EffectKind.PLUGGED_IN, Reason.PLUGGED_AND_HOME)
