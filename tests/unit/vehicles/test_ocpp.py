"""OCPP chargers: the profiles that are set, every answer's meaning, and what counts as a charger's report."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from driveway.domain.charging_profiles import composite_schedule, parse_charging_profile
from driveway.domain.charging_profiles.profile import RateUnit
from driveway.domain.control.outcome import Outcome
from driveway.domain.presence.observation import Observation
from driveway.domain.twin import OutcomeKind, Vehicle, Window
from driveway.vehicles.ocpp.charger import STATUSES, observations
from driveway.vehicles.ocpp.commands import TABLE, OcppCommands
from driveway.vehicles.ocpp.profiles import (
    COMMAND_PROFILE_ID,
    DEFAULT_PROFILE_ID,
    NO_LIMIT,
    TRANSACTION_PROFILE_ID,
    default_profile,
)
from tests.support.vehicles.provider_api import ProviderApi, Reply, call_to

BASE = "https://csms.example/ocpp"
NOW = datetime(2026, 11, 22, 23, 30, tzinfo=UTC)
CHARGER = Vehicle("ocpp", "CP/1")
LONDON = "Europe/London"
NIGHT = (Window(0, 330), Window(1410, 1440))

ACCEPTED, ALREADY, RETRYABLE = OutcomeKind.ACCEPTED, OutcomeKind.ALREADY_IN_STATE, OutcomeKind.RETRYABLE
UNSUPPORTED, FAILED = OutcomeKind.UNSUPPORTED, OutcomeKind.FAILED


def status(text: str) -> Reply:
    return Reply(200, {"status": text})


def running(transaction_id: int) -> Reply:
    """An acceptance by a charger on which a transaction runs."""
    return Reply(200, {"status": "Accepted", "transaction_id": transaction_id})


def ask(command: str, *replies: Reply | Exception, **extra: str) -> tuple[Outcome, ProviderApi]:
    api = ProviderApi(list(replies))
    call, commands = call_to(api, BASE + "/", NOW, **extra), OcppCommands()
    asks = {
        "start": lambda: commands.start(call, CHARGER, limit_kw=None),
        "start at 3.6 kW": lambda: commands.start(call, CHARGER, limit_kw=3.6),
        "start at 7.4 kW": lambda: commands.start(call, CHARGER, limit_kw=7.4),
        "stop": lambda: commands.stop(call, CHARGER),
        "read_state": lambda: commands.read_state(call, CHARGER),
        "install": lambda: commands.install_default(call, CHARGER, NIGHT, timezone=LONDON),
        "remove": lambda: commands.remove_default(call, CHARGER),
    }
    return asks[command](), api


def profile_set(command: str, **extra: str) -> dict[str, Any]:
    _, api = ask(command, status("Accepted"), **extra)
    (asked,) = api.asked
    assert (asked.method, asked.url) == ("POST", f"{BASE}/chargers/CP%2F1/SetChargingProfile")
    return asked.body


def limits(
    *profiles: dict[str, Any], at: datetime, duration_s: int, unit: RateUnit = "W"
) -> list[tuple[int, float | None]]:
    """The limit by seconds after ``at``, as an OCPP charger with these profiles and a transaction sees it."""
    parsed = [parse_charging_profile(profile) for profile in profiles]
    periods = composite_schedule(parsed, start=at, duration_s=duration_s, transaction_start=at, unit=unit)
    return [(period.start_s, period.limit) for period in periods]


ROWS: list[tuple[str, str, list[Reply | Exception], OutcomeKind]] = [
    ("SetChargingProfile Accepted", "start", [status("Accepted")], ACCEPTED),
    ("SetChargingProfile Accepted", "stop", [status("Accepted")], ACCEPTED),
    ("SetChargingProfile Accepted", "install", [status("Accepted")], ACCEPTED),
    ("SetChargingProfile Rejected", "stop", [status("Rejected")], FAILED),
    ("SetChargingProfile NotSupported", "start", [status("NotSupported")], UNSUPPORTED),
    ("ClearChargingProfile Accepted", "remove", [status("Accepted")], ACCEPTED),
    ("ClearChargingProfile Accepted", "remove", [status("Unknown"), status("Accepted")], ACCEPTED),
    ("ClearChargingProfile Unknown", "remove", [status("Unknown")], ALREADY),
    ("400", "start", [Reply(400)], FAILED),
    ("401", "start", [Reply(401)], FAILED),
    ("403", "start", [Reply(403)], FAILED),
    ("404", "read_state", [Reply(404)], FAILED),
    ("408", "start", [Reply(408)], RETRYABLE),
    ("409", "start", [Reply(409)], RETRYABLE),
    ("429", "start", [Reply(429)], RETRYABLE),
    ("501", "start", [Reply(501)], UNSUPPORTED),
    ("503", "remove", [status("Accepted"), Reply(503)], RETRYABLE),
    ("4xx", "start", [Reply(418)], FAILED),
    ("5xx", "start", [Reply(500, "<html>")], RETRYABLE),
    ("other", "start", [Reply(302)], FAILED),
    ("other", "start", [status("Perhaps")], FAILED),
]


@pytest.mark.parametrize(("row", "command", "replies", "kind"), ROWS)
def test_each_row_of_the_table_is_met_by_an_answer(row, command, replies, kind):
    outcome, _ = ask(command, *replies)
    assert (outcome.kind, outcome.detail) == (kind, TABLE[row][1])


@pytest.mark.parametrize(
    ("status_code", "unavailable"), [(429, True), (500, True), (502, True), (503, False), (404, False)]
)
def test_the_central_system_is_out_of_service_but_not_for_a_charger_that_is(status_code, unavailable):
    assert ask("start", Reply(status_code))[0].unavailable is unavailable


def test_no_row_of_the_table_is_untested():
    assert {row for row, *_ in ROWS} == set(TABLE)


@pytest.mark.parametrize("command", ["start", "stop", "read_state", "install", "remove"])
@pytest.mark.parametrize("fault", [requests.ConnectTimeout(), requests.ReadTimeout(), requests.ConnectionError()])
def test_no_answer_is_retryable(command, fault):
    outcome, _ = ask(command, fault)
    assert outcome.kind is RETRYABLE


def test_the_central_systems_text_and_wait_are_in_the_outcome():
    outcome, _ = ask("start", Reply(503, {"detail": "Gone since noon."}, {"Retry-After": "60"}))
    assert outcome.detail.endswith("Gone since noon.")
    assert outcome.retry_after_s == 60


def test_the_token_is_sent_and_renewed_once_when_refused():
    outcome, api = ask("start", Reply(401), status("Accepted"))
    assert outcome.kind is ACCEPTED
    assert [asked.headers["Authorization"] for asked in api.asked] == ["Bearer token-1", "Bearer token-2"]


def test_a_start_at_a_limit_sets_our_profile_at_its_stack_level():
    assert profile_set("start at 3.6 kW") == {
        "connectorId": 1,
        "csChargingProfiles": {
            "chargingProfileId": COMMAND_PROFILE_ID,
            "stackLevel": 1100,
            "chargingProfilePurpose": "TxDefaultProfile",
            "chargingProfileKind": "Absolute",
            "validTo": "2026-11-23T11:30:00Z",
            "chargingSchedule": {
                "startSchedule": "2026-11-22T23:25:00Z",
                "chargingRateUnit": "W",
                "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 3600.0}],
            },
        },
    }


def test_a_charger_with_other_needs_is_configured_by_settings():
    body = profile_set(
        "start at 7.4 kW",
        connector_id="2",
        stack_level="8",
        rate_unit="A",
        voltage_v="240",
        phases="3",
        command_valid_s="3600",
    )
    profile = body["csChargingProfiles"]
    assert (body["connectorId"], profile["stackLevel"], profile["validTo"]) == (2, 8, "2026-11-23T00:30:00Z")
    assert profile["chargingSchedule"]["chargingRateUnit"] == "A"
    assert profile["chargingSchedule"]["chargingSchedulePeriod"] == [
        {"startPeriod": 0, "limit": 10.2, "numberPhases": 3}
    ]


@pytest.mark.parametrize(
    ("extra", "amperes"),
    [({"power_kw": "22"}, 15.9), ({"power_kw": "7.4"}, 47.8), ({"power_kw": "22", "phases": "1"}, 47.8)],
)
def test_amperes_are_per_phase_on_the_phases_stated_or_else_on_those_that_the_power_needs(extra, amperes):
    api = ProviderApi([status("Accepted")])
    OcppCommands().start(call_to(api, BASE, NOW, rate_unit="A", **extra), CHARGER, limit_kw=11.0)
    (period,) = api.asked[0].body["csChargingProfiles"]["chargingSchedule"]["chargingSchedulePeriod"]
    assert period["limit"] == amperes


def test_a_start_without_a_limit_has_none_in_amperes_either():
    schedule = profile_set("start", rate_unit="A", phases="1")["csChargingProfiles"]["chargingSchedule"]
    assert schedule["chargingRateUnit"] == "A"
    assert schedule["chargingSchedulePeriod"] == [{"startPeriod": 0, "limit": NO_LIMIT, "numberPhases": 1}]


@given(st.integers(0, 100_000))
def test_a_limit_is_never_above_what_was_asked_for_and_less_than_a_tenth_of_a_unit_below(watts):
    api = ProviderApi([status("Accepted")])
    OcppCommands().start(call_to(api, BASE, NOW, rate_unit="A"), CHARGER, limit_kw=watts / 1000)
    (period,) = api.asked[0].body["csChargingProfiles"]["chargingSchedule"]["chargingSchedulePeriod"]
    assert watts / 230 - 0.1 < period["limit"] <= watts / 230 + 1e-9
    assert round(period["limit"] * 10) == pytest.approx(period["limit"] * 10)


@pytest.mark.parametrize(("command", "limit"), [("start", NO_LIMIT), ("start at 7.4 kW", 7400.0), ("stop", 0.0)])
def test_a_command_leads_over_the_default_until_it_lapses_and_then_the_default_leads(command, limit):
    default = profile_set("install")["csChargingProfiles"]
    commanded = profile_set(command)["csChargingProfiles"]
    at_once = limits(default, commanded, at=NOW, duration_s=60)
    assert at_once == [(0, limit)]
    lapsed = NOW + timedelta(hours=12)
    assert limits(default, commanded, at=lapsed, duration_s=60) == limits(default, at=lapsed, duration_s=60)


def test_a_command_holds_at_once_on_a_charger_whose_clock_is_behind():
    commanded = profile_set("stop")["csChargingProfiles"]
    assert limits(commanded, at=NOW - timedelta(minutes=4), duration_s=60) == [(0, 0.0)]


def test_removing_clears_the_command_before_the_default_so_that_nothing_is_left_holding():
    outcome, api = ask("remove", status("Accepted"))
    assert outcome.kind is ACCEPTED
    assert [(asked.url, asked.body) for asked in api.asked] == [
        (f"{BASE}/chargers/CP%2F1/ClearChargingProfile", {"id": profile_id, "connectorId": 1})
        for profile_id in (COMMAND_PROFILE_ID, TRANSACTION_PROFILE_ID, DEFAULT_PROFILE_ID)
    ]


def test_removing_leaves_a_running_transaction_without_a_limit_until_it_ends():
    outcome, api = ask("remove", running(17))
    assert outcome.kind is ACCEPTED
    cleared, freed, last = api.asked
    assert (cleared.body["id"], last.body["id"]) == (COMMAND_PROFILE_ID, DEFAULT_PROFILE_ID)
    profile = freed.body["csChargingProfiles"]
    assert (profile["chargingProfilePurpose"], profile["transactionId"]) == ("TxProfile", 17)
    assert profile["chargingSchedule"]["chargingSchedulePeriod"] == [{"startPeriod": 0, "limit": NO_LIMIT}]
    days_later = NOW + timedelta(days=3)
    assert limits({**profile, "transactionId": None}, at=days_later, duration_s=60) == [(0, NO_LIMIT)]


@pytest.mark.parametrize("command", ["start", "start at 7.4 kW", "stop"])
def test_a_running_transaction_gets_the_limit_of_the_command_under_its_own_id(command):
    outcome, api = ask(command, running(17))
    assert outcome.kind is ACCEPTED
    default, transaction = (asked.body["csChargingProfiles"] for asked in api.asked)
    assert transaction == default | {
        "chargingProfileId": TRANSACTION_PROFILE_ID,
        "chargingProfilePurpose": "TxProfile",
        "transactionId": 17,
    }


@pytest.mark.parametrize("named", [{}, {"transaction_id": None}, {"transaction_id": "x"}, {"transaction_id": 1.5}])
def test_a_charger_whose_transaction_is_not_named_gets_no_profile_for_one(named):
    outcome, api = ask("stop", Reply(200, {"status": "Accepted"} | named))
    assert (outcome.kind, len(api.asked)) == (ACCEPTED, 1)


@pytest.mark.parametrize("answer", ["Rejected", "NotSupported"])
def test_a_charger_that_takes_no_profile_for_a_transaction_still_has_the_default(answer):
    outcome, api = ask("stop", running(17), status(answer))
    assert (outcome.kind, len(api.asked)) == (ACCEPTED, 2)


def test_a_charger_that_is_lost_before_its_transaction_is_limited_gets_the_command_again():
    outcome, _ = ask("stop", running(17), Reply(503))
    assert outcome.kind is RETRYABLE


def test_a_charger_that_rejects_the_command_gets_nothing_for_its_transaction():
    outcome, api = ask("stop", Reply(200, {"status": "Rejected", "transaction_id": 17}))
    assert (outcome.kind, len(api.asked)) == (OutcomeKind.FAILED, 1)


def test_the_default_lies_one_level_below_the_command():
    assert profile_set("install", stack_level="8")["csChargingProfiles"]["stackLevel"] == 7


def test_removing_stops_where_the_charger_is_lost():
    outcome, api = ask("remove", Reply(503), status("Accepted"))
    assert (outcome.kind, len(api.asked)) == (RETRYABLE, 1)


def test_the_default_repeats_daily_from_the_local_midnight_given_in_utc():
    summer = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
    assert default_profile(NIGHT, timezone=LONDON, now=summer) == {
        "chargingProfileId": DEFAULT_PROFILE_ID,
        "stackLevel": 1099,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Recurring",
        "recurrencyKind": "Daily",
        "chargingSchedule": {
            "duration": 86_400,
            "startSchedule": "2026-06-30T23:00:00Z",
            "chargingRateUnit": "W",
            "chargingSchedulePeriod": [
                {"startPeriod": 0, "limit": NO_LIMIT},
                {"startPeriod": 330 * 60, "limit": 0.0},
                {"startPeriod": 1410 * 60, "limit": NO_LIMIT},
            ],
        },
    }


def test_the_default_is_in_the_unit_that_the_charger_takes():
    in_watts, in_amperes = profile_set("install"), profile_set("install", rate_unit="A", connector_id="2")
    assert in_amperes["connectorId"] == 2
    schedule = in_amperes["csChargingProfiles"]["chargingSchedule"]
    assert schedule["chargingRateUnit"] == "A"
    watts = in_watts["csChargingProfiles"]["chargingSchedule"]
    assert schedule["chargingSchedulePeriod"] == watts["chargingSchedulePeriod"]


@st.composite
def day_windows(draw):
    edges = sorted(draw(st.sets(st.integers(0, 1440), max_size=6)))
    return tuple(Window(start, end) for start, end in zip(edges[::2], edges[1::2], strict=False))


@given(
    day_windows(),
    st.sampled_from([LONDON, "UTC", "Europe/Amsterdam", "Asia/Kathmandu", "America/St_Johns"]),
    st.datetimes(min_value=datetime(2025, 1, 1), max_value=datetime(2028, 1, 1)),  # noqa: DTZ001 - made aware below
    st.integers(0, 40 * 86_400),
    st.sampled_from(["W", "A"]),
)
def test_while_the_offset_stays_a_charger_with_the_default_charges_exactly_in_the_wall_time_windows(
    windows, timezone, naive, ahead_s, rate_unit
):
    now = naive.replace(tzinfo=UTC, microsecond=0)
    at = now + timedelta(seconds=ahead_s)
    wall = at.astimezone(ZoneInfo(timezone))
    if wall.utcoffset() != now.astimezone(ZoneInfo(timezone)).utcoffset():
        return
    minute = wall.hour * 60 + wall.minute
    inside = not windows or any(window.start_min <= minute < window.end_min for window in windows)
    profile = default_profile(windows, timezone=timezone, now=now, rate_unit=rate_unit)
    assert limits(profile, at=at, duration_s=1, unit=rate_unit) == [(0, NO_LIMIT if inside else 0.0)]


def test_looking_gives_what_the_charger_measures_and_a_plugged_car_is_at_home():
    outcome, api = ask(
        "read_state",
        Reply(
            200,
            {
                "connected": True,
                "status": "Charging",
                "plugged_in": True,
                "charging": True,
                "power_kw": 7.2,
                "energy_session_kwh": 3.25,
                "energy_lifetime_kwh": 1234.567,
                "at": "2026-11-22T23:29:58Z",
            },
        ),
    )
    assert outcome.kind is ACCEPTED
    assert outcome.observations == (
        Observation(
            at=datetime(2026, 11, 22, 23, 29, 58, tzinfo=UTC),
            source="ocpp",
            plugged_in=True,
            at_home=True,
            charging=True,
            power_kw=7.2,
            energy_session_kwh=3.25,
            energy_lifetime_kwh=1234.567,
            measuring_point="charger",
        ),
        Observation(at=NOW, source="ocpp", reachable=True),
    )
    assert [(asked.method, asked.url) for asked in api.asked] == [("GET", f"{BASE}/chargers/CP%2F1")]


@pytest.mark.parametrize(("name", "expected"), STATUSES.items())
def test_the_status_fills_what_the_flags_leave_open(name, expected):
    (seen,) = observations({"status": name}, now=NOW)
    assert (seen.plugged_in, seen.charging) == expected


def test_a_car_that_takes_no_power_though_it_is_offered_counts_as_full():
    (seen,) = observations({"status": "SuspendedEV"}, now=NOW)
    assert seen.battery_full is True
    others = [{"status": name} for name in STATUSES if name != "SuspendedEV"]
    for state in (*others, {"status": "SuspendedEV", "charging": True}):
        (seen,) = observations(state, now=NOW)
        assert seen.battery_full is None, state


@pytest.mark.parametrize("name", ["Faulted", "Unavailable", "Reserved", "SomethingNew", None, 7])
def test_a_status_that_tells_nothing_of_the_car_says_nothing(name):
    assert observations({"status": name, "connected": True}, now=NOW) == (
        Observation(at=NOW, source="ocpp", reachable=True),
    )


def test_undated_values_of_a_charger_that_is_not_connected_are_left_out():
    state = {"connected": False, "plugged_in": True, "power_kw": 7.2}
    assert observations(state, now=NOW) == (Observation(at=NOW, source="ocpp", reachable=False),)
    dated, _ = observations({**state, "at": "2026-11-22T20:00:00Z"}, now=NOW)
    assert (dated.plugged_in, dated.at) == (True, datetime(2026, 11, 22, 20, 0, tzinfo=UTC))


def test_a_charger_is_not_woken():
    api = ProviderApi([Reply(500)])
    assert OcppCommands().wake(call_to(api, BASE, NOW), CHARGER).kind is UNSUPPORTED
    assert api.asked == []
