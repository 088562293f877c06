"""Readings on the real template: opt-out, re-join, erasure, refused rows, power above the onboarded, the day's report.

The whole table of a night, with an erasure, a snooze and a correction two days late, is in
``tests/functions/test_night_of_readings.py``: two days take ten minutes on this clock.
"""

import csv
import io
import json
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from driveway.domain.half_hours import half_hour_of
from driveway.store.items import decode_twin
from local import readings
from tests.support.stack.homes import Home, Stack

HALF_HOUR = timedelta(minutes=30)


def link_of(home: Home) -> Any:
    items = home.running.items()
    item = next(i for i in items if i["pk"]["S"] == f"ASSET#{home.name}" and i["sk"]["S"] == "TWIN")
    return decode_twin(item).link


def starts(home: Home) -> list[datetime]:
    return sorted(datetime.fromisoformat(start) for start in home.accepted_wh())


def pass_until(home: Home, at: datetime) -> None:
    home.until(lambda: home.running.clock.now() >= at, f"it is {at:%H:%M}")


def half_hours(home: Home, accept: str = "application/json") -> Any:
    answer = home.running.api("GET", f"/assets/{home.name}/readings", accept=accept)
    assert answer.status_code == 200, answer.text
    return answer.json()["half_hours"] if accept == "application/json" else answer.text


def retell(running: Stack, selection: dict[str, str]) -> dict[str, Any]:
    name = f"driveway-{running.values['stage']}-meter-readings"
    answer = running.aws("lambda").invoke(
        FunctionName=name, Qualifier="live", Payload=json.dumps({"retell": selection})
    )
    found: dict[str, Any] = json.loads(answer["Payload"].read())
    return found


@pytest.fixture
def the_day(running: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Any:
    """``make readings`` of a day: what it prints, and the lines of its CSV."""

    def command(day: date) -> tuple[str, list[dict[str, str]]]:
        monkeypatch.setattr(readings, "FOLDER", running.folder)
        capsys.readouterr()
        written = tmp_path / "day.csv"
        assert readings.main([day.isoformat(), "--csv", str(written)]) == 0
        return capsys.readouterr().out, list(csv.DictReader(written.read_text().splitlines()))

    return command


def test_rows_end_with_the_opt_out_begin_with_the_re_join_and_a_refused_one_is_reported_again(
    running: Stack, the_day: Any
) -> None:
    home = Home(running, "leaver", battery_kwh=200).join()
    home.move("plug-in")
    home.until(lambda: len(home.accepted_wh()) >= 2, "Axle has accepted two half-hours")

    assert running.api("POST", "/sites/leaver/unenrol").status_code == 200
    left_at = link_of(home).unenrolled_at
    before = starts(home)
    assert before[-1] + HALF_HOUR <= left_at
    assert half_hour_of(left_at) - HALF_HOUR in before, "what had ended was sent at once"
    pass_until(home, left_at + 2 * HALF_HOUR)
    assert starts(home) == before

    assert running.api("POST", "/sites/leaver/enrol", {"rejoin": True}).status_code == 200
    back_at = link_of(home).rejoined_at
    for by in ("asset", "day", "all"):
        _refused_and_reported_again(home, by)
    home.move("plug-out")
    _until_agreed(home)

    after = [start for start in starts(home) if start not in before]
    assert after[0] == half_hour_of(back_at) + HALF_HOUR
    shown = {row["start"]: row for row in half_hours(home)}
    states = {row["report"]["state"] for row in shown.values() if not _is_reported(row, left_at, back_at)}
    assert states == {"withheld"}
    lines = list(csv.DictReader(io.StringIO(half_hours(home, "text/csv"))))
    assert [line["start"] for line in lines] == list(shown)
    assert _pages(home, list(shown), at_once=3)[: len(shown)] == list(shown)
    _print_sums(home, the_day)


def _refused_and_reported_again(home: Home, by: str) -> None:
    running, start = home.running, half_hour_of(home.running.clock.now()) + HALF_HOUR
    refuse = {"asset_id": home.at_axle()["asset_id"], "start": start.isoformat(), "error": "Value too high"}
    running.simulator("axle", "POST", "/readings/reject", refuse)
    home.until(lambda: home.asset()["readings"]["refused"]["half_hours"] == 1, "Axle has refused one")
    home.until(lambda: starts(home)[-1] > start, "Axle has accepted the next")
    assert home.asset()["readings"]["refused"]["words"] == ["Value too high"]
    running.simulator("axle", "DELETE", "/readings/reject")
    (refused,) = [row for row in half_hours(home) if row["report"]["state"] == "rejected"]
    assert datetime.fromisoformat(refused["start"]) == start
    selection = {"asset": {"asset": home.name}, "day": {"day": refused["start"][:10]}, "all": {}}[by]
    assert retell(running, selection) == {"due": 1, "complete": True}
    home.until(lambda: home.asset()["readings"]["refused"]["half_hours"] == 0, "it was reported again")


def _pages(home: Home, rows: list[str], *, at_once: int) -> list[str]:
    start, end = rows[0], home.running.clock.now().isoformat()
    found: list[str] = []
    while start is not None:
        path = f"/assets/{home.name}/readings?limit={at_once}&from={quote(start)}&to={quote(end)}"
        page = home.running.api("GET", path).json()
        assert len(page["half_hours"]) <= at_once
        found += [row["start"] for row in page["half_hours"]]
        start = page["next"]
    return found


def test_an_erased_home_has_its_ended_half_hours_sent_and_nothing_of_it_is_left(running: Stack) -> None:
    home = Home(running, "erased", battery_kwh=200).join()
    home.move("plug-in")
    home.until(lambda: len(home.accepted_wh()) >= 2, "Axle has accepted two half-hours")
    kept_days = {_kept_days(item) for item in home.running.items() if _is_half_hour_of(item, home)}
    assert kept_days == {791}, "26 months"

    at, asset_id = running.clock.now(), home.at_axle()["asset_id"]
    answer = running.api("DELETE", "/sites/erased?forfeit_balance=true")
    assert answer.status_code in (202, 204), answer.text
    home.until(lambda: running.api("GET", "/sites/erased").status_code == 404, "it is erased")
    accepted = [
        datetime.fromisoformat(row["start_timestamp"])
        for row in running.simulator("axle", "GET", f"/readings?asset_id={asset_id}")["rows"]
    ]
    assert half_hour_of(at) - HALF_HOUR in accepted, "what had ended was sent"
    assert max(accepted) + HALF_HOUR <= running.clock.now()
    assert [item["sk"]["S"] for item in running.items() if item["pk"]["S"] == f"ASSET#{home.name}"] == []


def _is_half_hour_of(item: dict[str, Any], home: Home) -> bool:
    return item["pk"]["S"] == f"ASSET#{home.name}" and item["sk"]["S"].startswith("SLOT#")


def _kept_days(item: dict[str, Any]) -> int:
    start = datetime.fromisoformat(item["sk"]["S"].removeprefix("SLOT#"))
    return round((int(item["expires_at"]["N"]) - start.timestamp()) / (24 * 3600))


def test_an_asset_that_draws_more_than_onboarded_says_so_and_its_energy_counts_once_corrected(
    running: Stack, the_day: Any
) -> None:
    home = Home(running, "stronger", battery_kwh=200).join(power_kw=11.0)
    home.move("plug-in")
    home.until(lambda: home.asset()["power"]["suggested_kw"] == 11.0, "the power is suggested")
    assert home.asset()["power"]["onboarded_kw"] == 7.4
    assert home.reasons().count("POWER_ABOVE_ONBOARDED") == 1

    body = home.body()
    body["assets"][0]["power_kw"] = 11.0
    assert running.api("PUT", "/sites/stronger", body).status_code == 200
    home.until(lambda: max(home.accepted_wh().values(), default=0) > 3700 * 1.1, "a half-hour of 11 kW is accepted")
    accepted_wh = home.accepted_wh()
    largest = max(accepted_wh, key=accepted_wh.__getitem__)
    _, lines = the_day(datetime.fromisoformat(largest).date())
    mine = {datetime.fromisoformat(line["start"]): line for line in lines if line["asset"] == "stronger"}
    assert round(1000 * float(mine[datetime.fromisoformat(largest)]["accepted_kwh"])) == accepted_wh[largest]


def _is_reported(row: dict[str, Any], left_at: datetime, back_at: datetime) -> bool:
    start, end = datetime.fromisoformat(row["start"]), datetime.fromisoformat(row["end"])
    return end <= left_at or start >= back_at


def sums_wh(home: Home) -> tuple[int, int, int]:
    """The energy that Axle has, that the app has, and that is withheld, corrections after an opt-out, too."""
    rows = half_hours(home)
    app_wh = sum(round(1000 * (row["kwh"] or 0)) for row in rows)
    withheld = [row for row in rows if row["report"]["state"] == "withheld"]
    withheld_wh = sum(round(1000 * (row["kwh"] - (row["report"]["accepted_kwh"] or 0))) for row in withheld)
    return sum(home.accepted_wh().values()), app_wh, withheld_wh


def agree(home: Home) -> bool:
    axle_wh, app_wh, withheld_wh = sums_wh(home)
    return axle_wh == app_wh - withheld_wh


def _until_agreed(home: Home) -> None:
    """Wait until Axle has what the app shows; a failure shows the half-hours."""
    try:
        home.until(lambda: agree(home), "Axle has all that is not withheld")
    except AssertionError as error:
        rows = [f"{row['start']} {row['kwh']} {row['report']}" for row in half_hours(home)]
        raise AssertionError("\n".join([str(error), *rows])) from None


def _print_sums(home: Home, the_day: Any) -> None:
    axle_wh, app_wh, withheld_wh = sums_wh(home)
    meter_wh = home.car()["meter_wh"]
    print(f"Axle {axle_wh} Wh, app {app_wh} Wh ({withheld_wh} Wh withheld), meter {meter_wh:.0f} Wh")
    assert abs(app_wh - meter_wh) <= 1
    day = starts(home)[0].date()
    out, lines = the_day(day)
    print(out)
    of_day_wh = sum(wh for start, wh in home.accepted_wh().items() if datetime.fromisoformat(start).date() == day)
    mine = [line for line in lines if line["asset"] == home.name]
    assert round(1000 * sum(float(line["accepted_kwh"] or 0) for line in mine)) == of_day_wh
    (shown,) = [line for line in out.splitlines() if line.startswith(home.name)]
    assert f"{of_day_wh / 1000:.3f}" in shown
