"""What comes for an asset while its site changes: schedules during a swap, and Axle's refusals after an opt-out."""

from datetime import timedelta

import pytest

from tests.support.functions.assets import AXLE_SECRET, set_secret
from tests.support.functions.rig import Rig
from tests.support.functions.schedule_calls import accepted, deliver, envelope, post, profile
from tests.support.functions.sites import car, carry_out, held, let_pass, put, site_body
from tests.support.sites.operations import asset
from tests.support.sites.operations import post as post_site
from tests.support.sites.operations import put as put_site
from tests.support.sites.world import World, new_world

OTHER = {"provider": "smartcar", "vehicle_id": "smartcar-vehicle-1", "user_id": "smartcar-user-1"}


def test_a_schedule_that_comes_during_a_swap_is_accepted_and_the_next_one_holds_for_the_new_vehicle(rig: Rig) -> None:
    held(rig)
    assert put(rig, site_body(car(vehicle=OTHER, plugged_in=True))).status == 202
    axle_asset_id = rig.twin("car-1").link.axle_asset_id
    set_secret(rig, "AXLE_WEBHOOK_SECRET", {"secrets": [AXLE_SECRET]})
    sent = envelope(payload={"axle_asset_id": axle_asset_id, "charging_profile": profile()})
    assert accepted(post(rig, profile(), asset=axle_asset_id))
    assert accepted(deliver(rig, sent))
    rig.pump()
    assert carry_out(rig, "car-1") == "start", "the car that goes is released whatever the schedule says"
    let_pass(rig, minutes=1)
    swapped = rig.twin("car-1")
    assert swapped.link.vehicle is not None
    assert (swapped.link.vehicle.provider, swapped.link.swapping, swapped.profiles) == ("smartcar", False, ())
    assert accepted(post(rig, profile(), asset=axle_asset_id))
    assert len(rig.twin("car-1").profiles) == 1


def test_a_schedule_for_an_asset_that_is_being_removed_is_refused_for_good(rig: Rig) -> None:
    held(rig)
    assert put(rig, site_body(car("car-2", vehicle=OTHER), remove_assets=["car-1"])).status == 202
    reply = post(rig, profile(), asset=rig.twin("car-1").link.axle_asset_id)
    assert (reply.status, reply.problem) == (409, "not-enrolled")


def events_of(world: World, name: str) -> list[str]:
    return [str(detail["reason"]) for kind, detail in world.bus.events if kind == name]


def test_a_driver_who_opts_out_while_a_plug_out_is_reported_hears_nothing_of_axles_refusal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    refusals = 0
    for number in range(20):
        with new_world(monkeypatch) as world:
            put_site(world, asset("electric_vehicle"))
            world.settle(timedelta(minutes=1))
            post_site(world, "snooze", {"until": "2026-01-18T12:00:00Z"})
            with world.outside.watching(between=(number, lambda world=world: post_site(world, "unenrol"))) as calls:
                world.deliver("axle_sync", {"asset": "car-1"})
            if number >= len(calls):
                break
            refusals += any(entry["status"] == 404 for entry in world.axle.requests.list(path="event"))
            world.settle(timedelta(minutes=10))
            assert events_of(world, "NeedsAttention") == []
            assert world.runtime.table.twin("car-1").axle.refusals == ()
            assert world.request("GET", "/sites/{site}").body["state"] == "unenrolled"
    assert refusals > 0, "Axle has refused an event of the site that opted out"
