"""What an app relies on, on a stack whose clock is slow enough for a test charge: the verdict, and every event."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from driveway.runtime.clock import parse_clock
from driveway.store.app_events import SETTLED
from local.stack import Options, stack
from tests.support.runtime.app_receiver import AppReceiver, app_receiver
from tests.support.stack.homes import Home, Stack
from tests.support.stack.waiting import until

STEPS = ["connection", "place", "plug", "start", "stop"]


@pytest.fixture(scope="module")
def app() -> Iterator[AppReceiver]:
    """The webhook of this module's app."""
    with app_receiver() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def running(app: AppReceiver, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack of its own: on the others' clock the quarter of an hour of a step is three seconds."""
    folder, webhook = tmp_path_factory.mktemp("app"), {"AppWebhookUrl": app.url}
    clock_text = "start=2026-01-15T14:00:00Z,scale=20"
    with stack(Options(folder=folder, clock_text=clock_text, parameters=webhook)) as values:
        yield Stack(values, parse_clock(values["clock"], on_aws=False), folder)


@pytest.fixture(scope="module")
def home(running: Stack) -> Home:
    """A home whose car is plugged in and held until the night."""
    made = Home(running, "test-charge", tariff={"off_peak": "23:30-05:30", "timezone": "UTC"}).join()
    made.move("plug-in")
    made.until(lambda: made.asset()["session"] is not None, "the car is plugged in at home")
    return made


def received(running: Stack, app: AppReceiver) -> list[dict[str, Any]]:
    """Every request to the app, verified by the public library."""
    return app.verified(running.values["app_webhook_secret"])


def test_a_test_charge_passes_step_by_step_and_the_app_is_informed(home: Home, app: AppReceiver) -> None:
    ask = f"/assets/{home.name}/test-charge"
    first = home.running.api("POST", ask)
    assert first.status_code == 202, first.text
    again = home.running.api("POST", ask).json()["test_charge"]
    assert again["id"] == first.json()["test_charge"]["id"], "a test that runs goes on"
    home.until(lambda: home.asset()["test_charge"]["state"] != "running", "the test charge ends")
    shown = home.asset()["test_charge"]
    assert [(one["step"], one["state"]) for one in shown["steps"]] == [(step, "passed") for step in STEPS]
    assert not home.charging()
    until(lambda: "TestChargePassed" in {one["type"] for one in received(home.running, app)}, "the app gets the event")
    assert [order for _, order in home.orders()][-2:] == ["start", "stop"]


def test_what_the_app_does_not_take_is_sent_again_and_can_be_read_later(home: Home, app: AppReceiver) -> None:
    before = len(app.received)
    app.answers = [500, 503]
    home.put("charge-now", {"for_minutes": 30})
    until(lambda: not app.answers, "the app has refused two requests")
    refused = {one["id"] for one in received(home.running, app)[before : before + 2]}

    def taken() -> set[str]:
        return {one["id"] for one in received(home.running, app)[before + 2 :]}

    until(lambda: refused <= taken(), "what was refused is sent again")
    home.running.clock.sleep((SETTLED + timedelta(seconds=30)).total_seconds())
    replayed = home.running.api("GET", "/events?limit=100").json()["events"]
    sent = {one["id"]: one for one in received(home.running, app)}
    assert refused <= {one["id"] for one in replayed}
    assert [one for one in replayed if one["id"] in sent and sent[one["id"]] != one] == []


def test_a_test_charge_without_an_account_says_where_the_link_is(home: Home, app: AppReceiver) -> None:
    home.set(account_connected=False)
    home.running.simulator("cars", "POST", f"/enode/invalidate/{home.user_id}")
    home.until(lambda: home.asset()["needs_user"], "the account is lost")
    assert home.running.api("POST", f"/assets/{home.name}/test-charge").status_code == 202
    home.until(lambda: home.asset()["test_charge"]["state"] == "failed", "the test charge fails")
    (failed,) = [one for one in home.asset()["test_charge"]["steps"] if one["state"] == "failed"]
    assert (failed["step"], failed["reason"]) == ("connection", "PROVIDER_NEEDS_USER")
    assert failed["connect"] == f"/sites/{home.name}/connections"
    assert "Connect" in failed["advice"]
    until(lambda: "TestChargeFailed" in {one["type"] for one in received(home.running, app)}, "the app gets the event")
    (event,) = {json.dumps(one) for one in received(home.running, app) if one["type"] == "TestChargeFailed"}
    assert json.loads(event)["data"]["connect"] == f"/sites/{home.name}/connections"
