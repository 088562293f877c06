"""MPAN, postcode, address and email pass through: a full life cycle leaves them in nothing stored or logged."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from simulators.common import Fault
from tests.support.functions.rig import Rig
from tests.support.functions.sites import ADDRESS, EMAIL, MPAN, POSTCODE, car, delete, post, put, site_body, status

TOKEN = "refresh-token-of-the-driver"  # a secret that may be stored and never logged
TESLA = {"provider": "tesla", "vehicle_id": "VIN1", "user_id": "owner-1", "refresh_token": TOKEN}
PERSONAL = (MPAN, f"{MPAN[:2]} {MPAN[2:]}", POSTCODE, POSTCODE.replace(" ", ""), ADDRESS, EMAIL)


def found(text: str, secrets: tuple[str, ...]) -> list[str]:
    return [secret for secret in secrets if secret.lower() in text.lower()]


@contextmanager
def looked_through(rig: Rig) -> Iterator[None]:
    """Look at everything stored after a step."""
    yield
    assert found(json.dumps(rig.items(), default=str), PERSONAL) == []


def test_nothing_personal_is_stored_or_logged(
    rig: Rig, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level("DEBUG", logger="driveway")
    body = site_body(car(vehicle=TESLA))
    steps: list[Any] = [
        lambda: rig.serve("onboarding", "POST /eligibility", {"mpan": MPAN}),
        lambda: put(rig, {**body, "site": {**body["site"], "email": f"{EMAIL} "}}),
        lambda: put(rig, body),
        lambda: put(rig, body),
        lambda: put(rig, site_body(car(vehicle=TESLA), mpan=f"00801902{MPAN}")),
        lambda: status(rig),
        lambda: post(rig, "snooze", {"until": "2026-01-16T00:00:00Z"}),
        lambda: post(rig, "unenrol"),
        lambda: put(rig, {**body, "rejoin": True}),
        lambda: delete(rig),
        lambda: put(rig, site_body(car(vehicle=TESLA), rejoin=True)),
        lambda: delete(rig),
    ]
    words = f"No connected import meter for {MPAN} at {ADDRESS}, {POSTCODE} ({EMAIL})"
    rig.axle.faults.add(Fault(path="onboard$", status=404, body={"detail": words}, count=1))
    rig.axle.faults.add(Fault(path="onboard$", status=500, body={"detail": words}, count=1))
    for step in steps:
        with looked_through(rig):
            step()
            rig.pump()
    out = capfd.readouterr()
    logged = caplog.text + out.out + out.err + json.dumps([str(record.__dict__) for record in caplog.records])
    assert "refused" in logged
    assert found(logged, (*PERSONAL, TOKEN)) == []
    assert [detail for _, detail in rig.bus.events if found(json.dumps(detail), (*PERSONAL, TOKEN))] == []
