"""Whatever dies, fails or comes in between at any call of any operation of a site: two hours later all agree.

In the gate each call of an operation has one fault, with a car or a charger in turn, and a tenth of the pairs is
interleaved; ``make site-crash-points`` runs all.
"""

from itertools import count
from typing import Any

import pytest

from tests.support.sites.enumeration import (
    ALL,
    Run,
    calls_of,
    differences,
    disturbed,
    interleaved,
    outcome,
    runs_of,
    undisturbed,
)
from tests.support.sites.operations import KINDS, Operation, delete, operations, post, put, rivals
from tests.support.sites.world import LONGEST, new_world

KEEPS_THE_SESSION = {"repeated", "added", "rewired", "opt-out", "re-join", "put again after opting out", "snooze"}
ONE_IN = 10
"""The share of the pairs that the gate runs, with a car or a charger in turn."""


def _cases(make: Any) -> list[Any]:
    return [pytest.param(kind, one, id=f"{one}-{kind}") for kind in KINDS for one in make(kind)]


def _chosen(runs: list[Run], kind: int) -> list[Run]:
    """One run for every other call, and over the calls every fault in turn, repeated and given up."""
    if ALL:
        return runs
    by_call: dict[int, list[Run]] = {}
    for run in runs:
        by_call.setdefault(run.number, []).append(run)
    mine = {number: several for number, several in by_call.items() if number % len(KINDS) == kind}
    return [several[number * 5 % len(several)] for number, several in mine.items()]


@pytest.mark.parametrize(("kind", "operation"), _cases(operations))
def test_an_operation_with_a_fault_at_any_call_comes_to_agree(
    kind: str, operation: Operation, monkeypatch: pytest.MonkeyPatch, record_property: Any
) -> None:
    calls = calls_of(operation, monkeypatch)
    expected, at_rest = undisturbed(operation, monkeypatch)
    assert at_rest == []
    assert operation.name not in KEEPS_THE_SESSION or expected.endswith("['plugged']")
    chosen, found = _chosen(list(runs_of(calls)), KINDS.index(kind)), []
    for run in chosen:
        result, differing = disturbed(operation, run, monkeypatch)
        if differing or (run.again and result != expected):
            found.append(f"{run} ({calls[run.number]}): {differing or result}")
    record_property("outcome", f"{operation} ({kind}): {len(calls)} calls, {len(chosen)} runs, {len(found)} differ")
    assert found == []


@pytest.mark.parametrize(("kind", "operation"), _cases(rivals))
def test_two_operations_interleaved_at_any_call_come_to_agree(
    kind: str, operation: Operation, monkeypatch: pytest.MonkeyPatch, record_property: Any
) -> None:
    calls, number_of_pair, found, runs = calls_of(operation, monkeypatch), count(), [], 0
    offset = [str(one) for one in rivals(kind)].index(str(operation)) + ONE_IN * KINDS.index(kind)
    for other in rivals(kind):
        for number in range(len(calls)):
            if not ALL and (next(number_of_pair) + offset) % (ONE_IN * len(KINDS)):
                continue
            runs += 1
            differing = interleaved(operation, other, number, monkeypatch)
            if differing:
                found.append(f"{other} before call {number} ({calls[number]}): {differing}")
    record_property(
        "outcome", f"{operation} ({kind}), interleaved: {len(calls)} calls, {runs} runs, {len(found)} differ"
    )
    assert found == []


def test_an_onboarding_that_nobody_repeats_is_finished_if_axle_has_taken_it(monkeypatch: pytest.MonkeyPatch) -> None:
    new = next(one for one in operations("electric_vehicle") if one.name == "new")
    calls = calls_of(new, monkeypatch)
    onboarding = next(number for number, call in enumerate(calls) if "site/onboard" in call.about)
    with new_world(monkeypatch) as world:
        reply, _ = world.attempt(new.do, fault=(onboarding, "answer lost"))
        assert reply is not None
        assert (reply.status, reply.problem) == (503, "unavailable")
        world.settle(LONGEST)
        assert outcome(world).startswith("home-1 active ('car-1',)")
        assert differences(world) == []


def test_an_onboarding_that_axle_never_took_is_taken_back_after_an_hour_and_the_app_hears_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    new = next(one for one in operations("electric_vehicle") if one.name == "new")
    calls = calls_of(new, monkeypatch)
    onboarding = next(number for number, call in enumerate(calls) if "site/onboard" in call.about)
    with new_world(monkeypatch) as world:
        world.attempt(new.do, fault=(onboarding, "unavailable"))
        shown = world.request("GET", "/sites/{site}").body
        assert (shown["state"], "Repeat the PUT" in shown["unfinished"]["text"]) == ("onboarding", True)
        world.settle(LONGEST)
        assert world.request("GET", "/sites/{site}").body["state"] == "taken_back"
        (detail,) = [detail for kind, detail in world.bus.events if kind == "NeedsAttention"]
        assert (detail["asset"], detail["reason"]) == ("car-1", "ONBOARDING_TAKEN_BACK")
        assert differences(world) == []
        assert new.do(world).status == 201


def test_the_newest_wish_wins_whatever_axle_carries_out_first(monkeypatch: pytest.MonkeyPatch) -> None:
    joining = next(one for one in operations("electric_vehicle") if one.name == "re-join")
    calls = calls_of(joining, monkeypatch)
    enrolling = next(number for number, call in enumerate(calls) if call.about.endswith("/enrol"))
    with new_world(monkeypatch) as world:
        joining.before(world)
        world.attempt(joining.do, fault=(enrolling, "answer lost"))
        world.clock.move(seconds=5)
        assert post(world, "unenrol").status == 200
        world.settle(LONGEST)
        assert outcome(world).startswith("home-1 unenrolled")
        assert differences(world) == []


def test_two_erasures_at_once_are_both_answered_and_a_put_during_them_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    erasing = next(one for one in operations("electric_vehicle") if one.name == "erase")
    for number in range(len(calls_of(erasing, monkeypatch))):
        with new_world(monkeypatch) as world:
            erasing.before(world)
            replies = []

            def rival(world: Any = world, replies: Any = replies) -> None:
                replies.append(delete(world))

            reply, _ = world.attempt(erasing.do, between=(number, rival))
            assert reply is not None
            if not replies:
                continue  # A run may make fewer calls than the one that was counted.
            assert {reply.status, replies[0].status} <= {202, 204}
            assert put(world, {"asset": "car-1", "type": "charger", "power_kw": 7.4}).status == 409
            world.settle(LONGEST)
            assert world.request("GET", "/sites/{site}").status == 404
            assert differences(world) == []
