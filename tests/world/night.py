"""One night: onboarding in the evening, plug-ins, changed minds, bad days, departures in the morning, and quiet."""

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tests.world.app import App
from tests.world.drivers import Driver
from tests.world.homes import Home, Neighbourhood
from tests.world.seen import Seen
from tests.world.weather import Weather
from tests.world.world import World

LASTS = timedelta(hours=15, minutes=30)
"""When the last driver has left, and the last fault is over."""

QUIET = timedelta(hours=2, minutes=15)
"""Two hours, and the next run of the readings: a car may report its night only then."""


@dataclass
class Night:
    """The script of a night; without ``changes`` no driver changes their mind, without ``bad_days`` nobody has one.

    ``left`` are homes that opted out, ``erased`` those that were erased, ``stays`` cars that are still plugged in,
    ``sold`` assets whose car was sold.
    """

    world: World
    neighbourhood: Neighbourhood
    rng: random.Random
    changes: bool = True
    bad_days: bool = True
    app: App = field(init=False)
    seen: Seen = field(init=False)
    evening: datetime = field(init=False)
    left: set[str] = field(default_factory=set)
    erased: set[str] = field(default_factory=set)
    stays: set[str] = field(default_factory=set)
    sold: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.seen = Seen(self.world)
        self.app = App(self.world, random.Random(self.rng.getrandbits(64)))
        self.evening = self.world.clock.now()

    @property
    def calm_at(self) -> datetime:
        """When the last driver has left, and the last fault is over."""
        return self.evening + LASTS

    def write(self) -> None:
        """Put everything that drivers and their app will do, and every bad day, on the world's agenda."""
        world, near = self.world, self.neighbourhood
        config = world.axle.world.config
        world.axle.world.config = type(config).model_validate(config.model_dump() | near.axle)
        if near.makers:
            world.simulated("POST", "/config", near.makers)
        for home in near.homes:
            world.simulated("POST", "/cars", home.spec)
            Driver(self, home, random.Random(self.rng.getrandbits(64))).plans()
        if self.bad_days:
            Weather(world, self.seen, self.rng, self.calm_at).draw(near.homes)

    def onboard(self, home: Home) -> None:
        """A home joins."""
        self.app.ask("PUT", f"/sites/{home.site}", home.body(self.sign_in(home)))

    def sign_in(self, home: Home) -> Any:
        """The refresh token of a new sign-in, where the maker has such."""
        if home.provider != "tesla":
            return None
        return self.world.simulated("POST", f"/tesla/sign-in/{home.user_id}")["refresh_token"]

    def play(self) -> None:
        """From the evening until everything is quiet."""
        self.world.run_until(self.calm_at)
        self.world.calm()
        self.world.run_until(self.calm_at + QUIET)
