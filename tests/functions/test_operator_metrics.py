"""What the functions count for the operator's alarms."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from driveway.domain.twin import Entry
from driveway.domain.twin.reasons import Reason
from driveway.store.items import encode_item
from tests.functions.test_clock_and_reconcilers import due_in, tick
from tests.support.functions.assets import (
    SAMPLE_SECRETS,
    a_twin,
    all_acknowledged,
    called,
    place,
    plugged_in,
    queues_of,
    sample,
    set_secret,
)
from tests.support.functions.rig import NOW, Rig, function, template


def counts(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """The metrics that were written since the last look, with their provider if they have one."""
    found: dict[str, Any] = {}
    for line in capsys.readouterr().out.splitlines():
        if "_aws" in line:
            values = json.loads(line)
            for metric in values["_aws"]["CloudWatchMetrics"][0]["Metrics"]:
                suffix = f" {values['provider']}" if "provider" in values else ""
                found[metric["Name"] + suffix] = sum(values[metric["Name"]])
    return found


def test_twins_that_have_been_due_for_over_a_quarter_of_an_hour_are_counted(
    rig: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    queues_of(rig)
    place(rig, due_in(0, "late"), due_in(60, "in-time"))
    tick()
    assert "AssetsOverdue" not in counts(capsys)
    rig.clock.move(minutes=15, seconds=1)
    tick()
    assert counts(capsys)["AssetsOverdue"] == 1


def test_an_open_breaker_is_counted_in_every_minute_until_it_closes(
    rig: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    queues_of(rig)
    breakers = rig.runtime.breakers
    for _ in range(5):
        breakers.failed("axle", breakers.allow("axle", rig.clock.now()), rig.clock.now())
    tick()
    assert counts(capsys)["BreakersOpen axle"] == 1
    for _ in range(3):
        rig.clock.move(minutes=3)
        breakers.succeeded("axle", breakers.allow("axle", rig.clock.now()), rig.clock.now())
    tick()
    assert "BreakersOpen axle" not in counts(capsys)


def test_a_plan_that_delivers_less_than_the_driver_needs_is_counted(
    rig: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    queues_of(rig)
    place(rig, all_acknowledged(plugged_in(a_twin(NOW), NOW - timedelta(hours=1)), NOW))
    key = encode_item({"pk": "ASSET#car-1", "sk": "TWIN"})
    rig.change("car-1", lambda twin: twin.tell(Entry(NOW, "ReadyByAtRisk", Reason.READY_BY_AT_RISK, "Less.", {})))
    image = rig.runtime.dynamodb.get_item(TableName="driveway-test", Key=key)["Item"]
    record = {"eventName": "INSERT", "dynamodb": {"Keys": key, "SequenceNumber": "1", "NewImage": image}}
    assert function("announcer").handler({"Records": [record]}, None) == {"batchItemFailures": []}
    assert counts(capsys)["SessionsShort"] == 1


def test_a_schedule_of_axle_with_a_bad_signature_is_counted(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    event = sample("schedules_axle_webhook")
    event["headers"] = {**event["headers"], "x-axle-sig": "t=1,v1=00"}
    assert function("schedules").handler(event, None)["statusCode"] == 401
    assert counts(capsys) == {"BadSignatures axle": 1}


def test_a_login_that_axle_refuses_opens_its_breaker(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    queues_of(rig)
    set_secret(rig, "AXLE_SECRET", {"username": "driveway", "password": "revoked"})
    for number in range(5):
        place(rig, plugged_in(a_twin(NOW, asset=f"car-{number}", axle_asset_id=f"axle-{number}", vehicle=None), NOW))
        rig.look("axle", f"car-{number}")
    tick()
    assert counts(capsys)["BreakersOpen axle"] == 1


@pytest.mark.parametrize("provider", ["enode", "smartcar", "tesla"])
def test_the_log_line_by_which_a_silent_provider_is_noticed_is_written(
    rig: Rig, capsys: pytest.CaptureFixture[str], provider: str
) -> None:
    rig.clock.put(datetime(2026, 11, 22, 17, 42, 15, tzinfo=UTC))
    set_secret(rig, "WEBHOOK_SECRETS", SAMPLE_SECRETS)
    event = sample("tesla_relay_plug_in" if provider == "tesla" else f"{provider}_plug_in")
    assert called("vehicle_events", event).status == 200
    written = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    (line,) = [one for one in written if one.get("message") == "webhook"]
    pattern = template()["Resources"][f"{provider.title()}Webhooks"]["Properties"]["FilterPattern"]
    assert pattern == f'{{ $.message = "{line["message"]}" && $.provider = "{line["provider"]}" }}'
