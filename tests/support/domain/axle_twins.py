"""Twins to tell Axle about, and Axle's side of it as a small model."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from driveway.domain.axle_sync.answers import (
    acknowledged,
    claimed,
    put_off,
    refused,
)
from driveway.domain.axle_sync.calls import AxleCall
from driveway.domain.axle_sync.differences import next_call
from driveway.domain.preferences.departures import WEEKDAYS
from driveway.domain.twin import (
    ChargeNow,
    Intent,
    Link,
    Observed,
    Session,
    Tariff,
    Twin,
    Vehicle,
    Weekday,
    Window,
)

NOW = datetime(2026, 1, 15, 18, 0, tzinfo=UTC)  # a Thursday
AXLE_ASSET_ID = "0d6a2f0e-6f0e-4b7e-9a0c-0a5b1c2d3e4f"
NIGHT = Tariff((Window(0, 330), Window(1410, 1440)), "Europe/London", "dual_rate")
EVENING = Tariff((Window(1200, 1380),), "Europe/London", "dual_rate")
EVERY_DAY: dict[Weekday, str] = dict.fromkeys(WEEKDAYS, "07:00")
THIRTY_KWH = Intent(ready_by=EVERY_DAY, kwh=30)


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


def a_twin(**groups: Any) -> Twin:
    """An enrolled car of which Axle has received nothing."""
    link = Link(
        site="home-1",
        asset="car-1",
        type="electric_vehicle",
        power_kw=7.4,
        timezone="Europe/London",
        axle_site_id="5b0f6a0e-0000-4b7e-9a0c-0a5b1c2d3e4f",
        axle_asset_id=AXLE_ASSET_ID,
        enrolled=True,
        onboarded_at=NOW - timedelta(days=30),
        battery_kwh=64,
        vehicle=Vehicle("enode", "v-1"),
    )
    return replace(Twin(link=link, tariff=NIGHT, intent=THIRTY_KWH), **groups)


def plugged(twin: Twin, session_id: str = "s1", at: datetime = NOW) -> Twin:
    session = Session(session_id, opened_at=at, plugged_at=at)
    return replace(twin, presence=replace(twin.presence, session=session))


def unplugged(twin: Twin) -> Twin:
    return replace(twin, presence=replace(twin.presence, session=None))


def with_soc(twin: Twin, soc_pct: float, at: datetime = NOW) -> Twin:
    return replace(twin, presence=replace(twin.presence, soc_pct=Observed(soc_pct, at)))


def powered(twin: Twin, power_kw: float) -> Twin:
    return replace(twin, link=replace(twin.link, power_kw=power_kw))


def with_charge_now(twin: Twin, until: datetime, name: str = "b1") -> Twin:
    return replace(twin, charge_now=ChargeNow(name, NOW, until))


def snoozed(twin: Twin, until: datetime | None) -> Twin:
    return replace(twin, link=replace(twin.link, snoozed_until=until))


@dataclass
class ModelAxle:
    """Axle's picture of one asset. ``plug_out_ends_charge_now`` is one of the two ways in which Axle may work."""

    plug_out_ends_charge_now: bool = True
    tariff: Mapping[str, Any] | None = None
    intent: Mapping[str, Any] | None = None
    plugged_in: bool | None = None
    session_id: str | None = None
    charging_rate_kw: float | None = None
    charge_now_until: datetime | None = None
    muddled: list[str] = field(default_factory=list)

    def take(self, call: AxleCall) -> None:
        """Carry a call out. A plug-in of another session without a plug-out between is noted as a muddle."""
        body = call.body
        self.tariff = body.get("tariff", self.tariff)
        self.intent = body.get("intent", self.intent)
        self.charging_rate_kw = body.get("vehicle", {}).get("charging_rate_kw", self.charging_rate_kw)
        if call.kind == "plug-in":
            if self.plugged_in and self.session_id != call.session_id:
                self.muddled.append(f"{self.session_id} became {call.session_id}")
            self.plugged_in, self.session_id = True, call.session_id
        elif call.kind == "plug-out":
            self.plugged_in, self.session_id = False, None
            if self.plug_out_ends_charge_now:
                self.charge_now_until = None
        elif call.kind == "charge-now":
            self.charge_now_until = datetime.fromisoformat(body["end_at"])
        elif call.kind == "charge-now-deleted":
            self.charge_now_until = None


def reported(twin: Twin, now: datetime = NOW, *, refuse: tuple[str, ...] = ()) -> tuple[Twin, list[AxleCall]]:
    """The twin after all reports to Axle, and their calls; calls of the kinds in ``refuse`` are refused."""
    calls: list[AxleCall] = []
    while (call := next_call(twin, now)) is not None:
        calls.append(call)
        assert len(calls) < 20
        if call.kind in refuse:
            twin = refused(twin, call, status=400, detail=f"no {call.kind}", now=now)
        else:
            twin = acknowledged(twin, call, now)
    return twin, calls


def kinds(twin: Twin, now: datetime = NOW, *, refuse: tuple[str, ...] = ()) -> list[str]:
    return [call.kind for call in reported(twin, now, refuse=refuse)[1]]


def settled(twin: Twin, now: datetime = NOW) -> Twin:
    return reported(twin, now)[0]


def lost(twin: Twin, now: datetime = NOW) -> Twin:
    """The twin once its next call was made and never answered."""
    call = next_call(twin, now)
    assert call is not None
    return put_off(twin, "timed out", now=now, wait_s=None, spread=0, unanswered=call)


def claim(twin: Twin, now: datetime, name: str) -> Twin:
    return claimed(twin, now, id=name, until=now + minutes(2))
