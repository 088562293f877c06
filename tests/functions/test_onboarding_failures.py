"""Axle failing before, during and after each call: the old state or the new one, and the repeat reaches the new."""

from typing import Any

import pytest

from simulators.common import Fault
from tests.support.functions.rig import Reply, Rig
from tests.support.functions.sites import car, delete, let_pass, post, put, site_body, status

FAULTS: dict[str, dict[str, Any]] = {
    "cut before": {"when": "before", "drop": True},
    "failed after": {"when": "after", "status": 500},
    "cut after": {"when": "after", "drop": True},
}


def _onboard(rig: Rig) -> Reply:
    return put(rig, site_body(rejoin=True))


def _add(rig: Rig) -> Reply:
    return put(rig, site_body(car("car-2", vehicle=None)))


def _unenrol(rig: Rig) -> Reply:
    return post(rig, "unenrol")


def _enrol(rig: Rig) -> Reply:
    return post(rig, "enrol", {"rejoin": True})


def _delete(rig: Rig) -> Reply:
    return delete(rig)


CALLS: dict[str, tuple[Any, tuple[Any, ...], str]] = {
    "onboard": (_onboard, (), "onboard$"),
    "add": (_add, (_onboard,), "onboard$"),
    "unenrol": (_unenrol, (_onboard,), "unenrol$"),
    "enrol": (_enrol, (_onboard, _unenrol), "/enrol$"),
    "balance": (_delete, (_onboard,), "/rewards/"),
    "offboard": (_delete, (_onboard,), "offboard-site-and-assets$"),
    "token": (_onboard, (), "/auth/token-form"),
}
GOES_ON = {"unenrol", "enrol", "offboard"}
"""202 if the clock can finish the call alone; 503 if the caller has to repeat it."""
TRANSIENT = {
    "enrol": "enrolling",
    "unenrol": "unenrolling",
    "offboard": "leaving",
    "onboard": "onboarding",
    "token": "onboarding",
}


def _state(rig: Rig) -> str | None:
    reply = status(rig)
    return str(reply.body["state"]) if reply.status == 200 else None


def _held_by_axle(rig: Rig) -> list[tuple[list[str], list[str]]]:
    world = rig.axle.world
    return [
        (sorted(world.assets[asset_id].external_id for asset_id in site.asset_ids), sorted(site.propositions))
        for site in world.sites.values()
    ]


@pytest.mark.parametrize("fault", list(FAULTS))
@pytest.mark.parametrize("call", list(CALLS))
def test_a_failure_leaves_the_old_or_the_new_state_and_the_repeat_reaches_the_new(
    rig: Rig, call: str, fault: str
) -> None:
    do, before, path = CALLS[call]
    for step in before:
        assert step(rig).status < 300
    old = _state(rig), _held_by_axle(rig)
    # A connection that dies is tried once more at once, so both tries meet the fault.
    rig.axle.faults.add(Fault(path=path, count=2, **FAULTS[fault]))
    failed = do(rig)
    rig.axle.faults.clear()
    assert failed.status == (202 if call in GOES_ON else 503), failed.text
    assert failed.status == 202 or int(failed.headers["Retry-After"]) >= 1
    assert _state(rig) in {old[0], TRANSIENT.get(call)}
    if call == "offboard":
        let_pass(rig, minutes=2)
    done = do(rig)
    assert done.status in {200, 201, 204}, done.text
    new = _state(rig), _held_by_axle(rig)
    again = do(rig)
    assert again.status < 300
    assert (_state(rig), _held_by_axle(rig)) == new
    expected = {
        "onboard": ("active", [(["car-1"], ["full_asset_schedule_control"])]),
        "token": ("active", [(["car-1"], ["full_asset_schedule_control"])]),
        "add": ("active", [(["car-1", "car-2"], ["full_asset_schedule_control"])]),
        "unenrol": ("unenrolled", [(["car-1"], [])]),
        "enrol": ("active", [(["car-1"], ["full_asset_schedule_control"])]),
        "balance": (None, []),
        "offboard": (None, []),
    }
    assert new == expected[call]


class _FailingWrites:
    """A DynamoDB client whose transactions fail after the first, until they are allowed again."""

    def __init__(self, client: Any) -> None:
        self.client, self.failing, self.made = client, True, 0

    def __getattr__(self, name: str) -> Any:
        self.made += name == "transact_write_items"
        if name == "transact_write_items" and self.failing and self.made > 1:
            raise ConnectionError("the table cannot be reached")
        return getattr(self.client, name)


def test_a_write_of_ours_that_fails_after_axle_accepted_is_healed_by_the_repeat(rig: Rig) -> None:
    store = rig.runtime.sites
    broken: Any = _FailingWrites(rig.runtime.dynamodb)
    rig.runtime.__dict__["sites"] = type(store)(broken, store.table, store.records)
    reply = put(rig, site_body())
    assert (reply.status, reply.problem) == (503, "unavailable")
    assert status(rig).body["unfinished"] is not None
    broken.failing = False
    assert put(rig, site_body()).status == 503, "the first call may still be at work"
    rig.clock.move(seconds=36)
    assert put(rig, site_body()).status == 201
    assert status(rig).body["unfinished"] is None
    rig.pump()
    assert rig.events_at_axle("car-1") == ["tariff_update", "intent_update", "plug_out"]
