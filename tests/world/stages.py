"""The states of homes that situations begin in, made by the app, the cars and Axle themselves."""

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tests.world.app import App
from tests.world.aws.queues import Message
from tests.world.homes import Home, home
from tests.world.world import START, World

HELD_UNTIL = START + timedelta(hours=3, minutes=30)
"""The first off-peak time begins at 23:30."""

MOST_QUIET = timedelta(hours=2)
AT_REST_FOR = timedelta(minutes=7)
"""Every lease, claim and visibility time-out that a crash leaves behind is seen in this time."""


@dataclass
class Stage:
    """A world with homes that were set up in it. No fault happens but those that a test plans."""

    world: World
    homes: dict[str, Home] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.world.shuffles = False
        self.app = App(self.world, random.Random(1))

    def settles(self, longest: timedelta = MOST_QUIET) -> None:
        """Let everything happen until nothing is left to do for some minutes."""
        world, until = self.world, self.world.clock.now() + longest
        while world.clock.now() < until:
            world.run_until(min(until, world.clock.now() + AT_REST_FOR))
            if self._is_at_rest():
                return

    def _is_at_rest(self) -> bool:
        now = self.world.clock.now()
        waiting: list[Message] = [one for queue in self.world.cloud.queues().values() for one in queue.messages]
        soon = now + AT_REST_FOR
        return (
            not self.world.has_work()
            and not any(one.visible_at <= soon for one in waiting)
            and self.world.tick_is_idle(AT_REST_FOR)
        )

    def passes(self, **span: float) -> None:
        """Let time pass, with everything that happens in it."""
        self.world.run_until(self.world.clock.now() + timedelta(**span))

    def until(self, instant: datetime) -> None:
        """Let everything happen until an instant."""
        self.world.run_until(instant)

    # Stages

    def car(self, provider: str = "enode", number: int = 1, **spec: object) -> Home:
        """A car that nobody has onboarded."""
        made = home(number, provider, **spec)
        self.world.simulated("POST", "/cars", made.spec)
        self.homes[made.asset] = made
        return made

    def token(self, one: Home) -> str | None:
        """The refresh token of a new sign-in, where the provider has such."""
        if one.provider != "tesla":
            return None
        given: str = self.world.simulated("POST", f"/tesla/sign-in/{one.user_id}")["refresh_token"]
        return given

    def onboarded(self, provider: str = "enode", number: int = 1, **spec: object) -> Home:
        """A home that has joined, with its car away from its plug."""
        made = self.car(provider, number, **spec)
        self.app.ask("PUT", f"/sites/{made.site}", made.body(self.token(made)))
        self.passes(minutes=2)
        return made

    def held(self, provider: str = "enode", number: int = 1, **spec: object) -> Home:
        """A home whose car is plugged in, would charge, and was stopped until the off-peak time."""
        made = self.onboarded(provider, number, **{"auto_start": True, **spec})
        self.world.move(made.vehicle_id, "plug-in")
        self.passes(minutes=10)
        return made

    def charging(self, provider: str = "enode") -> Home:
        """A home whose car charges in the off-peak time."""
        made = self.held(provider)
        self.until(HELD_UNTIL + timedelta(minutes=10))
        return made

    def opted_out(self) -> Home:
        """A home that has left, with its car plugged in."""
        made = self.held()
        self.app.ask("POST", f"/sites/{made.site}/unenrol")
        self.passes(minutes=10)
        return made
