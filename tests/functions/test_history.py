"""What is kept of an asset's past: the plans as they were made, the sessions, and nights without one."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from driveway.domain.reports.account_connection import disconnected
from driveway.domain.twin.events import FOR_THE_APP
from driveway.values import replace
from local.why import report
from tests.support.functions.assets import AXLE_ASSET, a_twin, place, plugged_in
from tests.support.functions.rig import NOW, Reply, Rig

HOUR = timedelta(hours=1)
PLUGGED_AT = NOW - timedelta(minutes=1)
SESSION = PLUGGED_AT.strftime("%Y%m%dT%H%M%SZ")
PROFILE = {
    "chargingProfileId": 1,
    "stackLevel": 1,
    "chargingProfilePurpose": "TxDefaultProfile",
    "chargingProfileKind": "Absolute",
    "chargingSchedule": {
        "startSchedule": "2026-01-15T18:00:00Z",
        "duration": 43200,
        "chargingRateUnit": "W",
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 0}, {"startPeriod": 28800, "limit": 7400}],
    },
}


@pytest.fixture
def car(rig: Rig) -> Rig:
    """A car that was onboarded two days ago and has just been plugged in."""
    place(rig, plugged_in(a_twin(NOW - 48 * HOUR), PLUGGED_AT))
    rig.publish()
    return rig


def get(rig: Rig, what: str, **query: str) -> Reply:
    return rig.serve("status", f"GET /assets/{{asset}}{what}", query=query, asset="car-1")


def one_session(rig: Rig, session: str = SESSION) -> Reply:
    return rig.serve("status", "GET /assets/{asset}/sessions/{session}", asset="car-1", session=session)


def stretches(rig: Rig, since: datetime, until: datetime) -> list[tuple[str, float | None, str]]:
    reply = get(rig, "/schedule", **{"from": since.isoformat(), "to": until.isoformat()})
    assert reply.status == 200, reply.text
    return [(part["start"][11:16], part["limit_kw"], part["source"]) for part in reply.body["stretches"]]


def sessions(rig: Rig, **query: str) -> list[dict[str, Any]]:
    reply = get(rig, "/sessions", **query)
    assert reply.status == 200, reply.text
    found: list[dict[str, Any]] = reply.body["sessions"]
    return found


def set_tariff(rig: Rig, windows: str) -> None:
    body = {"off_peak": windows, "timezone": "Europe/London", "tariff_type": "dual_rate"}
    assert rig.serve("preferences", "PUT /assets/{asset}/tariff", body, asset="car-1").status == 202
    rig.publish()


def test_the_schedule_of_the_past_is_what_was_in_force_then(car: Rig) -> None:
    car.clock.put(NOW + 2 * HOUR)
    set_tariff(car, "20:00-21:00")
    car.clock.put(NOW + 4 * HOUR)
    assert stretches(car, NOW - HOUR, NOW + 4 * HOUR) == [
        ("17:00", None, "unknown"),
        ("18:00", 0, "default"),
        ("20:00", 7.4, "default"),
        ("21:00", 0, "default"),
    ]


def test_there_is_no_schedule_before_the_onboarding(car: Rig) -> None:
    assert stretches(car, NOW - 72 * HOUR, NOW - 60 * HOUR) == []


def test_every_plan_of_axles_is_kept_as_it_was_received(car: Rig) -> None:
    for limit in (3000, 5000):
        car.clock.move(minutes=10)
        periods = [{"startPeriod": 0, "limit": 0}, {"startPeriod": 28800, "limit": limit}]
        schedule = PROFILE["chargingSchedule"] | {"chargingSchedulePeriod": periods}  # type: ignore[operator]  # a dict
        reply = car.serve(
            "schedules",
            "POST /axle/assets/{axle_asset_id}/charging-profile",
            PROFILE | {"chargingSchedule": schedule},
            scope="axle",
            axle_asset_id=AXLE_ASSET,
        )
        assert reply.status == 200, reply.text
        car.publish()
    car.clock.move(minutes=10)
    body = one_session(car).body
    from_axle = [
        {limit["limit_kw"] for limit in plan["limits"] if limit["source"] == "axle"} - {0} for plan in body["plans"]
    ]
    assert from_axle == [set(), {3.0}, {5.0}]


def test_a_session_that_runs_is_listed_with_what_it_has_so_far(car: Rig) -> None:
    car.clock.move(minutes=30)
    row = sessions(car)[0]
    assert (row["night"], row["session"], row["verdict"]) == ("2026-01-15", SESSION, "RUNNING")
    assert row["ready_by"] == "2026-01-16T07:00:00Z"
    assert "0.0 of 30.0 kWh so far" in row["text"]


def test_a_night_that_was_short_for_the_account_names_the_route_of_the_link(car: Rig) -> None:
    assert "connect" not in one_session(car).body
    car.change("car-1", lambda twin: disconnected(twin, "The account is not connected.", car.clock.now()))
    observe(car, {"at": car.clock.now().isoformat(), "energy_lifetime_kwh": 1000.0, "charging": False})
    car.publish()
    car.clock.put(datetime.fromisoformat("2026-01-16T07:30:00+00:00"))
    observe(car, {"at": car.clock.now().isoformat(), "energy_lifetime_kwh": 1000.0})
    for shown in (sessions(car)[0], one_session(car).body):
        assert (shown["verdict"], shown["connect"]) == ("SHORT_ACCOUNT", "/sites/home-1/connections")


def test_nights_without_a_session_are_listed_with_the_reason(car: Rig) -> None:
    assert [(row["night"], row["verdict"]) for row in sessions(car)[1:]] == [
        ("2026-01-14", "NO_SESSION_NOT_PLUGGED_IN"),
        ("2026-01-13", "NO_SESSION_NOT_PLUGGED_IN"),
    ]


def test_nights_are_paged_by_the_week(rig: Rig) -> None:
    place(rig, a_twin(NOW - timedelta(days=10)))
    rig.publish()
    first = get(rig, "/sessions").body
    second = get(rig, "/sessions", before=first["next"]).body
    nights = [row["night"] for row in [*first["sessions"], *second["sessions"]]]
    assert nights == [f"2026-01-{day:02d}" for day in range(15, 4, -1)]
    assert (len(first["sessions"]), second["next"]) == (7, None)
    assert get(rig, "/sessions", before="yesterday").status == 400


def test_a_plug_in_that_was_earlier_than_reported_leaves_one_record(car: Rig) -> None:
    earlier = PLUGGED_AT - timedelta(minutes=20)
    shown = {"at": earlier.isoformat(), "plugged_in": True, "at_home": True}
    body = {"observations": [shown]}
    assert car.serve("vehicle_events", "POST /assets/{asset}/observations", body, asset="car-1").status == 202
    car.publish()
    (row,) = [row for row in sessions(car) if row["session"] is not None]
    twin = car.twin("car-1")
    assert twin.presence.session is not None
    assert row["session"] == twin.presence.session.id


def test_the_timeline_is_asked_by_time_and_by_session(car: Rig) -> None:
    set_tariff(car, "20:00-21:00")
    car.clock.move(minutes=90)
    set_tariff(car, "21:00-22:00")
    every = get(car, "/timeline").body["entries"]
    since = get(car, "/timeline", **{"from": (NOW + HOUR).isoformat()}).body["entries"]
    until = get(car, "/timeline", to=(NOW + HOUR).isoformat()).body["entries"]
    assert (since, until) == (every[:1], every[1:])
    assert get(car, "/timeline", session=SESSION).body["entries"] == every
    assert get(car, "/timeline", session="s-1").status == 404


def test_an_unknown_session_is_a_404(car: Rig) -> None:
    assert one_session(car, "s-1").status == 404


def test_a_record_that_comes_again_changes_nothing(car: Rig) -> None:
    before = [item for item in car.items() if item["sk"].startswith(("PLAN#", "SESSION#"))]
    car._cursor = None
    car.publish()
    assert [item for item in car.items() if item["sk"].startswith(("PLAN#", "SESSION#"))] == before


def test_the_report_in_the_terminal_says_the_verdict_and_what_it_rests_on(car: Rig) -> None:
    car.clock.move(minutes=30)
    row = sessions(car)[0]
    lines = list(report("car-1", row, one_session(car).body, "Europe/London"))
    assert lines[0] == "car-1, the night of 2026-01-15 (Europe/London)"
    assert lines[1].startswith("RUNNING: Your car has 0.0 of 30.0 kWh so far.")
    assert any(line.startswith("  wanted     30.0 kWh by 16 Jan 07:00") for line in lines)
    assert any("0 kW (default, DEFAULT_PEAK)" in line for line in lines)
    no_session = sessions(car)[1]
    assert list(report("car-1", no_session, None, "Europe/London"))[1].startswith("NO_SESSION_NOT_PLUGGED_IN: ")


def observe(rig: Rig, *shown: dict[str, Any]) -> None:
    reply = rig.serve(
        "vehicle_events", "POST /assets/{asset}/observations", {"observations": list(shown)}, asset="car-1"
    )
    assert reply.status == 202, reply.text
    rig.publish()


def at(minutes: float) -> str:
    return (NOW + timedelta(minutes=minutes)).isoformat()


def timeline(rig: Rig) -> list[tuple[str, str]]:
    """The events with their times, in order."""
    return [(row["at"][11:16], row["event"]) for row in reversed(get(rig, "/timeline").body["entries"])]


def test_a_car_that_stays_plugged_in_for_weeks_has_a_row_of_its_session_in_every_night(car: Rig) -> None:
    car.clock.move(days=18)
    first = get(car, "/sessions").body
    second = get(car, "/sessions", before=first["next"]).body
    nights = [(row["night"], row["session"]) for row in [*first["sessions"], *second["sessions"]]]
    assert nights == [(f"2026-{month:02}-{day:02}", SESSION) for month, day in DAYS]
    assert one_session(car).body["in_force"][0]["start"] == "2026-01-19T18:00:00Z"


DAYS = [(2, 2), (2, 1), *((1, day) for day in range(31, 19, -1))]


def test_a_car_of_unknown_place_is_not_called_unplugged_in_the_second_night(rig: Rig) -> None:
    place(rig, a_twin(NOW - 48 * HOUR))
    rig.publish()
    observe(rig, {"at": at(0), "plugged_in": True})
    rig.clock.move(hours=30)
    assert [row["verdict"] for row in sessions(rig)] == [
        "NO_SESSION_HOME_UNKNOWN",
        "NO_SESSION_HOME_UNKNOWN",
        "NO_SESSION_NOT_PLUGGED_IN",
        "NO_SESSION_NOT_PLUGGED_IN",
    ]


def test_a_home_that_is_found_out_later_has_its_entry_and_the_session_of_the_plug_in(rig: Rig) -> None:
    place(rig, a_twin(NOW - 48 * HOUR))
    rig.publish()
    observe(rig, {"at": at(0), "plugged_in": True})
    rig.clock.move(minutes=40)
    observe(rig, {"at": at(40), "at_home": True})
    assert timeline(rig) == [("18:00", "NoSession"), ("18:40", "PluggedIn")]
    assert [kind for kind, _ in rig.bus.events if kind in FOR_THE_APP] == ["NoSession", "PluggedIn"]
    row = sessions(rig)[0]
    assert (row["plugged_in_at"], row["opened_at"]) == ("2026-01-15T18:00:00Z", "2026-01-15T18:40:00Z")
    assert get(rig, "").body["session"]["id"] == row["session"]


@pytest.mark.parametrize("together", [True, False])
def test_a_cause_stands_before_its_effect_when_both_are_reported_late(rig: Rig, together: bool) -> None:
    place(rig, a_twin(NOW - 48 * HOUR))
    rig.publish()
    rig.clock.move(minutes=30)
    plug, charge = {"at": at(5), "plugged_in": True, "at_home": True}, {"at": at(6), "charging": True}
    if together:
        observe(rig, charge, plug)
    else:
        observe(rig, charge)
        observe(rig, plug)
    assert timeline(rig) == [("18:05", "PluggedIn"), ("18:06", "ChargingStarted")]


def test_what_is_kept_of_the_past_expires_with_the_timeline(car: Rig) -> None:
    observe(car, {"at": at(1), "charging": True})
    kept = {item["sk"].partition("#")[0]: item for item in car.items() if "#" in item["sk"]}
    written = {kind: kept[kind]["expires_at"] for kind in ("PLAN", "SESSION", "LOG")}
    assert max(written.values()) - min(written.values()) <= 120
    car.clock.move(days=2)
    observe(car, {"at": (NOW + timedelta(days=2)).isoformat(), "plugged_in": False, "power_kw": 0})
    car.clock.move(minutes=5)
    car.look("control", "car-1")
    car.publish()
    (session,) = [item for item in car.items() if item["sk"].startswith("SESSION#")]
    assert session["closed_at"] is not None
    assert session["expires_at"] >= written["SESSION"] + 2 * 86400 - 120


def test_the_cost_of_a_session_does_not_change_with_the_power_that_is_set_later(car: Rig) -> None:
    prices = {"prices": [30.0] * 47 + [7.0], "timezone": "Europe/London"}
    assert car.serve("preferences", "PUT /assets/{asset}/tariff", prices, asset="car-1").status == 202
    car.publish()
    for minute in range(0, 61, 10):
        car.clock.put(NOW + timedelta(minutes=minute))
        observe(car, {"at": at(minute), "charging": True, "power_kw": 7.0})
    observe(car, {"at": at(60), "plugged_in": False, "power_kw": 0})
    car.clock.move(minutes=10)
    car.look("control", "car-1")
    car.publish()
    before = one_session(car).body
    assert before["energy_kwh"] > 5
    assert before["cost"]["pence"] == pytest.approx(before["energy_kwh"] * 30, abs=1)
    car.change("car-1", lambda twin: replace(twin, link=replace(twin.link, power_kw=22.0)))
    car.publish()
    assert one_session(car).body["cost"] == before["cost"]
    assert one_session(car).body["energy"] == before["energy"]


def test_a_session_without_energy_costs_nothing_and_without_prices_a_cost_is_not_known(car: Rig) -> None:
    car.clock.move(minutes=30)
    assert one_session(car).body["cost"] == {"pence": 0.0, "at_once_pence": 0.0}
    for minute in range(30, 61, 10):
        car.clock.put(NOW + timedelta(minutes=minute))
        observe(car, {"at": at(minute), "charging": True, "power_kw": 7.0})
    assert one_session(car).body["cost"] == {"pence": None, "at_once_pence": None}


def test_edges_of_a_plan_keep_their_wall_time_whenever_it_is_made(car: Rig) -> None:
    car.clock.move(minutes=5, milliseconds=400)
    set_tariff(car, "20:00-21:00")
    starts = [limit["start"] for limit in one_session(car).body["plans"][-1]["limits"]]
    assert starts[1:3] == ["2026-01-15T20:00:00Z", "2026-01-15T21:00:00Z"]
