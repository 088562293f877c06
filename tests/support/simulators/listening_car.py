"""A simulated car whose reports are read by the product and stored in a twin, as the functions do it."""

from datetime import datetime
from typing import Any

from driveway.domain.presence.observation import Observation
from driveway.vehicles import registry
from driveway.vehicles.app import parse_observations
from driveway.vehicles.provider import WebhookRequest
from tests.support.observations.car_reports import HOME_ID
from tests.support.observations.home_car import HomeCar
from tests.support.vehicles.car_rig import Received, Rig

SECRET = "shared-secret"


class ListeningCar:
    """A simulated car, and its twin. ``app`` is a charger whose back end posts observations.

    Commands of charge control reach the simulated car if ``obeys``.
    """

    def __init__(self, rig: Rig, provider: str, *, obeys: bool = False, **spec: Any) -> None:
        """Make the car, parked at home, and listen to its provider."""
        self.rig, self.provider, self.obeys = rig, provider, obeys
        self.taken, self.obeyed = 0, 0
        if provider == "app":
            rig.configure("ocpp", webhook_url=rig.hook, sample_every_s=0)
            rig.car("ocpp", asset="car-1", **spec)
        else:
            rig.listen(provider, webhook_secret=SECRET, sample_every_s=0)
            rig.car(provider, home_location_id=HOME_ID, **spec)
        self.twin = HomeCar.of(provider, clock=rig.clock.now())

    def passes(self, minutes: float) -> "ListeningCar":
        """Let time pass, then take in what was reported."""
        self.rig.pass_s(60 * minutes)
        return self.listens()

    def passes_until(self, at: datetime) -> "ListeningCar":
        """Let time pass in steps of ten minutes, so that commands are obeyed on the way."""
        while self.rig.clock.now() < at:
            self.passes(min(10.0, (at - self.rig.clock.now()).total_seconds() / 60))
        return self

    def does(self, *moves: str) -> "ListeningCar":
        """Move the car, then take in what was reported."""
        for move in moves:
            self.rig.do(move)
        return self.listens()

    def listens(self) -> "ListeningCar":
        """Take in what was reported since, and have the car obey what was sent."""
        sent = self.rig.sent()
        for one in sent[self.taken :]:
            for observations in self._read(one):
                self.twin.passes_until(one.at)
                self.twin.takes(observations)
        self.taken = len(sent)
        self.twin.passes_until(self.rig.clock.now())
        if self.obeys and len(self.twin.sent) > self.obeyed:
            actions = [command.action for _, command in self.twin.sent[self.obeyed :]]
            self.obeyed = len(self.twin.sent)
            self.does(*(f"driver-{action}" for action in actions))
        return self

    def _read(self, one: Received) -> list[tuple[Observation, ...]]:
        if self.provider == "app":
            return [parse_observations(one.body, now=one.at)]
        inbound = registry.webhooks(self.provider).receive(WebhookRequest(one.headers, one.raw, one.at), [SECRET])
        return [event.observations for event in inbound.events]

    @property
    def in_session(self) -> bool:
        """Whether a session at home is open."""
        return self.twin.twin.presence.session is not None
