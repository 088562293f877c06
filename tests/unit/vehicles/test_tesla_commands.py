"""Commands to a Tesla through the proxy: every answer's meaning row by row, waking, limits, doubt."""

from typing import Any

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from driveway.auth.token_source import TokenError
from driveway.domain.control.outcome import Outcome
from driveway.domain.presence.observation import Observation
from driveway.domain.twin import OutcomeKind
from driveway.values import replace
from driveway.vehicles.http_call import Answer
from driveway.vehicles.tesla.commands import TeslaCommands, charging_amps
from driveway.vehicles.tesla.outcomes import TABLE, judge
from tests.support.vehicles.provider_api import ProviderApi, Reply, SubmissionResult, call_to
from tests.support.vehicles.tesla_answers import ASLEEP, BASE, CAR, DONE, NOW, fault

NORTH_AMERICA = "https://fleet-api.prd.na.vn.cloud.tesla.com"
EUROPE = "https://fleet-api.prd.eu.vn.cloud.tesla.com"
NOW_MS = int(NOW.timestamp() * 1000)
VIN = CAR.vehicle_id

ACCEPTED, CONFIRMED, ALREADY = OutcomeKind.ACCEPTED, OutcomeKind.CONFIRMED, OutcomeKind.ALREADY_IN_STATE
RETRYABLE, NEEDS_USER = OutcomeKind.RETRYABLE, OutcomeKind.NEEDS_USER
UNSUPPORTED, FAILED = OutcomeKind.UNSUPPORTED, OutcomeKind.FAILED


def names(api: ProviderApi) -> list[str]:
    """What was asked, each by the end of its path."""
    return [asked.url.split("?")[0].rsplit("/", 1)[1] for asked in api.asked]


def by_name(**replies: Reply | Exception) -> ProviderApi:
    """An API that answers by the end of the path, and takes any other command."""
    return ProviderApi(lambda asked: replies.get(asked.url.split("?")[0].rsplit("/", 1)[1], DONE))


def start(api: ProviderApi, limit_kw: float | None = None) -> Outcome:
    return TeslaCommands().start(call_to(api, BASE, NOW), CAR, limit_kw=limit_kw)


def set_current(api: ProviderApi, amps: int) -> Outcome:
    return TeslaCommands().set_current(call_to(api, BASE, NOW), CAR, amps)


def stop(api: ProviderApi) -> Outcome:
    return TeslaCommands().stop(call_to(api, BASE, NOW), CAR)


CHARGING = {"plugged_in": True, "charging": True}
NOT_CHARGING = {"charging": False}
FULL = {"plugged_in": True, "charging": False, "battery_full": True}
OUT_OF_REACH = {"reachable": False}
ROWS: list[tuple[str, int, str, OutcomeKind, dict[str, Any]]] = [
    ("start", 200, "is_charging", ALREADY, CHARGING),
    ("stop", 200, "is_charging", RETRYABLE, CHARGING),
    ("start", 200, "charging", ALREADY, CHARGING),
    ("stop", 200, "charging", RETRYABLE, CHARGING),
    ("start", 200, "complete", ALREADY, FULL),
    ("start", 200, "requested", ALREADY, {}),
    ("stop", 200, "requested", RETRYABLE, {}),
    ("start", 200, "already_set", ALREADY, {}),
    ("stop", 200, "not_charging", ALREADY, NOT_CHARGING),
    ("start", 200, "not_charging", RETRYABLE, NOT_CHARGING),
    ("start", 200, "disconnected", OutcomeKind.NOT_PLUGGED_IN, {"plugged_in": False, "charging": False}),
    ("remove_schedule", 200, "schedule_not_found", ALREADY, {}),
    ("start", 200, "could_not_wake_buses", FAILED, {}),
    ("start", 500, "vehicle is asleep", RETRYABLE, OUT_OF_REACH),
    ("start", 503, "vehicle is offline", RETRYABLE, OUT_OF_REACH),
    ("start", 401, "login_required", NEEDS_USER, {}),
    ("start", 403, "mobile_access_disabled", NEEDS_USER, {}),
    ("start", 500, "your public key has not been paired with the vehicle", NEEDS_USER, {}),
    ("start", 500, "key not paired", NEEDS_USER, {}),
    ("start", 400, "", FAILED, {}),
    ("start", 401, "token expired", NEEDS_USER, {}),
    ("start", 402, "payment_required", RETRYABLE, {}),
    ("start", 403, "missing scopes", NEEDS_USER, {}),
    ("start", 404, "not_found", NEEDS_USER, {}),
    ("start", 406, "", FAILED, {}),
    ("start", 408, "", RETRYABLE, OUT_OF_REACH),
    ("start", 412, "", FAILED, {}),
    ("start", 421, "use another base", OutcomeKind.NEEDS_OPERATOR, {}),
    ("start", 403, "Tesla Vehicle Command Protocol required", OutcomeKind.NEEDS_OPERATOR, {}),
    ("start", 200, "unsigned_cmds_hardlocked", OutcomeKind.NEEDS_OPERATOR, {}),
    ("start", 422, "", FAILED, {}),
    ("start", 423, "", NEEDS_USER, {}),
    ("start", 429, "", RETRYABLE, {}),
    ("start", 451, "", NEEDS_USER, {}),
    ("start", 499, "", RETRYABLE, {}),
    ("start", 500, "", RETRYABLE, {}),
    ("start", 502, "", RETRYABLE, {}),
    ("start", 503, "context deadline exceeded", RETRYABLE, {}),
    ("start", 503, "could not lock the VIN", RETRYABLE, {}),
    ("start", 503, "", RETRYABLE, {}),
    ("start", 504, "", RETRYABLE, {}),
    ("start", 540, "", RETRYABLE, {}),
]


@pytest.mark.parametrize(("action", "status", "text", "kind", "says"), ROWS)
def test_an_answer_means(action: Any, status: int, text: str, kind: OutcomeKind, says: dict[str, Any]) -> None:
    body = {"response": {"result": False, "reason": text}} if status == 200 else {"response": None, "error": text}
    judged = judge(Answer(status, body), action, NOW)
    assert judged.outcome.kind is kind
    seen = (Observation(at=NOW, source="tesla", answered=True, **says),) if says else ()
    assert judged.outcome.observations == seen
    assert judged.outcome.asleep is (says == OUT_OF_REACH)
    assert judged.outcome.detail.endswith(text or f"HTTP {status}")
    assert judged.doubtful is (kind is RETRYABLE and status in (499, 500, 502, 503, 504, 540) and not says)


def test_a_car_that_tesla_does_not_know_has_to_be_connected_again() -> None:
    outcome = stop(ProviderApi([fault(404, "not_found")]))
    assert outcome == Outcome(
        NEEDS_USER, "Tesla does not know this car (any more); it has to be connected again. not_found"
    )


def test_every_row_of_the_table_is_reached() -> None:
    reached = {
        next(index for index, row in enumerate(TABLE) if row.fits(status, text.lower(), action))  # type: ignore[arg-type]  # parametrised text
        for action, status, text, _, _ in ROWS
    }
    assert reached == set(range(len(TABLE)))


@pytest.mark.parametrize(
    ("status", "text", "unavailable"),
    [
        (402, "payment_required", True),
        (408, "", False),
        (429, "", False),
        (500, "vehicle unavailable: vehicle is offline or asleep", False),
        (500, "", False),
        (502, "", True),
        (503, "", True),
        (503, "vehicle is offline", False),
        (503, "context deadline exceeded", False),
        (503, "could not lock the VIN", False),
        (504, "", True),
        (504, "vehicle is offline", False),
        (540, "", False),
        (599, "", False),
    ],
)
def test_tesla_is_out_of_service_but_not_for_one_car_that_is(status: int, text: str, unavailable: bool) -> None:
    assert stop(by_name(charge_stop=fault(status, text), vehicle_data=data("Charging"))).unavailable is unavailable


@pytest.mark.parametrize("doubt", [requests.ReadTimeout(), fault(502), fault(503), fault(504)])
def test_in_doubt_a_state_read_of_a_sleeping_car_shows_that_tesla_answers(doubt: Any) -> None:
    outcome = stop(by_name(charge_stop=doubt, vehicle_data=fault(408)))
    assert (outcome.kind, outcome.asleep, outcome.unavailable) == (RETRYABLE, True, False)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Answer(200, {"response": {"result": True}}), ACCEPTED),
        (Answer(200, {"response": {"result": False, "reason": "car could not execute command: is_charging"}}), ALREADY),
        (Answer(200, {"response": {"result": False, "string": "car could not execute command: is_charging"}}), ALREADY),
        (Answer(200, {"response": {"result": False}}), FAILED),
        (Answer(200, {"response": None, "error": "odd"}), FAILED),
        (Answer(500, None, "<html>"), RETRYABLE),
        (Answer(599), RETRYABLE),
        (Answer(418), FAILED),
        (Answer(307), FAILED),
    ],
)
def test_an_answer_of_another_form_means(answer: Answer, kind: OutcomeKind) -> None:
    assert judge(answer, "start", NOW).outcome.kind is kind


@pytest.mark.parametrize("limit_kw", [None, 3.7])
def test_a_start_leaves_the_current_that_the_car_is_set_to(limit_kw: float | None) -> None:
    api = ProviderApi([DONE])
    assert start(api, limit_kw) == Outcome(ACCEPTED)
    assert names(api) == ["charge_start"]


def test_the_current_is_set_by_a_command_of_its_own() -> None:
    api = ProviderApi([DONE])
    assert set_current(api, 13) == Outcome(ACCEPTED)
    assert [(asked.method, asked.url, asked.body) for asked in api.asked] == [
        ("POST", f"{BASE}/api/1/vehicles/{VIN}/command/set_charging_amps", {"charging_amps": 13}),
    ]


@pytest.mark.parametrize(
    ("charge", "amps"),
    [
        ({"charge_amps": 16}, 16),
        ({"charge_amps": 0}, 0),
        ({"charge_amps": None, "charge_current_request": 13.0}, 13),
        ({"charge_current_request": 8}, 8),
        ({"charge_amps": "many"}, None),
        ({}, None),
    ],
)
def test_a_state_read_shows_the_current_that_the_car_is_set_to(charge: dict[str, Any], amps: int | None) -> None:
    api = ProviderApi([Reply(200, {"response": {"charge_state": {"timestamp": NOW_MS, **charge}}})])
    assert TeslaCommands().read_state(call_to(api, BASE, NOW), CAR).current_amps == amps


def test_a_stop_is_one_command() -> None:
    api = ProviderApi([DONE])
    assert stop(api) == Outcome(ACCEPTED)
    assert names(api) == ["charge_stop"]


@pytest.mark.parametrize(
    ("limit_kw", "extra", "amps"),
    [
        (9.2, {"maximum_amps": "16"}, 16),
        (7.36, {}, 32),
        (11.0, {}, 32),
        (3.68, {}, 16),
        (3.67, {}, 15),
        (1.0, {}, 5),
        (1.4, {"minimum_amps": "6"}, 6),
        (11.04, {"phases": "3"}, 16),
        (11.04, {"phases": "3", "voltage_v": "240"}, 15),
        (3.68, {"voltage_v": "many", "phases": "0"}, 16),
        (5.52, {"power_kw": "11.0"}, 8),
        (5.52, {"power_kw": "7.4"}, 24),
        (5.52, {"power_kw": "11.0", "phases": "1"}, 24),
    ],
)
def test_a_limit_becomes_whole_amperes(limit_kw: float, extra: dict[str, str], amps: int) -> None:
    assert charging_amps(limit_kw, extra) == amps


@given(st.floats(0, 50), st.sampled_from([200.0, 230.0, 240.0]), st.sampled_from([1, 2, 3]))
def test_the_amperes_never_exceed_the_limit_and_waste_less_than_one(limit_kw: float, volts: float, phases: int) -> None:
    extra = {"voltage_v": str(volts), "phases": str(phases), "minimum_amps": "1", "maximum_amps": "1000"}
    amps, kw_per_amp = charging_amps(limit_kw, extra), volts * phases / 1000
    assert amps == 1 or amps * kw_per_amp <= limit_kw + 1e-6
    assert (amps + 1) * kw_per_amp > limit_kw


@settings(max_examples=50)
@given(st.integers(5, 32), st.sampled_from([1, 3]))
def test_a_limit_that_is_whole_amperes_loses_none(amps: int, phases: int) -> None:
    assert charging_amps(amps * 230 * phases / 1000, {"phases": str(phases)}) == amps


def test_a_sleeping_car_is_reported_asleep_and_not_woken() -> None:
    for api in (ProviderApi([ASLEEP]), ProviderApi([fault(408)])):
        outcome = stop(api)
        assert (outcome.kind, outcome.asleep) == (RETRYABLE, True)
        assert outcome.observations == (Observation(at=NOW, source="tesla", reachable=False, answered=True),)
        assert names(api) == ["charge_stop"]


def data(state: str | None = "Stopped", at_ms: int = NOW_MS, **charge: Any) -> Reply:
    charge_state = {"charging_state": state, "timestamp": at_ms, "battery_level": 55} | charge
    drive_state = {"latitude": 52.0907, "longitude": 5.1214, "timestamp": at_ms, "shift_state": None}
    return Reply(200, {"response": {"state": "online", "charge_state": charge_state, "drive_state": drive_state}})


@pytest.mark.parametrize("doubt", [requests.ReadTimeout(), requests.ConnectionError(), fault(504), fault(540)])
def test_in_doubt_the_car_is_looked_at_before_a_command_is_repeated(doubt: Any) -> None:
    api = by_name(charge_stop=doubt, vehicle_data=data("Stopped"))
    outcome = stop(api)
    assert names(api) == ["charge_stop", "vehicle_data"]
    assert outcome.kind is ACCEPTED
    assert outcome.observations[0].charging is False
    unmoved = stop(by_name(charge_stop=doubt, vehicle_data=data("Charging")))
    assert unmoved.kind is RETRYABLE
    assert unmoved.observations[0].charging is True


def test_in_doubt_about_a_start_a_charging_car_settles_it() -> None:
    outcome = start(by_name(charge_start=requests.ReadTimeout(), vehicle_data=data("Charging")))
    assert outcome.kind is ACCEPTED


def test_in_doubt_a_car_that_cannot_be_looked_at_leaves_the_doubt() -> None:
    outcome = stop(by_name(charge_stop=fault(504), vehicle_data=fault(408)))
    assert (outcome.kind, outcome.asleep) == (RETRYABLE, True)


def test_a_command_that_was_never_sent_leaves_no_doubt() -> None:
    api = by_name(charge_stop=requests.ConnectTimeout())
    assert stop(api).kind is RETRYABLE
    assert names(api) == ["charge_stop"]


def test_a_state_read_gives_the_charge_and_the_place_each_at_its_time() -> None:
    reply = data("Charging", charger_voltage=230, charger_actual_current=16, charger_phases=1, charger_power=4)
    api = ProviderApi([reply])
    outcome = TeslaCommands().read_state(call_to(api, BASE, NOW), CAR)
    charge, place = outcome.observations
    assert outcome.kind is ACCEPTED
    assert (charge.at, charge.plugged_in, charge.charging, charge.soc_pct, charge.reachable) == (
        NOW,
        True,
        True,
        55,
        True,
    )
    assert (charge.power_kw, charge.measuring_point, charge.energy_session_kwh) == (3.68, "vehicle_ac_input", None)
    assert place.moving is False
    assert place.whereabouts is not None
    assert place.whereabouts.position is not None
    assert place.whereabouts.position.at == NOW
    assert "52.09" not in repr(outcome)
    assert api.asked[0].url.endswith("/vehicle_data?endpoints=charge_state%3Bdrive_state%3Blocation_data")


@pytest.mark.parametrize(
    ("charge", "power_kw"),
    [
        ({"charger_power": 11, "charger_voltage": 230, "charger_actual_current": 16, "charger_phases": 2}, 11.04),
        ({"charger_power": 7, "charger_voltage": 230, "charger_actual_current": 16, "charger_phases": 2}, 7.36),
        ({"charger_power": 11, "charger_voltage": 230, "charger_actual_current": 16, "charger_phases": 3}, 11.04),
        ({"charger_voltage": 230, "charger_actual_current": 10, "charger_phases": 1}, 2.3),
        ({"charger_power": 7, "charger_voltage": None}, 7),
        ({}, None),
    ],
)
def test_the_power_is_volts_times_amperes_times_the_phases_that_fit(
    charge: dict[str, Any], power_kw: float | None
) -> None:
    outcome = TeslaCommands().read_state(call_to(ProviderApi([data("Charging", **charge)]), BASE, NOW), CAR)
    assert outcome.observations[0].power_kw == (None if power_kw is None else pytest.approx(power_kw))


@pytest.mark.parametrize("body", [None, {"response": None}, {"response": {"charge_state": None, "drive_state": 7}}])
def test_an_empty_state_read_gives_no_observation(body: Any) -> None:
    outcome = TeslaCommands().read_state(call_to(ProviderApi([Reply(200, body)]), BASE, NOW), CAR)
    assert outcome.observations == ()


def waking(*replies: Reply | Exception) -> tuple[Outcome, ProviderApi, list[float]]:
    waits: list[float] = []
    api = ProviderApi(list(replies))
    return TeslaCommands().wake(replace(call_to(api, BASE, NOW), wait=waits.append), CAR), api, waits


def summary(state: str) -> Reply:
    return Reply(200, {"response": {"vin": VIN, "state": state}})


def test_a_car_that_is_online_needs_no_waiting() -> None:
    outcome, api, waits = waking(summary("online"))
    assert outcome == Outcome(CONFIRMED, observations=(Observation(at=NOW, source="tesla", reachable=True),))
    assert (names(api), waits) == (["wake_up"], [])


@pytest.mark.parametrize("first", [summary("asleep"), fault(408)])
def test_a_waking_car_is_polled_until_it_is_online(first: Reply) -> None:
    outcome, api, waits = waking(first, summary("asleep"), requests.ReadTimeout(), summary("online"))
    assert outcome.kind is CONFIRMED
    assert names(api) == ["wake_up", VIN, VIN, VIN]
    assert len(waits) == 3


def test_a_car_that_stays_asleep_is_given_up_after_half_a_minute() -> None:
    outcome, _, waits = waking(summary("asleep"))
    assert (outcome.kind, outcome.asleep) == (RETRYABLE, True)
    assert outcome.observations == (Observation(at=NOW, source="tesla", reachable=False),)
    assert sum(waits) == 30


@pytest.mark.parametrize(
    ("reply", "kind"), [(fault(429), RETRYABLE), (fault(403), NEEDS_USER), (requests.ConnectTimeout(), RETRYABLE)]
)
def test_a_wake_that_is_refused_is_not_waited_for(reply: Any, kind: OutcomeKind) -> None:
    outcome, api, waits = waking(reply)
    assert (outcome.kind, len(api.asked), waits) == (kind, 1, [])


@pytest.mark.parametrize(
    ("headers", "wait_s"), [({"Retry-After": "7"}, 7.0), ({"ratelimit-reset": "40"}, 40.0), ({}, None)]
)
def test_a_rate_limit_says_how_long_to_wait(headers: dict[str, str], wait_s: float | None) -> None:
    assert stop(ProviderApi([Reply(429, None, headers)])).retry_after_s == wait_s


def test_a_refused_token_is_replaced_once() -> None:
    api = ProviderApi([fault(401, "token expired (401)"), DONE])
    assert stop(api).kind is ACCEPTED
    assert [asked.headers["Authorization"] for asked in api.asked] == ["Bearer token-1", "Bearer token-2"]
    api = ProviderApi([fault(401, "login_required")])
    assert stop(api).kind is NEEDS_USER
    assert len(api.asked) == 2


def test_a_dead_refresh_token_asks_for_the_user() -> None:
    class NoToken:
        def token(self, *, refused: str | None = None) -> str:
            raise TokenError("Connect again.", needs_user=True)

    api = ProviderApi([DONE])
    call = call_to(api, BASE, NOW, NoToken())
    for outcome in (
        TeslaCommands().stop(call, CAR),
        TeslaCommands().wake(call, CAR),
        TeslaCommands().read_state(call, CAR),
    ):
        assert outcome == Outcome(NEEDS_USER, "Connect again.")
    assert api.asked == []


def regional(asked: SubmissionResult) -> Reply:
    wrong = fault(421, f"user out of region, use base URL: {EUROPE}, see the documentation")
    return DONE if asked.url.startswith(EUROPE) else wrong


def test_the_right_region_is_asked_when_the_wrong_one_names_it() -> None:
    api = ProviderApi(regional)
    assert TeslaCommands().stop(call_to(api, NORTH_AMERICA, NOW), CAR).kind is ACCEPTED
    assert [asked.url.split("/api/")[0] for asked in api.asked] == [NORTH_AMERICA, EUROPE]


@pytest.mark.parametrize("named", [EUROPE, f"{EUROPE}.evil.example", "https://evil.example", ""])
def test_no_token_goes_to_a_base_that_is_not_teslas_nor_around_a_proxy(named: str) -> None:
    base = BASE if named == EUROPE else NORTH_AMERICA
    api = ProviderApi([fault(421, f"use base URL: {named}")])
    assert TeslaCommands().stop(call_to(api, base, NOW), CAR).kind is OutcomeKind.NEEDS_OPERATOR
    assert [asked.url.split("/api/")[0] for asked in api.asked] == [base]
