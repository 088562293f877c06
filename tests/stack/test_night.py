"""A night on the real template: Axle's documented scenario 1, from onboarding to accepted readings."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.support.contract.axle_openapi import axle_openapi
from tests.support.stack.homes import Stack


def test_the_night_goes_as_it_should(night: dict[str, Any]) -> None:
    assert night["errors"] == []


def test_the_car_charges_only_off_peak_and_meets_both_edges(night: dict[str, Any], running: Stack) -> None:
    slack = timedelta(seconds=60) + running.clock.real_time(1.0)
    edges = [datetime.fromisoformat("2026-01-15T23:30:00+00:00"), datetime.fromisoformat("2026-01-16T05:30:00+00:00")]
    changes = [(datetime.fromisoformat(change["at"]), change["charging"]) for change in night["charging"]]
    assert [charging for _, charging in changes] == [True, False]
    for (at, _), edge in zip(changes, edges, strict=True):
        assert timedelta(0) <= at - edge <= slack


def test_what_axle_accepted_is_what_the_cars_own_meter_shows(night: dict[str, Any]) -> None:
    assert night["car_energy_kwh"] > 40
    assert night["reported_kwh"] == pytest.approx(night["car_energy_kwh"], abs=0.001)


def test_half_hours_without_energy_are_reported_as_zero(night: dict[str, Any]) -> None:
    starts = {slot["start"]: slot["kwh"] for slot in night["slots"]}
    assert starts["2026-01-15T22:30:00+00:00"] == 0
    assert starts["2026-01-16T06:30:00+00:00"] == 0


def test_every_command_met_its_edge_and_was_confirmed_by_the_car(night: dict[str, Any]) -> None:
    assert [command["action"] for command in night["commands"]] == ["start", "stop"]
    assert all(command["edge_at"] and command["confirmed_at"] for command in night["commands"])


def test_axle_receives_tariff_intent_and_plug_state_in_that_order(night: dict[str, Any]) -> None:
    events = [call["path"].rsplit("/", 1)[1] for call in night["axle_requests"] if "/event/" in call["path"]]
    assert events[:4] == ["tariff-update", "intent", "plug-out", "plug-in"]
    assert events[-1] == "plug-out"


def test_every_line_of_the_timeline_says_why(night: dict[str, Any]) -> None:
    events = [entry["event"] for entry in night["timeline"]]
    for expected in ("Onboarded", "PluggedIn", "ScheduleReceived", "ChargingStarted", "ChargingStopped", "PluggedOut"):
        assert expected in events
    assert all(entry["reason"] and entry["text"] for entry in night["timeline"])


def test_every_request_to_axle_is_valid_by_axles_own_openapi(night: dict[str, Any], running: Stack) -> None:
    document = axle_openapi()
    requests = running.simulator("axle", "GET", "/requests")["requests"]
    assert len(requests) > 5
    faults = [fault for call in requests for fault in document.problems(call["method"], call["path"], call["body"])]
    assert faults == []


def test_nothing_private_is_stored_or_logged(night: dict[str, Any], running: Stack) -> None:
    events = running.aws("logs").get_paginator("filter_log_events").paginate(logGroupName="/driveway/local")
    logged = "\n".join(event["message"] for page in events for event in page["events"])
    stored = "\n".join(str(item) for item in running.items())
    for secret in ("1200001234566", "SW1A", "10 Example Street", "driver@example.com", running.values["app_token"]):
        assert secret not in stored
        assert secret not in logged
    for position in ("51.5034", "-0.1276"):
        assert position not in stored
        assert position not in logged
