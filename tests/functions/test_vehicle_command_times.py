"""However slowly a car maker answers, a command is noted before its function's time is over."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import requests

from driveway.domain.control.settings import ControlRules
from driveway.domain.twin import ChargeNow, Home, Tariff, Twin, Vehicle, Window
from driveway.runtime.clock import Clock
from driveway.runtime.settings import Settings
from driveway.values import replace
from driveway.vehicles.registry import PROVIDERS, capabilities
from tests.support.functions.assets import (
    a_twin,
    all_acknowledged,
    keep_refresh_token,
    place,
    planned_start,
    plugged_in,
    set_secret,
)
from tests.support.functions.rig import NOW, Rig, function, template
from tests.support.vehicles.provider_api import ProviderApi, Reply, SubmissionResult

VIN = "5YJ30000000000001"
BASE = "https://maker.example"
EARLIER = NOW - timedelta(hours=1)
TOKEN = Reply(200, {"access_token": "token", "expires_in": 3600, "refresh_token": "refresh-2"})
ASLEEP = Reply(500, {"error": "vehicle unavailable: vehicle is offline or asleep"})
DONE = Reply(200, {"response": {"result": True}})

Script = Callable[[SubmissionResult, int], Reply]


def enode(asked: SubmissionResult, _: int) -> Reply:
    if asked.url.endswith("/charging"):
        return Reply(400)
    return Reply(200, {"isReachable": True, "chargeState": {"isPluggedIn": True, "isCharging": False}})


def smartcar(asked: SubmissionResult, _: int) -> Reply:
    return Reply(200, {"data": []} if asked.method == "GET" else {"data": {"id": "x-1"}})


def tesla(asked: SubmissionResult, times: int) -> Reply:
    """A car that falls asleep after it took a limit, and wakes at the last moment."""
    name = asked.url.split("?")[0].rsplit("/", 1)[1]
    if name == VIN:
        return Reply(200, {"response": {"state": "online" if times == 7 else "asleep"}})
    if name == "add_charge_schedule":
        return ASLEEP if times == 4 else DONE
    if name == "vehicle_data":
        return DONE if times == 1 else Reply(408)
    return {"wake_up": Reply(200, {"response": {"state": "asleep"}}), "charge_start": Reply(504)}.get(name, DONE)


def ocpp(asked: SubmissionResult, _: int) -> Reply:
    return Reply(200, {} if asked.method == "GET" else {"status": "Accepted"})


SCRIPTS: dict[str, Script] = {"enode": enode, "smartcar": smartcar, "tesla": tesla, "ocpp": ocpp}


class FormApi(ProviderApi):
    """An API that is sent forms, which are not looked at."""

    def send(self, request: Any, *args: Any, **kwargs: Any) -> requests.Response:
        request.body = None
        return super().send(request, *args, **kwargs)


class SlowMaker:
    """A car maker whose every answer takes as long as it is waited for; ``spent_s`` is how long that is in all."""

    def __init__(self, rig: Rig, monkeypatch: pytest.MonkeyPatch, provider: str) -> None:
        self.rig, self.spent_s, self.script = rig, 0.0, SCRIPTS[provider]
        self.asked: list[SubmissionResult] = []
        self.by_url: dict[str, int] = {}
        name = provider.upper()
        urls = {f"{name}_BASE_URL": BASE, f"{name}_TOKEN_URL": f"{BASE}/token"}
        rig.runtime.settings = Settings({**rig.runtime.settings.environ, **urls})
        set_secret(rig, "PROVIDERS_SECRET", {provider: {"client_id": "id", "client_secret": "s", "token": "t"}})
        rig.runtime.http.mount(BASE, ProviderApi(self.answer))
        rig.runtime.http.mount(f"{BASE}/token", FormApi(self.answer))
        monkeypatch.setattr(Clock, "sleep", lambda _, seconds: self.wait(seconds))

    def wait(self, seconds: float) -> None:
        self.spent_s += seconds

    def answer(self, asked: SubmissionResult) -> Reply:
        self.wait(sum(asked.timeout))
        self.asked.append(asked)
        times = self.by_url[asked.url] = self.by_url.get(asked.url, 0) + 1
        return TOKEN if asked.url.endswith("/token") else self.script(asked, times)

    def park(self, provider: str) -> Twin:
        vehicle = Vehicle(provider, VIN, user_id="user-1", capabilities=capabilities(provider))
        keep_refresh_token(self.rig, "user-1", "refresh-1")
        twin = all_acknowledged(plugged_in(a_twin(EARLIER, vehicle=vehicle), EARLIER), NOW)
        return replace(twin, link=replace(twin.link, home=Home(51.5, -0.1)))

    def send(self, command_id: str, provider: str) -> None:
        detail = {"asset": "car-1", "command_id": command_id, "provider": provider, "not_before": NOW.isoformat()}
        record = {"messageId": "1", "body": json.dumps(detail), "eventSource": "aws:sqs"}
        assert function("vehicle_commands").handler({"Records": [record]}, None) == {"batchItemFailures": []}


def function_s() -> float:
    return float(template()["Resources"]["VehicleCommandsFunction"]["Properties"]["Timeout"])


def fits(spent_s: float) -> bool:
    return ControlRules().lead.total_seconds() + spent_s < function_s()


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_repeated_start_is_noted_in_time(rig: Rig, monkeypatch: pytest.MonkeyPatch, provider: str) -> None:
    maker = SlowMaker(rig, monkeypatch, provider)
    twin = maker.park(provider)
    command = planned_start(attempts=1)
    boost = ChargeNow("boost-1", NOW, NOW + timedelta(hours=1))
    control = replace(twin.control, command=command, last_limit_kw=3.68, last_start_at=EARLIER)
    place(rig, replace(twin, charge_now=boost, control=control))
    maker.send("command-1", provider)
    noted = rig.twin("car-1").control.command
    assert noted is not None
    assert noted.outcome is not None
    assert len(maker.asked) > (2 if provider != "ocpp" else 1), "it was looked at first"
    assert fits(maker.spent_s), f"{maker.spent_s} s"


def test_a_default_schedule_that_has_to_wake_the_car_is_noted_in_time(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    maker = SlowMaker(rig, monkeypatch, "tesla")
    windows = tuple(Window(hour * 60, hour * 60 + 60) for hour in (1, 4, 7, 10))
    place(rig, replace(maker.park("tesla"), tariff=Tariff(windows, "Europe/London")))
    rig.look("control", "car-1")
    schedule_command = rig.twin("car-1").control.schedule_command
    assert schedule_command is not None
    maker.send(schedule_command.id, "tesla")
    noted = rig.twin("car-1").control.schedule_command
    assert noted is not None
    assert noted.state == "confirmed"
    assert maker.by_url[f"{BASE}/api/1/vehicles/{VIN}/command/add_charge_schedule"] == 8
    assert fits(maker.spent_s), f"{maker.spent_s} s"


def test_a_message_is_not_seen_again_while_its_function_may_run_and_its_command_is_not_given_up_meanwhile() -> None:
    resources = template()["Resources"]
    for provider in PROVIDERS:
        queue = resources[f"{provider.title()}CommandsQueue"]["Properties"]
        assert queue["VisibilityTimeout"] >= function_s() + 30
    assert ControlRules().answer_within >= timedelta(seconds=function_s())
