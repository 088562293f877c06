"""``meter_readings``: what is due is reported, and each local day of an asset is judged once."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from driveway.store.items import asset_key
from driveway.store.slot_items import slot_item
from simulators.common import Fault
from tests.support.functions.assets import sample
from tests.support.functions.rig import NOW, Rig, function
from tests.support.functions.sites import car, delete, put, site_body

LABEL = "charger_consumption_energy_kwh"


class Context:
    """What Lambda passes: how long the run may still take."""

    def get_remaining_time_in_millis(self) -> int:
        return 600_000


def run(event: dict[str, Any] | None = None) -> dict[str, Any]:
    answer: dict[str, Any] = function("meter_readings").handler(event or {}, Context())
    return answer


def run_until(rig: Rig, end: datetime, step: timedelta = timedelta(minutes=30)) -> None:
    while rig.clock.now() + step <= end:
        rig.clock.put(rig.clock.now() + step)
        run()


def plug_in(rig: Rig, at: datetime = NOW) -> None:
    rig.clock.put(at)
    put(rig, site_body(car(plugged_in=True)))
    # A source that reports every change says that nothing flows: until it says more, the half-hours are known to be 0.
    idle = {"at": at.isoformat(), "charging": False, "power_kw": 0.0, "tells_every_change": True}
    rig.serve("vehicle_events", "POST /assets/{asset}/observations", {"observations": [idle]}, asset="car-1")
    rig.pump()


def shares(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "_aws" in line]
    return [line for line in lines if "ReadingsComplete" in line]


def judged(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Where the lines about days go from now on."""
    lines: list[dict[str, Any]] = []

    def info(message: str, extra: dict[str, Any]) -> None:
        if message == "readings of a day":
            lines.append(extra)

    monkeypatch.setattr(rig.runtime.logger, "info", info)
    return lines


def test_a_day_is_judged_once_at_the_next_noon_without_a_dimension_per_asset(
    rig: Rig, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    plug_in(rig)
    lines = judged(rig, monkeypatch)
    run_until(rig, NOW + timedelta(hours=17, minutes=59))
    assert shares(capsys) == []
    rig.clock.put(NOW + timedelta(hours=18, minutes=11))
    assert [run()["days"] for _ in range(3)] == [1, 0, 0]
    (metric,) = shares(capsys)
    assert metric["ReadingsComplete"] == [100.0]
    assert metric["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["stage", "service"]]
    figures = {"half_hours": 48, "expected": 12, "accepted": 12, "rejected": 0}
    assert lines == [{"asset": "car-1", "day": "2026-01-15", **figures}]


@pytest.mark.parametrize(
    ("day", "half_hours"), [(datetime(2026, 3, 29, tzinfo=UTC), 46), (datetime(2026, 10, 25, tzinfo=UTC), 50)]
)
def test_the_days_on_which_the_clocks_change_are_judged_as_long_as_they_are(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, day: datetime, half_hours: int
) -> None:
    rig.clock.put(day)
    put(rig, site_body())
    lines = judged(rig, monkeypatch)
    rig.clock.put(day + timedelta(hours=36, minutes=11))
    run()
    assert [(line["day"], line["half_hours"]) for line in lines] == [(day.date().isoformat(), half_hours)]
    shown = rig.serve("status", "GET /assets/{asset}", asset="car-1").body["readings"]["days"]
    assert [reported["half_hours"] for reported in shown] == [48, half_hours, 48]


def test_a_day_that_axle_has_not_accepted_whole_is_judged_so_and_shown_on_the_asset(
    rig: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    plug_in(rig)
    run_until(rig, NOW + timedelta(hours=4))
    rig.axle.faults.add(Fault(path="/data/readings", status=503))
    run_until(rig, NOW + timedelta(hours=19), timedelta(hours=3))
    (metric,) = shares(capsys)
    assert metric["ReadingsComplete"] == [0.0]
    readings = rig.serve("status", "GET /assets/{asset}", asset="car-1").body["readings"]
    today, yesterday, before = readings["days"]
    assert (yesterday["day"], yesterday["expected"], yesterday["accepted"]) == ("2026-01-15", 12, 7)
    assert (today["accepted"], before["expected"], before["completeness"]) == (0, 0, 1.0)
    rig.axle.faults.clear()
    rig.clock.move(minutes=10)
    run()
    readings = rig.serve("status", "GET /assets/{asset}", asset="car-1").body["readings"]
    assert readings["days"][1]["completeness"] == readings["completeness"] == 1.0


def test_half_hours_that_a_plugged_in_car_should_have_and_has_not_count_against_every_day_they_are_of(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    plug_in(rig)
    rig.clock.put(NOW + timedelta(minutes=41))
    run()
    for slot in list(rig.runtime.slots.read("car-1", NOW))[1:]:
        rig.runtime.records.delete(asset_key("car-1"), slot_item(slot, 1)["sk"]["S"])
    lines = judged(rig, monkeypatch)
    rig.clock.put(NOW + timedelta(hours=45))
    run()
    run()
    assert [(line["day"], line["expected"], line["accepted"]) for line in lines] == [
        ("2026-01-15", 12, 1),
        ("2026-01-16", 48, 0),
    ]
    readings = rig.serve("status", "GET /assets/{asset}", asset="car-1").body["readings"]
    assert (readings["expected"], readings["accepted"]) == (47, 0)
    assert [(day["expected"], day["accepted"]) for day in readings["days"]] == [(29, 0), (48, 0), (12, 1)]


def test_days_that_went_by_unjudged_are_judged_one_a_run(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    put(rig, site_body())
    lines = judged(rig, monkeypatch)
    rig.clock.move(days=4)
    for _ in range(6):
        run()
    assert [line["day"] for line in lines] == ["2026-01-15", "2026-01-16", "2026-01-17", "2026-01-18"]


def test_a_put_of_the_site_leaves_the_day_that_waits_to_be_judged(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    put(rig, site_body())
    lines = judged(rig, monkeypatch)
    rig.clock.move(hours=14)
    assert put(rig, site_body(car(power_kw=11.0))).status == 200
    assert rig.twin("car-1").link.power_kw == 11.0
    rig.clock.put(NOW + timedelta(days=3))
    for _ in range(4):
        run()
    assert [line["day"] for line in lines] == ["2026-01-15", "2026-01-16", "2026-01-17"]


def test_a_day_that_is_judged_while_the_site_is_put_is_judged_once(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    put(rig, site_body())
    lines = judged(rig, monkeypatch)
    rig.clock.move(hours=19)
    write = rig.runtime.sites.write

    def judged_meanwhile(*args: Any, **kwargs: Any) -> Any:
        run()
        return write(*args, **kwargs)

    monkeypatch.setattr(type(rig.runtime.sites), "write", lambda _, *args, **kwargs: judged_meanwhile(*args, **kwargs))
    assert put(rig, site_body(car(power_kw=11.0))).status == 200
    run()
    assert [line["day"] for line in lines] == ["2026-01-15"]


def test_what_axle_rejected_is_sent_again_when_the_operator_asks_for_it(rig: Rig) -> None:
    plug_in(rig)
    rig.clock.move(minutes=41)
    rig.axle.faults.add(Fault(path="/data/readings", status=422))
    assert run()["rejected"] == 1
    rig.axle.faults.clear()
    none, one = {"due": 0, "complete": True}, {"due": 1, "complete": True}
    assert (run()["sent"], run({"retell": {"asset": "car-2"}}), run()["sent"]) == (0, none, 0)
    assert (run(sample("meter_readings_retell")), run()["accepted"], run()["sent"]) == (one, 1, 0)


def test_an_erased_asset_has_no_day_to_judge(rig: Rig) -> None:
    plug_in(rig)
    rig.clock.move(minutes=1)
    assert delete(rig).status == 204
    rig.clock.move(days=2)
    assert run()["days"] == 0
    assert [item for item in rig.items() if item["pk"] == asset_key("car-1")] == []
