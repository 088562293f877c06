"""Signatures: published vectors, two secrets at once, and the replay window."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driveway.auth.signatures import SignatureError, hmac_hex, matches_any, parse_timestamped, verify_timestamped

NOW = datetime(2026, 11, 22, 18, 0, tzinfo=UTC)


def header_for(secret: str, raw: bytes, at: datetime) -> str:
    timestamp_s = int(at.timestamp())
    return f"t={timestamp_s},v1={hmac_hex(secret, f'{timestamp_s}.'.encode() + raw)}"


@pytest.mark.parametrize(
    ("secret", "message", "algorithm", "expected"),
    [
        ("example-secret", b'{"payload":"example"}', "sha1", "e417e6fc2e7f8a78c93a35a7b344d36ce179fc8d"),
        (
            "example-amt",
            b'{"eventType":"VEHICLE_STATE"}',
            "sha256",
            "f224fcb4ab8cfe074fe0022e0b18732886268eb88589182be602c4c6cb956557",
        ),
        ("example-amt", b"abc123", "sha256", "e33d147e452b62be8bf2a36759a6366a253bd0528489bb61f86575fa552be0eb"),
        # RFC 2202 test case 2 and RFC 4231 test case 2
        ("Jefe", b"what do ya want for nothing?", "sha1", "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"),
        (
            "Jefe",
            b"what do ya want for nothing?",
            "sha256",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        ),
    ],
)
def test_published_vectors_are_met(secret, message, algorithm, expected):
    assert hmac_hex(secret, message, algorithm) == expected


def test_a_signature_matches_any_of_the_candidates_in_either_case():
    assert matches_any("AB12", ["ff00", "ab12"])
    assert not matches_any("ab12", ["ff00", "ab13"])
    assert not matches_any("", [])


def test_a_signature_that_is_not_ascii_matches_nothing():
    assert not matches_any("äb12", ["ab12"])


def test_a_timestamped_header_with_two_signatures_keeps_both():
    parsed = parse_timestamped("t=1795370400, v1=aa, v1=bb, v0=cc")
    assert parsed.timestamp_s == 1795370400
    assert parsed.signatures == ("aa", "bb")


@pytest.mark.parametrize(
    "header",
    ["", "t=1", "v1=aa", "t=x,v1=aa", "t=-1,v1=aa", "t=1,t=2,v1=aa", "t=1,v1=", "t=999999999999,v1=aa", "t=²,v1=a"],
)
def test_a_malformed_timestamped_header_is_refused(header):
    with pytest.raises(SignatureError):
        parse_timestamped(header)


@given(st.binary(max_size=64), st.sampled_from(["new-secret", "old-secret"]), st.integers(-300, 300))
def test_either_secret_verifies_inside_the_window(raw, secret, offset_s):
    at = NOW + timedelta(seconds=offset_s)
    assert verify_timestamped(header_for(secret, raw, at), raw, ["new-secret", "old-secret"], NOW) == at


@given(st.binary(max_size=64), st.integers(301, 10**7), st.sampled_from([-1, 1]))
def test_outside_the_window_a_true_signature_is_refused(raw, distance_s, direction):
    header = header_for("secret", raw, NOW + timedelta(seconds=direction * distance_s))
    with pytest.raises(SignatureError):
        verify_timestamped(header, raw, ["secret"], NOW)


@given(st.binary(min_size=1, max_size=64), st.data())
def test_a_body_with_one_byte_changed_is_refused(raw, data):
    index = data.draw(st.integers(0, len(raw) - 1))
    changed = raw[:index] + bytes([raw[index] ^ data.draw(st.integers(1, 255))]) + raw[index + 1 :]
    with pytest.raises(SignatureError):
        verify_timestamped(header_for("secret", raw, NOW), changed, ["secret"], NOW)


@pytest.mark.parametrize("secrets", [[], [""], ["another"]])
def test_without_a_fitting_secret_nothing_verifies(secrets):
    with pytest.raises(SignatureError):
        verify_timestamped(header_for("secret", b"{}", NOW), b"{}", secrets, NOW)


def test_an_empty_secret_never_counts_as_one():
    with pytest.raises(SignatureError):
        verify_timestamped(header_for("", b"{}", NOW), b"{}", [""], NOW)


def test_an_unsigned_request_is_refused():
    with pytest.raises(SignatureError):
        verify_timestamped(None, b"{}", ["secret"], NOW)
