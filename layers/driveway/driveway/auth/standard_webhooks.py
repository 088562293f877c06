"""Outgoing events signed as Standard Webhooks (https://www.standardwebhooks.com), specification 1.0."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime

PREFIX = "whsec_"
FEWEST_BYTES = 24
"""The specification wants secrets of 24 to 64 random bytes."""


class WebhookSecretError(ValueError):
    """There is no secret to sign with, or one that is not ``whsec_`` and the base64 of 24 bytes or more."""


def signed_headers(event_id: str, body: bytes, secrets: Sequence[str], at: datetime) -> dict[str, str]:
    """The headers that prove where a body comes from: ``webhook-id``, ``webhook-timestamp``, ``webhook-signature``.

    Args:
        event_id: the same for every attempt of an event.
        body: the raw bytes as they are sent.
        secrets: every secret in use. Each signs, so the receiver may have the old one or the new one.
        at: the time of the attempt (aware). Receivers refuse one that is more than five minutes off.

    Raises:
        WebhookSecretError: there is no secret, or one is malformed.
    """
    if not secrets:
        raise WebhookSecretError("There is no secret to sign events with.")
    timestamp_s = str(int(at.timestamp()))
    message = f"{event_id}.{timestamp_s}.".encode() + body
    signatures = [base64.b64encode(hmac.digest(_key(secret), message, hashlib.sha256)).decode() for secret in secrets]
    return {
        "webhook-id": event_id,
        "webhook-timestamp": timestamp_s,
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        key = b""
    if not secret.startswith(PREFIX) or len(key) < FEWEST_BYTES:
        raise WebhookSecretError(f"A secret is not '{PREFIX}' and the base64 of {FEWEST_BYTES} bytes or more.")
    return key
