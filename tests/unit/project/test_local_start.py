"""The local stack at its start: what fails once is tried again."""

import pytest

from local import stack
from local.processes import NotReadyError


def test_a_function_that_fails_once_while_others_start_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stack, "BETWEEN_TRIES_S", 0.0)
    problems: list[str | None] = ["charge-control failed", None, "never asked"]
    stack._until_it_answers(lambda: problems.pop(0))
    assert problems == ["never asked"]


def test_a_function_that_goes_on_failing_is_named_with_its_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stack, "BETWEEN_TRIES_S", 0.0)
    with pytest.raises(NotReadyError, match="charge-control failed: no module"):
        stack._until_it_answers(lambda: "charge-control failed: no module")
