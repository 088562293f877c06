"""How a session's energy divides: inside and outside the plan and the off-peak windows, and what it cost. Pure."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from msgspec import Struct

from driveway.domain.half_hours import HALF_HOUR, half_hours_between
from driveway.domain.schedules.default_schedule import off_peak_intervals
from driveway.domain.sessions.plan import InForce, Plan, energy_allowed_kwh
from driveway.domain.sessions.verdict import HalfHour
from driveway.domain.twin import Tariff


class Shares(Struct, frozen=True):
    """Energies in kWh. Costs in pence; None where the app gave no prices for every half-hour with energy.

    ``cost_at_once_pence`` is what the same energy would have cost at full power from the plug-in on.
    """

    in_plan_kwh: float
    out_of_plan_kwh: float
    off_peak_kwh: float
    peak_kwh: float
    cost_pence: float | None
    cost_at_once_pence: float | None


def shares(
    half_hours: Iterable[HalfHour], parts: Sequence[InForce], plans: Sequence[Plan], start: datetime, power_kw: float
) -> Shares:
    """How the energy of a session that began at ``start`` (aware UTC) divides.

    A half-hour that is off-peak in part counts by time.
    """
    measured = [one for one in half_hours if one.energy_kwh]
    in_plan_kwh = sum(min(_kwh(one), _allowed_kwh(parts, one, power_kw)) for one in measured)
    off_peak_kwh = sum(_kwh(one) * _off_peak_share(plans, one.start) for one in measured)
    total_kwh = sum(map(_kwh, measured))
    return Shares(
        in_plan_kwh=in_plan_kwh,
        out_of_plan_kwh=total_kwh - in_plan_kwh,
        off_peak_kwh=off_peak_kwh,
        peak_kwh=total_kwh - off_peak_kwh,
        cost_pence=_cost_pence(measured, plans),
        cost_at_once_pence=_cost_pence(_at_once(start, total_kwh, power_kw), plans),
    )


def _kwh(one: HalfHour) -> float:
    return one.energy_kwh or 0.0


def _allowed_kwh(parts: Sequence[InForce], one: HalfHour, power_kw: float) -> float:
    return energy_allowed_kwh(parts, one.start, one.start + HALF_HOUR, power_kw=power_kw, where_unknown=True)


def _plan_at(plans: Sequence[Plan], at: datetime) -> Plan | None:
    return next((plan for plan in reversed(plans) if plan.at <= at), plans[0] if plans else None)


def _off_peak_share(plans: Sequence[Plan], half_hour: datetime) -> float:
    plan = _plan_at(plans, half_hour)
    if plan is None:
        return 0.0
    tariff = Tariff(plan.off_peak, plan.tariff_timezone)
    spans = off_peak_intervals(tariff, half_hour, half_hour + HALF_HOUR)
    return sum(((until - since) / HALF_HOUR for since, until in spans), 0.0)


def _cost_pence(half_hours: Iterable[HalfHour], plans: Sequence[Plan]) -> float | None:
    total = 0.0
    for one in half_hours:
        if not one.energy_kwh:
            continue
        plan = _plan_at(plans, one.start)
        if plan is None or not plan.pence_per_kwh:
            return None
        local = one.start.astimezone(ZoneInfo(plan.tariff_timezone))
        total += _kwh(one) * plan.pence_per_kwh[local.hour * 2 + local.minute // 30]
    return total


def _at_once(start: datetime, total_kwh: float, power_kw: float) -> list[HalfHour]:
    """The half-hours of the same energy at full power from ``start`` on."""
    if power_kw <= 0:
        return []
    end = start + timedelta(hours=total_kwh / power_kw)
    return [
        HalfHour(slot, power_kw * (min(end, slot + HALF_HOUR) - max(start, slot)) / timedelta(hours=1))
        for slot in half_hours_between(start, end)
    ]
