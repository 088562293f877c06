"""Enode's webhooks: signed arrays of events (API 2024-10-01)."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from driveway.auth.signatures import SignatureError, hmac_hex, matches_any
from driveway.vehicles.enode.outcomes import action_outcome, is_superseded
from driveway.vehicles.enode.vehicle import observations
from driveway.vehicles.json_values import first_instant, mapping, shorten, text
from driveway.vehicles.provider import Inbound, VehicleEvent, WebhookError, WebhookRequest

PREFIX = "sha1="


class _NotUsedError(Exception):
    """An event that is not stored, and why."""


class _UnusedKindError(_NotUsedError):
    """An event that is not about a car."""


class EnodeWebhooks:
    """The inbound half of Enode."""

    def receive(self, request: WebhookRequest, secrets: Sequence[str]) -> Inbound:
        """The events of an array signed in ``x-enode-signature``: ``sha1=`` and the HMAC-SHA1 of the raw body.

        An event that is not about a car, says nothing, or cannot be read is in ``dropped``, with its place in the
        array and the reason. Enode signs no time: a replay is caught by the events' dedupe keys.

        Raises:
            SignatureError: no secret fits the body, or there is none.
            WebhookError: the body is not a JSON array.
        """
        _verify(request, secrets)
        events: list[VehicleEvent] = []
        dropped: list[str] = []
        unused = 0
        for place, event in enumerate(_array(request.body)):
            try:
                events.append(_vehicle_event(event, request.received_at))
            except _NotUsedError as reason:
                dropped.append(f"{place}: {reason}")
                unused += isinstance(reason, _UnusedKindError)
        return Inbound(events=tuple(events), dropped=tuple(dropped), unused=unused)


def _verify(request: WebhookRequest, secrets: Sequence[str]) -> None:
    given = request.headers.get("x-enode-signature", "").strip()
    candidates = [hmac_hex(secret, request.body, "sha1") for secret in secrets if secret]
    if not given.startswith(PREFIX) or not matches_any(given.removeprefix(PREFIX), candidates):
        raise SignatureError("no secret fits the signature")


def _array(body: bytes) -> list[Any]:
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        raise WebhookError("The body is not JSON.") from None
    if not isinstance(parsed, list):
        raise WebhookError("The body is not an array of events.")
    return parsed


def _vehicle_event(event: Any, received_at: datetime) -> VehicleEvent:
    if not isinstance(event, dict):
        raise _NotUsedError("the event is not an object")
    name = text(event.get("event"))
    if name is None:
        raise _NotUsedError("the event has no name")
    read = READERS.get(name)
    if read is None:
        raise _UnusedKindError(shorten(f"{name} is not about a car"))
    return read(event, received_at)


def _dedupe_key(event: Mapping[str, Any]) -> str:
    """A key that every delivery of an event shares: a retry may group events and order their fields differently."""
    return hashlib.sha256(json.dumps(event, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _user_id(event: Mapping[str, Any]) -> str | None:
    return text(mapping(event.get("user")).get("id"))


def _vehicle(event: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    vehicle = mapping(event.get("vehicle"))
    vehicle_id = text(vehicle.get("id"))
    if vehicle_id is None:
        raise _NotUsedError(f"{event['event']} names no vehicle")
    return vehicle, vehicle_id


def _updated(event: Mapping[str, Any], received_at: datetime) -> VehicleEvent:
    vehicle, vehicle_id = _vehicle(event)
    event_at = first_instant(event.get("createdAt"), known_at=received_at) or received_at
    seen = observations(vehicle, event_at=event_at, known_at=received_at)
    if not seen:
        raise _NotUsedError(f"{event['event']} says nothing of the car")
    user_id = _user_id(event) or text(vehicle.get("userId"))
    vendor = text(vehicle.get("vendor"))
    return VehicleEvent(vehicle_id, _dedupe_key(event), observations=seen, user_id=user_id, vendor=vendor)


def _discovered(event: Mapping[str, Any], received_at: datetime) -> VehicleEvent:
    """A vehicle that is new at Enode. Mostly only its description is there; what is there of its state counts."""
    vehicle, vehicle_id = _vehicle(event)
    event_at = first_instant(event.get("createdAt"), known_at=received_at) or received_at
    return VehicleEvent(
        vehicle_id,
        _dedupe_key(event),
        observations=observations(vehicle, event_at=event_at, known_at=received_at),
        user_id=_user_id(event) or text(vehicle.get("userId")),
        vendor=text(vehicle.get("vendor")),
        discovered_at=event_at,
    )


def _deleted(event: Mapping[str, Any], received_at: datetime) -> VehicleEvent:
    del received_at
    vehicle, vehicle_id = _vehicle(event)
    user_id = _user_id(event) or text(vehicle.get("userId"))
    return VehicleEvent(vehicle_id, _dedupe_key(event), deleted=True, user_id=user_id)


def _action_updated(event: Mapping[str, Any], received_at: datetime) -> VehicleEvent:
    del received_at
    action = mapping(event.get("vendorAction"))
    action_id, vehicle_id = text(action.get("id")), text(action.get("targetId"))
    if action_id is None or vehicle_id is None or action.get("targetType") != "vehicle":
        raise _NotUsedError(f"{event['event']} names no vehicle")
    if is_superseded(action):
        raise _NotUsedError(f"{event['event']} tells of a command that gave way to a newer one")
    return VehicleEvent(
        vehicle_id,
        _dedupe_key(event),
        command_ref=action_id,
        command_outcome=action_outcome(action),
        user_id=_user_id(event) or text(action.get("userId")),
    )


def _credentials_invalidated(event: Mapping[str, Any], received_at: datetime) -> VehicleEvent:
    del received_at
    user_id = _user_id(event)
    if user_id is None:
        raise _NotUsedError(f"{event['event']} names no user")
    account = text(event.get("vendor")) or "car maker's"
    # The event is about all cars of the user: it names none.
    return VehicleEvent(
        "",
        _dedupe_key(event),
        needs_user=shorten(f"The {account} account has to be connected again."),
        user_id=user_id,
        vendor=text(event.get("vendor")),
    )


READERS: Mapping[str, Callable[[Mapping[str, Any], datetime], VehicleEvent]] = {
    "user:vehicle:discovered": _discovered,
    "user:vehicle:updated": _updated,
    "user:vehicle:deleted": _deleted,
    "user:vendor-action:updated": _action_updated,
    "user:credentials:invalidated": _credentials_invalidated,
}
"""The events that say something of a car. All others (``system:heartbeat``, tests, other devices) are only counted."""
