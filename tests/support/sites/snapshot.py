"""The state of a world, kept so that many runs begin at the same home without making it again."""

import copy
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tests.support.aws.memory_table import NAME
from tests.support.sites.world import World

AXLE_PARTS = {
    "world": ("sites", "assets", "site_by_mpan", "asset_by_external_id", "mpans"),
    "readings": ("_rows", "_counts"),
    "tokens": ("_valid_until",),
}
"""What the simulated Axle keeps of its sites, by the part that keeps it."""


@dataclass(frozen=True)
class Snapshot:
    """The table, its stream, the bus, the cars and Axle at an instant (aware UTC), with all effects delivered."""

    at: datetime
    drawn_at: datetime | None
    items: dict[Any, Any]
    held: frozenset[str]
    kept: frozenset[str]
    connected: frozenset[str]
    onboarded: frozenset[str]
    axle: dict[str, dict[str, Any]]


def taken(world: World) -> Snapshot:
    """The state of a world whose effects have all been delivered."""
    world.follow_up()
    parts = {part: getattr(world.axle, part) for part in AXLE_PARTS}
    axle = {part: {name: getattr(parts[part], name) for name in names} for part, names in AXLE_PARTS.items()}
    return Snapshot(
        world.clock.now(),
        world.drawn_at,
        dict(world.table.items),
        frozenset(world.maker.held),
        frozenset(world.maker.kept),
        world.makers.connected(),
        frozenset(world.onboarded),
        copy.deepcopy(axle),
    )


def put_back(snapshot: Snapshot, world: World) -> None:
    """Let a new world begin with the state of a snapshot; its functions have not run yet."""
    world.clock.put(snapshot.at)
    world.drawn_at = snapshot.drawn_at
    for item in snapshot.items.values():
        world.table.put_item(TableName=NAME, Item=item)
    world.table.records.clear()
    world.maker.held.update(snapshot.held)
    world.maker.kept.update(snapshot.kept)
    world.makers.put_back(snapshot.connected)
    world.onboarded.update(snapshot.onboarded)
    for part, values in copy.deepcopy(snapshot.axle).items():
        for name, value in values.items():
            setattr(getattr(world.axle, part), name, value)
