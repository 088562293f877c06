"""Commands through Smartcar: every answer's meaning row by row, and what is asked of it."""

from datetime import UTC, datetime
from typing import Any

import pytest
import requests

from driveway.auth.token_source import TokenError
from driveway.domain.control.outcome import Outcome
from driveway.domain.presence.observation import Observation
from driveway.domain.twin import OutcomeKind, Vehicle, Window
from driveway.vehicles.smartcar.commands import SmartcarCommands
from driveway.vehicles.smartcar.outcomes import TABLE
from tests.support.vehicles.provider_api import ProviderApi, Reply, call_to

BASE = "https://vehicle.api.smartcar.com/v3"
NOW = datetime(2026, 11, 22, 23, 30, tzinfo=UTC)
CAR = Vehicle("smartcar", "veh-1", user_id="sc-user-9")

ACCEPTED, ALREADY, RETRYABLE = OutcomeKind.ACCEPTED, OutcomeKind.ALREADY_IN_STATE, OutcomeKind.RETRYABLE
NEEDS_USER, UNSUPPORTED, FAILED = OutcomeKind.NEEDS_USER, OutcomeKind.UNSUPPORTED, OutcomeKind.FAILED
NOT_PLUGGED = OutcomeKind.NOT_PLUGGED_IN


def execution(status: str, **attributes: Any) -> dict[str, Any]:
    status_attribute = {"status": {"value": status}, "executionMode": "SYNC"}
    return {"data": {"id": "x-1", "type": "command-execution", "attributes": status_attribute | attributes}}


def errors(status: int, error_type: str | None, code: str | None, **more: Any) -> dict[str, Any]:
    return {"errors": [{"status": str(status), "type": error_type, "code": code, "title": "Told."} | more]}


def run(action: str, reply: Reply | Exception | list[Reply | Exception], vehicle: Vehicle = CAR) -> Outcome:
    call = call_to(ProviderApi(reply if isinstance(reply, list) else [reply]), BASE, NOW)
    commands = SmartcarCommands()
    return commands.start(call, vehicle, limit_kw=None) if action == "start" else commands.stop(call, vehicle)


SIGNALS_OF_FULL = {"plugged_in": True, "charging": False, "battery_full": True}
ROWS = [
    ("start", 409, "VEHICLE_STATE", "CHARGING_IN_PROGRESS", ALREADY, {"plugged_in": True, "charging": True}),
    ("stop", 409, "VEHICLE_STATE", "CHARGING_IN_PROGRESS", RETRYABLE, {"plugged_in": True, "charging": True}),
    ("stop", 409, "VEHICLE_STATE", "NOT_CHARGING", ALREADY, {"charging": False}),
    ("start", 409, "VEHICLE_STATE", "NOT_CHARGING", RETRYABLE, {"charging": False}),
    ("start", 409, "VEHICLE_STATE", "FULLY_CHARGED", ALREADY, SIGNALS_OF_FULL),
    ("start", 409, "VEHICLE_STATE", "ASLEEP", RETRYABLE, {"reachable": False}),
    ("start", 409, "VEHICLE_STATE", "UNREACHABLE", RETRYABLE, {"reachable": False}),
    ("start", 409, "VEHICLE_STATE", "VEHICLE_OFFLINE_FOR_SERVICE", RETRYABLE, {"reachable": False}),
    ("start", 409, "VEHICLE_STATE", "IN_MOTION", RETRYABLE, {"moving": True}),
    (
        "start",
        409,
        "VEHICLE_STATE",
        "CHARGING_PLUG_NOT_CONNECTED",
        NOT_PLUGGED,
        {"plugged_in": False, "charging": False},
    ),
    ("start", 409, "VEHICLE_STATE", "CHARGE_FAULT", NEEDS_USER, {}),
    ("start", 409, "VEHICLE_STATE", "REMOTE_ACCESS_DISABLED", NEEDS_USER, {}),
    ("start", 409, "VEHICLE_STATE", "DEVICE_PAIRING_REQUIRED", NEEDS_USER, {}),
    ("start", 409, "VEHICLE_STATE", "SOMETHING_NEW", RETRYABLE, {}),
    ("start", 400, "CONNECTED_SERVICES_ACCOUNT", "AUTHENTICATION_FAILED", NEEDS_USER, {}),
    ("start", 400, "CONNECTED_SERVICES_ACCOUNT", "VEHICLE_MISSING", NEEDS_USER, {}),
    ("start", 403, "PERMISSION", None, NEEDS_USER, {}),
    ("start", 401, "AUTHENTICATION", None, NEEDS_USER, {}),
    ("start", 403, "AUTHENTICATION", "ACCESS_DENIED", NEEDS_USER, {}),
    ("start", 400, "VALIDATION", "MISSING_PARAMETER", FAILED, {}),
    ("start", 404, "RESOURCE_NOT_FOUND", None, NEEDS_USER, {}),
    ("start", 430, "BILLING", "VEHICLE_REQUEST_LIMIT", UNSUPPORTED, {}),
    ("start", 430, "BILLING", "ACCOUNT_SUSPENDED", RETRYABLE, {}),
    ("start", 429, "RATE_LIMIT", "VEHICLE", RETRYABLE, {}),
    ("start", 429, "RATE_LIMIT", "SMARTCAR_API", RETRYABLE, {}),
    ("start", 500, "SERVER", "INTERNAL", RETRYABLE, {}),
    ("start", 502, "UPSTREAM", "NO_RESPONSE", RETRYABLE, {}),
    ("start", 501, "COMPATIBILITY", "VEHICLE_NOT_CAPABLE", UNSUPPORTED, {}),
    ("start", 400, None, None, FAILED, {}),
    ("start", 401, None, None, NEEDS_USER, {}),
    ("start", 403, None, None, NEEDS_USER, {}),
    ("start", 404, None, None, NEEDS_USER, {}),
    ("start", 408, None, None, RETRYABLE, {}),
    ("start", 409, None, None, RETRYABLE, {}),
    ("start", 429, None, None, RETRYABLE, {}),
    ("start", 430, None, None, RETRYABLE, {}),
    ("start", 500, None, None, RETRYABLE, {}),
    ("start", 501, None, None, UNSUPPORTED, {}),
    ("start", 502, None, None, RETRYABLE, {}),
    ("start", 503, None, None, RETRYABLE, {}),
    ("start", 504, None, None, RETRYABLE, {}),
]


@pytest.mark.parametrize(("action", "status", "error_type", "code", "kind", "says"), ROWS)
def test_an_error_means_the_same_by_status_inside_an_early_202_and_in_the_older_form(
    action: str, status: int, error_type: str | None, code: str | None, kind: OutcomeKind, says: dict[str, Any]
) -> None:
    body = errors(status, error_type, code)
    older = {"type": error_type, "code": code, "statusCode": status, "description": "Told."}
    flawed = execution("FAILURE", error={"status": status, "type": error_type, "code": code, "title": "Told."})
    for reply in (Reply(status, body), Reply(202, body), Reply(status, older), Reply(202, flawed)):
        outcome = run(action, reply)
        assert outcome.kind is kind
        assert outcome.observations == (
            (Observation(at=NOW, source="smartcar", answered=True, **says),) if says else ()
        )
        assert outcome.asleep is (code == "ASLEEP")
        assert code is None or code in outcome.detail


def test_every_row_of_the_table_is_reached() -> None:
    reached = {
        next(index for index, row in enumerate(TABLE) if row.fits(status, error_type, code, action))  # type: ignore[arg-type]  # parametrised text
        for action, status, error_type, code, _, _ in ROWS
    }
    assert reached == set(range(len(TABLE)))


@pytest.mark.parametrize(
    ("status", "error_type", "code", "unavailable"),
    [
        (409, "VEHICLE_STATE", "ASLEEP", False),
        (503, "VEHICLE_STATE", "UNREACHABLE", False),
        (429, "RATE_LIMIT", "VEHICLE", False),
        (429, "RATE_LIMIT", "SMARTCAR_API", True),
        (429, None, None, True),
        (430, "BILLING", "INVALID_PLAN", True),
        (430, "BILLING", "VEHICLE_LIMIT", True),
        (430, "BILLING", "VEHICLE_REQUEST_LIMIT", False),
        (430, "BILLING", "ACCOUNT_SUSPENDED", True),
        (430, None, None, True),
        (500, "SERVER", "INTERNAL", True),
        (500, None, None, True),
        (502, "UPSTREAM", "NO_RESPONSE", False),
        (502, None, None, False),
        (503, None, None, True),
        (504, None, None, False),
    ],
)
def test_smartcar_is_out_of_service_but_not_for_one_car_or_make_that_is(
    status: int, error_type: str | None, code: str | None, unavailable: bool
) -> None:
    for reply in (Reply(status, errors(status, error_type, code)), Reply(202, errors(status, error_type, code))):
        assert run("start", reply).unavailable is unavailable


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(200, execution("SUCCESS")), ACCEPTED),
        (Reply(202, execution("SUCCESS")), ACCEPTED),
        (Reply(202, execution("PENDING")), ACCEPTED),
        (Reply(200, {"status": "success", "message": "ok"}), ACCEPTED),
        (Reply(204), ACCEPTED),
        (Reply(200, "not json"), RETRYABLE),
        (Reply(202, execution("FAILURE")), RETRYABLE),
        (Reply(200, execution("ERROR")), RETRYABLE),
        (Reply(307, None, {"Location": "https://elsewhere.example.com"}), FAILED),
        (Reply(418), FAILED),
        (Reply(599), RETRYABLE),
        (Reply(202, {"errors": [{"title": "Something new."}]}), RETRYABLE),
        (Reply(500, "<html>"), RETRYABLE),
        (Reply(400, {"errors": "none"}), FAILED),
        (Reply(400, {"errors": ["none"]}), FAILED),
    ],
)
def test_an_answer_is_read_from_its_body_whatever_its_form(reply: Reply, kind: OutcomeKind) -> None:
    assert run("start", reply).kind is kind


@pytest.mark.parametrize("error_type", ["RESOURCE_NOT_FOUND", None])
def test_a_car_that_smartcar_does_not_know_has_to_be_connected_again(error_type: str | None) -> None:
    outcome = run("start", Reply(404, errors(404, error_type, None)))
    assert outcome.kind is NEEDS_USER
    assert outcome.detail.startswith("Smartcar does not know this car (any more); it has to be connected again. ")
    assert outcome.detail.endswith("Told.")


def test_an_accepted_command_names_smartcars_record_of_it() -> None:
    assert run("stop", Reply(200, execution("SUCCESS"))).provider_ref == "x-1"


@pytest.mark.parametrize(
    "failure",
    [
        requests.ConnectTimeout(),
        requests.ReadTimeout(),
        requests.ConnectionError(),
        requests.exceptions.ChunkedEncodingError(),
    ],
)
def test_no_answer_is_retryable_and_never_an_exception(failure: Exception) -> None:
    assert run("start", failure).kind is RETRYABLE
    assert SmartcarCommands().read_state(call_to(ProviderApi([failure]), BASE, NOW), CAR).kind is RETRYABLE


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({"Retry-After": "90"}, 90.0),
        ({"retry-after": "Sun, 22 Nov 2026 23:32:00 GMT"}, 120.0),
        ({"retry-after": "Sun, 22 Nov 2026 23:00:00 GMT"}, 0.0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "inf"}, None),
        ({}, None),
    ],
)
def test_a_rate_limit_says_how_long_to_wait(headers: dict[str, str], wait_s: float | None) -> None:
    assert run("start", Reply(429, errors(429, "RATE_LIMIT", "VEHICLE"), headers)).retry_after_s == wait_s


@pytest.mark.parametrize("action", ["start", "stop"])
def test_a_command_is_a_post_for_the_smartcar_user_held_open_for_long(action: str) -> None:
    api = ProviderApi([Reply(200, execution("SUCCESS"))])
    commands, call = SmartcarCommands(), call_to(api, BASE + "/", NOW)
    if action == "start":
        commands.start(call, CAR, limit_kw=3.7)
    else:
        commands.stop(call, CAR)
    (asked,) = api.asked
    assert (asked.method, asked.url) == ("POST", f"{BASE}/vehicles/veh-1/commands/charge/{action}")
    assert asked.headers["sc-user-id"] == "sc-user-9"
    assert asked.headers["Authorization"] == "Bearer token-1"
    assert asked.body is None
    assert asked.timeout == (5.0, 310.0)


def test_without_the_smartcar_user_nothing_is_asked() -> None:
    api = ProviderApi([Reply(200)])
    outcome = SmartcarCommands().stop(call_to(api, BASE, NOW), Vehicle("smartcar", "veh-1"))
    assert outcome.kind is FAILED
    assert api.asked == []


def test_a_vehicle_id_cannot_lead_to_another_path() -> None:
    api = ProviderApi([Reply(200)])
    SmartcarCommands().stop(call_to(api, BASE, NOW), Vehicle("smartcar", "../users?x=", user_id="u"))
    assert api.asked[0].url == f"{BASE}/vehicles/..%2Fusers%3Fx%3D/commands/charge/stop"


@pytest.mark.parametrize(
    "refusal",
    [
        Reply(401, errors(401, "AUTHENTICATION", None)),
        Reply(401),
        Reply(403, errors(403, "AUTHENTICATION", "ACCESS_DENIED")),
        Reply(403, {"type": "AUTHENTICATION", "code": "ACCESS_DENIED", "statusCode": 403}),
    ],
)
def test_a_refused_token_is_replaced_once(refusal: Reply) -> None:
    api = ProviderApi([refusal, Reply(200, execution("SUCCESS"))])
    assert SmartcarCommands().stop(call_to(api, BASE, NOW), CAR).kind is ACCEPTED
    assert [asked.headers["Authorization"] for asked in api.asked] == ["Bearer token-1", "Bearer token-2"]
    api = ProviderApi([refusal])
    assert SmartcarCommands().stop(call_to(api, BASE, NOW), CAR).kind is NEEDS_USER
    assert len(api.asked) == 2


@pytest.mark.parametrize(
    "refusal",
    [
        Reply(403, errors(403, "PERMISSION", None)),
        Reply(403),
        Reply(400, errors(400, "CONNECTED_SERVICES_ACCOUNT", "AUTHENTICATION_FAILED")),
        Reply(202, errors(403, "AUTHENTICATION", "ACCESS_DENIED")),
    ],
)
def test_a_refusal_that_is_not_of_the_token_or_comes_late_is_not_asked_again(refusal: Reply) -> None:
    api = ProviderApi([refusal])
    assert SmartcarCommands().stop(call_to(api, BASE, NOW), CAR).kind is NEEDS_USER
    assert len(api.asked) == 1


@pytest.mark.parametrize(("needs_user", "kind"), [(False, RETRYABLE), (True, NEEDS_USER)])
def test_without_a_token_no_call_is_made_and_the_reason_is_given(needs_user: bool, kind: OutcomeKind) -> None:
    class NoToken:
        def token(self, *, refused: str | None = None) -> str:
            raise TokenError("No token.", needs_user=needs_user, retry_after_s=5, unavailable=not needs_user)

    api = ProviderApi([Reply(200)])
    outcome = SmartcarCommands().stop(call_to(api, BASE, NOW, NoToken()), CAR)
    assert outcome == Outcome(kind, "No token.", retry_after_s=5, unavailable=not needs_user)
    assert api.asked == []


def test_no_token_is_shown_in_an_outcome() -> None:
    for reply in (requests.ConnectionError("Bearer token-1"), Reply(500, "oops"), Reply(401)):
        assert "token-" not in repr(run("start", reply))


def test_a_long_explanation_is_shortened_to_one_line() -> None:
    detail = run("start", Reply(409, errors(409, "VEHICLE_STATE", "ASLEEP", detail="long\n" * 500))).detail
    assert len(detail) == 300
    assert "\n" not in detail


def stored(code: str, body: Any, seen_at: str | None, **attributes: Any) -> dict[str, Any]:
    signal = {"code": code, "name": code, "group": "Charge", "status": {"value": "SUCCESS"}, "body": body}
    return {"id": code, "type": "signal", "attributes": signal | attributes, "meta": {"oemUpdatedAt": seen_at}}


def test_a_state_read_gives_the_stored_signals_at_their_own_times() -> None:
    api = ProviderApi(
        [
            Reply(
                200,
                {
                    "data": [
                        stored("charge-ischarging", {"value": True}, "2026-11-22T23:29:00Z"),
                        stored("charge-wattage", {"value": 3600}, "2026-11-22T23:29:00Z"),
                        stored("charge-ischargingcableconnected", {"value": True}, "2026-11-22T18:00:00Z"),
                        stored("tractionbattery-stateofcharge", {"value": 50}, None),
                        stored("charge-energyadded", {"value": 3}, "2026-11-22T23:29:00Z", status={"value": "ERROR"}),
                        "odd",
                    ]
                },
            )
        ]
    )
    outcome = SmartcarCommands().read_state(call_to(api, BASE, NOW), CAR)
    assert outcome.kind is ACCEPTED
    assert outcome.observations == (
        Observation(at=datetime(2026, 11, 22, 18, tzinfo=UTC), source="smartcar", plugged_in=True),
        Observation(at=datetime(2026, 11, 22, 23, 29, tzinfo=UTC), source="smartcar", charging=True, power_kw=3.6),
    )
    (asked,) = api.asked
    assert (asked.method, asked.url) == ("GET", f"{BASE}/vehicles/veh-1/signals")


def test_a_refused_state_read_gives_the_reason() -> None:
    outcome = SmartcarCommands().read_state(
        call_to(ProviderApi([Reply(403, errors(403, "PERMISSION", None))]), BASE, NOW), CAR
    )
    assert (outcome.kind, outcome.observations) == (NEEDS_USER, ())


def test_smartcar_neither_wakes_cars_nor_keeps_windows_in_them() -> None:
    api = ProviderApi([Reply(200)])
    commands, call = SmartcarCommands(), call_to(api, BASE, NOW)
    assert commands.wake(call, CAR).kind is UNSUPPORTED
    assert commands.install_default(call, CAR, (Window(0, 330),), timezone="Europe/London").kind is UNSUPPORTED
    assert commands.remove_default(call, CAR).kind is ALREADY
    assert api.asked == []
