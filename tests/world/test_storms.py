"""A storm of each kind at 23:30, in the world: the cars are started, and all that must hold after a night holds."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.world.storms import CALLS_PER_S, EDGE, ENODE, OCPP, StormNight, storm, wrong

MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)
PACED_S = ENODE / CALLS_PER_S
"""How long the paced car maker takes for all its cars."""


def slow(night: StormNight) -> None:
    night.during("enode", EDGE - MINUTE, EDGE + 30 * MINUTE, path="^/enode/vehicles", delay_s=15.0)


def out(night: StormNight) -> None:
    night.during("enode", EDGE - MINUTE, EDGE + 11 * MINUTE, status=503)


def refusing(night: StormNight) -> None:
    night.during("enode", EDGE - MINUTE, EDGE + 3 * MINUTE, status=429)


def refusing_with_a_time(night: StormNight) -> None:
    night.during("enode", EDGE - MINUTE, EDGE + 3 * MINUTE, status=429, retry_after=30)


def replanned(night: StormNight) -> None:
    """Axle plans the whole fleet again, each car for the same energy."""
    axle = night.world.axle
    for one in night.neighbourhood.homes:

        def again(asset: str = one.asset) -> None:
            axle.events.issue(axle.world.assets[axle.world.asset_by_external_id[asset]])

        night.world.at(EDGE + 10 * SECOND, f"Axle plans {one.asset} again", again)


def opted_out(night: StormNight) -> None:
    """Every other home of the paced car maker leaves."""
    for one in night.of("enode")[::2]:

        def leaves(site: str = one.site) -> None:
            night.left.add(site)
            night.app.ask("POST", f"/sites/{site}/unenrol")

        night.world.at(EDGE + 2 * SECOND, f"{one.site} leaves", leaves)


@pytest.mark.parametrize(
    ("happens", "all_started_s"),
    [
        (out, 11 * 60 + 240),
        (refusing, 3 * 60 + 180),
        (refusing_with_a_time, 3 * 60 + 180),
        (replanned, PACED_S + 15),
        (opted_out, PACED_S + 15),
    ],
)
def test_in_a_storm_every_car_is_started_once_the_other_car_makers_in_time_and_all_invariants_hold(
    happens: Callable[[StormNight], None], all_started_s: float
) -> None:
    with storm(happens) as night:
        paced, other = night.starts_s("enode"), night.starts_s("ocpp")
        assert not wrong(night)
    assert {len(starts) for starts in paced} == {1}
    assert len(other) == OCPP
    assert max(starts[0] for starts in other) <= 2.0
    assert max(starts[0] for starts in paced) <= all_started_s


def test_at_a_slow_car_maker_all_invariants_hold() -> None:
    # Functions of the world wait within one another, so the other car maker's edge is measured in a rush.
    with storm(slow) as night:
        paced = night.starts_s("enode")
        assert not wrong(night)
    assert [len(starts) for starts in paced] == [1] * ENODE
