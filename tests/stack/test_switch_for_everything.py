"""The operator's switch on the stack: ``make release-all`` releases a car of every kind, ``make resume-all`` takes it
up again.
"""

import os
import subprocess
from typing import Any

import pytest

from local.stack import ROOT
from tests.support.stack.homes import KINDS, Home, Stack
from tests.support.stack.waiting import until


@pytest.fixture(scope="module")
def held(running: Stack) -> list[Home]:
    """A car of each kind, held because it is peak now."""
    homes = [Home(running, f"switch-{kind}", kind).join() for kind in KINDS]
    for home in homes:
        home.until(home.in_sync, "Axle has acknowledged everything")
        home.move("plug-in")
    for home in homes:
        home.until(home.charging, "the car charges")
        home.put("tariff", running.off_peak((14 * 60, 20 * 60)))
    for home in homes:
        home.until(lambda home=home: not home.charging(), "the car is held")
    return homes


def make(target: str, running: Stack) -> str:
    """The output of a target of the Makefile's commands, which must succeed."""
    given = {"API_URL": running.values["api_url"], "OPERATOR_TOKEN": running.values["operator_token"]}
    done = subprocess.run(
        ["make", "--no-print-directory", target],
        cwd=ROOT,
        env={**os.environ, **given},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def control(running: Stack) -> dict[str, Any]:
    answer = running.api("GET", "/control", Authorization=f"Bearer {running.values['operator_token']}")
    assert answer.status_code == 200, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


def test_every_car_is_released_and_held_again(running: Stack, held: list[Home]) -> None:
    assert running.api("PUT", "/control", {"state": "released"}).status_code == 403, "the app may not"
    assert control(running)["cars_held"]["held"] >= len(held)
    output = make("release-all", running)
    assert "Every car is released." in output
    for home in held:
        home.until(home.charging, "the car is released")
        assert "RELEASED_BY_OPERATOR" in home.reasons()
    assert control(running)["cars_held"]["held"] == 0
    make("resume-all", running)
    assert control(running)["state"] == "running"
    for home in held:
        home.until(lambda home=home: not home.charging(), "the car is held again")
        assert "RESUMED_BY_OPERATOR" in home.reasons()
    until(lambda: control(running)["cars_held"]["held"] >= len(held), "they count as held")
