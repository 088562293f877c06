"""The simulated token service of drivers' accounts: refresh tokens that work once, and Tesla's 24 hours."""

from datetime import UTC, datetime, timedelta

import pytest

from simulators.cars.tokens import RefreshModel, RefreshTokens

NOW = datetime(2026, 1, 15, 18, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def exchanged(tokens: RefreshTokens, token: str, at: datetime = NOW) -> str:
    fresh = tokens.exchange(token, at)
    assert fresh is not None
    return fresh


@pytest.mark.parametrize("model", ["strict", "24h"])
def test_a_refresh_token_is_replaced_by_its_successor(model: RefreshModel) -> None:
    tokens = RefreshTokens(model)
    first = tokens.sign_in("owner-1", NOW)
    second = exchanged(tokens, first)
    third = exchanged(tokens, second)
    assert tokens.exchange(first, NOW) is None
    assert tokens.takes(third, NOW)


def test_a_strict_token_works_once() -> None:
    tokens = RefreshTokens("strict")
    first = tokens.sign_in("owner-1", NOW)
    second = exchanged(tokens, first)
    assert tokens.exchange(first, NOW) is None
    assert tokens.takes(second, NOW)


def test_the_last_used_token_works_again_for_a_day_and_ends_the_successor_that_it_had() -> None:
    tokens = RefreshTokens("24h")
    first = tokens.sign_in("owner-1", NOW)
    lost = exchanged(tokens, first)
    again = exchanged(tokens, first, NOW + DAY - timedelta(seconds=1))
    assert not tokens.takes(lost, NOW + DAY)
    assert tokens.takes(again, NOW + DAY)
    assert not tokens.takes(first, NOW + DAY)


def test_a_token_that_is_not_used_expires_after_three_months() -> None:
    tokens = RefreshTokens("24h")
    first = tokens.sign_in("owner-1", NOW)
    assert tokens.takes(first, NOW + 91 * DAY)
    assert not tokens.takes(first, NOW + 92 * DAY)


@pytest.mark.parametrize("ends_older", [False, True])
def test_a_new_sign_in_ends_the_older_ones_where_it_is_set_to(ends_older: bool) -> None:
    tokens = RefreshTokens(sign_in_ends_older=ends_older)
    first, other = tokens.sign_in("owner-1", NOW), tokens.sign_in("owner-2", NOW)
    second = tokens.sign_in("owner-1", NOW)
    assert tokens.takes(first, NOW) is not ends_older
    assert tokens.takes(second, NOW)
    assert tokens.takes(other, NOW)


def test_an_owner_who_ends_the_access_ends_every_token_of_it() -> None:
    tokens = RefreshTokens("24h")
    first, other = tokens.sign_in("owner-1", NOW), tokens.sign_in("owner-2", NOW)
    second = exchanged(tokens, first)
    tokens.revoke("owner-1")
    assert [tokens.takes(token, NOW) for token in (first, second, other)] == [False, False, True]
