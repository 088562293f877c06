"""A report of a command's outcome, which some car makers send after they took the command."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from driveway.domain.control.outcome import Outcome
from driveway.domain.control.settings import ControlRules
from driveway.domain.presence.rules import PresenceRules
from driveway.domain.twin import Command, OutcomeKind, Twin, Vehicle
from driveway.domain.vehicle_report import VehicleReport, apply_report
from driveway.values import replace
from driveway.vehicles.registry import capabilities
from tests.support.functions.assets import a_twin, plugged_in

NOW = datetime(2026, 1, 15, 18, 0, tzinfo=UTC)
ENODE = Vehicle("enode", "car", user_id="owner-1", capabilities=capabilities("enode"))
SENT = Command(
    "one", "start", "AXLE_SCHEDULE", "sent", NOW, NOW, NOW + timedelta(days=1), sent_at=NOW, provider_ref="action-1"
)


def after_report(**report: Any) -> Twin:
    twin = plugged_in(a_twin(NOW - timedelta(days=3), vehicle=ENODE), NOW - timedelta(hours=1))
    twin = replace(twin, control=replace(twin.control, command=replace(SENT, outcome="ACCEPTED", attempts=1)))
    return apply_report(
        twin,
        VehicleReport(**report),
        now=NOW + timedelta(minutes=1),
        presence_rules=PresenceRules(),
        control_rules=ControlRules(),
        spread=0.5,
    )


@pytest.mark.parametrize(
    ("ref", "outcome", "then"),
    [
        ("action-1", Outcome(OutcomeKind.RETRYABLE, "The car did not answer in time."), "RETRYABLE"),
        ("action-2", Outcome(OutcomeKind.RETRYABLE, "The car did not answer in time."), "ACCEPTED"),
        (None, Outcome(OutcomeKind.RETRYABLE, "The car did not answer in time."), "ACCEPTED"),
        ("action-1", None, "ACCEPTED"),
    ],
    ids=["our command", "another command", "no name of a command", "no outcome"],
)
def test_a_report_answers_the_command_that_it_names_and_no_other(
    ref: str | None, outcome: Outcome | None, then: str
) -> None:
    after = after_report(command_ref=ref, command_outcome=outcome)
    assert after.control.command is not None
    assert after.control.command.outcome == then
