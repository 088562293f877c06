"""How many commands, wake-ups and requests there are: for a car by the day and by the month, for a provider. Pure.

A day and a month are of UTC. A day protects the car. A month keeps within what the provider's plan allows: requests
about a car are counted on its twin, the bill of a stack and its requests at once in records that all cars of a provider
share (``store.budgets``). The last part of each is kept for letting cars charge. Of a month, only what may wait is held
back: a start of a car that does not charge, and each command that releases a car, is sent even if the whole month is
used up by our count, because a wrong count must not leave a car without charge. The provider's own limit is its bound.
"""

from datetime import UTC, datetime, timedelta

from driveway.domain.control.held_back import HeldBack
from driveway.domain.control.provider_budget import ProviderBudget, unreserved
from driveway.domain.control.required_command import observed_state_matches
from driveway.domain.control.settings import ControlRules
from driveway.domain.twin import CommandAction, Control, Twin
from driveway.domain.twin.reasons import Reason
from driveway.values import replace

RELEASES: frozenset[CommandAction] = frozenset({"remove_default", "restore_current"})
"""The commands beside a start that leave the car able to charge as its driver chose."""

LET_CHARGE: frozenset[CommandAction] = RELEASES | {"start"}

RESERVED_FOR_STARTS = 2
RESERVED_WAKES = 2


def budget_spent(twin: Twin, action: CommandAction, now: datetime, rules: ControlRules) -> HeldBack | None:
    """The budget that holds back a command of this kind to the vehicle at ``now`` (aware UTC); None when none does."""
    if not lets_charge(twin, action) and month_is_reserved(twin, now, rules):
        return HeldBack(Reason.MONTHLY_BUDGET_SPENT, next_month(now))
    if commands_spent(twin, now) >= allowance(twin, action, rules):
        return HeldBack(Reason.DAILY_BUDGET_SPENT, _midnight(now) + timedelta(days=1))
    return None


def lets_charge(twin: Twin, action: CommandAction) -> bool:
    """Whether a command of this kind lets the car charge, so that the reserved part of each budget is for it."""
    return action in RELEASES or (action == "start" and not observed_state_matches(twin, "start"))


def commands_spent(twin: Twin, now: datetime) -> int:
    """The number of commands to the vehicle in the present UTC day."""
    return twin.control.commands_today if twin.control.budget_day == day_of(now) else 0


def allowance(twin: Twin, action: CommandAction, rules: ControlRules) -> int:
    """The number of commands a day for this kind; the last ones are kept for letting the car charge."""
    return rules.daily_commands if lets_charge(twin, action) else rules.daily_commands - RESERVED_FOR_STARTS


def may_wake(twin: Twin, action: CommandAction, now: datetime, rules: ControlRules) -> bool:
    """Whether the vehicle may be woken once more in the present UTC day; the last wake-ups are kept for charging."""
    spent = twin.control.wakes_today if twin.control.budget_day == day_of(now) else 0
    reserved = RESERVED_WAKES if action == "install_default" else 0
    return spent < rules.daily_wakes - reserved


def month_is_reserved(twin: Twin, now: datetime, rules: ControlRules) -> bool:
    """Whether what is left of the car's requests in the present month is kept for letting it charge."""
    most = budget_of(twin, rules).car_month_requests
    return most is not None and requests_spent(twin.control, now) >= unreserved(most)


def requests_spent(control: Control, now: datetime) -> int:
    """The number of requests to the provider about the vehicle in the present UTC month."""
    return control.requests_this_month if control.budget_month == month_of(now) else 0


def with_command_counted(control: Control, requests: int, now: datetime) -> Control:
    """The control group with one more command of the day, and its requests of the month."""
    control = _on_day(control, now)
    return with_requests_counted(replace(control, commands_today=control.commands_today + 1), requests, now)


def with_wake_counted(control: Control, now: datetime) -> Control:
    """The control group with one more wake-up of the day."""
    control = _on_day(control, now)
    return replace(control, wakes_today=control.wakes_today + 1)


def with_requests_counted(control: Control, requests: int, now: datetime) -> Control:
    """The control group with so many more requests of the month."""
    return replace(control, budget_month=month_of(now), requests_this_month=requests_spent(control, now) + requests)


def with_requests_made(twin: Twin, made: int, *, counted: int, counted_at: datetime, now: datetime) -> Twin:
    """The twin once it is known how many requests were made, in place of the ``counted`` that were counted before.

    What was counted in an earlier month stays there, and what was made counts in the present one as well.
    """
    control = twin.control
    instead_of = counted if month_of(counted_at) == control.budget_month == month_of(now) else 0
    spent = max(0, requests_spent(control, now) - instead_of) + made
    return replace(twin, control=replace(control, budget_month=month_of(now), requests_this_month=spent))


def _on_day(control: Control, now: datetime) -> Control:
    if control.budget_day == day_of(now):
        return control
    return replace(control, budget_day=day_of(now), commands_today=0, wakes_today=0)


def budget_of(twin: Twin, rules: ControlRules) -> ProviderBudget:
    """The budget at the provider of the twin's vehicle."""
    return rules.budgets.get(twin.link.vehicle.provider if twin.link.vehicle else "", ProviderBudget())


def day_of(now: datetime) -> str:
    """The UTC day that budgets are counted by."""
    return now.astimezone(UTC).date().isoformat()


def month_of(now: datetime) -> str:
    """The UTC month that budgets are counted by."""
    return day_of(now)[:7]


def next_month(now: datetime) -> datetime:
    """The beginning of the next UTC month."""
    return (_midnight(now).replace(day=1) + timedelta(days=32)).replace(day=1)


def _midnight(now: datetime) -> datetime:
    return now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
