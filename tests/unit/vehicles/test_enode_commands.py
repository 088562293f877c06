"""Commands through Enode: every answer's meaning row by row, and what is asked of it."""

from datetime import UTC, datetime
from typing import Any

import pytest
import requests

from driveway.auth.token_source import TokenError
from driveway.domain.control.outcome import Outcome
from driveway.domain.twin import OutcomeKind, Vehicle, Window
from driveway.vehicles.enode.commands import EnodeCommands
from driveway.vehicles.enode.outcomes import TABLE
from tests.support.vehicles.provider_api import ProviderApi, Reply, call_to

BASE = "https://enode-api.production.enode.io"
NOW = datetime(2026, 11, 22, 23, 30, tzinfo=UTC)
CAR = Vehicle("enode", "veh/1", user_id="app-user-77")

ACCEPTED, CONFIRMED, ALREADY = OutcomeKind.ACCEPTED, OutcomeKind.CONFIRMED, OutcomeKind.ALREADY_IN_STATE
RETRYABLE, NEEDS_USER = OutcomeKind.RETRYABLE, OutcomeKind.NEEDS_USER
UNSUPPORTED, FAILED = OutcomeKind.UNSUPPORTED, OutcomeKind.FAILED
NOT_PLUGGED = OutcomeKind.NOT_PLUGGED_IN


def action(state: str, reason: str | None = None, words: str = "in Enode's words") -> Reply:
    failure = {"type": reason, "detail": words} if reason else None
    return Reply(200, {"id": "action-1", "state": state, "kind": "START", "failureReason": failure})


def problem(status: int, detail: str = "Detailed", **headers: str) -> Reply:
    return Reply(status, {"type": "https://enode.example/p", "title": "Titled", "detail": detail}, headers)


def vehicle(*, capable: bool = True, reachable: bool = True, **charge: Any) -> Reply:
    capability = {"isCapable": capable, "interventionIds": []}
    return Reply(
        200,
        {
            "id": "veh/1",
            "isReachable": reachable,
            "chargeState": {"lastUpdated": "2026-11-22T23:29:00Z", **charge},
            "capabilities": {"startCharging": capability, "stopCharging": capability},
        },
    )


def ask(command: str, *replies: Reply | Exception, tokens: Any = None) -> tuple[Outcome, ProviderApi]:
    api = ProviderApi(list(replies))
    call = call_to(api, BASE + "/", NOW, tokens)
    commands = EnodeCommands()
    if command == "start":
        return commands.start(call, CAR, limit_kw=3.6), api
    return (commands.stop if command == "stop" else commands.read_state)(call, CAR), api


CHARGING = {"isPluggedIn": True, "isCharging": True, "powerDeliveryState": "PLUGGED_IN:CHARGING"}
STOPPED = {"isPluggedIn": True, "isCharging": False, "powerDeliveryState": "PLUGGED_IN:STOPPED"}
UNPLUGGED = {"isPluggedIn": False, "isCharging": False, "powerDeliveryState": "UNPLUGGED"}
SAYS_SO = "The vehicle is already in the requested state."

ROWS: list[tuple[str, str, list[Reply | Exception], OutcomeKind]] = [
    ("action PENDING", "start", [action("PENDING")], ACCEPTED),
    ("action CONFIRMED", "start", [action("CONFIRMED")], CONFIRMED),
    ("action NO_RESPONSE", "start", [action("FAILED", "NO_RESPONSE")], RETRYABLE),
    ("action FAILED_PRECONDITION", "start", [action("FAILED", "FAILED_PRECONDITION")], FAILED),
    (
        "action unplugged",
        "start",
        [action("FAILED", "FAILED_PRECONDITION", "Not plugged in.")],
        NOT_PLUGGED,
    ),
    ("action UNNECESSARY", "start", [action("CANCELLED", "UNNECESSARY")], ALREADY),
    ("action CONFLICT", "start", [action("CANCELLED", "CONFLICT")], RETRYABLE),
    ("action REQUESTED_CANCELLATION", "start", [action("CANCELLED", "REQUESTED_CANCELLATION")], RETRYABLE),
    ("action NOT_FOUND", "start", [action("FAILED", "NOT_FOUND")], NEEDS_USER),
    ("action FAILED", "start", [action("FAILED")], FAILED),
    ("action CANCELLED", "start", [action("CANCELLED")], RETRYABLE),
    ("action", "start", [action("SOMETHING_NEW")], ACCEPTED),
    ("400", "read_state", [problem(400)], FAILED),
    ("400 already", "start", [problem(400), vehicle(**CHARGING)], ALREADY),
    ("400 already", "stop", [problem(400), vehicle(**STOPPED)], ALREADY),
    ("400 already", "stop", [problem(400), vehicle(**UNPLUGGED)], ALREADY),
    ("400 already", "start", [problem(400, SAYS_SO), vehicle(powerDeliveryState="UNKNOWN")], ALREADY),
    ("400 unexplained", "start", [problem(400, SAYS_SO), vehicle(**STOPPED)], UNSUPPORTED),
    *(
        ("400 unexplained", "start", [problem(400, words), vehicle(powerDeliveryState="UNKNOWN")], UNSUPPORTED)
        for words in ("Another action is already in progress.", "Already stopped.")
    ),
    ("400 unexplained", "start", [problem(400), vehicle(powerDeliveryState="UNKNOWN")], UNSUPPORTED),
    ("400 full", "start", [problem(400), vehicle(**STOPPED, isFullyCharged=True)], ALREADY),
    ("400 full", "start", [problem(400), vehicle(powerDeliveryState="PLUGGED_IN:COMPLETE")], ALREADY),
    ("400 unplugged", "start", [problem(400), vehicle(**UNPLUGGED)], NOT_PLUGGED),
    ("400 no power", "start", [problem(400), vehicle(powerDeliveryState="PLUGGED_IN:NO_POWER")], FAILED),
    ("400 fault", "start", [problem(400), vehicle(powerDeliveryState="PLUGGED_IN:FAULT")], FAILED),
    ("400 unreachable", "start", [problem(400), vehicle(**STOPPED, reachable=False)], RETRYABLE),
    ("400 incapable", "start", [problem(400), vehicle(**STOPPED, capable=False)], UNSUPPORTED),
    ("400 incapable", "stop", [problem(400), vehicle(**CHARGING, capable=False)], UNSUPPORTED),
    ("400 unexplained", "start", [problem(400), vehicle(**STOPPED)], UNSUPPORTED),
    ("401", "start", [problem(401), problem(401)], OutcomeKind.NEEDS_OPERATOR),
    ("403", "start", [problem(403)], NEEDS_USER),
    ("404", "start", [problem(404)], NEEDS_USER),
    ("408", "start", [problem(408)], RETRYABLE),
    ("422", "start", [problem(422)], FAILED),
    ("429", "start", [problem(429)], RETRYABLE),
    ("4xx", "start", [problem(418)], FAILED),
    ("5xx", "start", [problem(503)], RETRYABLE),
    ("5xx", "start", [Reply(502, "<html>")], RETRYABLE),
    ("other", "start", [problem(302)], FAILED),
]


@pytest.mark.parametrize(("row", "command", "replies", "kind"), ROWS)
def test_each_row_of_the_table_is_met_by_an_answer(row, command, replies, kind):
    outcome, _ = ask(command, *replies)
    assert outcome.kind is kind
    assert outcome.detail.startswith(TABLE[row][1])


@pytest.mark.parametrize(
    ("replies", "unavailable"),
    [
        ([problem(429)], True),
        ([problem(500)], True),
        ([problem(503)], True),
        ([requests.ReadTimeout()], True),
        ([action("FAILED", "NO_RESPONSE")], False),
        ([problem(400), vehicle(**STOPPED, reachable=False)], False),
        ([problem(404)], False),
        ([problem(422)], False),
    ],
)
def test_enode_is_out_of_service_but_not_for_one_car_that_is(replies, unavailable):
    assert ask("start", *replies)[0].unavailable is unavailable


def test_no_row_of_the_table_is_untested():
    assert {row for row, *_ in ROWS} == set(TABLE)


@pytest.mark.parametrize(
    "fault",
    [requests.ConnectTimeout(), requests.ReadTimeout(), requests.ConnectionError(), requests.TooManyRedirects()],
)
@pytest.mark.parametrize("command", ["start", "stop", "read_state"])
def test_no_answer_is_retryable(command, fault):
    outcome, _ = ask(command, fault)
    assert outcome.kind is RETRYABLE


def test_a_start_is_posted_to_the_car_with_the_token_and_its_action_is_named():
    outcome, api = ask("start", action("PENDING"))
    (asked,) = api.asked
    assert (asked.method, asked.url) == ("POST", f"{BASE}/vehicles/veh%2F1/charging")
    assert asked.body == {"action": "START"}
    assert asked.headers["Authorization"] == "Bearer token-1"
    assert asked.timeout is not None
    assert outcome.provider_ref == "action-1"


def test_a_stop_is_posted_as_a_stop():
    _, api = ask("stop", action("PENDING"))
    assert api.asked[0].body == {"action": "STOP"}


def test_a_refused_token_is_renewed_once_and_the_call_repeated():
    outcome, api = ask("start", problem(401), action("PENDING"))
    assert outcome.kind is ACCEPTED
    assert [asked.headers["Authorization"] for asked in api.asked] == ["Bearer token-1", "Bearer token-2"]


def test_a_token_that_stays_refused_is_not_renewed_again():
    _, api = ask("start", problem(401))
    assert len(api.asked) == 2


@pytest.mark.parametrize(("needs_user", "kind"), [(False, RETRYABLE), (True, NEEDS_USER)])
def test_a_token_that_cannot_be_had_is_an_outcome(needs_user, kind):
    class NoTokens:
        def token(self, *, refused: str | None = None) -> str:
            raise TokenError("There is none.", needs_user=needs_user)

    outcome, api = ask("start", action("PENDING"), tokens=NoTokens())
    assert (outcome.kind, outcome.detail, api.asked) == (kind, "There is none.", [])


@pytest.mark.parametrize(
    ("header", "wait_s"),
    [
        ("17", 17),
        ("0", 0),
        ("-3", 0),
        ("Sun, 22 Nov 2026 23:31:00 GMT", 60),
        ("soon", None),
        ("inf", None),
        ("1e15", 86_400),
    ],
)
def test_the_wait_that_enode_asks_for_is_in_the_outcome(header, wait_s):
    outcome, _ = ask("start", problem(429, **{"Retry-After": header}))
    assert outcome.retry_after_s == wait_s


@pytest.mark.parametrize("reply", [problem(404), action("FAILED", "NOT_FOUND")])
def test_a_car_that_enode_does_not_know_has_to_be_connected_again(reply):
    outcome, _ = ask("start", reply)
    assert outcome.kind is NEEDS_USER
    assert outcome.detail.startswith("Enode does not know this car (any more); it has to be connected again.")


def test_a_refusal_for_good_asks_for_no_wait():
    outcome, _ = ask("start", problem(404, **{"Retry-After": "17"}))
    assert outcome.retry_after_s is None


def test_enodes_own_words_follow_the_sentence():
    outcome, _ = ask("start", problem(422))
    assert outcome.detail.endswith("Detailed")


def test_a_refused_start_brings_what_the_car_shows():
    outcome, _ = ask("start", problem(400), vehicle(**UNPLUGGED))
    assert [seen.plugged_in for seen in outcome.observations if seen.plugged_in is not None] == [False]


@pytest.mark.parametrize(
    ("reply", "kind"), [(problem(503), RETRYABLE), (requests.ReadTimeout(), RETRYABLE), (problem(404), NEEDS_USER)]
)
def test_a_refusal_that_cannot_be_explained_is_what_looking_gave(reply, kind):
    outcome, _ = ask("start", problem(400), reply)
    assert outcome.kind is kind


def test_looking_gives_observations_and_leaves_a_fresh_car_alone():
    outcome, api = ask("read_state", vehicle(**STOPPED, batteryLevel=41))
    assert outcome.kind is ACCEPTED
    charging, reachable = outcome.observations
    assert (charging.plugged_in, charging.charging, charging.soc_pct) == (True, False, 41)
    assert charging.at == datetime(2026, 11, 22, 23, 29, tzinfo=UTC)
    assert (reachable.reachable, reachable.at) == (True, NOW)
    assert [(asked.method, asked.url) for asked in api.asked] == [("GET", f"{BASE}/vehicles/veh%2F1")]


@pytest.mark.parametrize("last_updated", ["2026-11-22T23:19:59Z", None])
@pytest.mark.parametrize("hint", [Reply(204), problem(429), requests.ReadTimeout()])
def test_looking_at_a_stale_car_asks_for_fresher_data_whatever_comes_of_it(last_updated, hint):
    outcome, api = ask("read_state", vehicle(isPluggedIn=True, lastUpdated=last_updated), hint)
    assert outcome.kind is ACCEPTED
    assert api.asked[1].url == f"{BASE}/vehicles/veh%2F1/refresh-hint"
    assert api.asked[1].method == "POST"


def test_what_enode_cannot_do_is_answered_without_a_call():
    api = ProviderApi([Reply(500)])
    call, commands = call_to(api, BASE, NOW), EnodeCommands()
    assert commands.wake(call, CAR).kind is UNSUPPORTED
    assert commands.install_default(call, CAR, (Window(0, 330),), timezone="Europe/London").kind is UNSUPPORTED
    assert commands.remove_default(call, CAR).kind is ALREADY
    assert api.asked == []
