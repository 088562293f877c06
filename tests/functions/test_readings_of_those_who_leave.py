"""Half-hours around an opt-out, a re-join, a removal and an erasure: what Axle receives, and what it never does."""

import time
from datetime import timedelta
from typing import Any

import pytest
import requests

from simulators.common import Fault
from tests.support.functions.charging_home import Charging, in_memory
from tests.support.functions.rig import NOW, Rig
from tests.support.functions.sites import VEHICLE, car, carry_out, delete, let_pass, post, put, site_body, sync

READINGS = "/data/readings"


@pytest.fixture
def home(rig: Rig) -> Charging:
    return Charging(in_memory(rig))


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a second in place of the five."""
    monkeypatch.setattr("driveway.sites.last_readings.LAST_READINGS_S", 0.5)


def test_an_opt_out_sends_what_had_ended_before_axle_learns_of_it_and_nothing_later(home: Charging) -> None:
    home.go_on_to(62, drains=False)
    before = len(home.calls())
    assert post(home.rig, "unenrol").status == 200
    assert home.at_axle() == {"18:00": 2.0, "18:30": 2.0}
    assert home.calls()[before:] == ["readings", "unenrol"]
    home.go_on_to(180)
    assert home.at_axle() == {"18:00": 2.0, "18:30": 2.0}
    assert home.refused() == []
    assert home.at_home() == pytest.approx(
        {"18:00": 2, "18:30": 2, "19:00": 2, "19:30": 2, "20:00": 2, "20:30": 2, "21:00": 0}
    )
    assert (home.shown()["expected"], home.shown()["completeness"]) == (2, 1.0)


def test_an_opt_out_at_the_very_end_of_a_half_hour_sends_it(home: Charging) -> None:
    home.go_on_to(30, drains=False)
    post(home.rig, "unenrol")
    assert home.at_axle() == {"18:00": 2.0}


def test_a_correction_that_comes_after_the_opt_out_is_kept_and_not_sent(home: Charging) -> None:
    for minute in (45, 62):
        home.rig.clock.put(NOW + timedelta(minutes=minute))
        home.register_kwh += 2.0
        home.report()
    home.drain()
    post(home.rig, "unenrol")
    sent, known = home.at_axle(), home.at_home()
    assert sorted(sent) == ["18:00", "18:30"]
    home.rig.clock.move(minutes=5)
    home.report(at=NOW + timedelta(minutes=30), energy_lifetime_kwh=1000.5)
    assert home.at_home()["18:00"] == 0.5 != known["18:00"]
    home.go_on_to(120)
    assert home.at_axle() == sent
    assert home.refused() == []


def test_what_axle_does_not_take_within_seconds_is_given_up_noted_and_never_sent(home: Charging, quick: None) -> None:
    home.go_on_to(62, drains=False)
    home.rig.axle.faults.add(Fault(path=READINGS, status=503))
    assert post(home.rig, "unenrol").status == 200
    assert home.calls()[-1] == "unenrol"
    assert "ReadingsGivenUp" in home.events()
    home.rig.axle.faults.clear()
    home.go_on_to(180)
    assert home.at_axle() == {}
    assert home.refused() == []
    assert (home.shown()["expected"], home.shown()["accepted"]) == (2, 0)


def test_a_failure_that_passes_within_the_seconds_costs_nothing(home: Charging) -> None:
    home.go_on_to(62, drains=False)
    home.rig.axle.faults.add(Fault(path=READINGS, status=503, count=1))
    assert post(home.rig, "unenrol").status == 200
    assert home.at_axle() == {"18:00": 2.0, "18:30": 2.0}
    assert "ReadingsGivenUp" not in home.events()


def test_an_axle_that_stalls_at_readings_delays_an_opt_out_by_seconds_only(home: Charging, quick: None) -> None:
    home.go_on_to(32, drains=False)
    home.rig.axle.faults.add(Fault(path=READINGS, delay_s=8, count=1))
    began = time.monotonic()
    assert post(home.rig, "unenrol").status == 200
    assert time.monotonic() - began < 6
    assert "ReadingsGivenUp" in home.events()


def test_rows_that_another_run_has_claimed_and_never_sent_go_out_with_the_opt_out(
    home: Charging, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.go_on_to(32, drains=False)
    home.rig.clock.move(minutes=9)

    class DiedError(BaseException):
        """The function of the run ends."""

    def dies(*_: Any, **__: Any) -> Any:
        raise DiedError

    with monkeypatch.context() as patched:
        patched.setattr("driveway.axle.client.AxleClient.post", dies)
        with pytest.raises(DiedError):
            home.drain()
    assert post(home.rig, "unenrol").status == 200
    assert home.at_axle() == {"18:00": 2.0}


def test_an_opt_out_whose_function_dies_is_finished_by_the_clock_readings_first(
    home: Charging, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.go_on_to(62, drains=False)

    class DiedError(BaseException):
        """The function of the request ends."""

    def dies(*_: Any, **__: Any) -> None:
        raise DiedError

    with monkeypatch.context() as patched:
        patched.setattr("driveway.sites.reconcile.send_last_readings", dies)
        with pytest.raises(DiedError):
            post(home.rig, "unenrol")
    assert not home.rig.twin("car-1").link.enrolled
    home.go_on_to(100)
    assert home.at_axle() == {}, "a regular run leaves an asset that is out to the site sync"
    before = len(home.calls())
    sync(home.rig)
    assert home.calls()[before:] == ["readings", "unenrol"]
    assert home.at_axle() == {"18:00": 2.0, "18:30": 2.0}


def test_after_a_re_join_the_first_half_hour_is_the_first_that_begins_from_then_on(home: Charging) -> None:
    home.go_on_to(62)
    post(home.rig, "unenrol")
    home.go_on_to(75)
    assert post(home.rig, "enrol", {"rejoin": True}).status == 200
    home.go_on_to(200)
    assert home.at_axle() == {"18:00": 2.0, "18:30": 2.0, "19:30": 2.0, "20:00": 2.0, "20:30": 2.0}
    assert home.refused() == []
    assert (home.shown()["expected"], home.shown()["completeness"]) == (3, 1.0)


def test_a_re_join_by_a_put_starts_again_in_the_same_way(home: Charging) -> None:
    home.go_on_to(62)
    post(home.rig, "unenrol")
    home.go_on_to(75)
    assert put(home.rig, site_body(car(), rejoin=True)).status == 200
    home.go_on_to(150)
    assert sorted(home.at_axle()) == ["18:00", "18:30", "19:30"]
    assert home.refused() == []


def test_a_half_hour_that_a_short_opt_out_touches_is_not_sent(home: Charging) -> None:
    home.go_on_to(65)
    post(home.rig, "unenrol")
    home.go_on_to(70)
    post(home.rig, "enrol", {"rejoin": True})
    home.go_on_to(150)
    assert sorted(home.at_axle()) == ["18:00", "18:30", "19:30"]


def test_a_snooze_changes_nothing_about_readings(home: Charging) -> None:
    home.go_on_to(35)
    assert post(home.rig, "snooze", {"until": "2026-01-16T08:00:00Z"}).status == 200
    home.go_on_to(120)
    assert home.at_axle() == {"18:00": 2.0, "18:30": 2.0, "19:00": 2.0}
    assert home.shown()["completeness"] == 1.0


def test_an_erasure_sends_what_had_ended_and_loses_the_running_half_hour(home: Charging) -> None:
    home.go_on_to(62, drains=False)
    before = len(home.calls())
    assert delete(home.rig).status == 204
    assert home.at_axle() == {"18:00": 2.0, "18:30": 2.0}
    assert [call for call in home.calls()[before:] if call in {"readings", "offboard-site-and-assets"}] == [
        "readings",
        "offboard-site-and-assets",
    ]


def test_an_erasure_that_waits_for_its_car_has_sent_the_readings_already(home: Charging) -> None:
    assert carry_out(home.rig, "car-1") == "stop"
    home.go_on_to(62, drains=False)
    reply = delete(home.rig)
    assert (reply.status, "lost" in reply.body["to_come"][0]) == (202, True)
    assert home.at_axle() == {"18:00": 2.0, "18:30": 2.0}
    home.go_on_to(100)
    assert sorted(home.at_axle()) == ["18:00", "18:30"]


def test_a_removed_asset_has_its_ended_half_hours_sent_and_its_neighbour_goes_on(home: Charging) -> None:
    second = car("car-2", vehicle={**VEHICLE, "vehicle_id": "enode-vehicle-2"})
    put(home.rig, site_body(car(), second))
    home.go_on_to(62, drains=False)
    before = len(home.calls())
    assert put(home.rig, site_body(second, remove_assets=["car-1"])).status == 200
    assert home.at_axle() == {"18:00": 2.0, "18:30": 2.0}
    later = home.calls()[before:]
    assert later.index("readings") < later.index(home.axle_asset_id)
    assert home.rig.twin("car-2").link.unenrolled_at is None


def test_an_axle_that_takes_rows_of_unenrolled_assets_still_gets_none(home: Charging) -> None:
    requests.post(
        f"{home.rig.axle_url}/_sim/config", json={"readings_of_unenrolled": "accept"}, timeout=5
    ).raise_for_status()
    home.go_on_to(62)
    post(home.rig, "unenrol")
    home.go_on_to(180)
    assert sorted(home.at_axle()) == ["18:00", "18:30"]


def test_an_opt_out_that_axle_acknowledges_late_sends_its_readings_once(home: Charging) -> None:
    home.go_on_to(62, drains=False)
    home.rig.axle.faults.add(Fault(path="unenrol$", status=503, count=2))
    assert post(home.rig, "unenrol").status == 202
    let_pass(home.rig, minutes=5)
    assert home.calls().count("readings") == 1
    assert home.rig.axle.readings.report()["counts"]["duplicates"] == 0
