"""Tokens granted for the client's own credentials: fetched once, shared by all instances."""

import base64
from datetime import timedelta

import pytest
import requests

from driveway.auth.oauth import TokenEndpoint
from driveway.auth.token_source import TokenError
from driveway.auth.tokens import StaticToken
from driveway.store.tokens import TokenRecord
from tests.support.auth.memory_store import MemoryStore
from tests.support.auth.token_world import KEY, START, URL, TokenService, TokenWorld, tokens_at_once


def test_a_static_token_is_always_the_same():
    assert StaticToken("abc").token(refused="abc") == "abc"
    assert "abc" not in repr(StaticToken("abc"))


def test_a_token_is_fetched_once_and_shared_by_all_instances_until_shortly_before_it_expires():
    world = TokenWorld()
    first, second = world.instance(), world.instance()
    assert {first.token(), second.token(), world.instance().token()} == {"access-1"}
    world.advance(3599 - 121)
    assert {first.token(), second.token()} == {"access-1"}
    world.advance(2)
    assert {first.token(), second.token()} == {"access-2"}
    assert world.service.granted == 2


def test_basic_authentication_carries_the_client_and_nothing_of_it_is_in_the_form():
    world = TokenWorld()
    world.instance().token()
    assert world.service.forms == [{"grant_type": "client_credentials"}]
    assert world.service.headers[0]["Authorization"] == "Basic " + base64.b64encode(b"client-1:s3cret").decode()


def test_a_form_carries_the_client_and_what_else_the_endpoint_wants():
    world = TokenWorld(endpoint=TokenEndpoint(URL, "client-1", "s3cret", parameters={"audience": "https://eu.example"}))
    world.instance().token()
    assert world.service.forms == [
        {
            "grant_type": "client_credentials",
            "client_id": "client-1",
            "client_secret": "s3cret",
            "audience": "https://eu.example",
        }
    ]
    assert "Authorization" not in world.service.headers[0]


def test_a_refused_token_is_replaced_once_for_all():
    world = TokenWorld()
    first, second = world.instance(), world.instance()
    first.token()
    second.token()
    assert first.token(refused="access-1") == "access-2"
    assert second.token(refused="access-1") == "access-2"
    assert world.service.granted == 2


def test_a_new_secret_of_the_same_client_goes_on_with_the_token_that_was_issued_to_the_old_one():
    world = TokenWorld()
    old, after = world.instance(), TokenEndpoint(URL, "client-1", "n3w", "basic")
    assert old.token() == "access-1"
    world.endpoint = after
    new = world.instance()
    assert new.token() == "access-1"
    assert new.token(refused="access-1") == "access-2"
    assert old.token(refused="access-1") == "access-2"
    assert world.service.granted == 2


@pytest.mark.parametrize(
    "endpoint",
    [
        TokenEndpoint(URL, "client-2", "s3cret", "basic"),
        TokenEndpoint("https://oauth.example/production", "client-1", "s3cret", "basic"),
    ],
)
def test_a_token_that_was_issued_to_another_client_or_elsewhere_is_not_used(endpoint):
    world = TokenWorld()
    other = world.instance()
    assert other.token() == "access-1"
    world.endpoint = endpoint
    new = world.instance()
    assert new.token() == "access-2"
    assert (other.token(), new.token()) == ("access-1", "access-2")
    assert world.service.granted == 2, "those that were there before keep theirs, and nobody takes turns"


def test_a_user_name_tells_clients_apart_and_a_password_does_not():
    def holder(**parameters: str) -> str:
        return TokenEndpoint(URL, parameters=parameters).holder

    assert holder(username="a", password="1") == holder(username="a", password="2")
    assert holder(username="a", password="1") != holder(username="b", password="1")
    assert "secret-name" not in holder(username="secret-name")


@pytest.mark.parametrize("expires_in", [60, 5, "60", None, "soon", True, -1, 0, 1e300, 10**400, [], {}, "inf", "nan"])
def test_a_short_or_unreadable_lifetime_does_not_mean_a_fetch_for_every_call(expires_in):
    world = TokenWorld(TokenService(expires_in=expires_in))
    tokens = world.instance()
    assert {tokens.token(), tokens.token(), world.instance().token()} == {"access-1"}


@pytest.mark.parametrize(
    "fault",
    [
        requests.ConnectTimeout(),
        requests.ConnectionError("https://user:pass@host"),
        (500, {}),
        (503, b"<html>"),
        (401, {"error": "invalid_client"}),
        (200, {"access_token": ""}),
        (200, []),
        (200, b""),
    ],
)
def test_a_failing_endpoint_is_reported_and_the_next_call_tries_again(fault):
    world = TokenWorld(TokenService(faults=[fault]))
    tokens = world.instance()
    with pytest.raises(TokenError) as caught:
        tokens.token()
    assert not caught.value.needs_user
    assert "pass" not in str(caught.value)
    assert tokens.token() == "access-1"


def test_while_the_endpoint_fails_a_token_that_has_not_expired_goes_on_being_used():
    world = TokenWorld()
    tokens = world.instance()
    tokens.token()
    world.advance(3599 - 60)
    world.service.faults.append(requests.ConnectTimeout())
    assert tokens.token() == "access-1"
    assert tokens.token() == "access-2"


def test_an_endpoint_that_asks_for_a_pause_is_asked_by_no_instance_before_it_is_over():
    world = TokenWorld(TokenService(faults=[(429, {}, {"Retry-After": "90"})]))
    for waited_s in (0, 30, 89):
        world.now = START + timedelta(seconds=waited_s)
        with pytest.raises(TokenError) as caught:
            world.instance().token()
        assert (caught.value.retry_after_s, caught.value.unavailable) == (90 - waited_s, True)
    assert len(world.service.forms) == 1
    world.advance(1)
    assert world.instance().token() == "access-1"


def test_a_token_that_has_not_expired_goes_on_being_used_during_the_pause():
    world = TokenWorld()
    world.instance().token()
    world.advance(3599 - 100)
    world.service.faults.append((503, {}, {"Retry-After": "60"}))
    assert {world.instance().token(), world.instance().token()} == {"access-1"}
    assert len(world.service.forms) == 2
    world.advance(60)
    assert world.instance().token() == "access-2"


def test_no_pause_is_longer_than_five_minutes():
    world = TokenWorld(TokenService(faults=[(503, {}, {"Retry-After": "86400"})]))
    with pytest.raises(TokenError):
        world.instance().token()
    world.advance(300)
    assert world.instance().token() == "access-1"


def test_while_one_instance_renews_the_others_use_the_old_token():
    world = TokenWorld()
    world.instance().token()
    world.advance(3599 - 60)
    seen = []
    world.service.before = lambda: seen.append(other.token())
    other = world.instance()
    assert world.instance().token() == "access-2"
    assert seen == ["access-1"]


def claimed_for(lease: timedelta) -> MemoryStore[TokenRecord]:
    """A store whose token another instance claimed at the start."""
    return MemoryStore(**{KEY: TokenRecord(claims=1, claimed_by="another", claimed_until=START + lease, version=1)})


def test_an_instance_that_died_while_renewing_is_replaced_after_its_lease():
    world = TokenWorld(store=claimed_for(timedelta(seconds=30)))
    assert world.instance().token() == "access-1"
    assert START + timedelta(seconds=30) <= world.now <= START + timedelta(seconds=31)


def test_an_instance_stops_waiting_for_another():
    world = TokenWorld(store=claimed_for(timedelta(hours=1)))
    with pytest.raises(TokenError) as caught:
        world.instance().token()
    assert not caught.value.needs_user
    assert caught.value.retry_after_s > 0


def test_many_instances_at_once_make_one_exchange() -> None:
    world = TokenWorld()
    assert tokens_at_once(world, instances=8) == ["access-1"] * 8
    assert world.service.granted == 1


def test_no_secret_is_in_a_representation() -> None:
    world = TokenWorld()
    tokens = world.instance()
    tokens.token()
    assert "s3cret" not in repr(world.endpoint)
    assert "access-1" not in repr(tokens)
    assert "access-1" not in repr(world.store.kept[KEY])
