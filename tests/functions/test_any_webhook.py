"""Whatever is sent with a valid signature is no fault of ours, and what is refused changes nothing."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.functions.assets import axle_signature, called, sample
from tests.support.functions.mutated import ANYTHING, few, mutated
from tests.support.functions.rig import Reply, Rig, function
from tests.support.functions.webhook_calls import AT, WEBHOOKS, enode, smartcar, tesla

SIGNED: dict[str, Callable[[str], Reply]] = {
    "enode": enode,
    "smartcar": smartcar,
    "tesla": lambda body: tesla(body, AT),
}


def bodies(sound: Any) -> st.SearchStrategy[str]:
    """Texts of bodies like a sound one, of any body, and of no JSON at all."""
    return (mutated(sound) | ANYTHING).map(json.dumps) | st.text(max_size=40)


def _refused_or_stored(rig: Rig, send: Callable[[], Reply]) -> None:
    before = rig.items()
    for _ in range(2):
        reply = send()
        assert 200 <= reply.status < 500, (reply.status, reply.text)
        if reply.status >= 400:
            assert rig.items() == before


@pytest.mark.parametrize("name", WEBHOOKS)
def test_no_signed_webhook_of_a_car_maker_stays_our_fault(cars: Rig, name: str) -> None:
    provider, event = name.partition("_")[0], sample(name)
    raw = base64.b64decode(event["body"]) if event["isBase64Encoded"] else event["body"]
    sound = json.loads(raw)
    assert SIGNED[provider](json.dumps(sound)).status == 200

    @few(25)
    @given(body=bodies(sound))
    def whatever(body: str) -> None:
        _refused_or_stored(cars, lambda: SIGNED[provider](body))

    whatever()


def test_no_signed_webhook_of_axle_stays_our_fault(cars: Rig) -> None:
    event = sample("schedules_axle_webhook")

    def send(body: str) -> Reply:
        raw = body.encode()
        headers = {**event["headers"], "x-axle-sig": axle_signature(raw, AT)}
        return called("schedules", {**event, "headers": headers, "body": body})

    sound = json.loads(event["body"])
    sound["payload"]["asset_id"] = cars.twin("car-1").link.axle_asset_id
    assert send(json.dumps(sound)).status == 200

    @few(25)
    @given(body=bodies(sound))
    def whatever(body: str) -> None:
        _refused_or_stored(cars, lambda: send(body))

    whatever()


def test_no_record_of_the_stream_of_tesla_holds_up_those_behind_it(cars: Rig) -> None:
    record = sample("tesla_kinesis")["Records"][0]
    sound = json.loads(base64.b64decode(record["kinesis"]["data"]))

    @few(25)
    @given(body=bodies(sound).map(lambda text: text.encode(errors="surrogatepass")) | st.binary(max_size=40))
    def whatever(body: bytes) -> None:
        changed = {**record, "kinesis": {**record["kinesis"], "data": base64.b64encode(body).decode()}}
        answer = function("vehicle_events").handler({"Records": [changed]}, None)
        assert answer == {"batchItemFailures": []}

    whatever()
