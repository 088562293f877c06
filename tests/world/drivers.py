"""What drivers do in a night, and what they change in it."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from tests.world.app import Asked
from tests.world.distributions import energy_kwh, plug_in_after, plug_out_after
from tests.world.homes import Home

if TYPE_CHECKING:
    from tests.world.night import Night

NOT_HERE = frozenset({404, 409})


@dataclass
class Driver:
    """One driver's night, put on the world's agenda."""

    night: "Night"
    home: Home
    rng: random.Random

    def plans(self) -> None:
        """Draw the night of a driver."""
        home, rng, evening_at = self.home, self.rng, self.night.evening
        self._at(evening_at + timedelta(seconds=rng.uniform(0, 1200)), "joins", lambda: self.night.onboard(home))
        plugged_at = evening_at + plug_in_after(rng)
        if rng.random() < 0.5:
            self._at(evening_at + timedelta(seconds=1), "drives", self._moves("drive-away"))
            self._at(plugged_at - timedelta(seconds=60), "comes home", self._moves("come-home"))
        self._at(plugged_at, "plugs in", self._moves("plug-in"))
        if self.night.changes and rng.random() < 0.67:
            changes = self._changes()
            for name in rng.sample(sorted(changes), rng.choice([1, 1, 2])):
                self._at(plugged_at + timedelta(seconds=rng.uniform(60, 9 * 3600)), name, changes[name])
        if rng.random() < 0.12:
            self._leaves_at_night(plugged_at)
        out_after = plug_out_after(rng)
        if out_after is None:
            self.night.stays.add(home.asset)
            return
        leaves_at = evening_at + out_after
        self._at(leaves_at, "plugs out", self._moves("plug-out"))
        self._at(leaves_at + timedelta(seconds=90), "drives", self._moves("drive-away"))

    def _leaves_at_night(self, plugged_at: datetime) -> None:
        """The cable comes out at night and goes in again; every other time the car drives meanwhile."""
        out_at = plugged_at + timedelta(seconds=self.rng.uniform(3600, 4 * 3600))
        back_at = out_at + timedelta(seconds=self.rng.uniform(20, 3600))
        self._at(out_at, "plugs out", self._moves("plug-out"))
        if back_at - out_at > timedelta(minutes=10) and self.rng.random() < 0.5:
            self._at(out_at + timedelta(seconds=60), "drives", self._moves("drive-away", used_kwh=3.0))
            self._at(back_at - timedelta(seconds=60), "comes home", self._moves("come-home"))
        self._at(back_at, "plugs in", self._moves("plug-in"))

    def _at(self, at: datetime, name: str, do: Callable[[], object]) -> None:
        self.night.world.at(at, f"{self.home.asset} {name}", do)

    def _moves(self, move: str, **body: Any) -> Callable[[], object]:
        return lambda: self.night.world.move(self.home.vehicle_id, move, **body)

    def _by_hand(self, move: str) -> Callable[[], object]:
        def moves() -> None:
            self.night.seen.by_hand(self.home.vehicle_id)
            self.night.world.move(self.home.vehicle_id, move)

        return moves

    def _asks(self, method: str, path: str, body: Any = None) -> Callable[[], object]:
        return lambda: self.night.app.ask(method, path, body, expected=NOT_HERE)

    def _changes(self) -> dict[str, Callable[[], object]]:
        """What a driver may do at night."""
        home, rng = self.home, self.rng
        asset = f"/assets/{home.asset}"
        tariff = {"off_peak": [{"start": "01:00", "end": "06:00"}], "timezone": home.tariff_zone}
        intent = {"kwh": energy_kwh(rng), "ready_by": rng.choice(["05:30", "06:30", "08:00"])}
        minutes = rng.choice([30, 60, 150])
        found = {
            "changes the intent": self._asks("PUT", f"{asset}/intent", intent),
            "changes the tariff": self._asks("PUT", f"{asset}/tariff", tariff),
            "charges now": self._asks("PUT", f"{asset}/charge-now", {"for_minutes": minutes}),
            "ends charge-now": self._asks("DELETE", f"{asset}/charge-now"),
            "snoozes": lambda: self._snoozes(rng.uniform(1800, 4 * 3600)),
            "leaves": self._leaves,
            "leaves and joins again": self._leaves_and_rejoins,
            "is erased": self._is_erased,
        }
        if home.provider != "ocpp":
            found["stops in the car"] = self._by_hand("driver-stop")
            found["starts in the car"] = self._by_hand("driver-start")
            found["sells the car"] = self._sells
            found["raises the limit"] = lambda: self.night.world.simulated(
                "POST", f"/cars/{home.vehicle_id}/set", {"charge_limit_pct": 100}
            )
        return found

    def _snoozes(self, for_s: float) -> None:
        until = self.night.world.clock.now() + timedelta(seconds=for_s)
        until = min(until, self.night.calm_at - timedelta(minutes=30)).replace(microsecond=0)
        body = {"until": until.isoformat()}
        self.night.app.ask("POST", f"/sites/{self.home.site}/snooze", body, expected=NOT_HERE | {422})

    def _leaves(self) -> None:
        self.night.left.add(self.home.site)
        self.night.app.ask("POST", f"/sites/{self.home.site}/unenrol", expected=NOT_HERE)

    def _leaves_and_rejoins(self) -> None:
        self._leaves()
        self.night.world.after(
            self.rng.uniform(600, 5400),
            f"{self.home.site} joins again",
            lambda: self.night.app.ask("POST", f"/sites/{self.home.site}/enrol", {"rejoin": True}, expected=NOT_HERE),
        )

    def _is_erased(self) -> None:
        self.night.erased.add(self.home.site)
        self.night.app.ask("DELETE", f"/sites/{self.home.site}", expected=NOT_HERE)

    def _sells(self) -> None:
        """The buyer's app asks for the car before it is free, and again when it is; the seller is erased between."""
        self.night.sold.add(self.home.asset)
        bought = self._buys()
        joined = any(
            one.path == f"/sites/{self.home.site}" and one.status in {200, 201} for one in self.night.app.asked
        )
        if joined and self.home.site not in self.night.erased and bought.status in {200, 201}:
            self.night.world.violations.append(f"{bought.path} got the car of {self.home.site}, which has not left")
        self._moves("plug-out")()
        self._moves("drive-away")()
        self._is_erased()
        self.night.world.after(4500, f"the buyer of {self.home.asset} asks again", self._buys)

    def _buys(self) -> Asked:
        buyer = self.home.bought()
        return self.night.app.ask(
            "PUT", f"/sites/{buyer.site}", buyer.body(self.night.sign_in(buyer)), expected=NOT_HERE | {422}
        )
