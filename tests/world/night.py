"""One night of three cars: onboarding in the evening, plug-ins, changed minds, departures in the morning, and quiet."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tests.world.app import App
from tests.world.homes import Home, Neighbourhood
from tests.world.seen import Seen
from tests.world.world import START, World

EVENING, MORNING = START, START + timedelta(hours=11)
CALM_AT = START + timedelta(hours=12, minutes=30)
"""When the last driver has left, and the last fault is over."""

QUIET_AT = CALM_AT + timedelta(hours=2)
NOT_HERE = frozenset({404, 409})


@dataclass
class Night:
    """The script of a night; without ``changes`` no driver changes their mind.

    ``left`` are homes that opted out, ``erased`` those that were erased, ``stays`` cars that are still plugged in.
    """

    world: World
    neighbourhood: Neighbourhood
    rng: random.Random
    changes: bool = True
    app: App = field(init=False)
    seen: Seen = field(init=False)
    left: set[str] = field(default_factory=set)
    erased: set[str] = field(default_factory=set)
    stays: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.seen = Seen(self.world)
        self.app = App(self.world, random.Random(self.rng.getrandbits(64)))

    def write(self) -> None:
        """Put everything that drivers and their app will do on the world's agenda."""
        world, near = self.world, self.neighbourhood
        for name, value in near.axle.items():
            setattr(world.axle.world.config, name, value)
        if near.makers:
            world.simulated("POST", "/config", near.makers)
        for home in near.homes:
            world.simulated("POST", "/cars", home.spec)
            self._script(home)

    def _script(self, home: Home) -> None:
        world, rng = self.world, self.rng
        onboarded_at = EVENING + timedelta(seconds=rng.uniform(0, 1200))
        world.at(onboarded_at, f"{home.site} joins", lambda: self._onboard(home))
        plugged_at = EVENING + timedelta(seconds=rng.uniform(1800, 4 * 3600))
        if rng.random() < 0.5:
            world.at(EVENING + timedelta(seconds=1), f"{home.asset} drives", self._moves(home, "drive-away"))
            world.at(plugged_at - timedelta(seconds=60), f"{home.asset} comes home", self._moves(home, "come-home"))
        world.at(plugged_at, f"{home.asset} plugs in", self._moves(home, "plug-in"))
        for change in rng.sample(self._changes(home), rng.choice([0, 0, 1, 2])):
            if self.changes:
                world.at(plugged_at + timedelta(seconds=rng.uniform(60, 8 * 3600)), f"{home.site} changes", change)
        if rng.random() < 0.15:
            self._nap(home, plugged_at)
        if rng.random() < 0.2:
            self.stays.add(home.asset)
            return
        leaves_at = MORNING + timedelta(seconds=rng.uniform(-1800, 5000))
        world.at(leaves_at, f"{home.asset} plugs out", self._moves(home, "plug-out"))
        world.at(leaves_at + timedelta(seconds=90), f"{home.asset} drives", self._moves(home, "drive-away"))

    def _nap(self, home: Home, plugged_at: datetime) -> None:
        """The cable comes out at night and goes in again."""
        out_at = plugged_at + timedelta(seconds=self.rng.uniform(3600, 4 * 3600))
        self.world.at(out_at, f"{home.asset} plugs out", self._moves(home, "plug-out"))
        in_at = out_at + timedelta(seconds=self.rng.uniform(20, 3600))
        self.world.at(in_at, f"{home.asset} plugs in", self._moves(home, "plug-in"))

    def _moves(self, home: Home, move: str) -> Callable[[], object]:
        return lambda: self.world.move(home.vehicle_id, move)

    def _onboard(self, home: Home) -> None:
        token = None
        if home.provider == "tesla":
            token = self.world.simulated("POST", f"/tesla/sign-in/{home.user_id}")["refresh_token"]
        self.app.ask("PUT", f"/sites/{home.site}", home.body(token))

    def _changes(self, home: Home) -> list[Callable[[], object]]:
        """What a driver may do at night."""
        asset, site, ask = f"/assets/{home.asset}", f"/sites/{home.site}", self.app.ask
        tariff = {"off_peak": [{"start": "01:00", "end": "06:00"}], "timezone": "Europe/London"}

        def leaves() -> None:
            self.left.add(home.site)
            ask("POST", f"{site}/unenrol", expected=NOT_HERE)

        def is_erased() -> None:
            self.erased.add(home.site)
            ask("DELETE", site, expected=NOT_HERE)

        return [
            lambda: ask("PUT", f"{asset}/intent", {"kwh": 12, "ready_by": "06:30"}, expected=NOT_HERE),
            lambda: ask("PUT", f"{asset}/tariff", tariff, expected=NOT_HERE),
            lambda: ask("PUT", f"{asset}/charge-now", {"for_minutes": 60}, expected=NOT_HERE),
            lambda: ask("DELETE", f"{asset}/charge-now", expected=NOT_HERE),
            leaves,
            is_erased,
        ]

    def play(self) -> None:
        """From the evening until everything is quiet."""
        self.world.run_until(CALM_AT)
        self.world.calm()
        self.world.run_until(QUIET_AT)
