"""What is kept of an asset's past: the plans as they were made, the sessions, and nights without one."""

from datetime import datetime, timedelta
from typing import Any

import pytest

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
