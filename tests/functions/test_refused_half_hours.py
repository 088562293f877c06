"""Half-hours that Axle refuses: by asset how many, in which words, since when; reported again by asset, day, or all."""

import json
from datetime import timedelta
from typing import Any

import pytest
import requests

from driveway.axle.refusals import Refusals, Selection, refusals
from tests.support.functions.charging_home import Charging, Context, in_memory
from tests.support.functions.rig import NOW, Rig, function
from tests.support.functions.sites import post

SECOND_MPAN = "1100000000008"


@pytest.fixture
def homes(rig: Rig) -> tuple[Charging, Charging]:
    """Two homes of which Axle has refused the half-hours from 18:00 to 19:00."""
    rig = in_memory(rig)
    pair = Charging(rig), Charging(rig, "2", SECOND_MPAN)
    for home, words in zip(pair, ("Value too high", "Asset suspended"), strict=True):
        reject(home, words)
    for minute in range(10, 80, 10):
        rig.clock.put(NOW + timedelta(minutes=minute))
        for home in pair:
            home.charge(10)
            home.report()
        pair[0].drain()
    requests.delete(f"{rig.axle_url}/_sim/readings/reject", timeout=5).raise_for_status()
    return pair


def reject(home: Charging, words: str) -> None:
    body = {"asset_id": home.axle_asset_id, "error": words}
    requests.post(f"{home.rig.axle_url}/_sim/readings/reject", json=body, timeout=5).raise_for_status()


def retell(**selection: str) -> dict[str, Any]:
    answer: dict[str, Any] = function("meter_readings").handler({"retell": selection}, Context())
    return answer


def test_refused_half_hours_are_listed_by_asset_and_shown_on_each(homes: tuple[Charging, Charging]) -> None:
    one, other = homes
    since = NOW + timedelta(minutes=40)
    assert refusals(one.rig.runtime.slots) == [
        Refusals("car-1", 2, since, ("Value too high",)),
        Refusals("car-2", 2, since, ("Asset suspended",)),
    ]
    assert other.shown()["refused"] == {
        "half_hours": 2,
        "since": "2026-01-15T18:40:00Z",
        "words": ["Asset suspended"],
    }


def test_those_of_an_asset_are_reported_again(homes: tuple[Charging, Charging]) -> None:
    one, other = homes
    assert retell(asset="car-1") == {"due": 2, "complete": True}
    assert one.drain()["accepted"] == 2
    assert (sorted(one.at_axle()), other.at_axle()) == (["18:00", "18:30"], {})
    assert one.shown()["refused"] == {"half_hours": 0, "since": None, "words": []}
    assert [found.asset for found in refusals(one.rig.runtime.slots)] == ["car-2"]


def test_those_of_a_day_and_then_all_are_reported_again(homes: tuple[Charging, Charging]) -> None:
    assert retell(day="2026-01-14")["due"] == 0
    assert retell(day="2026-01-15", asset="car-2")["due"] == 2
    assert retell(day="2026-01-15")["due"] == 2
    assert homes[0].drain()["accepted"] == 4
    assert retell() == {"due": 0, "complete": True}


def test_all_are_reported_again_and_what_is_refused_again_keeps_since_when(homes: tuple[Charging, Charging]) -> None:
    one, other = homes
    reject(other, "Asset still suspended")
    assert retell()["due"] == 4
    assert (one.drain()["rejected"], one.drain()["sent"]) == (2, 0)
    (left,) = refusals(one.rig.runtime.slots)
    assert (left.words, left.since) == (("Asset still suspended",), NOW + timedelta(minutes=40))


def test_the_alarm_counts_what_is_newly_refused(
    homes: tuple[Charging, Charging], capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    homes[0].drain()
    reject(homes[0], "Value too high")
    retell(asset="car-1")
    homes[0].drain()
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "_aws" in line]
    assert [line["ReadingsRefused"] for line in lines if "ReadingsRefused" in line] == [[0.0], [2.0]]


def test_those_of_a_home_that_left_are_not_listed_and_not_reported_again(homes: tuple[Charging, Charging]) -> None:
    one, _ = homes
    one.rig.clock.move(minutes=30)
    post(one.rig, "unenrol")
    post(one.rig, "enrol", {"rejoin": True})
    assert [found.asset for found in refusals(one.rig.runtime.slots)] == ["car-2"]
    assert retell(asset="car-1")["due"] == 0
    assert one.shown()["refused"]["half_hours"] == 0


@pytest.mark.parametrize("given", ["car-1", {"site": "home-1"}, {"day": "yesterday"}, None])
def test_a_selection_that_is_none_is_refused(given: Any) -> None:
    with pytest.raises(ValueError, match=r"Give|Invalid"):
        Selection.of(given)
