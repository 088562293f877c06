"""Two requests for one asset at once end as one after the other, in either order. All of them: ``make pairs``."""

import pytest

from tests.world.pairs import try_pair


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("tariff", "opt-out"),
        ("charge-now", "plug-out"),
        ("lower profile", "profile"),
        ("report", "plug-out"),
        ("erasure", "onboarding"),
        ("charger's stop", "erasure"),
    ],
)
def test_two_at_one_asset_end_as_one_after_the_other(first: str, second: str) -> None:
    found = try_pair(first, second)
    assert found.calls > 0
    assert not found.wrong, "\n".join(found.wrong)
