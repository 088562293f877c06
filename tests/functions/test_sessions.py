"""Nights of simulated cars, through their providers' APIs and the real functions: what is answered of them in the
morning."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.support.functions.rig import NOW
from tests.support.functions.stage import Stage

EVENING = NOW.replace(hour=18)
MIDNIGHT = NOW.replace(hour=0) + timedelta(days=1)
MORNING = MIDNIGHT + timedelta(hours=9)
STEP = timedelta(minutes=10)


def go_on(stage: Stage, until: datetime) -> None:
    """Let time pass: control runs when it is due, and the car's state is read every half-hour."""
    clock, table = stage.rig.clock, stage.rig.runtime.table
    while clock.now() < until:
        now = clock.now()
        ahead = [due for _, due in table.due("ControlDue", until)]
        clock.put(min([until, now + STEP, *(max(due, now + timedelta(seconds=1)) for due in ahead)]))
        for asset, _ in list(table.due("ControlDue", clock.now())):
            stage.rig.look("control", asset)
        stage.settle()
        if clock.now().minute % 30 == 0 and clock.now().second == 0:
            stage.ask()


def sessions(stage: Stage, **query: str) -> list[dict[str, Any]]:
    reply = stage.rig.serve("status", "GET /assets/{asset}/sessions", query=query, asset="car-1")
    assert reply.status == 200, reply.text
    found: list[dict[str, Any]] = reply.body["sessions"]
    return found


def session(stage: Stage, which: str) -> dict[str, Any]:
    reply = stage.rig.serve("status", "GET /assets/{asset}/sessions/{session}", asset="car-1", session=which)
    assert reply.status == 200, reply.text
    body: dict[str, Any] = reply.body
    return body


def change(stage: Stage, **changes: Any) -> None:
    stage.cars.change("5YJ30000000000001", **changes)


def all_well(stage: Stage) -> None:
    go_on(stage, MORNING)


def service_down(stage: Stage) -> None:
    go_on(stage, MIDNIGHT - timedelta(hours=1))
    stage.break_service("enode", status=503)
    go_on(stage, MORNING)


def account_lost(stage: Stage) -> None:
    go_on(stage, MIDNIGHT - timedelta(hours=2))
    change(stage, account_connected=False)
    go_on(stage, MORNING)


def limit_in_the_car(stage: Stage) -> None:
    change(stage, charge_limit_pct=60)
    go_on(stage, MORNING)


def unplugged_at_two(stage: Stage) -> None:
    go_on(stage, MIDNIGHT + timedelta(hours=2))
    stage.cars.do("plug-out", "5YJ30000000000001")
    stage.ask()
    go_on(stage, MORNING)


def charge_now(stage: Stage) -> None:
    stage.rig.serve("preferences", "PUT /assets/{asset}/charge-now", {"for_minutes": 300}, asset="car-1")
    go_on(stage, MORNING)


NIGHTS: dict[str, tuple[Callable[[Stage], None], str, str]] = {
    "all well": (all_well, "READY", "of 30.0 kWh by 07:00"),
    "service down": (service_down, "SHORT_PROVIDER_DOWN", "did not answer"),
    "account lost": (account_lost, "SHORT_ACCOUNT", "Connect it again"),
    "limit in the car": (limit_in_the_car, "SHORT_LIMIT_IN_CAR", "charge limit"),
    "unplugged at two": (unplugged_at_two, "SHORT_UNPLUGGED_EARLY", "was unplugged before"),
    "charge now": (charge_now, "READY", "of 30.0 kWh by 07:00"),
}


@pytest.mark.parametrize("name", NIGHTS)
def test_the_verdict_on_a_night_names_its_cause_in_the_morning(stage: Stage, name: str) -> None:
    happen, verdict, words = NIGHTS[name]
    stage.park("enode")
    stage.rig.clock.move(seconds=1)
    stage.ask()
    stage.run(1)
    assert not stage.truth()["charging"]
    happen(stage)
    (row,) = sessions(stage, **{"from": EVENING.isoformat()})
    assert (row["night"], row["verdict"]) == ("2026-01-15", verdict), session(stage, row["session"])
    assert words in row["text"]
