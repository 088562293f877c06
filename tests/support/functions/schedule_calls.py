"""Axle sends a schedule: its bodies, the calls, and what is stored."""

import json
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from driveway.domain.twin import InstalledProfile
from simulators.axle.documented import scenario_profile
from tests.support.functions.assets import (
    AXLE_ASSET,
    AXLE_SECRET,
    axle_signature,
)
from tests.support.functions.rig import NOW, Reply, Rig

ROUTE = "/axle/assets/{axle_asset_id}/charging-profile"
PERIODS: tuple[tuple[int, float], ...] = ((0, 0.0), (5400, 99999.0), (27000, 0.0))


def profile(periods: Sequence[tuple[int, float]] = PERIODS, *, level: int = 1100, **schedule: Any) -> dict[str, Any]:
    """A profile in the form in which Axle documents its own, tonight from 22:00 UTC; ``schedule`` changes it."""
    steps = [{"startPeriod": start, "limit": limit, "numberPhases": 1} for start, limit in periods]
    known = scenario_profile()
    return known | {
        "stackLevel": level,
        "chargingSchedule": known["chargingSchedule"] | {"chargingSchedulePeriod": steps, **schedule},
    }


def envelope(body: Any = None, *, created_at: Any = NOW, **changes: Any) -> dict[str, Any]:
    payload = {"asset_id": AXLE_ASSET, "charging_profile": profile() if body is None else body}
    return {
        "id": str(uuid.uuid4()),
        "version": "1",
        "event_type": "asset:dispatch:requested",
        "created_at": created_at.isoformat() if isinstance(created_at, datetime) else created_at,
        "payload": payload,
        **changes,
    }


def post(
    rig: Rig,
    body: Any,
    *,
    asset: str = AXLE_ASSET,
    scope: str = "axle",
    method: str = "POST",
    headers: Mapping[str, str] | None = None,
) -> Reply:
    return rig.serve("schedules", f"{method} {ROUTE}", body, scope=scope, headers=headers, axle_asset_id=asset)


def deliver(rig: Rig, body: Any, *, signature: str | None = None, secret: str = AXLE_SECRET) -> Reply:
    raw = body if isinstance(body, str) else json.dumps(body)
    signed = axle_signature(raw.encode(), rig.clock.now(), secret) if signature is None else signature
    return rig.serve("schedules", "POST /axle/webhooks", raw, scope="", headers={"X-Axle-Sig": signed})


def held(rig: Rig) -> tuple[InstalledProfile, ...]:
    return rig.twin("car-1").profiles


def limits(rig: Rig) -> list[float]:
    """The limits of the only stored profile."""
    (one,) = held(rig)
    return [period.limit for period in one.profile.periods]


def state(rig: Rig) -> list[dict[str, Any]]:
    """Everything in the table except the dedupe records of deliveries."""
    return [item for item in rig.items() if item["sk"] != "SEEN"]


def accepted(reply: Reply) -> bool:
    return reply.status == 200 and reply.body == {"status": "Accepted"}
