"""A night with an opt-out and a re-join, an erasure, a snooze, a correction two days late and a refused row.

The rows that Axle accepted are held to a table, one by one. In the end the energy that Axle, the app and the car's own
meter have is equal, or the half-hours say why not.
"""

import csv
import re
from datetime import date, timedelta
from pathlib import Path

import pytest
import requests

from local.readings import asset_days, report
from tests.support.functions.charging_home import Charging, in_memory
from tests.support.functions.rig import NOW, Rig
from tests.support.functions.sites import delete, post

MPANS = {
    "out": "1200001234566",
    "erased": "1100000000008",
    "snoozed": "1000000000012",
    "late": "1000000000021",
    "refused": "1000000000030",
}
UNPLUGGED = 180
EVERY_HALF_HOUR = ("18:00", "18:30", "19:00", "19:30", "20:00", "20:30")
TABLE = {
    # The half-hour of the opt-out (19:02) is not there, nor that of the re-join (19:15).
    "out": {"18:00": 2.0, "18:30": 2.0, "19:30": 2.0, "20:00": 2.0, "20:30": 2.0},
    # The half-hour of the erasure (19:35) is not there.
    "erased": {"18:00": 2.0, "18:30": 2.0, "19:00": 2.0},
    # A snooze changes nothing.
    "snoozed": dict.fromkeys(EVERY_HALF_HOUR, 2.0),
    # The first two were accepted as 2.0 each, and corrected two days later.
    "late": {**dict.fromkeys(EVERY_HALF_HOUR, 2.0), "18:00": 1.5, "18:30": 2.5},
    # Axle refused the first.
    "refused": {start: 2.0 for start in EVERY_HALF_HOUR if start != "18:00"},
}


class Night:
    """Five homes from 18:00 on, and what the app saw of the one that was erased."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.homes = {name: Charging(rig, name, mpan) for name, mpan in MPANS.items()}
        self.gone_kwh = 0.0
        refuse = {"asset_id": self.homes["refused"].axle_asset_id, "error": "Value too high", "count": 1}
        requests.post(f"{rig.axle_url}/_sim/readings/reject", json=refuse, timeout=5).raise_for_status()

    def pass_by(self) -> None:
        """The night, and the two days after it."""
        for minute in sorted({*range(10, UNPLUGGED, 10), 35, 45, 62, 75, 95}):
            self.rig.clock.put(NOW + timedelta(minutes=minute))
            for name, home in self.homes.items():
                home.register_kwh = 1000 + minute / 15
                late = name == "late" and minute < 60 and minute != 45
                if not late and not (name == "erased" and minute > 95):
                    home.report()
            self.ask(minute)
            self.homes["out"].drain()
        self.unplug([home for name, home in self.homes.items() if name != "erased"])
        self.rig.clock.put(NOW + timedelta(days=2))
        self.homes["late"].report(at=NOW + timedelta(minutes=30), energy_lifetime_kwh=1001.5, plugged_in=True)
        for _ in range(3):
            self.rig.clock.move(minutes=15)
            self.homes["late"].drain()

    def unplug(self, homes: list[Charging]) -> None:
        """The cars are unplugged at 21:00, which counts twelve minutes later."""
        self.rig.clock.put(NOW + timedelta(minutes=UNPLUGGED))
        for home in homes:
            home.register_kwh = 1000 + UNPLUGGED / 15
            home.report(plugged_in=False)
        self.rig.clock.move(minutes=12)
        for home in homes:
            self.rig.look("control", home.asset)
            assert self.rig.twin(home.asset).presence.session is None
        homes[0].drain()

    def ask(self, minute: int) -> None:
        """What the apps ask for at this minute."""
        if minute == 35:
            assert post(self.rig, "snooze", {"until": "2026-01-16T08:00:00Z"}, site="home-snoozed").status == 200
        if minute == 62:
            assert post(self.rig, "unenrol", site="home-out").status == 200
        if minute == 75:
            assert post(self.rig, "enrol", {"rejoin": True}, site="home-out").status == 200
        if minute == 95:
            self.gone_kwh = self.app_kwh("erased")
            assert delete(self.rig, "home-erased").status == 204

    def app_kwh(self, name: str) -> float:
        """The sum of the half-hours that the app is shown."""
        if name == "erased" and self.gone_kwh:
            return self.gone_kwh
        span = {"from": "2026-01-15T17:00:00Z", "to": "2026-01-15T22:00:00Z"}
        asset = self.homes[name].asset
        body = self.rig.serve("status", "GET /assets/{asset}/readings", asset=asset, query=span).body
        return sum(row["kwh"] or 0.0 for row in body["half_hours"])

    def sums(self) -> dict[str, tuple[float, float, float]]:
        """The energy that Axle, the app and the meter have of each home, in kWh."""
        meters = {name: (95 if name == "erased" else UNPLUGGED) / 15 for name in MPANS}
        return {
            name: (round(sum(home.at_axle().values()), 3), round(self.app_kwh(name), 3), round(meters[name], 3))
            for name, home in self.homes.items()
        }


@pytest.fixture
def night(rig: Rig) -> Night:
    made = Night(in_memory(rig))
    made.pass_by()
    return made


def test_axle_has_the_rows_of_the_table_and_the_sums_agree_or_are_explained(night: Night, tmp_path: Path) -> None:
    assert {name: home.at_axle() for name, home in night.homes.items()} == TABLE
    found = night.rig.axle.readings.report()
    assert [row["error"] for row in found["rejected"]] == ["Value too high"]
    assert (found["counts"]["corrections"], found["counts"]["duplicates"]) == (2, 0)

    sums = night.sums()
    for name, (axle_kwh, app_kwh, meter_kwh) in sums.items():
        print(f"{name:<10} Axle {axle_kwh:>7.3f}   app {app_kwh:>7.3f}   meter {meter_kwh:>7.3f} kWh")
    assert sums == {
        "out": (10.0, 12.0, 12.0),
        "erased": (6.0, 6.333, 6.333),
        "snoozed": (12.0, 12.0, 12.0),
        "late": (12.0, 12.0, 12.0),
        "refused": (10.0, 12.0, 12.0),
    }

    runtime, path = night.rig.runtime, tmp_path / "day.csv"
    days = asset_days(runtime.table, runtime.slots, date(2026, 1, 15), night.rig.clock.now())
    lines = list(report(days, runtime.slots, date(2026, 1, 15), path))
    print("\n".join(lines))
    counts = {found[1]: int(found[2]) for line in lines if (found := re.match(r"  ([a-z][a-z ]*?) +(\d+)", line))}
    expected = {"expected": 23, "accepted": 22, "refused": 1, "waiting": 0, "unknown": 0, "given up": 0}
    assert {name: counts[name] for name in expected} == expected
    assert (counts["late"], counts["corrected"], counts["withheld"]) == (0, 2, 1)
    by_site = {line.split()[0]: line for line in lines if line.startswith("home-")}
    assert sorted(by_site) == ["home-late", "home-out", "home-refused", "home-snoozed"]
    assert "-2.000 (1 refused" in by_site["home-refused"]
    assert by_site["home-late"].split()[1:] == ["6", "6", "12.000", "12.000"]
    assert by_site["home-out"].split()[1:] == ["5", "5", "10.000", "10.000"]
    assert lines[-1].split() == ["car-refused", "1", "since", "2026-01-15", "18:40", "Value", "too", "high"]

    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    held = {(row["asset"], row["start"]): row["accepted_kwh"] for row in rows if row["accepted_kwh"]}
    at_axle = {
        (home.asset, f"2026-01-15T{start}:00Z"): f"{kwh:.3f}"
        for name, home in night.homes.items()
        if name != "erased"
        for start, kwh in home.at_axle().items()
    }
    assert held == at_axle
    (withheld,) = [row for row in rows if row["report"] == "withheld"]
    assert (withheld["asset"], withheld["start"][11:16], withheld["kwh"]) == ("car-out", "19:00", "2.000")
