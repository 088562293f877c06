"""The whole way of an event on the deployed template: a write of a twin, the bus, the queue, the app's webhook."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from driveway.domain.due import Dues
from driveway.domain.twin import Entry
from driveway.domain.twin.reasons import Reason
from driveway.store.app_events import SETTLED
from driveway.store.table import Table
from local.stack import credentials_of_a_stack, put_secrets
from tests.account.accounts import Account
from tests.support.functions.assets import a_twin
from tests.support.runtime.app_receiver import AppReceiver, app_receiver

CREDENTIALS = credentials_of_a_stack()
AT = datetime.now(UTC)


@pytest.fixture(scope="module")
def app() -> Iterator[AppReceiver]:
    with app_receiver() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def deployed(account: Account, app: AppReceiver) -> Iterator[Account]:
    """The stack, whose app has a webhook that refuses the first two requests."""
    app.answers = [500, 503]
    account.deploy(AppWebhookUrl=app.url)
    put_secrets(account.clients, account.outputs(), CREDENTIALS)
    yield account
    account.delete_stack()


def write(account: Account, asset: str, *events: str) -> None:
    """Write a new twin whose news are these events."""
    twin = a_twin(AT, asset=asset, axle_asset_id=f"axle-{asset}")
    twin = twin.tell(*(Entry(AT, one, Reason.PLUGGED_AND_HOME, "It happened.", {}) for one in events))
    item = Table(None, "", lambda *_: Dues(None, None), 2).twin_item(twin, AT)  # type: ignore[arg-type]
    account.aws("dynamodb").put_item(TableName=account.outputs()["TableName"], Item=item)


def test_an_event_is_sent_until_it_is_taken_and_verified_and_can_be_read_again(
    deployed: Account, app: AppReceiver
) -> None:
    write(deployed, "car-1", "PluggedIn", "IntentSet")
    until = time.monotonic() + 90
    while len(app.received) < 3 and time.monotonic() < until:
        time.sleep(0.5)
    events: list[Any] = app.verified(CREDENTIALS["app_webhook_secret"])
    assert [(one["type"], one["data"]["asset"]) for one in events] == [("PluggedIn", "car-1")] * 3
    assert len({one["id"] for one in events}) == 1
    token = {"Authorization": f"Bearer {CREDENTIALS['app_token']}"}
    until = time.monotonic() + (SETTLED + timedelta(seconds=60)).total_seconds()
    replayed: list[Any] = []
    while not replayed and time.monotonic() < until:
        time.sleep(1)
        replayed = requests.get(f"{deployed.url}/events", headers=token, timeout=30).json()["events"]
    assert replayed == events[:1]
