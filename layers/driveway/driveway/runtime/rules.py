"""The domain's rules as a deployment sets them. A scaled clock lengthens what depends on the real time of calls."""

from datetime import timedelta
from typing import cast, get_args

from driveway.domain.control.breaker import BreakerRules
from driveway.domain.control.provider_budget import USUAL_BUDGETS, ProviderBudget
from driveway.domain.control.settings import ControlRules, RespectStops
from driveway.domain.presence.rules import PresenceRules
from driveway.runtime.clock import Clock
from driveway.runtime.settings import Settings


def breaker_rules(settings: Settings, clock: Clock) -> BreakerRules:
    """When breakers open. What is counted in calls is scaled; pauses follow the clock, as outages do."""
    return BreakerRules(
        failures_apart=clock.real_time(120.0),
        probe_lease=clock.real_time(120.0),
        drain=timedelta(seconds=settings.number("BREAKER_DRAIN_S", 60)),
    )


def control_rules(settings: Settings, clock: Clock) -> ControlRules:
    """How cars are commanded and protected.

    Raises:
        SettingsError: a setting has no such value.
    """
    usual = ControlRules()
    return ControlRules(
        lead=clock.real_time(2.0),
        confirm_start_within=max(usual.confirm_start_within, clock.real_time(5.0)),
        confirm_stop_within=max(usual.confirm_stop_within, clock.real_time(5.0)),
        lost_after=max(usual.lost_after, clock.real_time(3.0)),
        command_ttl=max(usual.command_ttl, clock.real_time(10.0)),
        default_spread_s=int(settings.number("DEFAULT_EDGE_SPREAD_S", 0)),
        escalate=settings.flag("READY_BY_ESCALATION", default=False),
        daily_commands=int(settings.number("DAILY_COMMANDS", usual.daily_commands)),
        daily_wakes=int(settings.number("DAILY_WAKE_UPS", usual.daily_wakes)),
        budgets={name: _budget(settings, name, budget) for name, budget in USUAL_BUDGETS.items()},
        respect_stops=cast("RespectStops", settings.choice("RESPECT_STOPS", "second", get_args(RespectStops))),
        respect_interference=settings.flag("RESPECT_INTERFERENCE", default=usual.respect_interference),
    )


def _budget(settings: Settings, provider: str, usual: ProviderBudget) -> ProviderBudget:
    """The budget at a provider; a limit of 0 is none."""
    setting, name = settings.number, provider.upper()
    return ProviderBudget(
        car_month_requests=int(setting(f"{name}_CAR_MONTH_REQUESTS", usual.car_month_requests or 0)) or None,
        bucket_requests=int(setting(f"{name}_BUCKET_REQUESTS", usual.bucket_requests or 0)) or None,
        bucket_refill_per_min=setting(f"{name}_BUCKET_REFILL_PER_MIN", usual.bucket_refill_per_min),
        month_bill_usd=setting(f"{name}_MONTH_BILL_USD", usual.month_bill_usd or 0.0) or None,
        command_usd=setting(f"{name}_COMMAND_USD", usual.command_usd),
        data_usd=setting(f"{name}_DATA_USD", usual.data_usd),
        wake_usd=setting(f"{name}_WAKE_USD", usual.wake_usd),
    )


def presence_rules(clock: Clock, *, reports_leaving_home: bool) -> PresenceRules:
    """When reports of plug and place count. A scaled clock holds a plug-out longer, so a contradiction can arrive."""
    held_s = max(PresenceRules().own_stop_debounce_s, round(clock.real_time(3.0).total_seconds()))
    return PresenceRules(reports_home_changes=reports_leaving_home, own_stop_debounce_s=held_s)
