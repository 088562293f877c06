"""The first hour of an app's engineer: the walk of README, as it stands there, on the running stack."""

import json
import re
import subprocess
from pathlib import Path

import pytest
import requests

from local.play import SCENARIOS, Stage, listing
from local.processes import ROOT
from tests.support.stack.homes import Stack
from tests.support.stack.waiting import until

WALK = re.search(r"### The first hour.*?```sh\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)


def test_the_walk_of_readme_ends_with_a_plugged_in_car_that_follows_a_schedule(running: Stack, tmp_path: Path) -> None:
    assert WALK is not None
    (tmp_path / ".local").mkdir()
    (tmp_path / ".local" / "stack.json").write_text(json.dumps(running.values))
    script = "set -eu\nmake() { :; }\nsleep() { :; }\n" + WALK.group(1)
    done = subprocess.run(["bash"], input=script, text=True, capture_output=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    assert '"state":"active"' in done.stdout, done.stdout

    def follows() -> bool:
        asset = running.api("GET", "/assets/car-1").json()
        return bool(asset["session"]) and asset["desired"]["reason"] == "AXLE_SCHEDULE"

    until(follows, "the car follows Axle's schedule")


def plays(running: Stack, name: str) -> None:
    for asset in SCENARIOS[name](Stage(running.values)):
        until(
            lambda asset=asset: bool(running.api("GET", f"/assets/{asset}").json()["session"]), f"{asset} is plugged in"
        )


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_scenario_starts_on_the_running_stack_and_can_be_played_again(running: Stack, name: str) -> None:
    assert name in listing()
    plays(running, name)
    plays(running, name)


def test_a_scenario_begins_with_an_axle_that_answers_whatever_was_played_before(running: Stack) -> None:
    plays(running, "axle-down")
    plays(running, "ready")
    running.simulator("axle", "DELETE", "/faults")


@pytest.mark.parametrize(("method", "path"), [("GET", "/sites"), ("GET", "/nowhere"), ("PATCH", "/assets/car-1")])
def test_what_no_route_takes_is_answered_with_a_problem_document(running: Stack, method: str, path: str) -> None:
    answer = requests.request(method, running.values["api_url"] + path, timeout=30)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    assert f"{method} {path}" in answer.json()["detail"]
