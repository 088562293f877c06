"""Whatever body is sent on whatever route, the answer is a success or a clear refusal, and the twin stays small."""

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given

from tests.support.functions.assets import AXLE_ASSET, a_twin, place, plugged_in
from tests.support.functions.mutated import ANYTHING, few, mutated
from tests.support.functions.rig import NOW, Rig
from tests.support.functions.schedule_calls import profile
from tests.support.functions.sites import MPAN, car, site_body

MOST_ITEM_BYTES, MOST_ANSWER_BYTES = 300 * 1024, 512 * 1024
WEEK = {"mon": "07:00", "tue": "7am", "sun": "09:30"}
BODIES: dict[str, tuple[str, dict[str, str], str, Any]] = {
    "PUT /assets/{asset}/tariff": (
        "preferences",
        {"asset": "car-1"},
        "app",
        {
            "off_peak": [{"start": "23:30", "end": "05:30"}],
            "prices": [7.5] * 48,
            "timezone": "UTC",
            "tariff_type": "smart",
        },
    ),
    "PUT /assets/{asset}/intent": (
        "preferences",
        {"asset": "car-1"},
        "app",
        {
            "kwh": 30,
            "ready_by": WEEK,
            "exceptions": {"2026-12-25": "11:00"},
            "may_charge_peak": True,
            "minimum_soc_pct": 9,
        },
    ),
    "PUT /assets/{asset}/vehicles/{vehicle_id}/intent": (
        "preferences",
        {"asset": "car-1", "vehicle_id": "leaf"},
        "app",
        {"target_soc_pct": 80, "battery_kwh": 40, "ready_by": "07:00", "charging_mode": "minimise_charging_time"},
    ),
    "PUT /assets/{asset}/charge-now": ("preferences", {"asset": "car-1"}, "app", {"until": "2026-01-15T20:00:00Z"}),
    "POST /assets/{asset}/observations": (
        "vehicle_events",
        {"asset": "car-1"},
        "app",
        {"observations": [{"at": NOW.isoformat(), "plugged_in": True, "power_kw": 7.2, "energy_lifetime_kwh": 1234.5}]},
    ),
    "POST /axle/assets/{axle_asset_id}/charging-profile": (
        "schedules",
        {"axle_asset_id": AXLE_ASSET},
        "axle",
        {"connectorId": 1, "csChargingProfiles": profile()},
    ),
    "PUT /sites/{site}": (
        "onboarding",
        {"site": "home-2"},
        "app",
        site_body(car("car-2"), home={"latitude": 51, "longitude": 0}),
    ),
    "POST /sites/{site}/snooze": ("onboarding", {"site": "home-1"}, "app", {"until": "2026-02-15T20:00:00Z"}),
    "POST /sites/{site}/enrol": ("onboarding", {"site": "home-9"}, "app", {"rejoin": True}),
    "POST /eligibility": ("onboarding", {}, "app", {"mpan": MPAN, "asset_model": "axle_ev_v1"}),
}


def placed(rig: Rig) -> Rig:
    place(rig, plugged_in(a_twin(NOW - timedelta(days=30)), NOW - timedelta(hours=1)))
    return rig


def send(rig: Rig, route: str, body: Any) -> Any:
    function, parameters, scope, _ = BODIES[route]
    return rig.serve(function, route, json.dumps(body), scope=scope, **parameters)


def twin_sizes(rig: Rig) -> list[int]:
    return [len(json.dumps(item, default=str)) for item in rig.items() if item["sk"] == "TWIN"]


@pytest.mark.parametrize("route", BODIES)
def test_no_body_stays_our_fault(rig: Rig, route: str) -> None:
    placed(rig)

    @few(25)
    @given(body=mutated(BODIES[route][3]) | ANYTHING)
    def whatever(body: Any) -> None:
        for _ in range(2):
            reply = send(rig, route, body)
            assert 200 <= reply.status < 500, (reply.status, reply.text)
            assert len(reply.text.encode()) < MOST_ANSWER_BYTES
        assert max(twin_sizes(rig)) < MOST_ITEM_BYTES

    whatever()


@pytest.mark.parametrize("route", BODIES)
def test_every_body_that_is_changed_here_is_accepted_as_it_is(rig: Rig, route: str) -> None:
    assert send(placed(rig), route, BODIES[route][3]).status in {200, 201, 202, 404}


@pytest.mark.parametrize("route", BODIES)
def test_the_answer_to_a_body_with_thousands_of_faults_is_short(rig: Rig, route: str) -> None:
    reply = send(placed(rig), route, {f"{number:x}": 0 for number in range(20_000)})
    assert 400 <= reply.status < 500
    assert len(reply.text.encode()) < MOST_ANSWER_BYTES


def test_an_asset_whose_preferences_are_all_as_long_as_they_may_be_stays_small(rig: Rig) -> None:
    placed(rig)
    days = [f"{year}-{month:02d}-{day:02d}" for year in (2026, 2027) for month in range(1, 13) for day in range(1, 16)]
    week = dict.fromkeys(("mon", "tue", "wed", "thu", "fri", "sat", "sun"), "07:00")
    longest = {"kwh": 12.345678901234, "ready_by": week, "exceptions": dict.fromkeys(days[:366], "07:00")}
    route = "PUT /assets/{asset}/vehicles/{vehicle_id}/intent"
    for number in range(3):
        reply = rig.serve("preferences", route, longest, asset="car-1", vehicle_id=f"v{number}")
        assert reply.status == 202
    assert send(rig, "PUT /assets/{asset}/intent", longest).status == 202
    prices = [7.123456789012 + n for n in range(48)]
    windows = [{"start": f"{hour:02d}:00", "end": f"{hour:02d}:20"} for hour in range(24)]
    tariff = {"off_peak": windows, "prices": prices, "timezone": "Europe/London"}
    assert send(rig, "PUT /assets/{asset}/tariff", tariff).status == 202
    # At most ten cars have an intent of their own, so all of them stay below 100 KB.
    assert max(twin_sizes(rig)) < 45 * 1024
