"""The simulated Axle: its rules, what it sends, and how it misbehaves when asked to."""

import gzip
import hashlib
import hmac
import json
import os
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from driveway.runtime.clock import Clock
from simulators.axle.app import DEFAULT_PASSWORD, DEFAULT_USERNAME, AxleSimulator
from simulators.axle.models import Reading
from simulators.axle.readings import ReadingStore
from simulators.common import Fault, FaultPlan, running

TARIFF = {"off_peak_times": "00:00-05:30, 23:30-24:00", "timezone": "UTC", "tariff_type": "dual_rate"}
INTENT = {"energy_required_kwh": 30, "ready_by": "2026-01-16T07:00:00Z", "ready_by_local_time": "07:00:00"}


class Axle:
    """A client of one running simulator."""

    def __init__(self, url: str, simulator: AxleSimulator) -> None:
        self.url = url
        self.simulator = simulator
        self.http = requests.Session()

    def log_in(self) -> None:
        credentials = {"username": DEFAULT_USERNAME, "password": DEFAULT_PASSWORD}
        token = self.http.post(f"{self.url}/auth/token-form", data=credentials).json()["access_token"]
        self.http.headers["Authorization"] = f"Bearer {token}"

    def post(self, path: str, body: Any = None) -> requests.Response:
        return self.http.post(self.url + path, json=body, timeout=10)

    def get(self, path: str) -> Any:
        return self.http.get(self.url + path, timeout=10).json()

    def event(self, asset_id: str, event: str, body: Any) -> requests.Response:
        return self.post(f"/entities/asset/{asset_id}/event/{event}", body)

    def asset(self, asset_id: str) -> Any:
        return self.get(f"/_sim/assets/{asset_id}")

    def onboarded(self, number: int = 1, **changes: Any) -> tuple[str, str]:
        answer = self.post("/entities/site/onboard", onboarding(number, **changes))
        assert answer.status_code == 200, answer.text
        return answer.json()["site"]["site_id"], answer.json()["assets"][0]["asset_id"]


def onboarding(number: int = 1, *, site: Any = None, asset: Any = None, **changes: Any) -> dict[str, Any]:
    the_site = {
        "mpan": f"12000000{number:05}",
        "postcode": "SW1A 1AA",
        "email": "driver@example.com",
        "gave_boundary_meter_consent_at": "2026-01-15T10:30:00Z",
    }
    the_asset = {
        "external_id": f"car-{number}",
        "type": "electric_vehicle",
        "asset_model": "axle_ev_v1",
        "installation_date": "2025-06-15",
        "properties": {"power_kw": 7.4},
    }
    return {
        "site": the_site | (site or {}),
        "assets": [the_asset | (asset or {})],
        "proposition": "full_asset_schedule_control",
    } | changes


class MovableClock(Clock):
    """A clock that a test can put forward."""

    ahead: ClassVar[timedelta] = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + MovableClock.ahead


@pytest.fixture(scope="module")
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture(scope="module")
def server(clock: MovableClock) -> Iterator[Axle]:
    simulator = AxleSimulator(clock)
    with running(simulator.asgi) as url:
        yield Axle(url, simulator)
    simulator.close()


@pytest.fixture
def axle(server: Axle) -> Axle:
    MovableClock.ahead = timedelta()
    server.simulator.reset()
    server.simulator.world.config = type(server.simulator.world.config)()
    server.log_in()
    return server


class Driveway:
    """What Axle calls: keeps what it received and answers with ``statuses`` in turn, then 200."""

    def __init__(self) -> None:
        self.received: list[tuple[str, str, dict[str, str], bytes]] = []
        self.statuses: list[int] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                outer.received.append((self.command, self.path, headers, body))
                self.send_response(outer.statuses.pop(0) if outer.statuses else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                pass

        for method in ("POST", "DELETE"):
            setattr(Handler, f"do_{method}", Handler.answer)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def driveway() -> Iterator[Driveway]:
    partner = Driveway()
    thread = threading.Thread(target=partner.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield partner
    partner.server.shutdown()
    thread.join()
    partner.server.server_close()


def until(condition: Callable[[], Any], timeout_s: float = 5) -> Any:
    give_up_at = time.monotonic() + timeout_s
    while not (found := condition()):
        assert time.monotonic() < give_up_at, "the condition was not met in time"
        time.sleep(0.01)
    return found


def delivery_states(axle: Axle) -> list[str]:
    return [delivery["state"] for delivery in axle.get("/_sim/deliveries")["deliveries"]]


def tell_all(axle: Axle, asset_id: str) -> None:
    assert axle.event(asset_id, "tariff-update", {"tariff": TARIFF}).status_code == 200
    assert axle.event(asset_id, "intent", {"intent": INTENT}).status_code == 200
    assert axle.event(asset_id, "plug-in", {}).status_code == 200


def test_the_process_serves_on_a_free_port_and_on_the_shared_clock(tmp_path: Path) -> None:
    port_file = tmp_path / "port"
    shared = "start=2030-01-15T21:50:00Z,scale=60"
    command = [sys.executable, "-m", "simulators.axle", "--port", "0", "--port-file", str(port_file)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "DRIVEWAY_CLOCK": shared}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            assert url == f"http://127.0.0.1:{port_file.read_text().strip()}"
            state = requests.get(f"{url}/_sim/state", timeout=10).json()
        finally:
            process.terminate()
    assert state["now"].startswith("2030-01-15T")


def test_a_token_is_needed_and_lasts_an_hour(axle: Axle) -> None:
    path = f"/entities/site/{uuid.uuid4()}"
    assert requests.get(axle.url + path, timeout=10).status_code == 401
    assert requests.get(axle.url + path, headers={"Authorization": "Bearer no"}, timeout=10).status_code == 401
    assert axle.http.get(axle.url + path).status_code == 404
    MovableClock.ahead = timedelta(minutes=61)
    assert axle.http.get(axle.url + path).json() == {"detail": "Could not validate credentials"}


def test_wrong_credentials_and_missing_fields_give_no_token(axle: Axle) -> None:
    url = f"{axle.url}/auth/token-form"
    assert requests.post(url, data={"username": "driveway", "password": "wrong"}, timeout=10).status_code == 401
    missing = requests.post(url, data={"username": "driveway"}, timeout=10)
    assert (missing.status_code, missing.json()["detail"][0]["loc"]) == (422, ["body", "password"])
    other_grant = {"username": DEFAULT_USERNAME, "password": DEFAULT_PASSWORD, "grant_type": "client_credentials"}
    assert requests.post(url, data=other_grant, timeout=10).status_code == 422
    assert "wrong" not in json.dumps(axle.get("/_sim/requests"))


def test_revoked_tokens_are_refused(axle: Axle) -> None:
    axle.post("/_sim/tokens/revoke")
    assert axle.post("/validation/mpan", {"mpan": "1200000000001"}).status_code == 401


def test_mpans_are_checked_for_form_and_connection(axle: Axle) -> None:
    assert axle.post("/validation/mpan", {"mpan": "1234567890123"}).json() == {"isValid": True}
    malformed = axle.post("/validation/mpan", {"mpan": "12345"})
    assert (malformed.status_code, malformed.json()) == (400, {"detail": ["MPAN must be 13 digits"]})
    axle.post("/_sim/mpans/1200000000001", {"connected": False})
    assert axle.post("/validation/mpan", {"mpan": "1200000000001"}).status_code == 404
    axle.post("/_sim/config", {"mpan_check_digit": True})
    assert axle.post("/validation/mpan", {"mpan": "1234567890123"}).status_code == 400


def test_eligibility_tells_the_codes(axle: Axle) -> None:
    mpan = "1200000000001"
    answer = axle.post("/entities/site/check-eligibility", {"mpan": mpan, "asset_model": "axle_ev_v1"}).json()
    assert answer["propositions"][1] == {
        "proposition": "full_asset_schedule_control",
        "is_eligible": True,
        "issues": [],
    }
    axle.post(f"/_sim/mpans/{mpan}", {"half_hourly_settled": False})
    answer = axle.post("/entities/site/check-eligibility", {"mpan": mpan}).json()
    assert answer["propositions"][1]["issues"] == ["asset_model_not_set"]
    axle.post(f"/_sim/mpans/{mpan}", {"issues": ["non_domestic_site"]})
    answer = axle.post("/entities/site/check-eligibility", {"mpan": mpan, "asset_model": "zappi"}).json()
    assert answer["propositions"][1] == {
        "proposition": "full_asset_schedule_control",
        "is_eligible": False,
        "issues": ["non_domestic_site"],
    }
    unknown = axle.post("/entities/site/check-eligibility", {"mpan": mpan, "asset_model": "nothing"})
    assert unknown.status_code == 404


def test_onboarding_twice_is_onboarding_once(axle: Axle) -> None:
    first = axle.post("/entities/site/onboard", onboarding()).json()
    second = axle.post("/entities/site/onboard", onboarding()).json()
    assert first["site"]["site_created"]
    assert first["enrolment"]["status"] == "enrolled"
    assert not second["site"]["site_created"]
    assert not second["assets"][0]["asset_created"]
    assert second["enrolment"] == {"site_id": first["site"]["site_id"], "status": "already_enrolled"}
    assert second["assets"][0]["asset_id"] == first["assets"][0]["asset_id"]
    assert second["assets"][0]["fields_updated"] == second["site"]["fields_updated"] == []


def test_onboarding_merges_what_is_new_and_says_so(axle: Axle) -> None:
    axle.onboarded()
    changed = onboarding(site={"street_address": "10 Example Street"}, asset={"properties": {"power_kw": 11}})
    changed["assets"].append({"external_id": "charger-1", "type": "charger"})
    answer = axle.post("/entities/site/onboard", changed).json()
    assert answer["site"]["fields_updated"] == ["street_address"]
    assert [asset["fields_updated"] for asset in answer["assets"]] == [["power_kw"], []]
    assert [asset["asset_created"] for asset in answer["assets"]] == [False, True]
    assert answer["assets"][1]["warnings"] == ["power_kw is not set"]
    site = axle.get(f"/entities/site/{answer['site']['site_id']}")
    assert site["asset_ids"] == [asset["asset_id"] for asset in answer["assets"]]
    assert site["dispatch_methods"] == ["full_asset_schedule_control"]


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"site": {"email": "nobody"}}, 400),
        ({"site": {"mpan": "123"}}, 400),
        ({"site": {"postcode": "nowhere"}}, 400),
        ({"assets": []}, 400),
        ({"asset": {"asset_model": "unheard_of"}}, 404),
        ({"asset": {"type": "toaster"}}, 422),
        ({"asset": {"properties": {"power_kw": "7.4"}}}, 422),
        ({"asset": {"properties": {"power_kw": None}}}, 422),
        ({"site": {"gave_boundary_meter_consent_at": "2026-01-15T10:30:00"}}, 422),
        ({"proposition": "cm_infrequent_dispatch"}, 422),
        ({"override": True}, 422),
    ],
)
def test_an_onboarding_that_is_refused_stores_nothing(axle: Axle, changes: dict[str, Any], status: int) -> None:
    assert axle.post("/entities/site/onboard", onboarding(**changes)).status_code == status
    assert axle.get("/_sim/state")["sites"] == axle.get("/_sim/state")["assets"] == {}


def test_onboarding_needs_the_consent_once(axle: Axle) -> None:
    without = onboarding()
    del without["site"]["gave_boundary_meter_consent_at"]
    refused = axle.post("/entities/site/onboard", without)
    assert refused.status_code == 400
    assert "consent" in refused.json()["detail"]
    axle.onboarded()
    assert axle.post("/entities/site/onboard", without).status_code == 200


def test_an_asset_belongs_to_one_site_and_keeps_its_type(axle: Axle) -> None:
    axle.onboarded()
    assert axle.post("/entities/site/onboard", onboarding(asset={"type": "charger"})).status_code == 409
    assert axle.post("/entities/site/onboard", onboarding(2, asset={"external_id": "car-1"})).status_code == 409
    assert len(axle.get("/_sim/state")["sites"]) == 1


def test_an_ineligible_asset_is_not_enrolled(axle: Axle) -> None:
    axle.post("/_sim/mpans/1200000000001", {"half_hourly_settled": False})
    refused = axle.post("/entities/site/onboard", onboarding(asset={"asset_model": "unqualified_charger_v1"}))
    assert (refused.status_code, "asset_model_not_cop11_qualified" in refused.json()["detail"]) == (422, True)
    assert axle.get("/_sim/state")["sites"] == {}
    assert axle.post("/entities/site/onboard", onboarding()).status_code == 200


def test_a_household_that_withdrew_returns_only_on_purpose(axle: Axle) -> None:
    site_id, _ = axle.onboarded()
    body = {"proposition": "full_asset_schedule_control"}
    assert axle.post(f"/entities/site/{site_id}/unenrol", body).json()["status"] == "unenrolled"
    assert axle.post(f"/entities/site/{site_id}/unenrol", body).json()["status"] == "already_unenrolled"
    assert axle.post(f"/entities/site/{site_id}/enrol", body).status_code == 422
    refused = axle.post("/entities/site/onboard", onboarding())
    assert (refused.status_code, "withdrew" in refused.json()["detail"]) == (422, True)
    again = axle.post(f"/entities/site/{site_id}/enrol", body | {"override_withdrawal": True})
    assert again.json() == {"site_id": site_id, "status": "enrolled"}
    assert axle.post(f"/entities/site/{site_id}/enrol", body).json()["status"] == "already_enrolled"


def test_an_offboarded_site_is_gone_and_can_come_back_as_a_new_one(axle: Axle) -> None:
    site_id, asset_id = axle.onboarded()
    answer = axle.post(f"/entities/site/{site_id}/offboard-site-and-assets").json()
    assert (answer["site"]["id"], answer["asset"]["id"]) == (site_id, asset_id)
    assert axle.post(f"/entities/site/{site_id}/offboard-site-and-assets").status_code == 404
    assert axle.http.get(f"{axle.url}/rewards/{site_id}/info").status_code == 404
    assert axle.event(asset_id, "plug-out", {}).status_code == 404
    assert axle.onboarded()[0] != site_id


def test_an_asset_is_found_by_its_external_id_and_its_intent_is_told(axle: Axle) -> None:
    _, asset_id = axle.onboarded()
    assert axle.get("/entities/asset/external-id/car-1")["id"] == asset_id
    assert axle.http.get(f"{axle.url}/entities/asset/external-id/car-2").status_code == 404
    assert axle.http.get(f"{axle.url}/entities/asset/{asset_id}/intent").status_code == 404
    axle.event(asset_id, "intent", {"intent": INTENT})
    assert axle.get(f"/entities/asset/{asset_id}/intent")["intent"]["energy_required_kwh"] == 30


@pytest.mark.parametrize(
    ("event", "body", "status"),
    [
        ("tariff-update", {"tariff": TARIFF | {"off_peak_times": "23:30-05:30"}}, 400),
        ("tariff-update", {"tariff": TARIFF | {"timezone": "Europe/Nowhere"}}, 400),
        ("tariff-update", {"tariff": TARIFF | {"timezone": "../etc/passwd"}}, 400),
        ("tariff-update", {"tariff": TARIFF | {"tariff_type": "cheap"}}, 422),
        ("plug-in", {"tariff": TARIFF | {"off_peak_times": "Mo 00:00-05:30"}}, 400),
        ("plug-in", None, 422),
        ("plug-in", {"vehicle": {"charging_rate_kw": "7"}}, 422),
        ("plug-out", {"why": "left"}, 422),
        ("intent", {"intent": {"energy_required_kwh": 30}}, 422),
        ("intent", {"intent": INTENT | {"energy_required_kwh": -1}}, 422),
        ("intent", {"intent": INTENT | {"ready_by_local_time": "7am"}}, 422),
        ("intent", {"intent": INTENT | {"ready_by": "2026-01-16"}}, 422),
        ("charge-now", {"end_at": 1_800_000_000}, 422),
        ("charge-now", {}, 422),
    ],
)
def test_an_event_that_is_refused_changes_nothing(axle: Axle, event: str, body: Any, status: int) -> None:
    _, asset_id = axle.onboarded()
    assert axle.event(asset_id, event, body).status_code == status
    assert axle.asset(asset_id)["history"] == []
    assert axle.asset(asset_id)["untold_since_enrolment"] == ["intent", "plug state", "tariff"]


def test_generic_events_say_the_same_as_the_particular_ones(axle: Axle) -> None:
    _, asset_id = axle.onboarded()
    path = f"/entities/asset/{asset_id}/event"
    plug_in = {"event_type": "plug_in", "tariff": TARIFF, "intent": INTENT, "vehicle": {"charging_rate_kw": 11}}
    assert axle.post(path, plug_in).json()["status"] == "ACCEPTED"
    asset = axle.asset(asset_id)
    assert (asset["plugged_in"], asset["charging_rate_kw"], asset["schedules_issued"]) == (True, 11, 1)
    assert axle.post(path, {"event_type": "charge_now"}).status_code == 400
    assert axle.post(path, {"event_type": "intent_update"}).status_code == 400
    assert axle.post(path, {"event_type": "plug_out"}).status_code == 200
    assert not axle.asset(asset_id)["plugged_in"]


def test_events_are_refused_for_unknown_and_unenrolled_assets(axle: Axle) -> None:
    site_id, asset_id = axle.onboarded()
    assert axle.event(str(uuid.uuid4()), "plug-in", {}).status_code == 404
    assert axle.event("car-1", "plug-in", {}).status_code == 422
    axle.post(f"/entities/site/{site_id}/unenrol", {"proposition": "full_asset_schedule_control"})
    assert axle.event(asset_id, "plug-in", {}).status_code == 404
    axle.post("/_sim/config", {"events_of_unenrolled": "accept"})
    tell_all(axle, asset_id)
    assert axle.asset(asset_id)["schedules_issued"] == 0


def test_a_schedule_waits_for_tariff_intent_and_plug_and_follows_every_change(axle: Axle) -> None:
    _, asset_id = axle.onboarded()
    later = (datetime.now(UTC) + timedelta(minutes=30)).isoformat()
    told: list[tuple[str, dict[str, Any]]] = [
        ("plug-in", {}),
        ("tariff-update", {"tariff": TARIFF}),
        ("intent", {"intent": INTENT}),
        ("charge-now", {"end_at": later}),
        ("charge-now-deleted", {}),
        ("plug-out", {}),
        ("intent", {"intent": INTENT}),
        ("plug-in", {"vehicle": {"charging_rate_kw": 3.6}}),
    ]
    issued = []
    for event, body in told:
        assert axle.event(asset_id, event, body).status_code == 200
        issued.append(axle.asset(asset_id)["schedules_issued"])
    assert issued == [0, 0, 1, 2, 3, 3, 3, 4]
    assert axle.asset(asset_id)["untold_since_enrolment"] == []
    assert [entry["event"] for entry in axle.asset(asset_id)["history"]][:3] == [
        "plug_in",
        "tariff_update",
        "intent_update",
    ]


def test_a_profile_reaches_the_integrator_with_its_token(axle: Axle, driveway: Driveway) -> None:
    _, asset_id = axle.onboarded()
    axle.post("/_sim/config", {"driveway_url": driveway.url, "bearer_token": "secret"})
    tell_all(axle, asset_id)
    until(lambda: delivery_states(axle) == ["delivered"])
    [(method, path, headers, body)] = driveway.received
    assert (method, path) == ("POST", f"/axle/assets/{asset_id}/charging-profile")
    assert headers["authorization"] == "Bearer secret"
    assert json.loads(body) == axle.asset(asset_id)["charging_profile"]


def test_a_given_profile_is_sent_as_it_is_in_either_wrapping(axle: Axle, driveway: Driveway) -> None:
    _, asset_id = axle.onboarded()
    axle.post("/_sim/config", {"driveway_url": driveway.url, "webhook_secret": "hush"})
    assert axle.post("/_sim/assets/car-1/issue").status_code == 409
    axle.post("/_sim/assets/car-1/issue", {"profile": {"odd": 1}, "mode": "set_charging_profile_request"})
    until(lambda: len(driveway.received) == 1)
    assert json.loads(driveway.received[0][3]) == {"connectorId": 1, "csChargingProfiles": {"odd": 1}}
    issue = {"profile": {"odd": 2}, "mode": "envelope", "created_at": "2026-01-01T00:00:00Z"}
    issue["envelope_id"] = "f6f0c1de-25c0-4f7e-9f0f-0d6e1f3c7a11"
    axle.post("/_sim/config", {"retry_for_s": 1e9})
    axle.post("/_sim/assets/car-1/issue", issue)
    until(lambda: len(driveway.received) == 2)
    _, path, headers, raw = driveway.received[1]
    timestamp, signature = (part.split("=", 1)[1] for part in headers["x-axle-sig"].split(","))
    assert hmac.new(b"hush", f"{timestamp}.".encode() + raw, hashlib.sha256).hexdigest() == signature
    assert path == "/axle/webhooks"
    assert json.loads(raw) == {
        "id": issue["envelope_id"],
        "version": "1",
        "event_type": "asset:dispatch:requested",
        "created_at": "2026-01-01T00:00:00+00:00",
        "payload": {"asset_id": asset_id, "charging_profile": {"odd": 2}},
    }


def test_a_schedule_is_repeated_after_our_fault_and_given_up_after_a_refusal(axle: Axle, driveway: Driveway) -> None:
    _, asset_id = axle.onboarded()
    axle.post("/_sim/config", {"driveway_url": driveway.url, "retry_base_s": 0.02})
    driveway.statuses = [503, 500]
    tell_all(axle, asset_id)
    until(lambda: delivery_states(axle) == ["delivered"])
    [delivery] = axle.get("/_sim/deliveries")["deliveries"]
    assert [attempt["status"] for attempt in delivery["attempts"]] == [503, 500, 200]
    driveway.statuses = [422]
    axle.post("/_sim/assets/car-1/issue")
    until(lambda: delivery_states(axle) == ["delivered", "refused"])
    assert len(driveway.received) == 4


def test_a_bare_profile_is_not_repeated_once_a_newer_one_exists(axle: Axle, driveway: Driveway) -> None:
    _, asset_id = axle.onboarded()
    axle.post("/_sim/config", {"driveway_url": driveway.url, "retry_base_s": 0.3})
    driveway.statuses = [503]
    tell_all(axle, asset_id)
    until(lambda: len(driveway.received) == 1)
    axle.event(asset_id, "plug-in", {})
    until(lambda: delivery_states(axle) == ["superseded", "delivered"])


def test_schedules_are_dropped_duplicated_and_overtaken_on_request(axle: Axle, driveway: Driveway) -> None:
    axle.onboarded()

    def issue(*numbers: int) -> list[int]:
        seen = len(driveway.received)
        for number in numbers:
            axle.post("/_sim/assets/car-1/issue", {"profile": {"n": number}})
        until(lambda: "pending" not in delivery_states(axle))
        return [json.loads(body)["n"] for _, _, _, body in driveway.received[seen:]]

    axle.post("/_sim/config", {"driveway_url": driveway.url, "delivery_faults": {"drop": 1}})
    assert issue(1, 2) == [2]
    axle.post("/_sim/config", {"delivery_faults": {"duplicate": 2}})
    assert issue(3) == [3, 3, 3]
    axle.post("/_sim/config", {"delivery_faults": {"reorder_s": 0.5}})
    assert issue(4, 5) == [5, 4]
    axle.post("/_sim/config", {"delivery_faults": {}})
    assert issue(6, 7) == [6, 7]


def test_half_hourly_energy_is_judged_row_by_row(axle: Axle, clock: MovableClock) -> None:
    _, asset_id = axle.onboarded()
    now = clock.now()
    slot = now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=3)

    def row(start: datetime, value: float = 1.5, minutes: int = 30, **changes: Any) -> dict[str, Any]:
        return {
            "asset_id": asset_id,
            "start_timestamp": start.isoformat(),
            "end_timestamp": (start + timedelta(minutes=minutes)).isoformat(),
            "value": value,
            "label": "charger_consumption_energy_kwh",
        } | changes

    rows = [
        row(slot),
        row(slot + timedelta(minutes=30), 0),
        row(slot, asset_id=str(uuid.uuid4())),
        row(slot + timedelta(minutes=1)),
        row(slot, minutes=31),
        row(slot, -0.1),
        row(slot + timedelta(hours=12)),
        row(slot, 1234.5, 0, label="charger_lifetime_consumption_energy_kwh"),
        row(slot, -2.0, label="boundary_import_kw"),
        row(slot),
        row(slot, 1.75),
    ]
    packed = gzip.compress(json.dumps({"readings": rows}).encode())
    answer = axle.http.post(f"{axle.url}/data/readings", data=packed, headers={"Content-Encoding": "gzip"})
    responses = answer.json()["responses"]
    assert [one["accepted"] for one in responses] == [True] * 2 + [False] * 5 + [True] * 4
    assert [one["error"] for one in responses if not one["accepted"]] == [
        "Asset not found",
        "start_timestamp is not aligned to a half hour",
        "the interval is not 30 minutes",
        "charger_consumption_energy_kwh must be >= 0",
        "the reading is in the future",
    ]
    report = axle.get("/_sim/readings")
    assert report["counts"] == {"accepted": 6, "rejected": 5, "duplicates": 1, "corrections": 1}
    assert report["totals"][asset_id]["charger_consumption_energy_kwh"] == 1.75
    assert [one["value"] for one in report["rows"] if one["label"] == "charger_consumption_energy_kwh"] == [1.75, 0]


def test_rows_are_rejected_on_request_and_bad_bodies_as_a_whole(axle: Axle, clock: MovableClock) -> None:
    _, asset_id = axle.onboarded()
    start = clock.now().replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
    row = {
        "asset_id": asset_id,
        "start_timestamp": start.isoformat(),
        "end_timestamp": (start + timedelta(minutes=30)).isoformat(),
        "value": 1,
        "label": "charger_consumption_energy_kwh",
    }
    axle.post("/_sim/readings/reject", {"asset_id": asset_id, "error": "try later", "count": 1})
    first, second = axle.post("/data/readings", {"readings": [row, row]}).json()["responses"]
    assert (first["accepted"], first["error"], second["accepted"]) == (False, "try later", True)
    bad = axle.post("/data/readings", {"readings": [row | {"label": "charger_kwh"}]})
    assert (bad.status_code, bad.json()["detail"][0]["loc"]) == (422, ["body", "readings", 0, "label"])
    headers = {"Content-Encoding": "gzip"}
    assert axle.http.post(f"{axle.url}/data/readings", data=b"{}", headers=headers).status_code == 400
    assert axle.get("/_sim/readings")["stored"] == 1


def test_a_large_load_of_readings_is_taken_in_seconds(axle: Axle) -> None:
    ids = [axle.onboarded(number)[1] for number in range(1, 21)]
    start = datetime(2026, 1, 1, tzinfo=UTC)
    rows = [
        {
            "asset_id": ids[number % 20],
            "start_timestamp": (start + timedelta(minutes=30) * (number // 20)).isoformat(),
            "end_timestamp": (start + timedelta(minutes=30) * (number // 20 + 1)).isoformat(),
            "value": 0.001,
            "label": "charger_consumption_energy_kwh",
        }
        for number in range(20_000)
    ]
    began = time.monotonic()
    answer = axle.post("/data/readings", {"readings": rows})
    assert time.monotonic() - began < 8
    assert sum(one["accepted"] for one in answer.json()["responses"]) == 20_000
    report = axle.get("/_sim/readings?rows=false")
    assert set(report["totals"]) == set(ids)
    assert {total["charger_consumption_energy_kwh"] for total in report["totals"].values()} == {1.0}


def test_rewards_are_what_was_set_and_stay_after_leaving_the_proposition(axle: Axle) -> None:
    site_id, _ = axle.onboarded()
    transaction = {"transaction_id": str(uuid.uuid4()), "credit_pence": 250, "transaction_type": "flex event"}
    axle.post(f"/_sim/sites/{site_id}/rewards", {"current_balance_pence": 750, "transactions": [transaction]})
    axle.post(f"/entities/site/{site_id}/unenrol", {"proposition": "full_asset_schedule_control"})
    info = axle.get(f"/rewards/{site_id}/info")
    assert (info["current_balance_pence"], info["can_withdraw"]) == (750, True)
    assert axle.get(f"/rewards/{site_id}/transactions")["transactions"] == [transaction]
    assert axle.http.get(f"{axle.url}/rewards/{site_id}/url/balance").status_code == 422
    link = axle.get(f"/rewards/{site_id}/url/balance?redirect_uri=https://app.example.com")
    assert link["balance_withdrawal_url"].startswith("http")


def test_a_fault_before_the_work_leaves_no_trace_and_ends_by_its_count(axle: Axle) -> None:
    fault = {"path": "onboard$", "status": 503, "retry_after": 7, "count": 1, "skip": 1}
    axle.post("/_sim/faults", fault)
    assert axle.post("/entities/site/onboard", onboarding()).status_code == 200
    failed = axle.post("/entities/site/onboard", onboarding(2))
    assert (failed.status_code, failed.headers["Retry-After"]) == (503, "7")
    assert len(axle.get("/_sim/state")["sites"]) == 1
    assert axle.post("/entities/site/onboard", onboarding(2)).status_code == 200
    assert axle.get("/_sim/faults")[0]["hits"] == 1


@pytest.mark.parametrize("fault", [{"drop": True}, {"status": 500}, {"delay_s": 0.5}])
def test_a_fault_after_the_work_hides_that_it_was_done(axle: Axle, fault: dict[str, Any]) -> None:
    axle.post("/_sim/faults", {"path": "onboard$", "when": "after", "count": 1} | fault)
    try:
        lost = axle.http.post(f"{axle.url}/entities/site/onboard", json=onboarding(), timeout=0.2).status_code
    except (requests.ConnectionError, requests.Timeout):
        lost = None
    assert lost in {None, 500}
    assert len(axle.get("/_sim/state")["sites"]) == 1
    assert axle.post("/entities/site/onboard", onboarding()).json()["site"]["site_created"] is False


def test_a_dropped_connection_before_the_work_does_nothing(axle: Axle) -> None:
    axle.post("/_sim/faults", [{"drop": True, "method": "POST", "count": 1}])
    with pytest.raises(requests.ConnectionError):
        axle.post("/entities/site/onboard", onboarding())
    assert axle.get("/_sim/state")["sites"] == {}
    assert axle.get("/_sim/requests?path=onboard")["requests"][0]["status"] is None


def test_requests_are_logged_as_sent_without_credentials(axle: Axle) -> None:
    axle.http.delete(f"{axle.url}/_sim/requests")
    axle.onboarded()
    [entry] = axle.get("/_sim/requests")["requests"]
    assert (entry["method"], entry["path"], entry["status"]) == ("POST", "/entities/site/onboard", 200)
    assert entry["body"] == onboarding()
    assert "authorization" not in entry["headers"]
    assert axle.get(f"/_sim/requests?after_seq={entry['seq']}")["requests"] == []


@given(st.integers(0, 5), st.none() | st.integers(1, 5), st.integers(0, 20))
def test_a_fault_hits_as_often_as_was_said(skip: int, count: int | None, calls: int) -> None:
    plan = FaultPlan()
    plan.add(Fault(path="readings", method="post", skip=skip, count=count))
    hits = [plan.take("POST", "/data/readings") is not None for _ in range(calls)]
    assert not any(plan.take("GET", "/data/readings") or plan.take("POST", "/rewards") for _ in range(calls))
    possible = max(0, calls - skip)
    assert sum(hits) == (possible if count is None else min(count, possible))
    assert not any(hits[:skip])


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 4000)), max_size=40),
    st.integers(1, 7),
)
def test_the_latest_value_of_a_slot_counts_however_the_rows_are_batched(
    rows: list[tuple[int, int]], batch_size: int
) -> None:
    store, asset_id, start = ReadingStore(), uuid.uuid4(), datetime(2026, 1, 1, tzinfo=UTC)
    readings = [
        Reading(
            asset_id=str(asset_id),
            start_timestamp=(start + timedelta(minutes=30) * slot).isoformat(),
            end_timestamp=(start + timedelta(minutes=30) * (slot + 1)).isoformat(),
            value=energy_wh / 1000,
            label="charger_consumption_energy_kwh",
        )
        for slot, energy_wh in rows
    ]
    for first in range(0, len(readings), batch_size):
        answers = store.take(readings[first : first + batch_size], {asset_id}, start + timedelta(days=1))
        assert all(answer["accepted"] for answer in answers)
    report, latest = store.report(), dict(rows)
    totals = report["totals"].get(str(asset_id), {"charger_consumption_energy_kwh": 0})
    assert totals["charger_consumption_energy_kwh"] * 1000 == pytest.approx(sum(latest.values()), abs=1e-6)
    assert report["counts"]["accepted"] == len(rows)
    assert report["counts"]["duplicates"] + report["counts"]["corrections"] == len(rows) - len(latest)
