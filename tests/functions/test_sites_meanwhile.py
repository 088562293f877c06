"""What comes for an asset while its site changes: schedules during a swap, and Axle's refusals after an opt-out."""

from datetime import timedelta

import pytest

from tests.support.functions.assets import AXLE_SECRET, set_secret
from tests.support.functions.rig import Rig
from tests.support.functions.schedule_calls import accepted, deliver, envelope, post, profile
from tests.support.functions.sites import car, carry_out, held, let_pass, put, site_body
from tests.support.sites.enumeration import differences
from tests.support.sites.operations import SECOND_MPAN, asset, home, second
from tests.support.sites.operations import delete as delete_site
from tests.support.sites.operations import post as post_site
from tests.support.sites.operations import put as put_site
from tests.support.sites.world import LONGEST, World, new_world

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


def test_of_two_sites_that_onboard_one_car_at_once_one_has_it_and_axle_knows_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    new = asset("electric_vehicle")
    for number in range(40):
        with new_world(monkeypatch) as world:
            rivals: list[int] = []

            def come_in(world: World = world, rivals: list[int] = rivals) -> None:
                rivals.append(put_site(world, new, site="home-2", mpan=SECOND_MPAN).status)

            reply, calls = world.attempt(lambda w: put_site(w, new), between=(number, come_in))
            if number >= len(calls):
                break
            assert reply is not None
            assert sorted([reply.status, *rivals]) == [201, 409]
            world.settle(timedelta(minutes=5))
            assert differences(world) == []
    assert number > 10


def test_a_later_put_of_another_asset_leaves_the_note_of_an_onboarding_in_doubt(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, further = asset("electric_vehicle"), second()
    with new_world(monkeypatch) as world:
        _, calls = world.attempt(lambda w: put_site(w, first))
        onboarding = next(number for number, call in enumerate(calls) if "site/onboard" in call.about)
    with new_world(monkeypatch) as world:
        reply, _ = world.attempt(lambda w: put_site(w, first), fault=(onboarding, "answer lost"))
        assert reply is not None
        assert reply.status == 503
        assert put_site(world, further).status in {201, 202}
        world.settle(LONGEST)
        record = world.record("home-1")
        assert record is not None
        assert record.assets == ("car-1", "car-2")
        assert differences(world) == []


def test_a_household_whose_site_is_being_erased_does_not_come_to_axle_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with new_world(monkeypatch) as world:
        home("electric_vehicle")(world)
        assert delete_site(world).status == 202
        before = len(world.axle.requests.list(path="onboard"))
        assert put_site(world, asset("electric_vehicle")).status == 409
        assert len(world.axle.requests.list(path="onboard")) == before
