"""The authorizer: whose token it is, and nothing else."""

import hashlib
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.functions.assets import sample, set_secret
from tests.support.functions.rig import Rig, function


def digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def scope(headers: dict[str, str] | None) -> str:
    answer: dict[str, Any] = function("authorizer").handler({"headers": headers}, None)
    assert answer["isAuthorized"] is True
    assert set(answer["context"]) == {"scope", "name"}
    return str(answer["context"]["scope"])


@pytest.fixture
def tokens(rig: Rig) -> Rig:
    """A stage on which two tokens of the app's and one of Axle's are valid."""
    known = {"app": [digest("app-old"), digest("app-new").upper()], "axle": [digest("axle-1")]}
    set_secret(rig, "API_TOKENS_SECRET", known)
    return rig


@pytest.mark.parametrize(
    ("token", "expected"), [("app-old", "app"), ("app-new", "app"), ("axle-1", "axle"), ("other", ""), ("", "")]
)
def test_a_token_has_the_scope_it_was_given_and_two_are_valid_at_once(tokens: Rig, token: str, expected: str) -> None:
    assert scope({"authorization": f"Bearer {token}"}) == expected


@pytest.mark.parametrize(
    "headers",
    [{"Authorization": "Bearer app-old"}, {"AUTHORIZATION": "bearer app-old"}, {"authorization": "BEARER  app-old "}],
)
def test_header_name_and_scheme_are_read_in_either_case(tokens: Rig, headers: dict[str, str]) -> None:
    assert scope(headers) == "app"


@pytest.mark.parametrize(
    "headers",
    [
        None,
        {},
        {"authorization": ""},
        {"authorization": "Bearer"},
        {"authorization": "app-old"},
        {"authorization": "Basic app-old"},
        {"authorization": "Bearer app-old app-old"},
        {"authorization": f"Bearer {digest('app-old')}"},
        {"x-authorization": "Bearer app-old"},
    ],
)
def test_a_token_of_any_other_form_has_no_scope(tokens: Rig, headers: dict[str, str] | None) -> None:
    assert scope(headers) == ""


def test_a_removed_token_is_no_longer_valid(tokens: Rig) -> None:
    set_secret(tokens, "API_TOKENS_SECRET", {"app": [digest("app-new")], "axle": []})
    assert [scope({"authorization": f"Bearer {token}"}) for token in ("app-old", "app-new", "axle-1")] == [
        "",
        "app",
        "",
    ]


def test_a_stack_without_tokens_refuses_everyone(rig: Rig) -> None:
    for known in ({}, {"app": [], "axle": []}, {"app": [""], "axle": [""]}):
        set_secret(rig, "API_TOKENS_SECRET", known)
        assert scope({"authorization": "Bearer "}) == ""
        assert scope({"authorization": "Bearer x"}) == ""


def test_the_sample_event_is_understood(tokens: Rig) -> None:
    set_secret(tokens, "API_TOKENS_SECRET", {"app": [digest("example-token")]})
    answer = function("authorizer").handler(sample("authorizer"), None)
    assert answer == {"isAuthorized": True, "context": {"scope": "app", "name": digest("example-token")[:8]}}


def test_a_token_of_support_has_the_name_that_it_was_given(tokens: Rig) -> None:
    set_secret(tokens, "API_TOKENS_SECRET", {"support": {"anna": digest("a"), "ben": digest("b").upper()}, "axle": []})
    called = [function("authorizer").handler({"headers": {"authorization": f"Bearer {one}"}}, None) for one in "abc"]
    assert [one["context"] for one in called] == [
        {"scope": "support", "name": "anna"},
        {"scope": "support", "name": "ben"},
        {"scope": "", "name": ""},
    ]


@given(text=st.text(max_size=30))
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_header_is_our_fault(tokens: Rig, text: str) -> None:
    assert scope({"authorization": text}) == ""
    assert scope({"authorization": f"Bearer {text}"}) in {"", "app", "axle"}
