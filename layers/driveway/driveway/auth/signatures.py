"""Signatures over raw bytes: HMAC, compared in constant time, with a replay window where a time is signed."""

import hashlib
import hmac
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Literal

from msgspec import Struct

Algorithm = Literal["sha1", "sha256"]


class TimestampedSignature(Struct, frozen=True):
    """A ``t=<unix seconds>,v1=<hex>`` header, taken apart. ``signatures`` has one entry per secret in use."""

    timestamp_s: int
    signatures: tuple[str, ...]


class SignatureError(Exception):
    """The request does not come from its claimed sender, or is too old: answer 401 and say no more."""


def hmac_hex(secret: str, message: bytes, algorithm: Algorithm = "sha256") -> str:
    """The lower-case hex HMAC (RFC 2104) of ``message`` under the UTF-8 bytes of ``secret``."""
    return hmac.new(secret.encode(), message, getattr(hashlib, algorithm)).hexdigest()


def matches_any(signature_hex: str, candidates: Iterable[str]) -> bool:
    """Whether the signature equals one of the candidates, compared in constant time.

    Hex digits may be of either case. Without candidates the result is False.
    """
    given = signature_hex.strip().lower().encode()
    found = False
    for candidate in candidates:
        found |= hmac.compare_digest(given, candidate.encode())
    return found


def parse_timestamped(header: str) -> TimestampedSignature:
    """The parts of a ``t=<unix seconds>,v1=<hex>[,v1=<hex>]`` header; other schemes in it are ignored.

    Raises:
        SignatureError: there is not exactly one readable ``t``, or no ``v1``.
    """
    pairs = [(name.strip(), value.strip()) for name, _, value in (part.partition("=") for part in header.split(","))]
    times = [value for name, value in pairs if name == "t"]
    signatures = tuple(value for name, value in pairs if name == "v1" and value)
    # A datetime has an upper limit: eleven digits stay below it (year 5138).
    if len(times) != 1 or not (times[0].isascii() and times[0].isdigit() and len(times[0]) <= 11) or not signatures:
        raise SignatureError("the signature header is not t=<unix seconds>,v1=<hex>")
    return TimestampedSignature(int(times[0]), signatures)


def verify_timestamped(
    header: str | None, raw: bytes, secrets: Sequence[str], now: datetime, tolerance_s: float = 300
) -> datetime:
    """The signed time (aware UTC) of a body signed as HMAC-SHA256 over ``<t>.<raw body>``.

    ``now`` is aware; the signed time may differ from it by ``tolerance_s`` seconds either way.

    Raises:
        SignatureError: no header, an unreadable one, a time outside the window, or no secret that fits.
    """
    if not header:
        raise SignatureError("the request is not signed")
    parsed = parse_timestamped(header)
    message = f"{parsed.timestamp_s}.".encode() + raw
    candidates = [hmac_hex(secret, message) for secret in secrets if secret]
    found = False
    for signature in parsed.signatures:
        found |= matches_any(signature, candidates)
    if not found:
        raise SignatureError("no secret fits the signature")
    if abs(now.timestamp() - parsed.timestamp_s) > tolerance_s:
        raise SignatureError("the signed time is outside the replay window")
    return datetime.fromtimestamp(parsed.timestamp_s, UTC)
