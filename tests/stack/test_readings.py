"""Readings on the real template: an opt-out, a re-join, a refused row, the half-hours' route and the day's report.

The whole table of a night, with an erasure, a snooze and a correction two days late, is in
``tests/functions/test_night_of_readings.py``: two days take ten minutes on this clock.
"""

import csv
import io
import json
from datetime import datetime, timedelta
from typing import Any

from driveway.domain.due import Dues
from driveway.domain.half_hours import half_hour_of
from driveway.store.items import decode_twin
from driveway.store.slots import SlotStore
from driveway.store.table import Table
from local.readings import asset_days, report
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
    answer = running.aws("lambda").invoke(FunctionName=name, Payload=json.dumps({"retell": selection}))
    found: dict[str, Any] = json.loads(answer["Payload"].read())
    return found


def test_rows_end_with_the_opt_out_begin_with_the_re_join_and_a_refused_one_is_reported_again(running: Stack) -> None:
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
    refuse = {"asset_id": home.at_axle()["asset_id"], "error": "Value too high", "count": 1}
    running.simulator("axle", "POST", "/readings/reject", refuse)
    home.until(lambda: home.asset()["readings"]["refused"]["half_hours"] == 1, "Axle has refused one")
    home.until(lambda: len(starts(home)) > len(before), "Axle has accepted the next")
    assert home.asset()["readings"]["refused"]["words"] == ["Value too high"]
    assert retell(running, {"asset": "leaver"}) == {"due": 1, "complete": True}
    home.until(lambda: home.asset()["readings"]["refused"]["half_hours"] == 0, "it was reported again")
    home.move("plug-out")
    home.until(lambda: agree(home), "Axle has all that is not withheld")

    after = [start for start in starts(home) if start not in before]
    first = half_hour_of(back_at) + HALF_HOUR
    assert after[0] == first
    shown = {row["start"]: row for row in half_hours(home)}
    states = {row["report"]["state"] for row in shown.values() if not _is_reported(row, left_at, back_at)}
    assert states == {"withheld"}
    lines = list(csv.DictReader(io.StringIO(half_hours(home, "text/csv"))))
    assert [line["start"] for line in lines] == list(shown)
    _print_sums(home)


def _is_reported(row: dict[str, Any], left_at: datetime, back_at: datetime) -> bool:
    start, end = datetime.fromisoformat(row["start"]), datetime.fromisoformat(row["end"])
    return end <= left_at or start >= back_at


def sums_wh(home: Home) -> tuple[int, int, int]:
    """The energy that Axle, the app and the app's half-hours that are withheld have."""
    rows = half_hours(home)
    app_wh = sum(round(1000 * (row["kwh"] or 0)) for row in rows)
    withheld_wh = sum(round(1000 * row["kwh"]) for row in rows if row["report"]["state"] == "withheld")
    return sum(home.accepted_wh().values()), app_wh, withheld_wh


def agree(home: Home) -> bool:
    axle_wh, app_wh, withheld_wh = sums_wh(home)
    return axle_wh == app_wh - withheld_wh


def _print_sums(home: Home) -> None:
    running = home.running
    home.until(lambda: agree(home), "Axle has all that is not withheld")
    axle_wh, app_wh, withheld_wh = sums_wh(home)
    meter_wh = home.car()["meter_wh"]
    print(f"Axle {axle_wh} Wh, app {app_wh} Wh ({withheld_wh} Wh withheld), meter {meter_wh:.0f} Wh")
    assert abs(app_wh - meter_wh) <= 1
    client, name = running.aws("dynamodb"), running.values["table_name"]
    slots, table = SlotStore(client, name, 4), Table(client, name, lambda *_: Dues(None, None), 4)
    now = running.clock.now()
    lines = list(report(asset_days(table, slots, now.date(), now), slots, now.date(), None))
    print("\n".join(lines))
    assert any(line.startswith("leaver") for line in lines)
