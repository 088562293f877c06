"""Charge now: the driver's wish to charge at once, whatever the plan. It always has an end."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec import UNSET, to_builtins

from driveway.domain.preferences.answers import ChargeNowAnswer
from driveway.domain.preferences.errors import Faults, pointer_to
from driveway.domain.twin import ChargeNow

LONGEST = timedelta(hours=24)

ESCALATION = "ready-by-"
"""The prefix of the id of a charge-now that no driver asked for: Driveway began it because a ready-by was at risk."""

KWH_TIME_MARGIN = 1.25
"""The time allowed for an amount, as a multiple of that at full power: cars taper and start late. Then it ends."""

_FIELDS = ("until", "for_minutes", "kwh")


def is_escalation(boost: ChargeNow) -> bool:
    """Whether Driveway began this charge-now because a ready-by was at risk, without a driver's request."""
    return boost.id.startswith(ESCALATION)


def parse_charge_now(body: Mapping[str, Any], *, now: datetime, power_kw: float, id: str) -> ChargeNow:  # noqa: A002 - the field's name
    """The charge-now in an app's body, starting ``now`` (aware) and bounded to 24 hours.

    Exactly one of ``until`` (ISO 8601 with offset, in the future), ``for_minutes`` (a whole number, 1 to 1440) and
    ``kwh`` (more than 0). An amount ends when it is delivered, and at the latest after the time it takes at
    ``power_kw`` with a margin; one that takes longer than 24 hours ends with them. Null is absent.

    Raises:
        PreferenceError: with a pointer to every fault.
    """
    faults = Faults()
    given = faults.fields(body, "", _FIELDS)
    bounds = list(given)
    if not bounds and not faults.errors:
        faults.add("", f"Give one of {', '.join(_FIELDS)}: charging now always has an end.")
    for key in bounds[1:]:
        faults.add(pointer_to(key), f"Give only one of {', '.join(_FIELDS)}: there is {bounds[0]} already.")
    until, kwh = now, None
    if "until" in given:
        until = _read_until(given["until"], now, faults)
    if "for_minutes" in given:
        until = now + _read_minutes(given["for_minutes"], faults)
    if "kwh" in given:
        kwh = faults.number(given["kwh"], "/kwh", 0, 500, above=True)
        until = now + _time_for(kwh or 0.0, power_kw)
    faults.raise_if_any()
    return ChargeNow(id=id, started_at=now.astimezone(UTC), until=until.astimezone(UTC), kwh=kwh)


def _read_until(value: Any, now: datetime, faults: Faults) -> datetime:
    text = faults.text(value, "/until")
    if text is None:
        return now
    try:
        until = datetime.fromisoformat(text)
        if until.tzinfo is None:
            faults.add("/until", "The offset is missing: give an instant such as '2026-11-22T22:00:00Z'.")
            return now
        until = until.astimezone(UTC)
    except (ValueError, OverflowError):
        faults.add("/until", "Give an instant in ISO 8601 with offset, such as '2026-11-22T22:00:00Z'.")
        return now
    if until <= now:
        faults.add("/until", "This instant has passed.")
    elif until - now > LONGEST:
        faults.add("/until", "Charging now lasts at most 24 hours.")
    return until


def _read_minutes(value: Any, faults: Faults) -> timedelta:
    minutes = faults.number(value, "/for_minutes", 1, LONGEST / timedelta(minutes=1))
    if minutes is None:
        return timedelta(0)
    if not minutes.is_integer():
        faults.add("/for_minutes", "Give whole minutes.")
    return timedelta(minutes=minutes)


def _time_for(kwh: float, power_kw: float) -> timedelta:
    longest_s = LONGEST.total_seconds()
    if power_kw <= 0:
        return LONGEST
    return timedelta(seconds=math.ceil(min(longest_s, kwh / power_kw * 3600 * KWH_TIME_MARGIN)))


def charge_now_answer(charge_now: ChargeNow) -> ChargeNowAnswer:
    """The charge-now in an answer to the app: its start, its latest end, and the amount if it has one."""
    return ChargeNowAnswer(
        started_at=charge_now.started_at.astimezone(UTC),
        until=charge_now.until.astimezone(UTC),
        kwh=UNSET if charge_now.kwh is None else charge_now.kwh,
    )


def charge_now_body(charge_now: ChargeNow) -> dict[str, Any]:
    """``charge_now_answer`` as plain values, for the timeline."""
    body: dict[str, Any] = to_builtins(charge_now_answer(charge_now))
    return body
