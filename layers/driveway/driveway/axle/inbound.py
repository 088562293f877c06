"""What Axle sends us: signed envelopes, and charging profiles in either form."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from driveway.domain.charging_profile import ChargingProfile, ProfileError, parse_set_charging_profile
from driveway.runtime.http_api import Request
from driveway.runtime.problems import ProblemError, invalid
from driveway.vehicles.provider import SignatureError
from driveway.vehicles.signatures import verify_timestamped

REPLAY_WINDOW_S = 300
KEPT = timedelta(days=7)
PROFILE_MEMBERS = ("charging_profile", "chargingProfile", "csChargingProfiles", "profile", "schedule")


@dataclass(frozen=True, slots=True)
class Envelope:
    """A schedule as it came: its id and creation where an envelope told them, and the profile's body.

    ``axle_asset_id`` is None where the envelope holds no schedule. ``pointer`` is where the profile's body lies.
    """

    profile: Any
    id: str = ""
    created_at: datetime | None = None
    axle_asset_id: str | None = None
    pointer: str = ""
    kept: timedelta = KEPT

    @staticmethod
    def bare(body: Mapping[str, Any]) -> "Envelope":
        """A profile that came by itself."""
        return Envelope(profile=body)


def verify(request: Request, secrets: Sequence[str], now: datetime) -> None:
    """Check ``x-axle-sig`` over the raw body. Raises ProblemError (401) and tells no more than that."""
    try:
        verify_timestamped(request.headers.get("x-axle-sig"), request.body, secrets, now, REPLAY_WINDOW_S)
    except SignatureError:
        raise ProblemError(
            401, "bad-signature", "Not authenticated", "The signature is missing, wrong or too old."
        ) from None


def read_envelope(body: Mapping[str, Any]) -> Envelope:
    """Axle's webhook envelope. Raises ProblemError (422) when it has no usable id, time or payload."""
    errors: list[tuple[str, str]] = []
    identifier, created_at = body.get("id"), _instant(body.get("created_at"))
    if not _is_uuid(identifier):
        errors.append(("/id", "must be a UUID"))
    if created_at is None:
        errors.append(("/created_at", "must be an instant with offset"))
    if not isinstance(body.get("event_type"), str):
        errors.append(("/event_type", "must be text"))
    payload = body.get("payload")
    if not isinstance(payload, dict):
        errors.append(("/payload", "must be an object"))
    if errors:
        raise invalid("This is not an envelope of Axle's.", errors)
    asset, member = _schedule_in(payload if isinstance(payload, dict) else {})
    if asset is None or not isinstance(payload, dict):
        return Envelope(profile=None, id=str(identifier), created_at=created_at)
    return Envelope(
        profile=payload[member] if member else payload,
        id=str(identifier),
        created_at=created_at,
        axle_asset_id=asset,
        pointer=f"/payload/{member}" if member else "/payload",
    )


def _schedule_in(payload: Mapping[str, Any]) -> tuple[str | None, str]:
    """Whose schedule a payload holds, and under which member; None when it holds none."""
    asset = payload.get("asset_id") or payload.get("axle_asset_id")
    if not isinstance(asset, str):
        return None, ""
    member = next((name for name in PROFILE_MEMBERS if isinstance(payload.get(name), dict)), None)
    if member == "csChargingProfiles":
        return asset, ""
    if member is not None:
        return asset, member
    return (asset, "") if "chargingSchedule" in payload else (None, "")


def unwrap_profile(envelope: Envelope) -> ChargingProfile:
    """The charging profile. Raises ProblemError (422) with the pointer to what is wrong and why."""
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


def _is_uuid(value: Any) -> bool:
    try:
        return isinstance(value, str) and bool(uuid.UUID(value))
    except ValueError:
        return False


def _instant(value: Any) -> datetime | None:
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
        return at.astimezone(UTC) if at is not None and at.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None
