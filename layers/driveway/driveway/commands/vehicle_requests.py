"""Sends requests that do not command a car: state reads, and cancellations of commands at the provider."""

from typing import Any

from driveway.commands.counted import read_counted
from driveway.domain.control.outcome import Outcome
from driveway.domain.control.vehicle_requests import vehicle_request_done
from driveway.domain.reports.account_connection import clear_needs_user_after_observation, disconnected
from driveway.domain.twin import OutcomeKind, Twin, Vehicle
from driveway.observations.metering_intake import meter_twin
from driveway.observations.webhook_intake import seen
from driveway.runtime.context import Runtime
from driveway.vehicles.connections import connect
from driveway.vehicles.registry import commands
from driveway.vehicles.request_meter import RequestMeter

KINDS = frozenset({"look", "cancel"})
"""The actions of a ``ChargingCommand`` that are handled here."""


def carry_out_request(detail: dict[str, Any], runtime: Runtime) -> None:
    """Send a request of an asset and take in what the answer says of the car.

    Nothing is claimed first: a repetition does no harm. It has one call of the provider's rate. While the
    provider is out of service, or a budget holds the request back, nothing is sent; the reconciler repeats the
    request, or the resynchronisation does.

    Raises:
        UnknownAssetError: the asset is gone.
    """
    meter = RequestMeter(detail["provider"], runtime, lets_charge=False, calls=1)
    try:
        _carry_out(detail, meter, runtime)
    finally:
        meter.give_back()


def _carry_out(detail: dict[str, Any], meter: RequestMeter, runtime: Runtime) -> None:
    asset, provider = detail["asset"], detail["provider"]
    twin = runtime.table.twin(asset)
    vehicle = twin.link.vehicle
    if vehicle is None or vehicle.provider != provider:
        return
    permit = runtime.breakers.allow(provider, runtime.now())
    if not permit.granted:
        runtime.logger.info("put off", extra={"action": detail["action"]})
        return
    outcome = _sent(detail, twin, vehicle, meter, runtime)
    if outcome is None:
        runtime.breakers.unused(provider, permit, runtime.now())
        return
    if outcome.unavailable:
        runtime.breakers.failed(provider, permit, runtime.now(), wait_s=outcome.retry_after_s)
        return
    runtime.breakers.succeeded(provider, permit, runtime.now())
    runtime.logger.info("request", extra={"action": detail["action"], "outcome": outcome.kind.value})
    _note(asset, detail.get("command_id", ""), outcome, runtime)


def _sent(
    detail: dict[str, Any], twin: Twin, vehicle: Vehicle, meter: RequestMeter, runtime: Runtime
) -> Outcome | None:
    if detail["action"] != "cancel":
        return read_counted(twin, vehicle, meter, runtime)
    call = connect(vehicle, twin, meter, runtime)
    return commands(vehicle.provider).cancel(call, vehicle, detail["provider_ref"])


def _note(asset: str, request_id: str, outcome: Outcome, runtime: Runtime) -> None:
    now = runtime.now()

    def rule(twin: Twin) -> Twin:
        after = vehicle_request_done(seen(twin, outcome.observations, runtime), request_id)
        if outcome.kind is OutcomeKind.NEEDS_USER:
            return disconnected(after, outcome.detail, now)
        return clear_needs_user_after_observation(after, now) if outcome.observations else after

    change = runtime.table.change_twin(asset, rule, now=now)
    meter_twin(change.after, outcome.observations, runtime)
