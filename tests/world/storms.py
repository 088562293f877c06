"""A small fleet of two car makers whose cars all start at 23:30, with a storm at that edge, in the world.

A rush (``rush``) has the numbers; here everything else is real as well, so all that must hold after a night is checked.
"""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from tests.world.aws import RandomFaults
from tests.world.ends import found_wrong
from tests.world.homes import Home, Neighbourhood, home
from tests.world.judged import judged
from tests.world.night import Night
from tests.world.world import CALM, new_world

BEGINS = datetime(2026, 1, 15, 22, 30, tzinfo=UTC)
EDGE = datetime(2026, 1, 15, 23, 30, tzinfo=UTC)
ENDS = datetime(2026, 1, 16, 0, 30, tzinfo=UTC)
ENODE, OCPP = 8, 4
CALLS_PER_S = 1.0


class StormNight(Night):
    """A night in which every car is plugged in before the edge and stays until the morning."""

    @property
    def calm_at(self) -> datetime:
        """See ``Night.calm_at``."""
        return ENDS

    def write(self) -> None:
        """See ``Night.write``."""
        for number, one in enumerate(self.neighbourhood.homes):
            joins, plugs_in = partial(self.onboard, one), partial(self.world.move, one.vehicle_id, "plug-in")
            at = BEGINS + timedelta(seconds=20 * number)
            self.world.simulated("POST", "/cars", one.spec)
            self.world.at(at, f"{one.site} joins", joins)
            self.world.at(at + timedelta(minutes=20), f"{one.asset} plugs in", plugs_in)
            self.stays.add(one.asset)

    def of(self, provider: str) -> list[Home]:
        """The homes of a car maker."""
        return [one for one in self.neighbourhood.homes if one.provider == provider]

    def during(self, provider: str, since: datetime, until: datetime, **fault: Any) -> None:
        """Have a car maker suffer a fault of its simulator for a time."""
        begun: list[Any] = []
        body = {"path": f"^/{provider}/", **fault}
        self.seen.outages[provider].append((since, until, str(fault)))
        self.world.at(since, f"{provider} {fault}", lambda: begun.append(self.world.simulated("POST", "/faults", body)))
        self.world.at(
            until, f"{provider} is well", lambda: self.world.simulated("DELETE", f"/faults/{begun[0][0]['id']}")
        )

    def starts_s(self, provider: str) -> list[list[float]]:
        """How long after the edge each car of a maker that has not left was started (s), and started again."""
        cars = self.world.cars.world.cars
        return [
            [
                (datetime.fromisoformat(command["at"]) - EDGE) / timedelta(seconds=1)
                for command in cars[one.vehicle_id].commands
                if datetime.fromisoformat(command["at"]) >= EDGE
            ]
            for one in self.of(provider)
            if one.site not in self.left
        ]


def wrong(night: StormNight) -> list[str]:
    """What must not be there after the night."""
    return [*night.world.violations, *found_wrong(night), *judged(night)[1]]


@contextmanager
def storm(happens: Callable[[StormNight], object]) -> Iterator[StormNight]:
    """The night of a storm, played to its end."""
    homes = [_home(number, "enode" if number <= ENODE else "ocpp") for number in range(1, ENODE + OCPP + 1)]
    policy = RandomFaults(random.Random(1), CALM)
    with new_world(1, policy=policy, start=BEGINS, parameters={"EnodeCallsPerSecond": f"{CALLS_PER_S}"}) as world:
        night = StormNight(world, Neighbourhood(tuple(homes)), random.Random(1), changes=False, bad_days=False)
        night.write()
        happens(night)
        night.play()
        yield night


def _home(number: int, provider: str) -> Home:
    made = home(min(number, 5), provider, soc_pct=90)
    if number <= 5:
        return made
    vehicle_id, mpan = f"{provider}-vehicle-{number}", f"16000000{number:05d}"
    spec = made.spec | {"vehicle_id": vehicle_id, "user_id": f"driver-{number}"}
    spec |= {"home_location_id": f"location-{number}"} if provider == "enode" else {"asset": f"car-{number}"}
    return replace(
        made,
        site=f"home-{number}",
        asset=f"car-{number}",
        vehicle_id=vehicle_id,
        user_id=f"driver-{number}",
        mpan=mpan,
        spec=spec,
    )
