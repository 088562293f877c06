"""Two requests for one asset at once end as one after the other, in either order. All of them: ``make pairs``."""

import pytest

from tests.world.crash_points import prepared
from tests.world.pairs import STAGE, try_pair


@pytest.mark.parametrize(("first", "second"), [("tariff", "opt-out"), ("charge-now", "plug-out"), ("profile", "clear")])
def test_two_at_one_asset_end_as_one_after_the_other(first: str, second: str) -> None:
    with prepared(STAGE) as (stage, home):
        found = try_pair(first, second, stage, home)
    assert found.calls > 0
    assert not found.wrong, "\n".join(found.wrong)
