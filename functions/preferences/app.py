"""Stores what the driver wants: tariff, intent, charge now."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar

from driveway.domain.axle_sync import mark_unacknowledged
from driveway.domain.charge_now import charge_now_body, parse_charge_now
from driveway.domain.intent import check_intent_fits, intent_body, parse_intent
from driveway.domain.preference_error import PreferenceError
from driveway.domain.reasons import Reason
from driveway.domain.tariff import parse_tariff, tariff_body
from driveway.domain.twin import Entry, Twin, VehicleIntent
from driveway.domain.vehicle_intent import (
    VEHICLE_ID_RULE,
    is_vehicle_id,
    parse_vehicle_intent,
    vehicle_intent_body,
    with_vehicle_intent,
)
from driveway.runtime.context import Runtime
from driveway.runtime.http_api import Answer, Request, Route, http_function
from driveway.runtime.idempotency import once
from driveway.runtime.problems import invalid
from driveway.runtime.told import told_to_axle

T = TypeVar("T")


def put_tariff(request: Request, current: Runtime) -> Answer:
    """Replace the tariff."""
    result = _checked(lambda: parse_tariff(request.json()))
    text = "The tariff was set."

    def rule(twin: Twin, now: datetime) -> Twin:
        if twin.tariff == result.tariff:
            return twin
        return replace(twin, tariff=result.tariff).tell(Entry(now, "TariffSet", Reason.UPDATED_BY_APP, text))

    return _stored(request, current, rule, lambda twin: tariff_body(twin.tariff), warnings=list(result.warnings))


def put_intent(request: Request, current: Runtime) -> Answer:
    """Replace the intent."""
    intent = _checked(lambda: parse_intent(request.json()))
    text = "What the driver needs was set."

    def rule(twin: Twin, now: datetime) -> Twin:
        _checked(lambda: check_intent_fits(intent, battery_kwh=twin.link.battery_kwh))
        if twin.intent == intent:
            return twin
        return replace(twin, intent=intent).tell(Entry(now, "IntentSet", Reason.UPDATED_BY_APP, text))

    return _stored(request, current, rule, lambda twin: intent_body(twin.intent))


def put_vehicle_intent(request: Request, current: Runtime) -> Answer:
    """Replace the intent of one of several cars; it counts while that car is plugged in."""
    own = _checked(lambda: parse_vehicle_intent(request.json()))
    return _with_vehicle_intent(request, current, own)


def delete_vehicle_intent(request: Request, current: Runtime) -> Answer:
    """End a car's own intent; without one nothing changes."""
    return _with_vehicle_intent(request, current, None)


def _with_vehicle_intent(request: Request, current: Runtime, own: VehicleIntent | None) -> Answer:
    vehicle_id = request.parameters["vehicle_id"]
    if not is_vehicle_id(vehicle_id):
        raise invalid(VEHICLE_ID_RULE)
    event, text = (
        ("VehicleIntentSet", "What the driver of one of the cars needs was set.")
        if own is not None
        else ("VehicleIntentDeleted", "The asset's intent counts for that car again.")
    )

    def rule(twin: Twin, now: datetime) -> Twin:
        after = _checked(lambda: with_vehicle_intent(twin, vehicle_id, own))
        if after is twin:
            return twin
        return after.tell(Entry(now, event, Reason.UPDATED_BY_APP, text, {"vehicle_id": vehicle_id}))

    return _stored(request, current, rule, lambda _: vehicle_intent_body(own) if own is not None else {})


def put_charge_now(request: Request, current: Runtime) -> Answer:
    """Charge at once, for a bounded time."""
    body, boost_id = request.json(), request.headers.get("idempotency-key") or current.new_id()

    def rule(twin: Twin, now: datetime) -> Twin:
        boost = _checked(lambda: parse_charge_now(body, now=now, power_kw=twin.link.power_kw, id=boost_id))
        if twin.charge_now is not None and twin.charge_now.id == boost.id:
            return twin
        metered = replace(boost, metered_wh=twin.meter.total_wh)
        entry = Entry(now, "ChargeNowSet", Reason.CHARGE_NOW, "Charge now was asked for.", charge_now_body(boost))
        return replace(twin, charge_now=metered).tell(entry)

    return _stored(
        request, current, rule, lambda twin: charge_now_body(twin.charge_now) if twin.charge_now is not None else {}
    )


def delete_charge_now(request: Request, current: Runtime) -> Answer:
    """End a charge now; without one nothing changes."""

    def rule(twin: Twin, now: datetime) -> Twin:
        if twin.charge_now is None:
            return twin
        text = "Charge now was ended; the plan goes on."
        return replace(twin, charge_now=None).tell(Entry(now, "ChargeNowEnded", Reason.CHARGE_NOW_DELETED, text))

    return _stored(request, current, rule, lambda _: {})


def _checked(parse: Callable[[], T]) -> T:
    try:
        return parse()
    except PreferenceError as error:
        raise invalid(str(error), error.errors) from None


def _stored(
    request: Request,
    current: Runtime,
    rule: Callable[[Twin, datetime], Twin],
    body: Callable[[Twin], dict[str, Any]],
    warnings: list[str] | None = None,
) -> Answer:
    now = current.now()

    def do() -> Answer:
        change = current.table.change_twin(
            request.parameters["asset"],
            lambda twin: mark_unacknowledged(rule(twin, now), now),
            now=now,
            expect_revision=request.if_match(),
        )
        twin = change.after
        answer = {**body(twin), **told_to_axle(twin, now), "warnings": warnings or [], "revision": twin.revision}
        return Answer(202, answer, {"etag": f'"{twin.revision}"'})

    return once(request, current.records, now, do)


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
