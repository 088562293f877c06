"""Smartcar's webhooks: the VERIFY challenge, VEHICLE_STATE and VEHICLE_ERROR."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from driveway.auth.signatures import SignatureError, hmac_hex, matches_any
from driveway.domain.presence.observation import Observation
from driveway.vehicles.json_values import first_instant, mapping, sequence, shorten, text
from driveway.vehicles.provider import Inbound, VehicleEvent, WebhookError, WebhookRequest
from driveway.vehicles.smartcar import signals

CHALLENGE = re.compile(r"[A-Za-z0-9-]{1,64}", re.ASCII)
DRIVER_ACTS = ("CONNECTED_SERVICES_ACCOUNT", "PERMISSION")


class SmartcarWebhooks:
    """The inbound half of Smartcar."""

    def receive(self, request: WebhookRequest, secrets: Sequence[str]) -> Inbound:
        """The event in a request signed in ``SC-Signature`` with one of the application management tokens.

        A VERIFY challenge comes unsigned and is answered with the first token, but only if it could not be the body
        of an event: otherwise anybody could have events signed here.

        Raises:
            SignatureError: no token fits the body, or there is none.
            WebhookError: the body is not one JSON object, or its challenge is not one.
        """
        secrets = [secret for secret in secrets if secret]
        if not secrets:
            raise SignatureError("no secret is set")
        event = _json_object(request.body)
        challenge = _challenge(event)
        if challenge is not None:
            return _answer_challenge(challenge, secrets[0])
        signature = request.headers.get("sc-signature", "")
        if not matches_any(signature, [hmac_hex(secret, request.body) for secret in secrets]):
            raise SignatureError("no secret fits the signature")
        if event is None:
            raise WebhookError("The body is not a JSON object.")
        return _event(event, request.received_at)


def _json_object(body: bytes) -> dict[str, Any] | None:
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return parsed if isinstance(parsed, dict) else None


def _challenge(event: Mapping[str, Any] | None) -> Any | None:
    """The challenge of a VERIFY event, or of the ``verify`` of version 2.0 webhooks; None for any other event."""
    if event is None:
        return None
    if event.get("eventType") == "VERIFY":
        return mapping(event.get("data")).get("challenge") or ""
    if event.get("eventName") == "verify":
        return mapping(event.get("payload")).get("challenge") or ""
    return None


def _answer_challenge(challenge: Any, secret: str) -> Inbound:
    if not isinstance(challenge, str) or not CHALLENGE.fullmatch(challenge):
        raise WebhookError("The challenge is not one.")
    return Inbound(reply={"challenge": hmac_hex(secret, challenge.encode())})


def _event(event: Mapping[str, Any], received_at: datetime) -> Inbound:
    kind, data = text(event.get("eventType")), mapping(event.get("data"))
    vehicle_id = text(event.get("vehicleId")) or text(mapping(data.get("vehicle")).get("id"))
    if kind not in ("VEHICLE_STATE", "VEHICLE_ERROR"):
        return Inbound(dropped=(f"event type {shorten(str(kind or event.get('eventName')))} is not used",), unused=1)
    if vehicle_id is None:
        return Inbound(dropped=(f"{kind} names no vehicle",))
    meta = mapping(event.get("meta"))
    delivered_at = first_instant(meta.get("deliveredAt"), known_at=received_at) or received_at
    needs_user, reconnected = None, False
    if kind == "VEHICLE_STATE":
        seen = signals.observations(sequence(data.get("signals")), known_at=received_at, undated_at=delivered_at)
    else:
        errors = [mapping(error) for error in sequence(data.get("errors"))]
        needs_user, seen = _needs_user(errors), _reachability(errors, delivered_at)
        reconnected = needs_user is None and any(_is_for_the_driver(error, "RESOLVED") for error in errors)
    found = VehicleEvent(
        vehicle_id=vehicle_id,
        dedupe_key=text(event.get("eventId")) or _fingerprint(kind, vehicle_id, seen, needs_user),
        observations=seen,
        needs_user=needs_user,
        reconnected=reconnected,
        user_id=text(mapping(data.get("user")).get("id")),
        test=str(meta.get("mode")).upper() == "TEST",
    )
    return Inbound(events=(found,))


def _needs_user(errors: Sequence[Mapping[str, Any]]) -> str | None:
    """What only the driver can put right, in Smartcar's own words to the driver where it gives some."""
    for error in errors:
        if _is_for_the_driver(error, "ERROR"):
            message = text(error.get("suggestedUserMessage")) or text(error.get("description"))
            return shorten(message or "/".join(str(error[key]) for key in ("type", "code") if error.get(key)))
    return None


def _is_for_the_driver(error: Mapping[str, Any], state: str) -> bool:
    """Whether the error, in this state, is about the account or about what we use of the car.

    An error that names signals is about these only: a permission for the door locks is none of ours.
    """
    driver_acts = error.get("type") in DRIVER_ACTS or error.get("code") == "REMOTE_ACCESS_DISABLED"
    named = {_signal_code(signal) for signal in sequence(error.get("signals"))} - {None}
    return error.get("state") == state and driver_acts and (not named or bool(named & signals.USED))


def _signal_code(signal: Any) -> str | None:
    return text(mapping(signal).get("code")) if isinstance(signal, dict) else text(signal)


def _reachability(errors: Sequence[Mapping[str, Any]], at: datetime) -> tuple[Observation, ...]:
    """The car is out of reach while any such error stands, and within reach when the last one is resolved."""
    states = {error.get("state") for error in errors if error.get("code") in ("ASLEEP", "UNREACHABLE")}
    if "ERROR" in states:
        return (Observation(at=at, source=signals.SOURCE, reachable=False),)
    if "RESOLVED" in states:
        return (Observation(at=at, source=signals.SOURCE, reachable=True),)
    return ()


def _fingerprint(kind: str, vehicle_id: str, seen: Sequence[Observation], needs_user: str | None) -> str:
    """The same for every delivery of an event that has no id. A position is not part of it: it has no ``repr``."""
    reported = repr((kind, vehicle_id, [(one, one.whereabouts) for one in seen], needs_user))
    return hashlib.sha256(reported.encode()).hexdigest()
