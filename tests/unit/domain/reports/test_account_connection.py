"""A new sign-in ends the pauses of a lost account, whichever command found the loss."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from driveway.domain.control.reconcile import control_due, step
from driveway.domain.control.settings import ControlRules
from driveway.domain.presence.rules import PresenceRules
from driveway.domain.reports.account_connection import disconnected, granted_again, lost_again, reconnected
from driveway.domain.twin import Command, Observed, Twin, Vehicle
from driveway.domain.vehicle_report import VehicleReport, apply_report
from driveway.values import replace
from driveway.vehicles.registry import capabilities
from tests.support.functions.assets import a_twin, plugged_in

NOW = datetime(2026, 1, 15, 18, 0, tzinfo=UTC)
RULES = ControlRules()
TESLA = Vehicle("tesla", "VIN1", user_id="owner-1", capabilities=capabilities("tesla"))


def refused(action: Any, **changes: Any) -> Command:
    values = {"outcome": "NEEDS_USER", "state": "failed", "ended_at": NOW, **changes}
    return Command("1", action, "DEFAULT_PEAK", values.pop("state"), NOW, NOW, NOW + timedelta(days=1), **values)


def charging_in_the_peak() -> Twin:
    """A Tesla whose account is lost, that charges at home though the default schedule holds it."""
    twin = plugged_in(a_twin(NOW - timedelta(days=3), vehicle=TESLA), NOW - timedelta(hours=1))
    twin = replace(twin, presence=replace(twin.presence, charging=Observed(True, NOW - timedelta(minutes=5))))
    return replace(disconnected(twin, "It is lost.", NOW), news=())


def lost_by(command: str) -> Twin:
    twin = charging_in_the_peak()
    if command == "stop":
        control = replace(twin.control, command=refused("stop"), failures=3, breaker_until=NOW + timedelta(minutes=66))
    else:
        schedule = refused("install_default", confirm_by=NOW + timedelta(days=1))
        control = replace(twin.control, schedule_command=schedule)
    return replace(twin, control=control)


@pytest.mark.parametrize("command", ["stop", "install_default"])
def test_before_the_sign_in_nothing_is_commanded_and_after_it_everything_is(command: str) -> None:
    later = NOW + timedelta(minutes=20)
    before = step(lost_by(command), later, RULES)
    assert before.control.command is None or before.control.command.state == "failed"
    twin = granted_again(lost_by(command), later)
    assert [entry.event for entry in twin.news] == ["Reconnected"]
    assert control_due(replace(twin, news=()), later, RULES) == later
    after = step(twin, later, RULES).control
    assert after.command is not None
    assert (after.command.action, after.command.state) == ("stop", "planned")
    assert after.schedule_command is not None
    assert (after.schedule_command.action, after.schedule_command.state) == ("install_default", "planned")


def test_a_command_whose_refusal_was_not_judged_yet_does_not_pause_the_car_after_the_sign_in() -> None:
    sent = refused("stop", state="sent", sent_at=NOW, ended_at=None, attempts=1)
    twin = charging_in_the_peak()
    twin = granted_again(replace(twin, control=replace(twin.control, command=sent)), NOW)
    after = step(twin, NOW, RULES).control
    assert after.breaker_until is None
    assert after.command is not None
    assert after.command.state == "planned"


def test_a_car_that_the_loss_did_not_touch_is_left_as_it_is() -> None:
    twin = plugged_in(a_twin(NOW - timedelta(days=3), vehicle=TESLA), NOW - timedelta(hours=1))
    failed = replace(twin.control, command=refused("stop", outcome="FAILED"), breaker_until=NOW + timedelta(hours=1))
    for untouched in (twin, replace(twin, control=failed)):
        assert granted_again(untouched, NOW) is untouched


def test_a_sign_in_without_success_gives_one_notice_and_a_known_loss_gives_none() -> None:
    known, later = charging_in_the_peak(), NOW + timedelta(minutes=10)
    unreported = lost_again(known, "It is lost.", signed_in_at=NOW - timedelta(days=9), now=later)
    assert (unreported.news, unreported.presence.unreported_since) == (known.news, later)
    assert (
        lost_again(unreported, "It is lost.", signed_in_at=NOW - timedelta(days=9), now=later + timedelta(hours=1))
        is unreported
    )
    again = lost_again(known, "It is lost again.", signed_in_at=NOW + timedelta(minutes=5), now=later)
    assert [entry.event for entry in again.news] == ["NeedsAttention"]
    assert again.presence.needs_user == "It is lost again."
    informed = replace(again, news=())
    assert lost_again(informed, "It is lost again.", signed_in_at=NOW + timedelta(minutes=5), now=later) is informed


def test_a_lost_account_ends_reports_until_it_works_again_and_a_refused_command_does_not() -> None:
    refused_only = disconnected(a_twin(NOW), "It is refused.", NOW)
    assert refused_only.presence.unreported_since is None
    lost = disconnected(refused_only, "It is lost.", NOW + timedelta(minutes=5), ends_reports=True)
    assert lost.presence.unreported_since == NOW + timedelta(minutes=5)
    assert reconnected(lost, NOW + timedelta(hours=1)).presence.unreported_since is None


def test_the_report_of_a_lost_account_ends_reports() -> None:
    report = VehicleReport(needs_user="It is lost.")
    after = apply_report(a_twin(NOW), report, now=NOW, presence_rules=PresenceRules(), control_rules=RULES, spread=0.0)
    assert after.presence.unreported_since == NOW
