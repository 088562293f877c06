"""Stores what the driver wants: tariff, intent, charge now."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from driveway.domain.axle_sync.differences import mark_unacknowledged
from driveway.domain.preferences.changes import (
    charge_now_ended,
    charge_now_set,
    intent_set,
    tariff_set,
    vehicle_intent_set,
)
from driveway.domain.preferences.charge_now import charge_now_body
from driveway.domain.preferences.intent import intent_body, parse_intent
from driveway.domain.preferences.tariff import parse_tariff, tariff_body
from driveway.domain.preferences.vehicle_intent import (
    VEHICLE_ID_RULE,
    is_vehicle_id,
    parse_vehicle_intent,
    vehicle_intent_body,
)
from driveway.domain.twin import Twin, VehicleIntent
from driveway.runtime.context import Runtime
from driveway.runtime.http_api import Answer, Request, Route, http_function
from driveway.runtime.idempotency import once
from driveway.runtime.problems import invalid
from driveway.status.axle_state import axle_sync_status

Rule = Callable[[Twin, datetime], Twin]


def put_tariff(request: Request, runtime: Runtime) -> Answer:
    """Replace the tariff."""
    read = parse_tariff(request.json())
    return _stored(
        request,
        runtime,
        lambda twin, now: tariff_set(twin, read.tariff, now),
        lambda twin: tariff_body(twin.tariff),
        read.warnings,
    )


def put_intent(request: Request, runtime: Runtime) -> Answer:
    """Replace the intent."""
    intent = parse_intent(request.json())
    return _stored(
        request, runtime, lambda twin, now: intent_set(twin, intent, now), lambda twin: intent_body(twin.intent)
    )


def put_vehicle_intent(request: Request, runtime: Runtime) -> Answer:
    """Replace the intent of one of several cars; it counts while that car is plugged in."""
    return _with_vehicle_intent(request, runtime, parse_vehicle_intent(request.json()))


def delete_vehicle_intent(request: Request, runtime: Runtime) -> Answer:
    """End a car's own intent; without one nothing changes."""
    return _with_vehicle_intent(request, runtime, None)


def _with_vehicle_intent(request: Request, runtime: Runtime, own: VehicleIntent | None) -> Answer:
    vehicle_id = request.parameters["vehicle_id"]
    if not is_vehicle_id(vehicle_id):
        raise invalid(VEHICLE_ID_RULE)
    body = vehicle_intent_body(own) if own is not None else {}
    return _stored(request, runtime, lambda twin, now: vehicle_intent_set(twin, vehicle_id, own, now), lambda _: body)


def put_charge_now(request: Request, runtime: Runtime) -> Answer:
    """Charge at once, for a bounded time."""
    body, boost_id = request.json(), request.headers.get("idempotency-key") or runtime.new_id()
    return _stored(
        request,
        runtime,
        lambda twin, now: charge_now_set(twin, body, now, boost_id=boost_id),
        lambda twin: charge_now_body(twin.charge_now) if twin.charge_now is not None else {},
    )


def delete_charge_now(request: Request, runtime: Runtime) -> Answer:
    """End a charge now; without one nothing changes."""
    return _stored(request, runtime, charge_now_ended, lambda _: {})


def _stored(
    request: Request,
    runtime: Runtime,
    rule: Rule,
    body: Callable[[Twin], dict[str, Any]],
    warnings: Sequence[str] = (),
) -> Answer:
    now = runtime.now()

    def do() -> Answer:
        twin = runtime.table.change_twin(
            request.parameters["asset"],
            lambda twin: mark_unacknowledged(rule(twin, now), now),
            now=now,
            expect_revision=request.if_match(),
        ).after
        answer = {**body(twin), **axle_sync_status(twin, now), "warnings": list(warnings), "revision": twin.revision}
        return Answer(202, answer, {"etag": f'"{twin.revision}"'})

    return once(request, runtime.records, now, do)


handler = http_function(
    {
        "PUT /assets/{asset}/tariff": Route(put_tariff, "app"),
        "PUT /assets/{asset}/intent": Route(put_intent, "app"),
        "PUT /assets/{asset}/vehicles/{vehicle_id}/intent": Route(put_vehicle_intent, "app"),
        "DELETE /assets/{asset}/vehicles/{vehicle_id}/intent": Route(delete_vehicle_intent, "app"),
        "PUT /assets/{asset}/charge-now": Route(put_charge_now, "app"),
        "DELETE /assets/{asset}/charge-now": Route(delete_charge_now, "app"),
    }
)
