"""The warnings that answer a charge-now which something keeps from acting."""

from datetime import UTC, datetime, timedelta

import pytest

from driveway.domain.preferences.answer_warnings import charge_now_warnings
from driveway.domain.twin import ChargeNow
from driveway.values import replace
from tests.support.functions.assets import a_twin, plugged_in

NOW = datetime(2026, 1, 15, 18, tzinfo=UTC)
BOOST = ChargeNow("one", NOW, NOW + timedelta(hours=2))


@pytest.mark.parametrize("is_boosted", [True, False])
@pytest.mark.parametrize("is_plugged", [True, False])
@pytest.mark.parametrize("snoozed_until", [None, NOW, NOW + timedelta(hours=1)])
def test_a_charge_now_warns_of_a_car_that_is_not_plugged_in_and_of_a_snooze(
    *, is_boosted: bool, is_plugged: bool, snoozed_until: datetime | None
) -> None:
    twin = a_twin(NOW - timedelta(days=3))
    twin = plugged_in(twin, NOW - timedelta(hours=1)) if is_plugged else twin
    twin = replace(twin, charge_now=BOOST if is_boosted else None, link=replace(twin.link, snoozed_until=snoozed_until))
    text = " ".join(charge_now_warnings(twin, NOW))
    assert ("not known to be plugged in at home" in text) == (is_boosted and not is_plugged)
    is_snoozed = snoozed_until is not None and snoozed_until > NOW
    assert ("We still start the car" in text) == (is_boosted and is_snoozed)
