"""Smartcar end to end with a simulated car: what the modules send and what they read, over real HTTP."""

import pytest
import requests

from driveway.auth.tokens import StaticToken
from driveway.domain.presence.observation import Observation
from driveway.domain.twin import OutcomeKind, Vehicle
from driveway.values import replace
from driveway.vehicles.provider import Call, WebhookRequest
from driveway.vehicles.smartcar.commands import SmartcarCommands
from driveway.vehicles.smartcar.webhooks import SmartcarWebhooks
from tests.support.vehicles.car_rig import Rig

AMT = "example-amt"
CAR = Vehicle("smartcar", "car-1", user_id="user-1")
HOME = {"latitude": 51.5034, "longitude": -0.1276}


def call(rig: Rig, http: requests.Session) -> Call:
    form = {"grant_type": "client_credentials", "client_id": "client-id", "client_secret": "client-secret"}
    token = rig.http.post(f"{rig.url}/smartcar/oauth2/token", data=form, timeout=10).json()["access_token"]
    return Call(f"{rig.url}/smartcar", http, StaticToken(token), rig.clock.now())


def observed(rig: Rig) -> list[Observation]:
    seen: list[Observation] = []
    for got in rig.sent():
        inbound = SmartcarWebhooks().receive(WebhookRequest(got.headers, got.raw, rig.clock.now()), [AMT])
        seen += [observation for event in inbound.events for observation in event.observations]
    return seen


@pytest.mark.parametrize("timestamps", ["epoch_ms", "iso"])
@pytest.mark.parametrize("early_202_after_s", [175, 0])
def test_a_night_is_read_and_commanded(rig: Rig, timestamps: str, early_202_after_s: float) -> None:
    rig.listen("smartcar", timestamps=timestamps, webhook_secret=AMT, early_202_after_s=early_202_after_s)
    rig.car("smartcar", user_id="user-1", home=HOME, soc_pct=40, power_kw=7.36, auto_start=False)
    rig.do("plug-in")
    plugged = observed(rig)[-1]
    assert (plugged.plugged_in, plugged.charging) == (True, False)
    assert plugged.whereabouts is not None
    assert plugged.whereabouts.home_flag is True
    with requests.Session() as http:
        smartcar, to = SmartcarCommands(), call(rig, http)
        assert smartcar.start(to, CAR, limit_kw=None).kind is OutcomeKind.ACCEPTED
        rig.pass_s(600)
        charging = observed(rig)[-1]
        assert charging.charging is True
        assert charging.power_kw == pytest.approx(7.36, abs=0.05)
        assert smartcar.start(to, CAR, limit_kw=None).kind is OutcomeKind.ALREADY_IN_STATE
        looked = smartcar.read_state(replace(to, now=rig.clock.now()), CAR).observations[-1]
        assert (looked.plugged_in, looked.charging) == (True, True)
        assert smartcar.stop(to, CAR).kind is OutcomeKind.ACCEPTED
        rig.pass_s(60)
        assert observed(rig)[-1].charging is False
        assert smartcar.stop(to, CAR).kind is OutcomeKind.ALREADY_IN_STATE
        rig.do("plug-out")
        assert smartcar.start(to, CAR, limit_kw=None).observations[0].plugged_in is False
        assert observed(rig)[-1].plugged_in is False


@pytest.mark.parametrize("asleep", [True, False])
def test_a_car_that_does_not_answer_is_reported_asleep_or_out_of_reach(rig: Rig, asleep: bool) -> None:
    rig.car("smartcar", user_id="user-1", home=HOME, soc_pct=40, auto_start=False)
    rig.do("plug-in")
    rig.change(asleep=asleep, reachable=asleep)
    with requests.Session() as http:
        outcome = SmartcarCommands().start(call(rig, http), CAR, limit_kw=None)
    assert (outcome.kind, outcome.asleep) == (OutcomeKind.RETRYABLE, asleep)
    assert outcome.observations[0].reachable is False
