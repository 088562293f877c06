"""A driver's account at a car maker: no refresh token is spent twice, and none is lost that its maker still takes."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from driveway.auth import account
from driveway.auth.account import MOST_OFFERS, digest_of, new_record, offered
from driveway.auth.account_tokens import NOT_CONNECTED, AccountTokens, lost_text
from driveway.auth.oauth import TokenEndpoint
from driveway.auth.token_source import TokenError
from driveway.store.tokens import AccountRecord, TokenStoreError
from driveway.values import replace
from simulators.cars.tokens import RefreshModel, RefreshTokens
from tests.support.auth.memory_store import MemoryStore
from tests.support.auth.token_world import KEY, START, URL, AccountWorld, tokens_at_once

MODELS: tuple[RefreshModel, ...] = ("strict", "24h")


def world_of(model: RefreshModel = "strict", **settings: Any) -> AccountWorld:
    return AccountWorld(RefreshTokens(model, **settings))


def failing(operation: Callable[..., Any], *, times: int, done: bool) -> Callable[..., Any]:
    """The operation with its next calls failing; ``done`` says whether they still took effect."""
    left = [times]

    def call(*arguments: Any) -> Any:
        if left[0] == 0:
            return operation(*arguments)
        left[0] -= 1
        if done:
            operation(*arguments)
        raise TokenStoreError("no answer")

    return call


def needs_user(tokens: AccountTokens) -> str:
    """Why the driver has to sign in, as the token says."""
    with pytest.raises(TokenError) as caught:
        tokens.token()
    assert caught.value.needs_user
    return str(caught.value)


def test_a_refresh_token_is_replaced_before_the_access_token_is_used() -> None:
    world = world_of()
    first = world.record.offers[0].token
    assert world.instance().token() == "access-1"
    second = world.record.refresh_token
    assert second not in {None, first}
    world.advance(3600)
    assert world.instance().token() == "access-2"
    assert world.record.refresh_token != second
    assert world.is_connected


def test_a_server_that_does_not_rotate_leaves_the_refresh_token_as_it_is() -> None:
    world = world_of()
    first = world.record.offers[0].token
    world.service.refresh_tokens = None
    world.instance().token()
    assert (world.record.refresh_token, world.record.previous) == (first, None)


def test_without_a_refresh_token_the_driver_is_needed() -> None:
    world = world_of()
    world.store.kept.clear()
    assert needs_user(world.instance()) == NOT_CONNECTED


@pytest.mark.parametrize("model", MODELS)
def test_a_revoked_account_needs_the_driver_and_is_not_tried_again(model: RefreshModel) -> None:
    world = world_of(model)
    world.instance().token()
    world.refresh_tokens.revoke("owner-1")
    world.advance(3600)
    assert {needs_user(world.instance()) for _ in range(3)} == {lost_text(world.record)}
    assert len(world.service.forms) == 3, "the first, and then the live one and the one before it, once each"
    kept = world.record
    assert (kept.refresh_token, kept.previous, kept.offers, kept.access_token) == (None, None, (), None)


def test_a_new_sign_in_gives_tokens_again_and_is_reported_to_the_assets() -> None:
    world = world_of()
    world.refresh_tokens.revoke("owner-1")
    needs_user(world.instance())
    assert world.record.news == "lost"
    world.refresh_tokens = world.service.refresh_tokens = RefreshTokens()
    world.offer(world.sign_in() + "-new")
    world.refresh_tokens.sign_in("owner-1", world.now, world.record.offers[0].token)
    assert world.instance().token() == "access-1"
    assert (world.record.lost_at, world.record.news) == (None, "connected")


@pytest.mark.parametrize("model", MODELS)
def test_a_token_that_the_app_gave_before_replaces_nothing(model: RefreshModel) -> None:
    world = world_of(model)
    first = world.record.offers[0].token
    world.instance().token()
    before = world.record
    world.offer(first)
    assert world.record.offers == ()
    world.advance(3600)
    world.instance().token()
    assert world.is_connected
    assert before.refresh_token == world.record.previous


def test_an_unseen_token_waits_while_the_live_one_works_and_is_taken_when_it_does_not() -> None:
    world = world_of()
    world.instance().token()
    second = world.sign_in()
    world.offer(second)
    world.advance(3600)
    world.instance().token()
    assert [offer.token for offer in world.record.offers] == [second]
    assert world.record.refresh_token is not None
    broken = world.record.refresh_token
    world.refresh_tokens.exchange(broken, world.now)
    world.advance(3600)
    assert world.instance().token() == "access-3"
    assert (world.record.offers, world.record.previous) == ((), second)
    assert world.is_connected


def test_an_older_body_that_comes_late_does_not_push_out_the_newer_sign_in() -> None:
    world = world_of(sign_in_ends_older=True)
    world.instance().token()
    older = world.sign_in()
    newer = world.sign_in()
    world.offer(newer)
    world.offer(older)
    world.advance(3600)
    assert world.instance().token() == "access-2"
    assert world.is_connected


def test_offers_and_digests_are_bounded() -> None:
    record = new_record(START)
    for number in range(1000):
        record = offered(record, [f"token-{number}"], None, START)
    assert [offer.token for offer in record.offers] == [f"token-{999 - n}" for n in range(MOST_OFFERS)]
    assert digest_of("token-999") in record.seen
    assert len(record.seen) == account.MOST_SEEN


def test_a_pair_that_the_table_does_not_take_is_used_and_stored_as_soon_as_it_does() -> None:
    world = world_of()
    tokens = world.instance()
    store = tokens.store = MemoryStore()
    store.kept = world.store.kept
    real = store.put_if
    writes = iter([real])
    down = failing(real, times=99, done=False)

    def only_the_claim(*arguments: Any) -> Any:
        return next(writes, down)(*arguments)

    store.put_if = only_the_claim  # type: ignore[method-assign]
    assert tokens.token() == "access-1"
    assert world.record.refresh_token is None
    assert tokens.token() == "access-1"
    store.put_if = real  # type: ignore[method-assign]
    tokens.store_held()
    assert tokens.unstored == {}
    assert world.is_connected
    assert world.service.granted == 1


def test_a_pair_of_an_account_that_was_forgotten_meanwhile_is_dropped() -> None:
    world = world_of()
    world.service.after = world.store.kept.clear
    assert needs_user(world.instance()) == NOT_CONNECTED
    assert world.store.kept == {}


def test_a_pair_meant_for_a_forgotten_account_does_not_reach_the_one_of_a_later_sign_in() -> None:
    world = world_of()

    def forget_and_sign_in() -> None:
        world.service.after = lambda: None
        world.store.kept.clear()
        world.advance(1)
        world.offer(world.sign_in())

    world.service.after = forget_and_sign_in
    world.instance().token()
    assert world.is_connected
    assert world.record.generation > int(world.now.timestamp() * 1000) - 1000


@pytest.mark.parametrize("done", [False, True])
@pytest.mark.parametrize("model", MODELS)
def test_a_claim_whose_write_was_not_acknowledged_is_ones_own(model: RefreshModel, done: bool) -> None:
    world = world_of(model)
    tokens = world.instance()
    world.store.put_if = failing(world.store.put_if, times=1, done=done)  # type: ignore[method-assign]
    assert tokens.token() == "access-1"
    assert world.now - START < timedelta(seconds=1), "nobody waits for the lease"
    assert world.service.granted == 1


def test_a_claim_whose_write_was_repeated_by_the_client_is_ones_own() -> None:
    world = world_of()
    real, calls = world.store.put_if, iter([True])

    def twice(*arguments: Any) -> bool:
        written = real(*arguments)
        return real(*arguments) if next(calls, False) else written

    world.store.put_if = twice  # type: ignore[method-assign]
    assert world.instance().token() == "access-1"
    assert world.now == START
    assert world.is_connected


def test_no_exchange_starts_in_the_second_half_of_a_lease() -> None:
    world = world_of()
    tokens = world.instance()
    real, slow = world.store.put_if, iter([20.0])

    def slowly(*arguments: Any) -> bool:
        written = real(*arguments)
        world.advance(next(slow, 0.0))
        return written

    world.store.put_if = slowly  # type: ignore[method-assign]
    assert tokens.token() == "access-1"
    assert world.service.granted == 1
    assert world.record.claims == world.record.generation
    assert world.record.claims - int(START.timestamp() * 1000) == 2, "the first claim was given back unused"


@pytest.mark.parametrize("model", MODELS)
def test_an_exchange_with_a_lost_answer_is_repeated_soon(model: RefreshModel) -> None:
    world = world_of(model)
    first = world.record.offers[0].token
    world.service.before = lambda: world.refresh_tokens.exchange(first, world.now) and None
    world.service.faults.append(requests.ReadTimeout())
    with pytest.raises(TokenError) as caught:
        world.instance().token()
    assert not caught.value.needs_user
    world.service.before = lambda: None
    due = world.record.retry_at
    assert due is not None
    assert due - world.now <= timedelta(seconds=10)
    world.now = due
    if model == "24h":
        assert world.instance().token() == "access-1"
        assert world.is_connected
    else:
        assert needs_user(world.instance()) == lost_text(world.record)


def test_the_token_service_is_asked_about_once_a_minute_while_it_is_down() -> None:
    world = world_of()
    world.service.faults = [(503, {})] * 1000
    with pytest.raises(TokenError) as first:
        world.instance().token()
    assert first.value.unavailable
    for _ in range(600):
        with pytest.raises(TokenError) as caught:
            world.instance().token()
        assert caught.value.retry_after_s is not None
        world.advance(caught.value.retry_after_s)
        if world.now - START > timedelta(hours=1):
            break
    assert 60 <= len(world.service.forms) <= 70
    world.service.faults.clear()
    world.advance(60)
    assert world.instance().token() == "access-1"


def test_a_token_service_that_asks_for_a_pause_is_asked_by_no_call_and_not_by_the_clock_before_it_is_over() -> None:
    world = world_of()
    world.service.faults = [(429, {}, {"Retry-After": "180"})]
    for waited_s in (0, 61, 179):
        world.now = START + timedelta(seconds=waited_s)
        with pytest.raises(TokenError) as caught:
            world.instance().token()
        assert caught.value.retry_after_s == 180 - waited_s
    assert len(world.service.forms) == 1
    assert world.record.retry_at == START + timedelta(seconds=180)
    world.advance(1)
    assert world.instance().token() == "access-1"
    assert (world.record.asked_until, world.record.retry_at) == (None, None)


def test_a_refusal_is_doubted_while_another_instance_may_hold_the_successor() -> None:
    world = world_of()
    slow = world.instance()
    seen: list[str] = []

    def overtaken() -> None:
        world.service.after = lambda: None
        world.advance(31)
        with pytest.raises(TokenError) as caught:
            world.instance().token()
        seen.append(str(caught.value))
        assert not caught.value.needs_user
        assert not caught.value.unavailable, "the service answers: only this account is in doubt"

    world.service.after = overtaken
    assert slow.token() == "access-1"
    assert "may be renewing" in seen[0]
    assert world.is_connected
    assert world.record.lost_at is None


def test_a_token_whose_successor_died_with_its_instance_is_lost_after_the_doubt() -> None:
    world = world_of()

    def die() -> None:
        world.service.after = lambda: None
        raise SystemExit

    world.service.after = die
    with pytest.raises(SystemExit):
        world.instance().token()
    with pytest.raises(TokenError) as caught:
        world.instance().token()
    assert not caught.value.needs_user
    world.advance(45)
    assert needs_user(world.instance()) == lost_text(world.record)
    assert world.now - START < timedelta(minutes=2)


def test_the_successor_of_an_older_claim_does_not_replace_that_of_a_newer() -> None:
    world = world_of("24h")
    slow = world.instance()

    def overtaken() -> None:
        world.service.after = lambda: None
        world.advance(31)
        assert world.instance().token() == "access-2"

    world.service.after = overtaken
    assert slow.token() == "access-2"
    assert world.is_connected


def test_where_the_newest_was_granted_to_nobody_the_one_before_it_is_used_again() -> None:
    world = world_of("24h")
    world.instance().token()
    previous = world.record.previous
    assert previous is not None
    world.refresh_tokens.exchange(previous, world.now)
    assert not world.is_connected
    world.advance(3600)
    assert world.instance().token() == "access-2"
    assert world.is_connected


def test_an_idle_account_is_due_long_before_its_refresh_token_expires_and_expires_here_a_little_after() -> None:
    world = world_of()
    world.instance().token()
    world.store.kept[KEY] = replace(world.record, check_at=None, news=None, news_at=None)
    due, expires_at = world.record.due, world.record.expires_at
    assert due is not None
    assert expires_at is not None
    assert due - world.now <= timedelta(days=31)
    assert timedelta(days=92) <= expires_at - world.now <= timedelta(days=100)
    world.now = due
    tokens = world.instance()
    assert account.wants_exchange(world.record, world.now, troubled=False)
    tokens.renew(offers_first=False)
    assert world.service.granted == 2


@settings(deadline=None)
@given(
    st.sampled_from(MODELS),
    st.lists(st.tuples(st.sampled_from(["before", "after"]), st.floats(0, 120), st.booleans()), min_size=1, max_size=6),
)
def test_however_slow_exchanges_overlap_the_live_refresh_token_is_kept(
    model: RefreshModel, overlaps: list[tuple[str, float, bool]]
) -> None:
    world = world_of(model)

    def overlap(point: str) -> None:
        # While one exchange hangs at this point, time passes and another instance may come for a token too.
        if not overlaps or overlaps[0][0] != point:
            return
        _, seconds, another = overlaps.pop(0)
        world.advance(seconds)
        if another:
            try_token(world)

    world.service.before = lambda: overlap("before")
    world.service.after = lambda: overlap("after")
    for _ in range(3):
        try_token(world)
        world.advance(4000)
    overlaps.clear()
    assert world.instance().token().startswith("access-")
    assert world.is_connected


def try_token(world: AccountWorld) -> None:
    try:
        token = world.instance().token()
    except TokenError as error:
        # An instance that hangs for longer than a lease and the doubt looks dead to the others.
        if error.needs_user and world.refresh_tokens.model == "24h":
            raise
        return
    assert token.startswith("access-")


def test_many_instances_at_once_make_one_exchange() -> None:
    world = world_of()
    assert tokens_at_once(world, instances=8) == ["access-1"] * 8
    assert world.service.granted == 1


def test_a_token_that_was_issued_to_another_client_is_not_used() -> None:
    world = world_of()
    assert world.instance().token() == "access-1"
    world.endpoint = TokenEndpoint(URL, "client-2")
    assert world.instance().token() == "access-2"


def test_no_token_is_in_a_representation() -> None:
    world = world_of()
    world.offer(world.sign_in())
    text = repr(world.record) + repr(AccountRecord())
    world.instance().token()
    text += repr(world.record)
    assert "refresh-owner" not in text
    assert "owner-1-refresh" not in text
    assert "access-1" not in text
