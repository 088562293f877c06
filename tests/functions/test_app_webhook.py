"""Events for the app: signed as Standard Webhooks, sent until they are taken, and replayed on request."""

import base64
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from driveway.domain.twin import Entry
from driveway.domain.twin.reasons import Reason
from driveway.runtime.context import Runtime
from driveway.store.app_events import SETTLED
from tests.support.functions.assets import a_twin, place
from tests.support.functions.rig import NOW, Reply, Rig, aws, function, template
from tests.support.runtime.app_receiver import AppReceiver, app_receiver

OLD, NEW = ("whsec_" + base64.b64encode(letter * 32).decode() for letter in (b"o", b"n"))
DETAIL = {"id": "evt_1", "event": "PluggedIn", "asset": "car-1", "site": "home-1", "at": NOW.isoformat()}
DETAIL |= {"reason": "PLUGGED_AND_HOME", "text": "It happened — at home.", "detail": {"n": 1}}
ENVIRONMENT = {"APP_WEBHOOK": "true", "APP_WEBHOOK_SECRET": "APP_WEBHOOK_SECRET"}


@pytest.fixture
def app() -> Iterator[AppReceiver]:
    with app_receiver() as receiver:
        yield receiver


def configure(rig: Rig, secrets: list[str], **settings: str) -> None:
    aws("secretsmanager").create_secret(Name="APP_WEBHOOK_SECRET", SecretString=json.dumps({"secrets": secrets}))
    queue = aws("sqs").create_queue(QueueName="app-events", Attributes={"VisibilityTimeout": "360"})["QueueUrl"]
    set_(rig.runtime, **ENVIRONMENT, APP_EVENTS_QUEUE_URL=queue, **settings)


def set_(runtime: Runtime, **settings: str) -> None:
    """Add settings to the environment of every function."""
    runtime.settings.environ.update(settings)  # type: ignore[attr-defined]


def sent_at(detail: dict[str, Any]) -> str:
    """The time of an event in the form in which the app gets it."""
    return str(detail["at"]).replace("+00:00", "Z")


def put(rig: Rig, **detail: Any) -> None:
    url = rig.runtime.settings.text("APP_EVENTS_QUEUE_URL")
    aws("sqs").send_message(QueueUrl=url, MessageBody=json.dumps(DETAIL | detail))


def delivered(rig: Rig) -> list[str]:
    """Pass what is visible in the queue to the function, as Lambda does; the ids of the events that failed."""
    sqs, url = aws("sqs"), rig.runtime.settings.text("APP_EVENTS_QUEUE_URL")
    found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, AttributeNames=["ApproximateReceiveCount"])
    messages = found.get("Messages", [])
    records = [
        {"messageId": m["MessageId"], "receiptHandle": m["ReceiptHandle"], "body": m["Body"]}
        | {"attributes": m["Attributes"]}
        for m in messages
    ]
    answer = function("app_events").handler({"Records": records}, None)
    failed = {one["itemIdentifier"] for one in answer["batchItemFailures"]}
    for message in messages:
        if message["MessageId"] not in failed:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return [json.loads(m["Body"])["id"] for m in messages if m["MessageId"] in failed]


@pytest.mark.parametrize("secret", [OLD, NEW])
def test_a_receiver_with_either_secret_verifies_an_event_with_the_public_library(
    rig: Rig, app: AppReceiver, secret: str
) -> None:
    configure(rig, [NEW, OLD], APP_WEBHOOK_URL=app.url)
    put(rig)
    assert delivered(rig) == []
    (event,) = app.verified(secret)
    assert app.received[0][0]["webhook-id"] == event["id"] == "evt_1"
    assert (event["type"], event["timestamp"]) == ("PluggedIn", sent_at(DETAIL))
    assert event["data"] == {name: DETAIL[name] for name in ("asset", "site", "reason", "text", "detail")}


def test_a_changed_body_or_another_secret_is_noticed(rig: Rig, app: AppReceiver) -> None:
    configure(rig, [OLD], APP_WEBHOOK_URL=app.url)
    put(rig)
    delivered(rig)
    ((headers, body),) = app.received
    for secret, changed in ((NEW, body), (OLD, body.replace(b"car-1", b"car-2"))):
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(changed, headers)


@pytest.mark.parametrize("status", [500, 503, 404, 410, 302, 429])
def test_what_the_app_does_not_take_is_sent_again_with_the_same_id(
    rig: Rig, app: AppReceiver, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(rig, [OLD], APP_WEBHOOK_URL=app.url)
    monkeypatch.setattr(function("app_events"), "PAUSES_S", (0, 0))
    app.answers = [status, status]
    put(rig)
    assert [delivered(rig) for _ in range(4)] == [["evt_1"], ["evt_1"], [], []]
    assert [event["id"] for event in app.verified(OLD)] == ["evt_1"] * 3


def test_an_event_that_was_refused_rests_before_the_next_attempt_and_others_do_not_wait_for_it(
    rig: Rig, app: AppReceiver
) -> None:
    configure(rig, [OLD], APP_WEBHOOK_URL=app.url)
    app.answers = [500]
    put(rig, id="evt_refused")
    assert delivered(rig) == ["evt_refused"]
    put(rig, id="evt_next")
    assert delivered(rig) == []
    assert [event["id"] for event in app.verified(OLD)] == ["evt_refused", "evt_next"]


def test_an_answer_after_more_than_the_time_counts_as_none(
    rig: Rig, app: AppReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(rig, [OLD], APP_WEBHOOK_URL=app.url)
    assert function("app_events").TIMEOUTS_S[1] == 5.0
    monkeypatch.setattr(function("app_events"), "TIMEOUTS_S", (1.0, 0.1))
    app.delay_s = 0.5
    put(rig)
    assert delivered(rig) == ["evt_1"]


@pytest.mark.parametrize("secrets", [[], ["unset"], ["whsec_c2hvcnQ="]])
def test_without_a_proper_secret_nothing_is_sent_and_nothing_is_lost(
    rig: Rig, app: AppReceiver, secrets: list[str]
) -> None:
    configure(rig, secrets, APP_WEBHOOK_URL=app.url)
    put(rig)
    assert delivered(rig) == ["evt_1"]
    assert app.received == []


def test_events_that_wait_when_the_webhook_is_removed_are_dropped(rig: Rig, app: AppReceiver) -> None:
    configure(rig, [OLD])
    put(rig)
    assert delivered(rig) == []
    assert app.received == []


def test_the_pauses_grow_over_a_day_and_the_queue_sets_a_message_aside_after_them() -> None:
    pauses = function("app_events").PAUSES_S
    queue = template()["Resources"]["AppEventsQueue"]["Properties"]
    assert list(pauses) == sorted(pauses)
    assert timedelta(hours=24) <= timedelta(seconds=sum(pauses)) <= timedelta(hours=26)
    assert queue["RedrivePolicy"]["maxReceiveCount"] == len(pauses) + 1
    assert sum(pauses) < queue["MessageRetentionPeriod"]


def news(rig: Rig, asset: str, *events: str, at: datetime | None = None) -> None:
    """Write entries of an asset, and process the stream."""
    entries = [Entry(at or rig.clock.now(), e, Reason.PLUGGED_AND_HOME, "It happened.", {"e": e}) for e in events]
    rig.change(asset, lambda twin: twin.tell(*entries))
    rig.publish()


def events(rig: Rig, **query: str) -> Reply:
    return rig.serve("status", "GET /events", query=query)


@pytest.fixture
def two_cars(rig: Rig) -> Rig:
    place(rig, a_twin(NOW), a_twin(NOW, asset="car-2", site="home-2", axle_asset_id="axle-2"))
    return rig


def test_every_event_is_replayed_once_as_it_was_sent_page_by_page(two_cars: Rig) -> None:
    set_(two_cars.runtime, **ENVIRONMENT)
    for number in range(4):
        two_cars.clock.move(seconds=10)
        late = two_cars.clock.now() - timedelta(hours=number)
        news(two_cars, f"car-{number % 2 + 1}", "PluggedIn", "IntentSet", "ChargingStarted", at=late)
    sent = [detail for kind, detail in two_cars.bus.events if kind in {"PluggedIn", "ChargingStarted"}]
    two_cars.clock.move(seconds=SETTLED.total_seconds() + 1)
    found: list[dict[str, Any]] = []
    body = events(two_cars, after=NOW.isoformat(), limit="3").body
    while True:
        found += body["events"]
        if not body["more"]:
            break
        body = events(two_cars, after=body["next"], limit="3").body
    assert sorted(one["id"] for one in found) == sorted(one["id"] for one in sent)
    assert [one["data"]["asset"] for one in found] == ["car-1"] * 2 + ["car-2"] * 2 + ["car-1"] * 2 + ["car-2"] * 2
    by_id = {one["id"]: one for one in sent}
    for one in found:
        detail = by_id[one["id"]]
        assert (one["type"], one["timestamp"]) == (detail["event"], sent_at(detail))
        assert one["data"] == {name: detail[name] for name in ("asset", "site", "reason", "text", "detail")}
    assert events(two_cars, after=body["next"]).body["events"] == []
    news(two_cars, "car-1", "ChargingStopped")
    assert events(two_cars, after=body["next"]).body["events"] == []
    two_cars.clock.move(seconds=SETTLED.total_seconds() + 1)
    assert [one["type"] for one in events(two_cars, after=body["next"]).body["events"]] == ["ChargingStopped"]


def test_without_a_webhook_no_event_costs_an_index_entry_and_none_is_replayed(two_cars: Rig) -> None:
    news(two_cars, "car-1", "PluggedIn")
    assert not any("events_place" in item for item in two_cars.items())
    assert events(two_cars).problem == "not-found"


def test_only_events_for_the_app_are_in_the_index_and_they_are_erased_with_their_asset(two_cars: Rig) -> None:
    set_(two_cars.runtime, **ENVIRONMENT)
    news(two_cars, "car-1", "PluggedIn", "IntentSet")
    indexed = [item for item in two_cars.items() if "events_place" in item]
    assert [(item["event"], item["pk"]) for item in indexed] == [("PluggedIn", "ASSET#car-1")]
    assert all("expires_at" in item for item in indexed)
    indexes = template()["Resources"]["Table"]["Properties"]["GlobalSecondaryIndexes"]
    (index,) = [one for one in indexes if one["IndexName"] == "AppEvents"]
    assert index["Projection"] == {"ProjectionType": "KEYS_ONLY"}


@pytest.mark.parametrize("query", [{"after": "yesterday"}, {"after": "2026-01-15T22:00:00"}, {"limit": "0"}])
def test_a_place_or_a_limit_that_cannot_be_read_is_refused(two_cars: Rig, query: dict[str, str]) -> None:
    set_(two_cars.runtime, **ENVIRONMENT)
    assert events(two_cars, **query).problem == "malformed"
