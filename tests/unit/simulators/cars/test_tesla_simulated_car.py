"""Tesla end to end with a simulated car: what the modules send and what they read, over real HTTP."""

from datetime import UTC, datetime
from typing import Any

import pytest
import requests

from driveway.auth.signatures import parse_timestamped
from driveway.auth.tokens import StaticToken
from driveway.domain.presence.observation import Observation
from driveway.domain.twin import OutcomeKind, Vehicle, Window
from driveway.values import replace
from driveway.vehicles.provider import Call, WebhookRequest
from driveway.vehicles.tesla.commands import TeslaCommands
from driveway.vehicles.tesla.webhooks import TeslaWebhooks
from tests.support.vehicles.car_rig import Rig

SECRET = "relay-secret"
CAR = Vehicle("tesla", "car-1")
HOME = {"latitude": 51.5034, "longitude": -0.1276}


def call(rig: Rig, http: requests.Session, **extra: str) -> Call:
    form = {"grant_type": "refresh_token", "client_id": "client-id", "refresh_token": "refresh-1"}
    token = rig.http.post(f"{rig.url}/tesla/oauth2/v3/token", data=form, timeout=10).json()["access_token"]
    return Call(f"{rig.url}/tesla", http, StaticToken(token), rig.clock.now(), extra)


def observed(rig: Rig) -> list[Observation]:
    """The observations of the records that arrived, each read by the relay's webhook."""
    seen: list[Observation] = []
    for got in rig.sent():
        sent_at = datetime.fromtimestamp(parse_timestamped(got.headers["x-driveway-signature"]).timestamp_s, UTC)
        inbound = TeslaWebhooks().receive(WebhookRequest(got.headers, got.raw, sent_at), [SECRET])
        assert inbound.dropped == ()
        seen += [observation for event in inbound.events for observation in event.observations]
    return seen


@pytest.mark.parametrize("form", ["decoded", "proto_json"])
def test_a_night_is_read_and_commanded(rig: Rig, form: str) -> None:
    rig.listen("tesla", form=form, webhook_secret=SECRET)
    rig.car("tesla", home=HOME, soc_pct=40, power_kw=7.36, auto_start=False)
    rig.do("plug-in")
    plugged = observed(rig)[-1]
    assert (plugged.plugged_in, plugged.charging) == (True, False)
    assert plugged.whereabouts is not None
    assert plugged.whereabouts.home_flag is True
    with requests.Session() as http:
        tesla, to = TeslaCommands(), call(rig, http)
        assert tesla.set_current(to, CAR, tesla.limit_amps(to, 3.68)).kind is OutcomeKind.ACCEPTED
        assert tesla.start(to, CAR, limit_kw=3.68).kind is OutcomeKind.ACCEPTED
        assert tesla.read_state(to, CAR).current_amps == 16
        rig.pass_s(600)
        charging = [seen for seen in observed(rig) if seen.power_kw]
        assert charging[-1].power_kw == pytest.approx(3.68, abs=0.05)
        assert tesla.set_current(to, CAR, 32).kind is OutcomeKind.ACCEPTED
        assert tesla.start(to, CAR, limit_kw=None).kind is OutcomeKind.ALREADY_IN_STATE
        rig.pass_s(600)
        looked = tesla.read_state(replace(to, now=rig.clock.now()), CAR).observations[0]
        assert (looked.charging, looked.plugged_in) == (True, True)
        assert looked.power_kw == pytest.approx(7.36, abs=0.05)
        assert tesla.stop(to, CAR).kind is OutcomeKind.ACCEPTED
        rig.pass_s(60)
        assert tesla.stop(to, CAR).kind is OutcomeKind.ALREADY_IN_STATE
        assert [seen.charging for seen in observed(rig) if seen.charging is not None][-1] is False
        rig.do("plug-out")
        assert tesla.start(to, CAR, limit_kw=None).observations[0].plugged_in is False


def test_a_sleeping_car_is_woken_and_then_obeys(rig: Rig) -> None:
    rig.car("tesla", home=HOME, soc_pct=40, auto_start=False)
    rig.do("plug-in")
    rig.change(asleep=True)
    with requests.Session() as http:
        tesla, to = TeslaCommands(), replace(call(rig, http), wait=rig.pass_s)
        refused = tesla.start(to, CAR, limit_kw=None)
        assert (refused.kind, refused.asleep) == (OutcomeKind.RETRYABLE, True)
        assert tesla.read_state(to, CAR).asleep is True
        assert tesla.wake(to, CAR).kind is OutcomeKind.CONFIRMED
        assert tesla.start(to, CAR, limit_kw=None).kind is OutcomeKind.ACCEPTED
        rig.pass_s(60)
        assert rig.truth()["charging"] is True


def schedules(rig: Rig, to: Call) -> list[dict[str, Any]]:
    url = f"{rig.url}/tesla/api/1/vehicles/car-1/vehicle_data?endpoints=charge_schedule_data"
    answer = rig.http.get(url, headers={"Authorization": f"Bearer {to.tokens.token()}"}, timeout=10).json()
    return list(answer["response"]["charge_schedule_data"]["charge_schedules"])


def test_the_default_schedule_is_kept_changed_and_removed_in_the_car(rig: Rig) -> None:
    rig.car("tesla", home=HOME, soc_pct=40)
    with requests.Session() as http:
        place = {name: str(value) for name, value in HOME.items()}
        tesla, to = TeslaCommands(), call(rig, http, **place)
        overnight, midday = (Window(0, 330), Window(1410, 1440)), Window(720, 780)
        assert (
            tesla.install_default(to, CAR, (*overnight, midday), timezone="Europe/London").kind is OutcomeKind.ACCEPTED
        )
        assert sorted((one["start_time"], one["end_time"]) for one in schedules(rig, to)) == [(720, 780), (1410, 330)]
        assert tesla.install_default(to, CAR, overnight, timezone="Europe/London").kind is OutcomeKind.ACCEPTED
        assert [(one["start_time"], one["end_time"]) for one in schedules(rig, to)] == [(1410, 330)]
        rig.do("plug-in")
        rig.pass_s(2 * 3600)
        assert rig.truth()["charging"] is True
        assert tesla.remove_default(to, CAR).kind is OutcomeKind.ACCEPTED
        assert schedules(rig, to) == []


def test_an_owner_signs_in_and_ends_the_access_at_the_simulator(rig: Rig) -> None:
    def exchange(token: str) -> requests.Response:
        form = {"grant_type": "refresh_token", "client_id": "client-id", "refresh_token": token}
        return rig.http.post(f"{rig.url}/tesla/oauth2/v3/token", data=form, timeout=10)

    rig.http.post(f"{rig.url}/_sim/config", json={"tesla": {"refresh_tokens": "24h"}}, timeout=10).raise_for_status()
    first = rig.http.post(f"{rig.url}/_sim/tesla/sign-in/owner-1", timeout=10).json()["refresh_token"]
    assert [exchange(first).status_code, exchange(first).status_code] == [200, 200]
    fresh = exchange(first).json()["refresh_token"]
    rig.http.post(f"{rig.url}/_sim/tesla/revoke/owner-1", timeout=10).raise_for_status()
    refused = exchange(fresh)
    assert (refused.status_code, refused.json()["error"]) == (401, "login_required")
