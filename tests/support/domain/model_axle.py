"""Axle's side of the reports about one asset, as a small model."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from driveway.domain.axle_sync.calls import AxleCall


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
