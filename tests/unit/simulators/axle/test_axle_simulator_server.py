"""The simulated Axle as a server: its process, tokens, faults and log."""

import json
import os
import subprocess
import sys
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from driveway.runtime.http_session import http_session
from simulators.axle.app import DEFAULT_PASSWORD, DEFAULT_USERNAME
from simulators.common import Fault, FaultPlan
from tests.support.simulators.axle_client import (
    Axle,
    MovableClock,
    onboarding,
    until,
)


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
    until(lambda: len(axle.get("/_sim/state")["sites"]) == 1)
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
def test_a_fault_hits_as_often_as_configured(skip: int, count: int | None, calls: int) -> None:
    plan = FaultPlan()
    plan.add(Fault(path="readings", method="post", skip=skip, count=count))
    hits = [plan.take("POST", "/data/readings") is not None for _ in range(calls)]
    assert not any(plan.take("GET", "/data/readings") or plan.take("POST", "/rewards") for _ in range(calls))
    possible = max(0, calls - skip)
    assert sum(hits) == (possible if count is None else min(count, possible))
    assert not any(hits[:skip])


def test_connections_that_were_idle_are_reset_when_the_next_request_comes_on_them(axle: Axle) -> None:
    settings, path = f"{axle.url}/_sim/connections", f"{axle.url}/entities/site/{uuid.uuid4()}"
    requests.put(settings, json={"idle_real_s": 0, "count": 1}, timeout=10).raise_for_status()
    with requests.Session() as http:
        assert http.get(path, timeout=10).status_code == 401
        logged = len(axle.simulator.requests.list())
        with pytest.raises(requests.ConnectionError):
            http.get(path, timeout=10)
        assert [http.get(path, timeout=10).status_code for _ in range(2)] == [401, 401]
    assert requests.get(settings, timeout=10).json() == {"resets": 1}
    # The request that met the closed connection never reached the application.
    assert len(axle.simulator.requests.list()) == logged + 2
    requests.put(settings, json={}, timeout=10)


def test_a_client_of_ours_does_not_notice_that_connections_are_reset(axle: Axle) -> None:
    requests.put(f"{axle.url}/_sim/connections", json={"idle_real_s": 0}, timeout=10)
    with http_session() as http:
        http.headers["Authorization"] = axle.http.headers["Authorization"]
        for number in range(1, 6):
            answer = http.post(f"{axle.url}/entities/site/onboard", json=onboarding(number), timeout=10)
            assert answer.status_code == 200
    assert len(axle.simulator.requests.list(path="/entities/site/onboard")) == 5
    requests.put(f"{axle.url}/_sim/connections", json={}, timeout=10)


def test_a_maintenance_page_comes_in_place_of_the_answer_with_200_unless_another_status_is_given(axle: Axle) -> None:
    page = {"path": "/entities", "page": "<html>maintenance</html>", "count": 1}
    axle.post("/_sim/faults", [page, page | {"status": 503}])
    path = f"{axle.url}/entities/site/{uuid.uuid4()}"
    answers = [axle.http.get(path, timeout=10) for _ in range(3)]
    assert [(answer.status_code, answer.headers["content-type"][:9]) for answer in answers] == [
        (200, "text/html"),
        (503, "text/html"),
        (404, "applicati"),
    ]
    assert answers[0].text == "<html>maintenance</html>"
