"""The twin after reports about a car: place and plug, the account, the commands that they answer. Pure."""

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from driveway.domain.control.command_answers import answered
from driveway.domain.control.outcome import Outcome
from driveway.domain.control.settings import ControlRules
from driveway.domain.presence.observation import Observation
from driveway.domain.presence.rules import PresenceRules
from driveway.domain.reports.account_connection import (
    clear_needs_user_after_observation,
    disconnected,
    is_of_another_account,
    reconnected,
    with_vendor,
)
from driveway.domain.reports.apply_observations import apply_observations
from driveway.domain.twin import Twin
from driveway.values import replace


class VehicleReport(Struct, frozen=True):
    """A report about one car.

    Attributes:
        observations: the observations of the car.
        command_ref, command_outcome: the provider's name of a command, and its outcome.
        needs_user: the reason for which the driver has to act before the car can be reached again.
        deleted: the car was removed at its maker.
        reconnected: the driver has done what was needed.
        vendor: the make as the provider names it, of the car or of the account.
        names_car: False for a report about an account, which is sent to every car of its user.
    """

    observations: tuple[Observation, ...] = ()
    command_ref: str | None = None
    command_outcome: Outcome | None = None
    needs_user: str | None = None
    deleted: bool = False
    reconnected: bool = False
    vendor: str | None = None
    names_car: bool = True

    @property
    def only_observes(self) -> bool:
        """Whether it says nothing of an account or a command. Then the times of its observations order it."""
        return replace(self, observations=(), vendor=None, names_car=True) == VehicleReport()


def _is_after_disconnection(twin: Twin, observations: Sequence[Observation]) -> bool:
    """Whether any of the observations was made after the account was lost; an older one does not show that it works."""
    since = twin.presence.needs_user_at
    return any(since is None or one.at >= since for one in observations)


def apply_report(
    twin: Twin,
    report: VehicleReport,
    *,
    now: datetime,
    presence_rules: PresenceRules,
    control_rules: ControlRules,
    spread: float,
) -> Twin:
    """The twin after a report that arrived at ``now`` (aware UTC); ``spread`` is jitter, evenly in [0, 1)."""
    if not report.names_car and is_of_another_account(twin, report.vendor):
        return twin
    after = apply_observations(twin, report.observations, now=now, rules=presence_rules)
    after = with_vendor(after, report.vendor) if report.names_car else after
    if report.reconnected:
        after = reconnected(after, now)
    elif report.needs_user or report.deleted:
        why = report.needs_user or "the car was removed at its maker."
        after = disconnected(after, why, now, ends_reports=True)
    elif _is_after_disconnection(twin, report.observations):
        after = clear_needs_user_after_observation(after, now)
    command, outcome = after.control.command, report.command_outcome
    if outcome is None or report.command_ref is None or command is None or command.provider_ref != report.command_ref:
        return after
    return answered(
        after,
        command.id,
        outcome=outcome.kind,
        detail=outcome.detail,
        now=now,
        rules=control_rules,
        spread=spread,
        retry_after_s=outcome.retry_after_s,
        provider_ref=command.provider_ref,
    )


def apply_reports(
    twin: Twin,
    reports: Sequence[VehicleReport],
    *,
    now: datetime,
    presence_rules: PresenceRules,
    control_rules: ControlRules,
    spread: float,
) -> tuple[Twin, int]:
    """The twin after reports that arrived together, in their order, and how many of them are in it; at least one.

    The plug facts of half-hours are taken from the session that runs and the one before it. So the twin must be stored
    before a second session ends: the report that would end it, and those after it, are left for the next write.
    """
    ended_before, after = _last_session_id(twin), twin
    for number, report in enumerate(reports):
        following = apply_report(
            after, report, now=now, presence_rules=presence_rules, control_rules=control_rules, spread=spread
        )
        ended = _last_session_id(after)
        if ended not in (ended_before, _last_session_id(following)):
            return after, number
        after = following
    return after, len(reports)


def _last_session_id(twin: Twin) -> str | None:
    last = twin.presence.last_session
    return last.id if last is not None else None
