"""Two instances at once, one outside call at a time: at every interleaving the access survives, or is forgotten.

An account that was erased with its last asset begins again with the next refresh token of the app. If that token is too
old, its maker refuses it, and the owner signs in again: no record of an erased home is kept to prevent it.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest

from driveway.store.tokens import TokenStoreError
from driveway.vehicles.accounts import Account
from simulators.cars.tokens import RefreshModel
from tests.support.auth.connection_world import ConnectionWorld, cars, repeatedly
from tests.support.auth.interleaving import Interleaving, every_interleaving

MODELS: tuple[RefreshModel, ...] = ("strict", "24h")
WHOLE = os.environ.get("DRIVEWAY_CONNECTIONS") == "all"
DRAWN = 50
"""How many interleavings of a pair the gate runs; ``DRIVEWAY_CONNECTIONS=all`` runs every one."""

OWNER = "owner-1"
Act = Callable[[ConnectionWorld], None]


@dataclass(frozen=True)
class Pair:
    """Two operations side by side, and their set-up, in which the owner is asked ``attention`` times to connect."""

    name: str
    before: Act
    first: Act
    second: Act
    attention: int = 0


def request(work: Callable[[ConnectionWorld], None]) -> Act:
    """A request that its caller repeats until it succeeds."""

    def act(world: ConnectionWorld) -> None:
        for _ in range(6):
            try:
                return work(world)
            except TokenStoreError:
                world.wait(1.0)
        raise AssertionError("the request never succeeds")

    return act


def put(site: str, asset: str, sign_in: str = "given", user: str | None = OWNER) -> Act:
    def act(world: ConnectionWorld) -> None:
        world.put_site(site, cars([asset], user, world.tokens.get(f"{user} {sign_in}")), world.instance(), check=False)

    return request(act)


def delete(site: str) -> Act:
    return request(lambda world: world.delete_site(site, world.instance()))


def command(asset: str) -> Act:
    def act(world: ConnectionWorld) -> None:
        world.command(asset, world.instance())

    return act


def check(world: ConnectionWorld) -> None:
    world.check(Account("tesla", OWNER))


def checked(site: str) -> Act:
    return lambda world: world.check(Account("tesla", OWNER), site)


def signed_in(world: ConnectionWorld) -> None:
    world.tokens[f"{OWNER} given"] = world.sign_in(OWNER)


def in_one_site(world: ConnectionWorld) -> None:
    signed_in(world)
    repeatedly(world, lambda instance: put("home-1", "car-1")(world))
    check(world)
    world.pass_time(timedelta(minutes=2))


def in_two_sites(world: ConnectionWorld) -> None:
    in_one_site(world)
    put("home-2", "car-2")(world)
    world.pass_time(timedelta(minutes=2))


def expired(world: ConnectionWorld) -> None:
    in_two_sites(world)
    world.now += timedelta(hours=9)


def offered(world: ConnectionWorld) -> None:
    signed_in(world)
    put("home-1", "car-1")(world)


def signed_in_again(world: ConnectionWorld) -> None:
    expired(world)
    world.tokens[f"{OWNER} new"] = world.sign_in(OWNER)


def lost(world: ConnectionWorld) -> None:
    expired(world)
    world.revoke(OWNER)
    command("car-1")(world)
    world.pass_time(timedelta(minutes=2))
    world.tokens[f"{OWNER} new"] = world.sign_in(OWNER)


def lost_and_offered(world: ConnectionWorld) -> None:
    lost(world)
    put("home-1", "car-1", "new")(world)


PAIRS = (
    Pair("two commands", expired, command("car-1"), command("car-2")),
    Pair("a command and the clock", offered, command("car-1"), check),
    Pair("a command and the same PUT once more", expired, command("car-1"), put("home-1", "car-1")),
    Pair("a command and a new sign-in", signed_in_again, command("car-1"), put("home-2", "car-2", "new")),
    Pair("a command and the erasure of the other site", expired, command("car-1"), delete("home-2")),
    Pair("a command and the erasure of the site", in_one_site, command("car-1"), delete("home-1")),
    Pair("an expired command and the erasure of both", expired, command("car-1"), delete("home-1")),
    Pair("the driver moves", in_one_site, put("home-2", "car-2"), delete("home-1")),
    Pair("the driver moves and signs in", signed_in_again, put("home-3", "car-3", "new"), delete("home-1")),
    Pair(
        "the driver moves and changes the car", in_one_site, put("home-2", "car-2"), put("home-1", "car-1", user=None)
    ),
    Pair("both sites are erased", in_two_sites, delete("home-1"), delete("home-2")),
    Pair("a first PUT, and another site's", signed_in, put("home-1", "car-1"), put("home-2", "car-2")),
    Pair("the clock twice", offered, check, check),
    Pair("the clock and the erasure", offered, check, delete("home-1")),
    Pair("the check of a PUT and the erasure", offered, checked("home-1"), delete("home-1")),
    Pair("the clock twice after a loss", lost_and_offered, check, check, attention=1),
    Pair("a new sign-in and a command", lost, put("home-1", "car-1", "new"), command("car-2"), attention=1),
    Pair("the check of a new sign-in and a command", lost_and_offered, check, command("car-2"), attention=1),
)


def run(pair: Pair, model: RefreshModel, made: Interleaving) -> None:
    world = ConnectionWorld(model)
    pair.before(world)
    world.interleaving = made
    made.outside = world.state
    errors = made.run(lambda: pair.first(world), lambda: pair.second(world))
    world.interleaving = None
    if made.abandoned:
        return
    assert errors == [None, None]
    world.pass_time(timedelta(minutes=4))
    judge(pair, world)
    world.pass_time(timedelta(minutes=70))
    assert set(world.store.kept) == ({f"TOKEN#tesla#{OWNER}"} if owned(world) else set())
    assert world.kept_tokens() == [] or owned(world)


def owned(world: ConnectionWorld) -> list[str]:
    return world.assets_in(Account("tesla", OWNER))


def judge(pair: Pair, world: ConnectionWorld) -> None:
    expected = pair.attention
    if owned(world) and not world.is_connected(OWNER) and f"TOKEN#tesla#{OWNER}" in world.forgotten:
        expected = 1
        assert [world.attention(name) for name in owned(world)] == [1]
        world.tokens[f"{OWNER} new"] = world.sign_in(OWNER)
        put("home-2", "car-2", "new")(world)
        world.pass_time(timedelta(minutes=1))
    for name in owned(world):
        assert world.is_connected(OWNER)
        assert world.is_good(world.command(name, world.instance()))
        assert world.attention(name) == world.reconnections(name) == expected


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
def test_access_survives_two_instances_at_every_interleaving(
    pair: Pair, model: RefreshModel, record_property: Callable[[str, object], None]
) -> None:
    def one(made: Interleaving) -> None:
        try:
            run(pair, model, made)
        except AssertionError as error:
            choices = [choice for choice, _ in made.taken]
            raise AssertionError(f"{pair.name}, {model}: {choices}") from error

    abandoned = [made.abandoned for made in every_interleaving(one, most=None if WHOLE else DRAWN)]
    runs = f"{len(abandoned)} interleavings, of which {sum(abandoned)} came into the state of another"
    record_property("outcome" if WHOLE else "sampled", f"{pair.name}, {model}: {runs}")
