"""Stores what the driver wants: tariff, intent, charge-now."""

from driveway.domain.axle_sync.differences import mark_unacknowledged
from driveway.domain.preferences import changes
from driveway.domain.preferences.changes import PreferenceChange
from driveway.domain.preferences.vehicle_intent import VEHICLE_ID_RULE, is_vehicle_id
from driveway.domain.twin import Twin
from driveway.runtime.context import Runtime
from driveway.runtime.http_api import Answer, Request, Route, http_function
from driveway.runtime.idempotency_key import once
from driveway.runtime.problems import invalid
from driveway.status.axle_state import axle_sync_status


def put_tariff(request: Request, runtime: Runtime) -> Answer:
    """Replace the tariff."""
    return _stored(request, runtime, changes.set_tariff(request.json()))


def put_intent(request: Request, runtime: Runtime) -> Answer:
    """Replace the intent."""
    return _stored(request, runtime, changes.set_intent(request.json()))


def put_vehicle_intent(request: Request, runtime: Runtime) -> Answer:
    """Replace the intent of one of several cars; it counts while that car is plugged in."""
    return _stored(request, runtime, changes.set_vehicle_intent(_vehicle_id(request), request.json()))


def remove_vehicle_intent(request: Request, runtime: Runtime) -> Answer:
    """Delete a car's own intent. Without one nothing changes."""
    return _stored(request, runtime, changes.delete_vehicle_intent(_vehicle_id(request)))


def put_charge_now(request: Request, runtime: Runtime) -> Answer:
    """Charge at once, for a bounded time."""
    boost_id = request.headers.get("idempotency-key") or runtime.new_id()
    return _stored(request, runtime, changes.set_charge_now(request.json(), boost_id=boost_id))


def delete_charge_now(request: Request, runtime: Runtime) -> Answer:
    """End a charge-now. Without one nothing changes."""
    return _stored(request, runtime, changes.end_charge_now())


def _vehicle_id(request: Request) -> str:
    vehicle_id = request.parameters["vehicle_id"]
    if not is_vehicle_id(vehicle_id):
        raise invalid(VEHICLE_ID_RULE)
    return vehicle_id


def _stored(request: Request, runtime: Runtime, change: PreferenceChange) -> Answer:
    now, asset, revision = runtime.now(), request.parameters["asset"], request.if_match()

    def rule(twin: Twin) -> Twin:
        return mark_unacknowledged(change.rule(twin, now), now)

    def do() -> Answer:
        twin = runtime.table.change_twin(asset, rule, now=now, expect_revision=revision).after
        warnings = list(change.warnings(twin, now))
        answer = {**change.answer(twin), **axle_sync_status(twin, now), "warnings": warnings, "revision": twin.revision}
        return Answer(202, answer, {"etag": f'"{twin.revision}"'})

    return once(request, runtime.records, now, do)


handler = http_function(
    {
        "PUT /assets/{asset}/tariff": Route(put_tariff, "app"),
        "PUT /assets/{asset}/intent": Route(put_intent, "app"),
        "PUT /assets/{asset}/vehicles/{vehicle_id}/intent": Route(put_vehicle_intent, "app"),
        "DELETE /assets/{asset}/vehicles/{vehicle_id}/intent": Route(remove_vehicle_intent, "app"),
        "PUT /assets/{asset}/charge-now": Route(put_charge_now, "app"),
        "DELETE /assets/{asset}/charge-now": Route(delete_charge_now, "app"),
    }
)
