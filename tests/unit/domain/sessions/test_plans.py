"""The plan that is kept of a car: what it says of a car that is left alone."""

from datetime import UTC, datetime, timedelta

import pytest

from driveway.domain.reports.account_connection import disconnected
from driveway.domain.sessions.plan import plan_of
from driveway.domain.twin import Command, Twin, Vehicle
from driveway.domain.twin.reasons import Reason
from driveway.values import replace
from driveway.vehicles.registry import capabilities
from tests.support.functions.assets import a_twin, plugged_in

NOW = datetime(2026, 1, 15, 18, 0, tzinfo=UTC)
TESLA = Vehicle("tesla", "VIN1", user_id="owner-1", capabilities=capabilities("tesla"))


def lost() -> Twin:
    twin = plugged_in(a_twin(NOW - timedelta(days=3), vehicle=TESLA), NOW - timedelta(hours=1))
    return disconnected(twin, "It is lost.", NOW - timedelta(minutes=30))


def tried(twin: Twin) -> Twin:
    """A command tries whether the account works, so the car counts as within reach."""
    trial = Command("1", "start", "AXLE_SCHEDULE", "planned", NOW, NOW, NOW + timedelta(days=1), trial="account")
    return replace(twin, control=replace(twin.control, command=trial))


@pytest.mark.parametrize("twin", [lost(), tried(lost())], ids=["lost", "tried"])
@pytest.mark.parametrize("is_enrolled", [True, False])
def test_a_lost_account_is_the_reason_unless_the_home_takes_no_part(twin: Twin, *, is_enrolled: bool) -> None:
    twin = replace(twin, link=replace(twin.link, enrolled=is_enrolled))
    assert plan_of(twin, NOW).left_alone is (Reason.PROVIDER_NEEDS_USER if is_enrolled else Reason.NOT_ENROLLED)
