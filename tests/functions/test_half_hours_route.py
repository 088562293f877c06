"""``GET /assets/{asset}/readings``: half-hours as JSON and CSV, page by page."""

import csv
import io
from datetime import timedelta
from typing import Any

import pytest
import requests

from driveway.domain.metering.slot import Slot
from tests.support.functions.charging_home import Charging, in_memory
from tests.support.functions.rig import NOW, Reply, Rig
from tests.support.functions.sites import post

ROUTE = "GET /assets/{asset}/readings"


@pytest.fixture
def home(rig: Rig) -> Charging:
    return Charging(in_memory(rig))


def get(home: Charging, accept: str = "application/json", **query: str) -> Reply:
    return home.rig.serve("status", ROUTE, asset="car-1", query=query, headers={"accept": accept})


def unknown_half_hour(home: Charging, minutes: int) -> None:
    """A half-hour of a plugged session of which nothing is known."""
    slot = Slot("car-1", home.axle_asset_id, NOW + timedelta(minutes=minutes), plugged=True, unknown_ms=1_800_000)
    home.rig.runtime.slots.put(slot)


def test_a_half_hour_shows_its_energy_how_it_is_known_and_that_axle_accepted_it(home: Charging) -> None:
    home.go_on_to(62)
    body = get(home).body
    assert (body["timezone"], body["next"], body["to"]) == ("Europe/London", None, "2026-01-15T19:02:00Z")
    first = body["half_hours"][0]
    assert first == {
        "start": "2026-01-15T18:00:00Z",
        "end": "2026-01-15T18:30:00Z",
        "kwh": 2.0,
        "known": True,
        "quality": "register",
        "source": "charger",
        "flags": ["gap"],
        "report": {
            "state": "accepted",
            "accepted_kwh": 2.0,
            "accepted_at": "2026-01-15T18:40:00Z",
            "answer": None,
        },
    }


def test_energy_that_is_not_known_is_null_and_empty_and_never_zero(home: Charging) -> None:
    home.go_on_to(30)
    unknown_half_hour(home, -60)
    shown = {row["start"][11:16]: (row["kwh"], row["known"]) for row in get(home).body["half_hours"]}
    assert shown["17:00"] == (None, False)
    assert shown["18:00"] == (2.0, True)
    lines = rows_of(get(home, "text/csv"))
    assert (lines[0]["start"], lines[0]["kwh"], lines[0]["accepted_kwh"]) == ("2026-01-15T17:00:00Z", "", "")


def rows_of(reply: Reply) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(reply.text)))


def test_the_csv_has_the_same_half_hours_in_utc_and_names_the_zone_of_the_site(home: Charging) -> None:
    home.go_on_to(100)
    reply, body = get(home, "text/csv"), get(home).body
    assert reply.headers["content-type"].startswith("text/csv")
    lines = rows_of(reply)
    assert [(line["start"], line["kwh"]) for line in lines] == [
        (row["start"], f"{row['kwh']:.3f}") for row in body["half_hours"]
    ]
    assert {line["timezone"] for line in lines} == {"Europe/London"}
    assert [line["report"] for line in lines] == ["accepted", "accepted", "accepted", "open"]


def test_a_refused_half_hour_shows_axles_words_and_the_csv_keeps_them_in_one_field(home: Charging) -> None:
    words = 'value, "too high"\nby far'
    requests.post(f"{home.rig.axle_url}/_sim/readings/reject", json={"error": words}, timeout=5).raise_for_status()
    home.go_on_to(45)
    report = get(home).body["half_hours"][0]["report"]
    assert (report["state"], report["answer"], report["accepted_kwh"]) == ("rejected", words, None)
    assert rows_of(get(home, "text/csv"))[0]["answer"] == words


def test_a_home_that_opted_out_still_sees_its_energy(home: Charging) -> None:
    home.go_on_to(62)
    post(home.rig, "unenrol")
    home.go_on_to(150)
    rows = get(home).body["half_hours"]
    assert [(row["start"][11:16], row["kwh"], row["report"]["state"]) for row in rows[:4]] == [
        ("18:00", 2.0, "accepted"),
        ("18:30", 2.0, "accepted"),
        ("19:00", 2.0, "withheld"),
        ("19:30", 2.0, "withheld"),
    ]


def test_pages_follow_one_another_and_leave_nothing_out(home: Charging) -> None:
    home.go_on_to(180, drains=False)
    span = {"from": "2026-01-15T17:45:00Z", "to": "2026-01-15T20:59:00Z"}
    whole, found, query = get(home, **span).body["half_hours"], [], dict(span)
    for _ in range(10):
        page = get(home, **query, limit="2").body
        found += page["half_hours"]
        if page["next"] is None:
            break
        query["from"] = page["next"]
    assert found == whole
    assert len(whole) == 6
    link = get(home, "text/csv", **span, limit="2").headers["link"]
    assert link == '<?from=2026-01-15T18:30:00Z&to=2026-01-15T20:59:00Z>; rel="next"'


def test_without_a_time_it_is_the_last_day(home: Charging) -> None:
    home.go_on_to(31)
    home.rig.clock.move(hours=23)
    assert get(home).body["from"] == "2026-01-15T17:30:00Z"
    home.rig.clock.move(days=3)
    starts = [row["start"] for row in get(home).body["half_hours"]]
    assert starts[0] == "2026-01-18T17:30:00Z"


@pytest.mark.parametrize(
    "query",
    [
        {"from": "2026-01-15"},
        {"from": "2026-01-15T20:00:00Z", "to": "2026-01-15T20:00:00Z"},
        {"limit": "0"},
        {"limit": "1489"},
        {"from": "1999-12-31T00:00:00Z", "to": "2026-01-15T00:00:00Z"},
    ],
)
def test_a_query_that_makes_no_sense_is_a_problem(home: Charging, query: dict[str, Any]) -> None:
    assert (get(home, **query).status, get(home, **query).problem) == (400, "malformed")


def test_an_asset_that_is_not_known_is_not_found(home: Charging) -> None:
    assert home.rig.serve("status", ROUTE, asset="car-9").status == 404


@pytest.mark.parametrize("limit", ["9" * 4301, "0", "1489", "-1", "²", ""])
def test_a_limit_that_is_none_is_malformed(home: Charging, limit: str) -> None:
    assert get(home, limit=limit).problem == "malformed"
