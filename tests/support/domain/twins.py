"""Twins of a car: plugged in or not, charging now, snoozed, at a state of charge."""

from datetime import UTC, datetime, timedelta
from typing import Any

from driveway.domain.twin import (
    ChargeNow,
    Observed,
    Session,
    Twin,
    Vehicle,
)
from driveway.values import replace
from tests.support.domain.example_preferences import NIGHT, THIRTY_KWH
from tests.support.domain.links import a_link

NOW = datetime(2026, 1, 15, 18, 0, tzinfo=UTC)  # a Thursday
AXLE_ASSET_ID = "0d6a2f0e-6f0e-4b7e-9a0c-0a5b1c2d3e4f"


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


def a_twin(**groups: Any) -> Twin:
    """An enrolled car of which Axle has received nothing."""
    onboarded_at, vehicle = NOW - timedelta(days=30), Vehicle("enode", "v-1")
    link = a_link(onboarded_at, axle_asset_id=AXLE_ASSET_ID, battery_kwh=64, vehicle=vehicle)
    return replace(Twin(link=link, tariff=NIGHT, intent=THIRTY_KWH), **groups)


def plugged(twin: Twin, session_id: str = "s1", at: datetime = NOW) -> Twin:
    session = Session(session_id, opened_at=at, plugged_at=at)
    return replace(twin, presence=replace(twin.presence, session=session))


def unplugged(twin: Twin) -> Twin:
    return replace(twin, presence=replace(twin.presence, session=None))


def with_soc(twin: Twin, soc_pct: float, at: datetime = NOW) -> Twin:
    return replace(twin, presence=replace(twin.presence, soc_pct=Observed(soc_pct, at)))


def linked(twin: Twin, **changes: Any) -> Twin:
    """The twin with another link, such as another ``power_kw`` or ``snoozed_until``."""
    return replace(twin, link=replace(twin.link, **changes))


def with_charge_now(twin: Twin, until: datetime, name: str = "b1") -> Twin:
    return replace(twin, charge_now=ChargeNow(name, NOW, until))
