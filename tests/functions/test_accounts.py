"""A Tesla owner's account through the functions: kept before the site is, renewed, mended by a sign-in, forgotten."""

import json
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from driveway.domain.reports.account_connection import disconnected
from driveway.domain.twin import Command
from driveway.runtime.settings import Settings
from driveway.store.tokens import AccountRecord, TokenStoreError
from driveway.values import replace
from driveway.vehicles.connections import account_tokens
from simulators.cars.tokens import RefreshTokens
from tests.support.auth.token_world import TokenService
from tests.support.functions.assets import queues_of, set_secret
from tests.support.functions.rig import Rig, function
from tests.support.functions.sites import VEHICLE, car, delete, let_pass, put, site_body
from tests.support.vehicles.provider_api import ProviderApi, Reply

KEY = "TOKEN#tesla#owner-1"
URLS = {"TESLA_BASE_URL": "https://tesla.example", "TESLA_TOKEN_URL": "https://tokens.example/token"}


class Tesla:
    """The car maker: its token endpoint, and an API that finds every car asleep."""

    def __init__(self, rig: Rig) -> None:
        self.rig, self.refresh_tokens = rig, RefreshTokens()
        self.service = TokenService(rig.clock.now, self.refresh_tokens)
        asleep = Reply(408, {"error": "vehicle unavailable: vehicle is offline or asleep"})
        self.api = ProviderApi(lambda asked: Reply(200, {"response": {}}) if asked.method == "DELETE" else asleep)
        rig.runtime.settings = Settings({**rig.runtime.settings.environ, **URLS})
        rig.runtime.http.mount("https://tokens.example", self.service)
        rig.runtime.http.mount("https://tesla.example", self.api)
        set_secret(rig, "PROVIDERS_SECRET", {"tesla": {"client_id": "client-1"}})

    def sign_in(self, user: str = "owner-1") -> str:
        return self.refresh_tokens.sign_in(user, self.rig.clock.now())

    @property
    def record(self) -> AccountRecord:
        found = self.rig.runtime.accounts.get(KEY)
        assert found is not None
        return found

    def is_connected(self) -> bool:
        kept = self.record.refresh_token
        return kept is not None and self.refresh_tokens.takes(kept, self.rig.clock.now())

    def check(self, key: str = KEY, site: str | None = None) -> None:
        """Let the commands function take the message that asks for a check of the account."""
        body = json.dumps({"account": key, "site": site})
        record = {"messageId": "1", "body": body, "eventSource": "aws:sqs"}
        assert function("vehicle_commands").handler({"Records": [record]}, None) == {"batchItemFailures": []}


@pytest.fixture
def tesla(rig: Rig) -> Tesla:
    return Tesla(rig)


def a_tesla(token: str | None, *, user: str = "owner-1", number: int = 1) -> dict[str, Any]:
    vehicle = {"provider": "tesla", "vehicle_id": f"VIN{number}", "user_id": user, "refresh_token": token}
    return car(f"car-{number}", vehicle={name: value for name, value in vehicle.items() if value is not None})


def tokens_kept(rig: Rig) -> set[str]:
    return {item["pk"] for item in rig.items() if item["pk"].startswith("TOKEN#tesla")}


def test_a_put_asks_for_a_check_of_the_account_which_exchanges_the_token(rig: Rig, tesla: Tesla) -> None:
    queues = queues_of(rig)
    assert put(rig, site_body(a_tesla(tesla.sign_in()))).status == 201
    assert [json.loads(body)["account"] for body in queues.bodies] == [KEY]
    assert tesla.record.refresh_token is None
    tesla.check()
    assert tesla.is_connected()
    assert (tesla.record.check_at, tesla.record.news) == (None, None)
    queues.bodies.clear()
    put(rig, site_body(a_tesla(None)))
    assert queues.bodies == []


def let_no_twin_be_written(rig: Rig, patch: pytest.MonkeyPatch) -> None:
    """Let every transaction fail that writes a twin, as when DynamoDB has an outage."""
    real = rig.runtime.dynamodb.transact_write_items

    def call(**request: Any) -> Any:
        if any("TWIN" in json.dumps(item) for item in request["TransactItems"]):
            raise ClientError({"Error": {"Code": "InternalServerError", "Message": "an outage"}}, "TransactWriteItems")
        return real(**request)

    patch.setattr(rig.runtime.dynamodb, "transact_write_items", call)


def test_the_token_is_kept_before_the_site_is_and_forgotten_if_the_site_never_is(
    rig: Rig, tesla: Tesla, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        let_no_twin_be_written(rig, patch)
        assert put(rig, site_body(a_tesla(tesla.sign_in()))).status >= 500
    assert tokens_kept(rig) == {KEY}
    tesla.check(site="home-1")
    assert tokens_kept(rig) == {KEY}, "no asset has it yet, as while the car before is being released"
    for _ in range(70):
        rig.clock.move(minutes=1)
        for key, _ in list(rig.runtime.accounts.due(rig.clock.now())):
            tesla.check(key)
    assert tokens_kept(rig) == set()
    assert tesla.service.forms == [], "the refresh token was not used up for nobody"


def test_the_same_put_once_more_leaves_the_live_token(rig: Rig, tesla: Tesla) -> None:
    body = site_body(a_tesla(tesla.sign_in()), a_tesla(tesla.sign_in(), number=2))
    for _ in range(3):
        put(rig, body)
        tesla.check()
        rig.clock.move(hours=9)
        assert account_tokens("tesla", "owner-1", rig.runtime).token().startswith("access-")
        assert tesla.is_connected()
    assert tesla.service.granted == 4


@pytest.mark.parametrize(
    "other",
    [car(vehicle=VEHICLE), car(vehicle=None), a_tesla("other-token", user="owner-2")],
    ids=["another maker's car", "no car", "another owner"],
)
def test_an_account_that_a_put_gives_up_is_forgotten_with_it(rig: Rig, tesla: Tesla, other: dict[str, Any]) -> None:
    put(rig, site_body(a_tesla(tesla.sign_in())))
    tesla.check()
    assert put(rig, site_body(other)).status == 200
    assert KEY not in tokens_kept(rig)
    assert delete(rig).status == 204
    assert tokens_kept(rig) == set()
    assert [item["sk"] for item in rig.items() if item["pk"] == "SITE#home-1"] == ["RECEIPT"]


def test_site_sync_repeats_a_failed_deletion_of_an_account(
    rig: Rig, tesla: Tesla, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(rig, site_body(a_tesla(tesla.sign_in())))
    tesla.check(site="home-1")
    with monkeypatch.context() as patch:
        patch.setattr(type(rig.runtime.accounts), "delete_if", _die)
        with pytest.raises(SystemExit):
            put(rig, site_body(car(vehicle=VEHICLE)))
    assert tokens_kept(rig) == {KEY}
    let_pass(rig, 3)
    assert tokens_kept(rig) == set()


def _die(*_: Any) -> bool:
    raise SystemExit


def test_an_erasure_forgets_the_account_of_a_put_that_never_ended(
    rig: Rig, tesla: Tesla, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        let_no_twin_be_written(rig, patch)
        assert put(rig, site_body(a_tesla(tesla.sign_in()))).status >= 500
    assert tokens_kept(rig) == {KEY}
    statuses = []
    while 204 not in statuses and len(statuses) < 5:
        statuses.append(delete(rig).status)
        rig.clock.move(minutes=1)
    assert statuses[-1] == 204
    assert tokens_kept(rig) == set()


def test_a_sign_in_between_check_and_deletion_stays(rig: Rig, tesla: Tesla, monkeypatch: pytest.MonkeyPatch) -> None:
    put(rig, site_body(a_tesla(tesla.sign_in())))
    real, token = rig.runtime.dynamodb.delete_item, tesla.sign_in()

    def sign_in_first(**request: Any) -> Any:
        if request["Key"]["pk"]["S"] == KEY:
            monkeypatch.setattr(rig.runtime.dynamodb, "delete_item", real)
            put(rig, site_body(a_tesla(token, number=2), mpan="1100000000008"), site="home-2")
        return real(**request)

    monkeypatch.setattr(rig.runtime.dynamodb, "delete_item", sign_in_first)
    assert delete(rig).status == 204
    assert token in {offer.token for offer in tesla.record.offers}


def lost(rig: Rig, tesla: Tesla, *assets: str) -> None:
    """The owner's access was ended, and a command to each car found that out."""
    tesla.refresh_tokens.revoke("owner-1")
    rig.clock.move(hours=9)
    tesla.check()
    refuse_commands(rig, *assets)


def refuse_commands(rig: Rig, *assets: str) -> None:
    """A command to each car was refused for the account."""
    now = rig.clock.now()
    command = Command("1", "stop", "AXLE_SCHEDULE", "failed", now, now, now, outcome="NEEDS_USER", ended_at=now)
    for asset in assets:
        rig.change(
            asset,
            lambda twin: replace(
                disconnected(twin, "It is lost.", now),
                control=replace(twin.control, command=command, failures=1, breaker_until=now + timedelta(hours=1)),
            ),
        )


def test_a_new_sign_in_reconnects_every_car_of_the_account_at_once(rig: Rig, tesla: Tesla) -> None:
    put(rig, site_body(a_tesla(tesla.sign_in())))
    put(rig, site_body(a_tesla(None, number=2), mpan="1100000000008"), site="home-2")
    tesla.check()
    lost(rig, tesla, "car-1", "car-2")
    tesla.api.asked.clear()
    put(rig, site_body(a_tesla(tesla.sign_in())))
    tesla.check()
    assert tesla.is_connected()
    for asset in ("car-1", "car-2"):
        twin = rig.twin(asset)
        assert twin.presence.needs_user is None
        assert twin.control.breaker_until is None
        assert [entry.event for entry in twin.news].count("Reconnected") <= 1
    looked_at = {asked.url.split("/")[6] for asked in tesla.api.asked if "vehicle_data" in asked.url}
    assert looked_at == {"VIN1", "VIN2"}
    rig.publish()
    events = [kind for kind, detail in rig.bus.events if kind == "Reconnected"]
    assert len(events) == 2


def test_a_new_sign_in_replaces_a_token_that_works_but_whose_commands_are_refused(rig: Rig, tesla: Tesla) -> None:
    put(rig, site_body(a_tesla(tesla.sign_in())))
    tesla.check()
    refuse_commands(rig, "car-1")
    token = tesla.sign_in()
    put(rig, site_body(a_tesla(token)))
    tesla.check()
    assert tesla.record.previous == token
    assert tesla.is_connected()
    assert rig.twin("car-1").presence.needs_user is None


def test_a_record_that_came_through_the_table_is_the_same(rig: Rig, tesla: Tesla) -> None:
    put(rig, site_body(a_tesla(tesla.sign_in())))
    tesla.check()
    tesla.refresh_tokens.sign_in("owner-1", rig.clock.now(), "spare")
    put(rig, site_body(a_tesla("spare"), a_tesla("third", number=2)))
    record = tesla.record
    assert rig.runtime.accounts.put_if(KEY, replace(record, version=record.version + 1), record.version)
    assert replace(tesla.record, version=record.version) == record
    item = next(item for item in rig.items() if item["pk"] == KEY)
    assert isinstance(item["expires_at"], int)
    assert item["slots_shard"].startswith("token-")
    assert not rig.runtime.accounts.put_if(KEY, record, record.version)
    assert not rig.runtime.accounts.delete_if(KEY, record.version)


def test_an_error_of_the_table_says_nothing_of_a_write(rig: Rig, tesla: Tesla, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: Any) -> Any:
        raise ClientError({"Error": {"Code": "InternalServerError", "Message": "an outage"}}, "PutItem")

    with monkeypatch.context() as patch:
        patch.setattr(type(rig.runtime.accounts), "put_if", _unanswered)
        assert put(rig, site_body(a_tesla(tesla.sign_in()))).status == 503
    monkeypatch.setattr(rig.runtime.dynamodb, "put_item", fail)
    with pytest.raises(TokenStoreError):
        rig.runtime.accounts.put_if(KEY, AccountRecord(version=1), 0)


def _unanswered(*_: Any) -> bool:
    raise TokenStoreError("no answer")
