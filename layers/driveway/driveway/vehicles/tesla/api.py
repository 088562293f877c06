"""Calls to the vehicle-command proxy, which signs the commands and passes all else on to Tesla's Fleet API."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from driveway.domain.control.provider_budget import RequestKind
from driveway.domain.twin import Vehicle
from driveway.values import replace
from driveway.vehicles.http_call import Answer, Unanswered, send
from driveway.vehicles.provider import Call
from driveway.vehicles.tesla.outcomes import Action, Judged, judge

TIMEOUT_S = (5.0, 20.0)
"""The proxy gives a command 10 s, waiting for others to the same car included, and as long again to pass it on."""

FLEET_API_BASES = (
    "https://fleet-api.prd.na.vn.cloud.tesla.com",
    "https://fleet-api.prd.eu.vn.cloud.tesla.com",
    "https://fleet-api.prd.cn.vn.cloud.tesla.cn",
)


def command(call: Call, vehicle: Vehicle, name: str, body: Mapping[str, Any], action: Action) -> Judged:
    """Send a signed command and judge the answer."""
    answer = request(call, vehicle, "POST", f"/command/{name}", body=body)
    if isinstance(answer, Unanswered):
        return Judged(answer.outcome(), doubtful=answer.sent)
    return judge(answer, action, call.now)


def request(
    call: Call,
    vehicle: Vehicle,
    method: str,
    path: str,
    *,
    body: Mapping[str, Any] | None = None,
    timeout_s: tuple[float, float] = TIMEOUT_S,
    kind: RequestKind | None = None,
) -> Answer | Unanswered:
    """One request about a car. A Fleet API base of the wrong region (421) names the right one, which is then asked.

    Only a known base of the Fleet API is believed, and only by another: a proxy's region is its operator's to set.
    """
    resource = f"/api/1/vehicles/{quote(vehicle.vehicle_id, safe='')}{path}"
    base = call.base_url.rstrip("/")
    answer = send(call, method, base + resource, timeout_s=timeout_s, body=body, kind=kind)
    if isinstance(answer, Answer) and answer.status == 421 and base in FLEET_API_BASES:
        named = next((known for known in FLEET_API_BASES if known != base and _names(answer.text, known)), None)
        if named is not None:
            there = replace(call, base_url=named)
            return send(there, method, named + resource, timeout_s=timeout_s, body=body, kind=kind)
    return answer


def _names(text: str, base: str) -> bool:
    return re.search(re.escape(base) + r"(?![\w.-])", text) is not None
