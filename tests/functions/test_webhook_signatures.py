"""Who may call the webhooks: signatures over raw bytes, two secrets at once, a replay window, Smartcar's challenge."""

import base64
import json
from datetime import timedelta
from typing import Any

import pytest

from driveway.auth.signatures import hmac_hex
from tests.support.functions.assets import (
    called,
    sample,
    set_secret,
)
from tests.support.functions.rig import Rig
from tests.support.functions.webhook_calls import (
    AT,
    ENODE,
    SMARTCAR,
    TESLA,
    WEBHOOKS,
    enode,
    smartcar,
    tesla,
    update,
    webhook,
)


@pytest.mark.parametrize("name", [name for name in WEBHOOKS if name != "smartcar_verify"])
def test_an_unsigned_or_wrongly_signed_webhook_stores_nothing(cars: Rig, name: str) -> None:
    event, before = sample(name), cars.items()
    signed = next(header for header in event["headers"] if header.endswith("signature"))
    good = event["headers"][signed]
    wrong = [None, "", good[:-1], good[:-1] + ("0" if good[-1] != "0" else "1"), "sha1=", "é"]
    for signature in wrong:
        headers = {**event["headers"], signed: signature} if signature is not None else {}
        reply = called("vehicle_events", {**event, "headers": headers})
        assert (reply.status, reply.problem) == (401, "bad-signature")
        assert reply.body["detail"] == "The signature does not fit."
    assert cars.items() == before


@pytest.mark.parametrize("secrets", [{}, {"enode": []}, {"enode": [""]}])
def test_without_a_secret_nothing_is_let_in(cars: Rig, secrets: dict[str, Any]) -> None:
    set_secret(cars, "WEBHOOK_SECRETS", secrets)
    assert enode([update()], secret="").status == 401
    assert smartcar({}, secret="").status == 401
    assert tesla([], AT, secret="").status == 401


def test_two_secrets_are_valid_while_one_replaces_the_other(cars: Rig) -> None:
    set_secret(
        cars, "WEBHOOK_SECRETS", {"enode": ["new", ENODE], "smartcar": ["new", SMARTCAR], "tesla": ["new", TESLA]}
    )
    for secret in ("new", None):
        assert enode([], secret or ENODE).status == 200
        assert smartcar({"eventType": "X"}, secret or SMARTCAR).status == 200
        assert tesla([], AT, secret or TESLA).status == 200


def test_teslas_relay_has_a_replay_window(cars: Rig) -> None:
    for age_s, status in ((-301, 401), (-300, 200), (300, 200), (301, 401)):
        assert tesla([], AT - timedelta(seconds=age_s)).status == status


@pytest.mark.parametrize("body", ["", "{", '{"a": 1}', "7", "[" * 5000])
def test_a_signed_body_that_cannot_be_read_is_malformed(cars: Rig, body: str) -> None:
    before = cars.items()
    reply = enode(body)
    assert (reply.status, reply.problem) == (400, "malformed")
    assert cars.items() == before


def test_a_body_over_the_limit_is_refused_before_it_is_read(cars: Rig) -> None:
    assert enode([{"event": "x" * 262_144}]).status == 413


def test_a_provider_we_do_not_know_is_not_found(cars: Rig) -> None:
    assert [webhook(name, "[]", {}).status for name in ("jedlix", "app", "ocpp", "..")] == [404] * 4


def test_smartcars_challenge_is_answered_and_nothing_else_is_ever_signed(cars: Rig) -> None:
    before = cars.items()
    reply = called("vehicle_events", sample("smartcar_verify"))
    assert (reply.status, reply.body) == (200, {"challenge": hmac_hex(SMARTCAR, b"abc123")})
    event = json.dumps({"eventType": "VEHICLE_STATE", "vehicleId": "veh-1"})
    for challenge in (event, "", None, {"a": 1}, "a b", "x" * 65):
        oracle = webhook("smartcar", json.dumps({"eventType": "VERIFY", "data": {"challenge": challenge}}), {})
        assert oracle.status == 400
        assert hmac_hex(SMARTCAR, event.encode()) not in oracle.text
    assert cars.items() == before


def test_a_binary_body_is_verified_on_its_raw_bytes(cars: Rig) -> None:
    raw = b'[{"event": "system:heartbeat", "note": "\xff"}]'
    event = sample("enode_plug_in")
    event["headers"]["x-enode-signature"] = "sha1=" + hmac_hex(ENODE, raw, "sha1")
    event |= {"body": base64.b64encode(raw).decode(), "isBase64Encoded": True}
    assert called("vehicle_events", event).status == 400
    event["headers"]["x-enode-signature"] = "sha1=" + hmac_hex("other", raw, "sha1")
    assert called("vehicle_events", event).status == 401
