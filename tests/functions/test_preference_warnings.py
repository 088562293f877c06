"""What is accepted and has no effect, or another one than it seems, says so in the answer's warnings."""

from datetime import timedelta
from typing import Any

import pytest

from driveway.domain.twin import Presence, Twin
from driveway.values import replace
from tests.support.functions.assets import a_twin, place, plugged_in
from tests.support.functions.rig import NOW, Reply, Rig

BODIES = {
    "tariff": {"off_peak": "23:30-05:30", "timezone": "Europe/London"},
    "intent": {"kwh": 20, "ready_by": "07:00"},
    "charge-now": {"for_minutes": 90},
    "vehicles/leaf/intent": {"kwh": 20, "ready_by": "07:00"},
}


def send(rig: Rig, what: str, body: Any = None, *, method: str = "PUT") -> Reply:
    route = "vehicles/{vehicle_id}/intent" if what.startswith("vehicles") else what
    named = {"vehicle_id": "leaf"} if what.startswith("vehicles") else {}
    body = BODIES[what] if body is None and method == "PUT" else body
    return rig.serve("preferences", f"{method} /assets/{{asset}}/{route}", body, asset="car-1", **named)


def with_car(rig: Rig, **link: Any) -> Rig:
    place(rig, plugged_in(a_twin(NOW - timedelta(days=30), **link), NOW - timedelta(hours=1)))
    return rig


def out_of_order(twin: Twin) -> Twin:
    return replace(twin, presence=replace(twin.presence, needs_user="Login again."))


@pytest.mark.parametrize("what", BODIES)
def test_what_acts_now_has_no_warnings(rig: Rig, what: str) -> None:
    reply = send(with_car(rig), what)
    assert (reply.status, reply.body["warnings"]) == (202, [])


@pytest.mark.parametrize("what", BODIES)
def test_an_account_that_is_out_of_order_is_a_warning(rig: Rig, what: str) -> None:
    with_car(rig).change("car-1", out_of_order)
    reply = send(rig, what)
    assert reply.status == 202
    assert "connect it again" in " ".join(reply.body["warnings"])


@pytest.mark.parametrize("what", BODIES)
def test_a_snooze_is_a_warning_that_says_until_when(rig: Rig, what: str) -> None:
    reply = send(with_car(rig, snoozed_until=NOW + timedelta(days=2)), what)
    assert reply.status == 202
    assert "snoozed until 2026-01-17T18:00:00Z" in " ".join(reply.body["warnings"])


@pytest.mark.parametrize("what", BODIES)
def test_a_snooze_that_is_over_is_none(rig: Rig, what: str) -> None:
    reply = send(with_car(rig, snoozed_until=NOW - timedelta(minutes=1)), what)
    assert reply.body["warnings"] == []


@pytest.mark.parametrize("what", BODIES)
def test_an_asset_without_a_car_is_a_warning(rig: Rig, what: str) -> None:
    assert "No car is linked" in " ".join(send(with_car(rig, vehicle=None), what).body["warnings"])


def test_charge_now_for_a_car_that_is_not_plugged_in_says_that_it_waits(rig: Rig) -> None:
    with_car(rig).change("car-1", lambda twin: replace(twin, presence=Presence()))
    reply = send(rig, "charge-now")
    assert reply.status == 202
    assert "when it is plugged in before 2026-01-15T19:30:00Z" in " ".join(reply.body["warnings"])


@pytest.mark.parametrize("link", [{"enrolled": False}, {"leaving": True}])
def test_charge_now_at_a_site_that_is_not_enrolled_is_refused_and_a_preference_is_kept_with_a_warning(
    rig: Rig, link: dict[str, Any]
) -> None:
    with_car(rig, **link)
    before = rig.items()
    reply = send(rig, "charge-now")
    assert (reply.status, reply.problem) == (409, "not-enrolled")
    assert rig.items() == before
    assert send(rig, "charge-now", method="DELETE").status == 202
    for what in ("tariff", "intent", "vehicles/leaf/intent"):
        reply = send(rig, what)
        assert reply.status == 202
        assert "not enrolled" in " ".join(reply.body["warnings"])


@pytest.mark.parametrize("what", ["intent", "vehicles/leaf/intent"])
def test_energy_above_the_battery_is_cut_with_a_warning(rig: Rig, what: str) -> None:
    reply = send(with_car(rig), what, {"kwh": 300, "ready_by": "07:00"})
    assert (reply.status, reply.body["kwh"]) == (202, 64)
    assert reply.body["warnings"] == ["300 kWh is more than the battery's 64 kWh, so Axle is asked for 64 kWh."]
    assert send(rig, what, {"kwh": 64, "ready_by": "07:00"}).body["warnings"] == []


def test_the_battery_of_the_car_itself_counts(rig: Rig) -> None:
    reply = send(with_car(rig), "vehicles/leaf/intent", {"kwh": 50, "battery_kwh": 40, "ready_by": "07:00"})
    assert (reply.body["kwh"], len(reply.body["warnings"])) == (40, 1)


def test_hours_above_the_battery_are_kept_and_the_warning_says_what_axle_is_asked_for(rig: Rig) -> None:
    reply = send(with_car(rig), "intent", {"hours": 12, "ready_by": "07:00"})
    assert reply.body["hours"] == 12
    assert reply.body["warnings"] == [
        "12 hours (88.8 kWh) is more than the battery's 64 kWh, so Axle is asked for 64 kWh."
    ]


def test_without_a_known_battery_nothing_is_cut(rig: Rig) -> None:
    reply = send(with_car(rig, battery_kwh=None), "intent", {"kwh": 300, "ready_by": "07:00"})
    assert (reply.body["kwh"], reply.body["warnings"]) == (300, [])


@pytest.mark.parametrize("what", ["intent", "vehicles/leaf/intent"])
def test_weekdays_left_out_are_a_warning_that_says_what_axle_plans_for(rig: Rig, what: str) -> None:
    weekdays = dict.fromkeys(("mon", "tue", "wed", "thu", "fri"), "07:00") | {"mon": "06:00"}
    (warning,) = send(with_car(rig), what, {"kwh": 20, "ready_by": weekdays}).body["warnings"]
    assert warning == (
        "No departure is given for Saturday and Sunday. Axle knows a time of day and no weekday, so ahead of those "
        "days it plans for Monday's time, 06:00, as if the car left then on each of them."
    )


def test_each_gap_of_the_week_has_its_own_warning(rig: Rig) -> None:
    body = {"kwh": 20, "ready_by": {"tue": "07:00", "thu": "08:00"}}
    warnings = send(with_car(rig), "intent", body).body["warnings"]
    assert [warning.partition(".")[0] for warning in warnings] == [
        "No departure is given for Wednesday",
        "No departure is given for Friday, Saturday, Sunday and Monday",
    ]
    assert ["Thursday's time, 08:00" in warnings[0], "Tuesday's time, 07:00" in warnings[1]] == [True, True]


def test_one_day_of_the_week_leaves_the_other_six_out(rig: Rig) -> None:
    (warning,) = send(with_car(rig), "intent", {"kwh": 20, "ready_by": {"sun": "10:00"}}).body["warnings"]
    assert "Monday, Tuesday, Wednesday, Thursday, Friday and Saturday" in warning
    assert "Sunday's time, 10:00" in warning
