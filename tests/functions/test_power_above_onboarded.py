"""An asset that draws more than it was onboarded with says so, and suggests the power that was seen three times."""

import json
from typing import Any

import pytest

from tests.support.functions.charging_home import Charging, in_memory
from tests.support.functions.rig import Rig
from tests.support.functions.sites import put


@pytest.fixture
def home(rig: Rig) -> Charging:
    return Charging(in_memory(rig))


def draw(home: Charging, *powers_kw: float, minutes: float = 5) -> None:
    """The car reports these powers, one after the other, and no register."""
    for power_kw in powers_kw:
        home.rig.clock.move(minutes=minutes)
        home.report(energy_lifetime_kwh=None, charging=True, power_kw=power_kw)


def power(home: Charging) -> dict[str, Any]:
    found: dict[str, Any] = home.rig.serve("status", "GET /assets/{asset}", asset=home.asset).body["power"]
    return found


def attention(home: Charging) -> list[dict[str, Any]]:
    home.rig.publish()
    found = [detail for kind, detail in home.rig.bus.events if kind == "NeedsAttention"]
    return [detail for detail in found if detail["reason"] == "POWER_ABOVE_ONBOARDED"]


def test_a_power_that_was_seen_three_times_is_suggested_to_driver_and_operator_once(
    home: Charging, capsys: pytest.CaptureFixture[str]
) -> None:
    draw(home, 11.2, 11.0)
    assert (power(home)["suggested_kw"], attention(home)) == (None, [])
    draw(home, 11.04)
    shown = power(home)
    assert (shown["onboarded_kw"], shown["suggested_kw"]) == (7.4, 11.0)
    draw(home, 11.1, 11.1)
    assert power(home)["suggested_kw"] == 11.1
    (found,) = attention(home)
    assert found["detail"] == {"onboarded_kw": 7.4, "suggested_kw": 11.0}
    assert "11 kW" in found["text"]
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "_aws" in line]
    assert [line["PowersAboveOnboarded"] for line in lines if "PowersAboveOnboarded" in line] == [[1.0]]


def test_an_asset_that_reports_registers_only_is_found_by_their_rise(home: Charging) -> None:
    for _ in range(4):
        home.rig.clock.move(minutes=10)
        home.register_kwh += 11 / 6
        home.report(charging=True)
    assert power(home)["suggested_kw"] == 11.0
    assert len(attention(home)) == 1


def test_once_the_power_is_corrected_nothing_is_suggested_and_its_energy_counts(home: Charging) -> None:
    draw(home, 11.0, 11.0, 11.0)
    assert home.at_home()["18:00"] == 0
    body = {**home.body, "assets": [{**home.body["assets"][0], "power_kw": 11.0}]}
    assert put(home.rig, body).status == 200
    assert power(home) == {"onboarded_kw": 11.0, "suggested_kw": None, "since": None}
    draw(home, 11.0, 11.0, 11.0)
    assert home.at_home()["18:00"] > 0
    assert len(attention(home)) == 1


def test_what_is_within_the_tolerance_or_beyond_any_home_suggests_nothing(home: Charging) -> None:
    draw(home, 8.0, 8.1, 8.0, 8.1)
    assert power(home)["suggested_kw"] is None
    home.register_kwh += 60
    home.report(charging=True)
    assert (power(home)["suggested_kw"], attention(home)) == (None, [])
