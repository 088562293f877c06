"""Thirteen faults, planted one at a time, and what catches each: ``python -m tests.world.mutants [--only NAME ...]``.

The proof that the world can fail. Each is a fault that a hand could make in the product, planted by a patch. What is
likely to catch it, and is quick, is tried first; the first catch ends the search.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from unittest.mock import patch

from driveway.axle import sync as axle_sync
from driveway.commands import dispatch
from driveway.commands.rate import command_of
from driveway.domain import due
from driveway.domain.axle_sync.answers import acknowledged, answered, claimed_call
from driveway.domain.due import Dues
from driveway.domain.twin import Twin
from driveway.observations import car_reports
from driveway.store import table
from driveway.store.records import Records
from driveway.store.table import Change
from driveway.values import replace
from tests.world.chaos import play
from tests.world.crash_points import enumerate_faults
from tests.world.forks import ChildError, in_a_copy
from tests.world.late_reports import energy_of_late_reports
from tests.world.leaving import still_held
from tests.world.one_account import refreshed_by_two
from tests.world.one_car import claimed_by_two
from tests.world.pairs import try_pair
from tests.world.planted import (
    PLANTED,
    SHOWN_BY,
    alias_not_conditional,
    late_sample_dropped,
    release_forgotten,
    token_refreshed_twice,
)
from tests.world.situations import SITUATIONS
from tests.world.world import START


def _patched(target: Any, name: str, make: Callable[[Any], Any]) -> AbstractContextManager[Any]:
    return patch.object(target, name, make(getattr(target, name)))


@contextmanager
def version_condition_dropped() -> Iterator[None]:
    """A twin is written whatever was written since it was read."""

    def make(update: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
        def dropped(*given: Any, **named: Any) -> dict[str, Any]:
            request = update(*given, **named)
            return request | {"ConditionExpression": "#version = :read_version OR attribute_exists(pk)"}

        return dropped

    with _patched(table.Table, "_update", make):
        yield


@contextmanager
def acknowledged_before_sent() -> Iterator[None]:
    """What Axle is sent counts as acknowledged before the call."""

    def make(claim: Callable[..., tuple[Twin, str]]) -> Callable[..., tuple[Twin, str]]:
        def too_early(asset: str, note: Any, runtime: Any) -> tuple[Twin, str]:
            twin, name = claim(asset, note, runtime)
            call, now = claimed_call(twin, name), runtime.now()
            if call is not None:
                rule = lambda present: answered(present, name, lambda one: acknowledged(one, call, now))  # noqa: E731
                runtime.table.change_twin(asset, rule, now=now)
            return twin, name

        return too_early

    with _patched(axle_sync, "_claim", make):
        yield


@contextmanager
def doubt_forgotten() -> Iterator[None]:
    """A call without an answer counts as one that was not made."""

    def make(put_off: Callable[..., Twin]) -> Callable[..., Twin]:
        def forgetful(twin: Twin, *given: Any, **named: Any) -> Twin:
            after = put_off(twin, *given, **named | {"unanswered": None})
            return replace(after, axle=replace(after.axle, doubts=twin.axle.doubts, lost=twin.axle.lost))

        return forgetful

    with _patched(axle_sync, "put_off", make):
        yield


@contextmanager
def claim_skipped() -> Iterator[None]:
    """A command is sent without a claim on the twin."""

    def make(_: Callable[..., Any]) -> Callable[..., Any]:
        def unclaimed(asset: str, command_id: str, provider: str, runtime: Any) -> Any:
            twin = runtime.table.twin(asset)
            vehicle, command = twin.link.vehicle, command_of(twin, command_id)
            known = vehicle is not None and command is not None and command.state in {"planned", "sent"}
            return (Change(twin, twin), vehicle, command) if known else None

        return unclaimed

    with _patched(dispatch, "_claimed", make):
        yield


@contextmanager
def due_time_not_written() -> Iterator[None]:
    """A twin that has something ahead of it is stored without its due time for charge control."""

    def make(dues: Callable[..., Dues]) -> Callable[..., Dues]:
        return lambda *given: replace(dues(*given), control=None)

    with _patched(due, "dues", make):
        yield


@contextmanager
def deduplicated_before_stored() -> Iterator[None]:
    """An event of a car maker or of Axle is remembered before it is stored."""

    def attempts(attempt: Callable[..., Any]) -> Callable[..., Any]:
        def too_early(asset: str, reports: Any, provider: str, runtime: Any) -> Any:
            keys = [one.key for one in reports]
            runtime.inbox.remember(provider, keys, now=runtime.now(), kept=car_reports.SEEN_FOR)
            return attempt(asset, reports, provider, runtime)

        return too_early

    def asks(remembered: Callable[..., Any]) -> Callable[..., Any]:
        def too_early(records: Records, source: str, identifier: str) -> Any:
            found = remembered(records, source, identifier)
            if source == "axle" and found is None:
                records.remember(source, identifier, now=START, kept=timedelta(days=7))
            return found

        return too_early

    with _patched(car_reports, "_attempt", attempts), _patched(Records, "remembered", asks):
        yield


@dataclass(frozen=True)
class Mutant:
    """A fault to plant, and the situations, pairs, checks and seeds that are tried first."""

    plant: Callable[[], AbstractContextManager[None]]
    situations: Sequence[str] = ()
    pairs: Sequence[tuple[str, str]] = ()
    checks: Sequence[Callable[[], list[str]]] = ()
    seeds: Sequence[int] = ()


MUTANTS: Mapping[str, Mutant] = {
    # Only two writers between a read and its write show it.
    "version condition dropped": Mutant(
        version_condition_dropped, pairs=[("report", "plug-out"), ("lower profile", "profile"), ("report", "intent")]
    ),
    "acknowledged before sent": Mutant(acknowledged_before_sent, ["Axle gets a plug-in"]),
    "doubt forgotten": Mutant(doubt_forgotten, ["charge-now deleted at once"]),
    "claim skipped": Mutant(claim_skipped, ["a stop is sent"]),
    "due time not written": Mutant(due_time_not_written, ["a start is planned"]),
    "dedupe before store": Mutant(deduplicated_before_stored, ["an envelope"]),
    **{name: Mutant(plant, seeds=SHOWN_BY[name]) for name, plant in PLANTED.items()},
    "late sample dropped": Mutant(late_sample_dropped, checks=[energy_of_late_reports]),
    "alias not conditional": Mutant(alias_not_conditional, checks=[claimed_by_two]),
    "release forgotten": Mutant(release_forgotten, checks=[still_held]),
    "token refreshed twice": Mutant(token_refreshed_twice, checks=[refreshed_by_two]),
}
SEEDS = range(1, 4)
"""The nights that are played if nothing else catches a mutant."""


def caught_by(name: str) -> list[str]:
    """What notices a mutant first, and what it says; empty if nothing does."""
    mutant = MUTANTS[name]
    with mutant.plant():
        for what, look in _looks(mutant):
            try:
                found = in_a_copy(look)
            except ChildError as error:
                found = [str(error)]
            if found:
                return [what, *found[:2]]
    return []


def _looks(mutant: Mutant) -> Iterator[tuple[str, Callable[[], list[str]]]]:
    for first, second in mutant.pairs:
        yield f"pair {first} + {second}", lambda: try_pair(first, second, stops_at_first=True).wrong  # noqa: B023
    for name in mutant.situations:
        yield f"crash points of {name!r}", lambda: enumerate_faults(SITUATIONS[name], stops_at_first=True).wrong  # noqa: B023
    for check in mutant.checks:
        yield check.__name__, check
    for seed in mutant.seeds or SEEDS:
        yield f"seed {seed}", lambda: play(seed).wrong  # noqa: B023


def main(arguments: Sequence[str]) -> int:
    """Plant each, and print what caught it."""
    asked = argparse.ArgumentParser(prog="python -m tests.world.mutants")
    asked.add_argument("--only", nargs="*", default=list(MUTANTS))
    given, survivors = asked.parse_args(arguments), []
    for name in given.only:
        began = time.monotonic()
        found = caught_by(name)
        took = f"{time.monotonic() - began:.0f} s"
        print(f"{name}: caught by {found[0]} ({took})" if found else f"{name}: SURVIVED ({took})", flush=True)
        for wrong in found[1:]:
            print(f"    {wrong[:400]}", flush=True)
        survivors += [] if found else [name]
    print(f"mutants caught {len(given.only) - len(survivors)}, survived {survivors}")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
