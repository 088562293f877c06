"""Rules on a clock that goes faster than the wall clock: the real latency of queues and calls changes no decision."""

from datetime import UTC, datetime

import pytest

from driveway.domain.presence.rules import PresenceRules
from driveway.runtime.clock import Clock
from driveway.runtime.context import Runtime

START = datetime(2026, 1, 15, tzinfo=UTC)


@pytest.mark.parametrize(("scale", "held_s"), [(1.0, 1200), (60.0, 1200), (300.0, 1200), (600.0, 1800)])
def test_a_plug_out_after_our_own_stop_is_held_for_three_real_seconds_at_least(scale: float, held_s: int) -> None:
    current = Runtime({}, clock=Clock(start=START, since=START, scale=scale))
    assert current.presence_rules() == PresenceRules(own_stop_debounce_s=held_s)


def test_by_the_wall_clock_the_usual_rules_hold() -> None:
    assert Runtime({}, clock=Clock()).presence_rules() == PresenceRules()
    assert Runtime({}, clock=Clock()).presence_rules(reports_leaving_home=True) == PresenceRules(
        reports_home_changes=True
    )
