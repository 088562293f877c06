"""A car's position decides whether it is at home and is then nowhere: not stored, logged, measured, queued or sent."""

import base64
import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from driveway.auth.signatures import hmac_hex
from driveway.domain.twin import Home
from driveway.runtime.settings import Settings
from driveway.values import replace
from tests.support.functions.assets import (
    ENODE_CAR,
    SAMPLE_SECRETS,
    SMARTCAR_CAR,
    TESLA_CAR,
    a_twin,
    called,
    keep_refresh_token,
    place,
    refuse,
    sample,
    set_secret,
)
from tests.support.functions.rig import QUEUES, Rig, function

AT = datetime(2026, 11, 22, 17, 42, 15, tzinfo=UTC)
# Some 60 m from where the sample events see the cars, so that its own digits are not theirs.
HOME = Home(52.0911, 5.1220)
POSITION = re.compile(r"52\.0907|5\.1214")
CARS = {
    "car-1": replace(ENODE_CAR, home_location_id=None),
    "car-2": SMARTCAR_CAR,
    "car-3": replace(TESLA_CAR, user_id="owner"),
}
PROVIDERS = ("ENODE", "SMARTCAR", "TESLA")
TELEMETRY = {
    "Vin": TESLA_CAR.vehicle_id,
    "CreatedAt": AT.isoformat(),
    "DetailedChargeState": "DetailedChargeStateCharging",
    "Gear": "P",
    "Location": {"latitude": 52.0907, "longitude": 5.1214},
}


class Wire:
    """Every request that leaves, kept; car makers answer with a token, whatever they are asked."""

    def __init__(self, rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sent: list[str] = []
        self._axle_url, self._send = rig.axle_url, rig.runtime.http.send
        monkeypatch.setattr(rig.runtime.http, "send", self.send)

    def send(self, request: requests.PreparedRequest, **settings: Any) -> requests.Response:
        self.sent.append(f"{request.method} {request.url} {dict(request.headers)} {request.body!r}")
        if str(request.url).startswith(self._axle_url):
            return self._send(request, **settings)
        answer = requests.Response()
        answer.status_code, answer.request, answer.url = 200, request, str(request.url)
        answer._content = b'{"access_token": "t", "token_type": "bearer", "expires_in": 3600}'
        return answer


@pytest.fixture
def cars(rig: Rig) -> Rig:
    """A stage with one car at each provider whose home is known by its position alone, and credentials for each."""
    rig.clock.put(AT)
    place(
        rig,
        *(
            a_twin(AT - timedelta(days=30), asset=asset, axle_asset_id=f"axle-{asset}", vehicle=vehicle, home=HOME)
            for asset, vehicle in CARS.items()
        ),
    )
    set_secret(rig, "WEBHOOK_SECRETS", SAMPLE_SECRETS)
    urls = {f"{name}_{what}_URL": f"https://{name.lower()}.example" for name in PROVIDERS for what in ("BASE", "TOKEN")}
    rig.runtime.settings = Settings({**rig.runtime.settings.environ, **urls})
    keep_refresh_token(rig, "owner", "refresh-token")
    return rig


def enode(name: str) -> dict[str, Any]:
    """A sample of Enode's, of a car that charges and without an id of the place."""
    event = sample(name)
    body = json.loads(event["body"])
    body[0]["vehicle"]["location"].pop("id", None)
    body[0]["vehicle"].pop("locationId", None)
    body[0]["vehicle"]["chargeState"] |= {"isCharging": True, "chargeRate": 7.2}
    raw = json.dumps(body)
    event["headers"]["x-enode-signature"] = "sha1=" + hmac_hex(SAMPLE_SECRETS["enode"][0], raw.encode(), "sha1")
    return {**event, "body": raw}


def relayed(record: dict[str, Any]) -> dict[str, Any]:
    event, raw, signed_s = sample("tesla_relay_plug_in"), json.dumps(record), int(AT.timestamp())
    signature = hmac_hex(SAMPLE_SECRETS["tesla"][0], f"{signed_s}.{raw}".encode())
    event["headers"]["x-driveway-signature"] = f"t={signed_s},v1={signature}"
    return {**event, "body": raw}


def streamed(record: dict[str, Any]) -> dict[str, Any]:
    data = base64.b64encode(json.dumps(record).encode()).decode()
    return {"Records": [{"kinesis": {"data": data, "sequenceNumber": "1"}, "eventSource": "aws:kinesis"}]}


def proto(at: datetime) -> dict[str, Any]:
    location = {"locationValue": {"latitude": 52.0907, "longitude": 5.1214}}
    data = [{"key": "Location", "value": location}, {"key": "Gear", "value": {"shiftStateValue": "ShiftStateP"}}]
    return {"data": data, "createdAt": at.isoformat(), "vin": TESLA_CAR.vehicle_id}


def queued(rig: Rig) -> list[str]:
    """The messages in the queues of wake-ups."""
    found = []
    for queue in QUEUES:
        url = rig.runtime.settings.text(queue)
        answer = rig.runtime.queues.receive_message(QueueUrl=url, MaxNumberOfMessages=10)
        found += [message["Body"] for message in answer.get("Messages", [])]
    return found


def command_all(rig: Rig) -> None:
    """Give every command on the bus to the function that sends it."""
    for kind, detail in list(rig.bus.events):
        if kind == "ChargingCommand":
            record = {"messageId": "1", "body": json.dumps(detail), "eventSource": "aws:sqs"}
            assert function("vehicle_commands").handler({"Records": [record]}, None) == {"batchItemFailures": []}


def everything_of_a_plug_in(rig: Rig) -> list[str]:
    """Let every door hear of a car at home, and every function do what follows; gives what was answered."""
    charging = json.loads(sample("smartcar_plug_in")["body"])
    charging["data"]["signals"].append({**charging["data"]["signals"][0], "code": "charge-ischarging"})
    posted = (enode("enode_plug_in"), smartcar(charging), relayed(TELEMETRY))
    answers = [called("vehicle_events", event).text for event in posted]
    records = (proto(AT - timedelta(seconds=5)), {**TELEMETRY, "CreatedAt": (AT - timedelta(seconds=9)).isoformat()})
    answers += [str(function("vehicle_events").handler(streamed(record), None)) for record in records]
    function("clock").handler({}, None)
    rig.pump()
    rig.clock.move(seconds=30)
    command_all(rig)
    rig.pump()
    views = [(asset, view) for asset in CARS for view in ("", "/schedule", "/timeline")]
    answers += [rig.serve("status", f"GET /assets/{{asset}}{view}", asset=asset).text for asset, view in views]
    return answers


def smartcar(body: dict[str, Any]) -> dict[str, Any]:
    event, raw = sample("smartcar_plug_in"), json.dumps(body)
    event["headers"]["sc-signature"] = hmac_hex(SAMPLE_SECRETS["smartcar"][0], raw.encode())
    return {**event, "body": raw}


def test_a_position_decides_home_at_every_door_and_is_nowhere_afterwards(
    cars: Rig, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level("DEBUG", logger=cars.runtime.logger.name)
    wire = Wire(cars, monkeypatch)
    answers = everything_of_a_plug_in(cars)
    assert all(cars.twin(asset).presence.session for asset in CARS), "a position was not used"
    assert [name for name in PROVIDERS if f"https://{name.lower()}.example" not in str(wire.sent)] == []
    assert f"POST {cars.axle_url}" in str(wire.sent)
    looks, logged = queued(cars), "".join(capfd.readouterr())
    assert looks
    assert "webhook" in logged
    places = {
        "the table": str(cars.items()),
        "the logs": logged + caplog.text,
        "the bus": str(cars.bus.events),
        "the queues": str(looks),
        "requests": str(wire.sent),
        "answers": str(answers),
    }
    assert [name for name, held in places.items() if POSITION.search(held)] == []


@pytest.mark.parametrize("operation", ["query", "update_item", "batch_get_item"])
def test_a_position_is_in_no_error_that_is_logged_or_answered(
    cars: Rig,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    operation: str,
) -> None:
    caplog.set_level("DEBUG", logger=cars.runtime.logger.name)
    answers = []
    for event in (enode("enode_plug_in"), sample("smartcar_plug_in"), relayed(TELEMETRY)):
        refuse(cars, monkeypatch, operation)
        reply = called("vehicle_events", event)
        assert reply.status == 500
        answers.append(reply.text)
    refuse(cars, monkeypatch, operation)
    assert function("vehicle_events").handler(streamed(proto(AT)), None)["batchItemFailures"] != []
    logged = "".join(capfd.readouterr())
    assert "Traceback" in logged
    assert not POSITION.search(logged + caplog.text + str(answers))


def test_metrics_of_what_was_not_stored_hold_no_position(cars: Rig, capfd: pytest.CaptureFixture[str]) -> None:
    stranger = {**json.loads(sample("smartcar_plug_in")["body"]), "vehicleId": "nobody-has-this"}
    assert called("vehicle_events", smartcar(stranger)).status == 200
    function("vehicle_events").handler(streamed({**TELEMETRY, "Vin": "5YJ39999999999999"}), None)
    logged = capfd.readouterr().out
    assert logged.count('"EventsOfUnknownVehicles":[1.0]') == 2
    assert not POSITION.search(logged)
