"""State reads that count in the budgets, and what the operator learns of the budgets."""

from driveway.domain.control.budgets import budget_of, month_is_reserved, with_requests_counted, with_requests_made
from driveway.domain.control.outcome import Outcome
from driveway.domain.twin import Twin, Vehicle
from driveway.runtime.context import Runtime
from driveway.values import replace
from driveway.vehicles.connections import connect
from driveway.vehicles.registry import commands
from driveway.vehicles.request_meter import RequestMeter

MOST_REQUESTS = 10
"""What is counted before a command or a state read: a read of eight pages, a command, and one with another token."""


def read_counted(twin: Twin, vehicle: Vehicle, meter: RequestMeter, runtime: Runtime) -> Outcome | None:
    """Read the car's state; None if a budget holds the read back.

    Its requests are counted on the twin before and corrected after, so that a lost answer counts too much.

    Raises:
        UnknownAssetError: the asset is gone.
    """
    now, rules = runtime.now(), runtime.control_rules
    if month_is_reserved(twin, now, rules) or meter.prepay("data") is not None:
        runtime.logger.info("held back", extra={"action": "look"})
        report_reserve(twin, meter, runtime)
        return None
    counted = MOST_REQUESTS if budget_of(twin, rules).car_month_requests is not None else 0
    _count(twin, counted, runtime)
    outcome = commands(vehicle.provider).read_state(connect(vehicle, twin, meter, runtime), vehicle)

    def rule(present: Twin) -> Twin:
        return with_requests_made(present, meter.made, counted=counted, counted_at=now, now=runtime.now())

    report_reserve(runtime.table.change_twin(twin.link.asset, rule, now=runtime.now()).after, meter, runtime)
    return outcome


def _count(twin: Twin, requests: int, runtime: Runtime) -> None:
    if requests == 0:
        return
    now = runtime.now()

    def rule(present: Twin) -> Twin:
        return replace(present, control=with_requests_counted(present.control, requests, now))

    runtime.table.change_twin(twin.link.asset, rule, now=now)


def report_reserve(twin: Twin | None, meter: RequestMeter, runtime: Runtime) -> None:
    """Report to the operator that only the reserved part of a month is left, and a request used it or was held back."""
    of_car = twin is not None and month_is_reserved(twin, runtime.now(), runtime.control_rules)
    if not of_car and not meter.from_reserve:
        return
    from driveway.runtime.metrics import emit

    budget = "the bill" if meter.from_reserve else "the car's month"
    runtime.logger.warning("only the reserve is left", extra={"provider": meter.provider, "budget": budget})
    emit({"BudgetsReached": 1}, runtime)
