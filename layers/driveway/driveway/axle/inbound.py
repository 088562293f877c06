"""Requests from Axle: signed envelopes, and charging profiles in either form."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec import Struct

from driveway.auth.signatures import SignatureError, verify_timestamped
from driveway.domain.charging_profiles import ChargingProfile, ProfileError, parse_set_charging_profile
from driveway.runtime.http_api import Request
from driveway.runtime.problems import ProblemError, invalid
from driveway.values import replace

REPLAY_WINDOW_S = 300
KEPT = timedelta(days=7)
LONGEST_EVENT_ID = 200
BARE_MEMBERS = ("csChargingProfiles", "chargingSchedule")
PROFILE_MEMBERS = ("charging_profile", "chargingProfile")
LOOSE_MEMBERS = ("profile", "schedule")
"""Members that may be something else in an event that is not about an asset."""


class Envelope(Struct, frozen=True):
    """A schedule as it was received: the profile's body, and its envelope's id and creation time, if it has one.

    ``axle_asset_id`` is None where the envelope holds no schedule. ``pointer`` is the place of the profile's body.
    ``event_id`` is the event whose status Axle asks for, about its asset ``event_asset_id``; None: it asks for none.
    ``members`` are the names of the members of the payload.
    """

    profile: Any
    id: str = ""
    created_at: datetime | None = None
    axle_asset_id: str | None = None
    pointer: str = ""
    kept: timedelta = KEPT
    event_type: str = ""
    members: frozenset[str] = frozenset()
    event_id: str | None = None
    event_asset_id: str | None = None

    @staticmethod
    def bare(body: Mapping[str, Any]) -> "Envelope":
        """A profile that was sent without an envelope."""
        return Envelope(profile=body)


def verify(
    request: Request, secrets: Sequence[str], now: datetime, *, window: timedelta = timedelta(seconds=REPLAY_WINDOW_S)
) -> None:
    """Check ``x-axle-sig`` over the raw body; its signed time may be ``window`` away from ``now`` (aware).

    Raises:
        ProblemError: the signature is missing, wrong or too old (401), without saying which.
    """
    signature = request.headers.get("x-axle-sig")
    try:
        verify_timestamped(signature, request.body, secrets, now, window.total_seconds())
    except SignatureError:
        raise ProblemError(
            401, "bad-signature", "Not authenticated", "The signature is missing, wrong or too old."
        ) from None


def read_envelope(body: Mapping[str, Any]) -> Envelope:
    """Axle's webhook envelope.

    Raises:
        ProblemError: it has no usable id, time or payload, or holds a schedule without an asset id (422).
    """
    errors: list[tuple[str, str]] = []
    identifier, created_at = _uuid(body.get("id")), _instant(body.get("created_at"))
    if identifier is None:
        errors.append(("/id", "must be a UUID"))
    if created_at is None:
        errors.append(("/created_at", "must be an instant with offset"))
    if not isinstance(body.get("event_type"), str):
        errors.append(("/event_type", "must be text"))
    payload = body.get("payload")
    if not isinstance(payload, dict):
        errors.append(("/payload", "must be an object"))
    if errors or not isinstance(payload, dict):
        raise invalid("This is not an envelope of Axle's.", errors)
    asset = payload.get("asset_id") or payload.get("axle_asset_id")
    member = _schedule_in(payload, asset)
    event_id, event_asset_id = _status_asked(payload)
    bare = Envelope(
        profile=None,
        id=str(identifier),
        created_at=created_at,
        event_type=str(body["event_type"]),
        members=frozenset(map(str, payload)),
        event_id=event_id,
        event_asset_id=event_asset_id,
    )
    if member is None:
        return bare
    if not isinstance(asset, str):
        raise invalid("This schedule does not say whose it is.", [("/payload/asset_id", "must be Axle's asset id")])
    return replace(
        bare,
        profile=payload[member] if member else payload,
        axle_asset_id=asset,
        pointer=f"/payload/{member}" if member else "/payload",
    )


def _status_asked(payload: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """The ids of an event and its asset if the event carries a callback for its status; the address is not used."""
    event_id, asset_id = payload.get("event_id"), _uuid(payload.get("asset_id"))
    if not payload.get("update_status_callback") or not isinstance(event_id, str) or not event_id or asset_id is None:
        return None, None
    return event_id[:LONGEST_EVENT_ID], asset_id


def _schedule_in(payload: Mapping[str, Any], asset: Any) -> str | None:
    """The member under which a payload holds a schedule, empty where it is one itself; None when it holds none."""
    if any(name in payload for name in BARE_MEMBERS):
        return ""
    found = [name for name in PROFILE_MEMBERS if name in payload]
    if isinstance(asset, str):
        found += [name for name in LOOSE_MEMBERS if isinstance(payload.get(name), dict)]
    return found[0] if found else None


def unwrap_profile(envelope: Envelope) -> ChargingProfile:
    """The charging profile. Raises ProblemError (422) with a pointer to the fault and the reason."""
    try:
        return parse_set_charging_profile(envelope.profile)
    except ProfileError as error:
        pointer = envelope.pointer + error.pointer
        raise ProblemError(
            422,
            "invalid-profile",
            "The charging profile is not valid",
            f"{pointer or '/'}: {error.message}",
            errors=[(pointer, error.message)],
        ) from None


def placed(errors: Sequence[tuple[str, str]], envelope: Envelope) -> list[tuple[str, str]]:
    """Faults of a charging profile (pointer, sentence), with pointers into the body that was received."""
    wrapped = isinstance(envelope.profile, Mapping) and "csChargingProfiles" in envelope.profile
    prefix = envelope.pointer + ("/csChargingProfiles" if wrapped else "")
    return [(prefix + pointer, message) for pointer, message in errors]


def _uuid(value: Any) -> str | None:
    """The one spelling of a UUID; None for anything else."""
    try:
        return str(uuid.UUID(value)) if isinstance(value, str) else None
    except ValueError:
        return None


def _instant(value: Any) -> datetime | None:
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
        return at.astimezone(UTC) if at is not None and at.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None
