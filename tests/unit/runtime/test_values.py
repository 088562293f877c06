"""Values of the library: what a copy keeps, and what is never shown."""

from datetime import UTC, datetime

import pytest

from driveway.domain.presence.observation import Observation, Position, Whereabouts
from driveway.store.tokens import AccountRecord
from driveway.values import replace

START = datetime(2026, 1, 15, 18, tzinfo=UTC)

HOME = Position(51.501, -0.141, START)


def test_a_copy_has_the_replaced_fields_and_all_others_of_the_value() -> None:
    seen = Observation(START, "enode", plugged_in=True, soc_pct=41.0)
    assert replace(seen, soc_pct=42.0) == Observation(START, "enode", plugged_in=True, soc_pct=42.0)
    assert seen.soc_pct == 41.0
    with pytest.raises(TypeError, match="soc"):
        replace(seen, soc=42.0)


@pytest.mark.parametrize(
    "value",
    [HOME, Whereabouts(position=HOME), Observation(START, "enode", whereabouts=Whereabouts(position=HOME))],
    ids=lambda value: type(value).__name__,
)
def test_a_position_is_shown_in_no_value_that_holds_it(value: object) -> None:
    assert "51.5" not in repr(value)
    assert "0.141" not in repr(value)


def test_an_account_shows_its_state_and_none_of_its_tokens() -> None:
    shown = repr(AccountRecord(access_token="access-1", refresh_token="refresh-1", previous="refresh-0", generation=3))
    assert "generation=3" in shown
    assert not any(secret in shown for secret in ("access-1", "refresh-1", "refresh-0"))
