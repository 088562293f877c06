"""The simulator's own routes under ``/_sim``: configure it, make it misbehave, inspect it."""

import json
import uuid
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from fastapi import APIRouter, HTTPException, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict

from driveway.runtime.clock import Clock
from simulators.axle.models import as_json
from simulators.axle.planner import charging_profile
from simulators.axle.readings import Rejection
from simulators.axle.sites import site_response
from simulators.axle.state import AxleState
from simulators.axle.world import Asset, Config, DeliveryMode, FlexEvent, Meter, MpanFacts, Rewards, Site
from simulators.common.instrument import CONTROL_PREFIX

Model = TypeVar("Model", bound=BaseModel)


class IssueBody(BaseModel):
    """A schedule to send now: the given profile as it is, else a plan made now.

    ``envelope_id`` and ``created_at`` only show in the envelope.
    """

    model_config = ConfigDict(extra="forbid")

    profile: Any = None
    mode: DeliveryMode | None = None
    created_at: AwareDatetime | None = None
    envelope_id: str | None = None


class EventToSend(BaseModel):
    """An event to send now. ``payload`` gets the asset's id, and with ``wants_status`` an event id and a callback."""

    model_config = ConfigDict(extra="forbid")

    event_type: str = "asset:dispatch:requested"
    payload: dict[str, Any] = {}
    wants_status: bool = True


def control_routes(simulator: AxleState, clock: Clock) -> APIRouter:
    """The routes under ``/_sim`` besides those for faults and requests."""
    routes = APIRouter(prefix=CONTROL_PREFIX)
    _settings(routes, simulator)
    _schedules(routes, simulator)
    _inspection(routes, simulator, clock)
    return routes


def _settings(routes: APIRouter, simulator: AxleState) -> None:
    world = simulator.world

    @routes.get("/config")
    async def get_config() -> Config:
        with world.lock:
            return world.config.model_copy(deep=True)

    @routes.post("/config")
    async def set_config(changes: dict[str, Any]) -> Config:
        with world.lock:
            world.config = _merged(world.config, changes)
            return world.config.model_copy(deep=True)

    @routes.post("/mpans/{mpan}")
    async def set_mpan(mpan: str, changes: dict[str, Any]) -> MpanFacts:
        with world.lock:
            world.mpans[mpan] = _merged(world.facts(mpan), changes)
            return world.mpans[mpan]

    @routes.post("/sites/{site_id}/rewards")
    async def set_rewards(site_id: UUID, changes: dict[str, Any]) -> Rewards:
        with world.lock:
            site = world.site(site_id)
            site.rewards = _merged(site.rewards, changes)
            return site.rewards

    @routes.post("/sites/{site_id}/flex-events", status_code=204)
    async def set_flex_events(site_id: UUID, events: list[FlexEvent]) -> None:
        with world.lock:
            world.site(site_id).flex_events = events

    @routes.post("/meters", status_code=204)
    async def set_meters(meters: list[Meter]) -> None:
        with world.lock:
            world.meters = meters

    @routes.post("/readings/reject", status_code=204)
    async def reject_readings(body: Rejection) -> None:
        simulator.readings.reject(body)

    @routes.delete("/readings/reject", status_code=204)
    async def stop_rejecting() -> None:
        simulator.readings.stop_rejecting()

    @routes.post("/tokens/revoke", status_code=204)
    async def revoke_tokens() -> None:
        simulator.tokens.revoke_all()

    @routes.post("/reset", status_code=204)
    async def reset() -> None:
        simulator.reset()


def _schedules(routes: APIRouter, simulator: AxleState) -> None:
    world, deliveries = simulator.world, simulator.deliveries

    @routes.post("/assets/{asset_id}/issue")
    async def issue(asset_id: str, body: IssueBody | None = None) -> dict[str, int]:
        asked = body or IssueBody()
        how: dict[str, Any] = {
            "mode": asked.mode,
            "created_at": asked.created_at,
            "envelope_id": asked.envelope_id,
        }
        with world.lock:
            asset = world.asset_by_any_id(asset_id)
            if asked.profile is not None:
                return {"delivery": deliveries.issue(str(asset.id), asked.profile, **how)}
            if reason := simulator.events.why_no_schedule(asset):
                raise HTTPException(409, f"No schedule: {reason}")
            return {"delivery": simulator.events.issue(asset, **how)}

    @routes.post("/assets/{asset_id}/event")
    async def send_event(asset_id: str, body: EventToSend) -> dict[str, Any]:
        with world.lock:
            asset = str(world.asset_by_any_id(asset_id).id)
        event_id = str(uuid.uuid4())
        payload = {"asset_id": asset, **body.payload}
        if body.wants_status:
            # The address is another's: the status belongs to Axle's own API.
            payload |= {"event_id": event_id, "update_status_callback": f"https://elsewhere.example/{event_id}"}
        return {"delivery": deliveries.send_event(asset, body.event_type, payload), "event_id": event_id}

    @routes.post("/assets/{asset_id}/clear")
    async def clear(asset_id: str) -> dict[str, int]:
        with world.lock:
            asset = world.asset_by_any_id(asset_id)
        return {"delivery": deliveries.clear_profile(str(asset.id))}

    @routes.get("/deliveries")
    async def list_deliveries(asset_id: str | None = None) -> Response:
        return _json({"deliveries": deliveries.list(asset_id)})


def _inspection(routes: APIRouter, simulator: AxleState, clock: Clock) -> None:
    world = simulator.world

    @routes.get("/state")
    async def state() -> Response:
        with world.lock:
            shown = {
                "now": clock.now().isoformat(),
                "tokens_issued": simulator.tokens.issued,
                "sites": {str(site.id): _site(site) for site in world.sites.values()},
                "assets": {str(asset.id): _asset(asset) for asset in world.assets.values()},
            }
        return _json(shown)

    @routes.get("/assets/{asset_id}")
    async def asset_state(asset_id: str) -> Response:
        with world.lock:
            shown = _asset(world.asset_by_any_id(asset_id))
        return _json(shown)

    @routes.get("/event-statuses")
    async def event_statuses() -> list[dict[str, Any]]:
        with world.lock:
            return list(world.event_statuses)

    @routes.get("/readings")
    async def readings(asset_id: UUID | None = None, rows: bool = True) -> Response:  # a query
        return _json(simulator.readings.report(asset_id, with_rows=rows))


def _merged(current: Model, changes: dict[str, Any]) -> Model:
    try:
        return type(current).model_validate(current.model_dump() | changes)
    except ValueError as error:
        raise HTTPException(422, str(error)) from error


def _json(value: Any) -> Response:
    return Response(json.dumps(value), media_type="application/json")


def _text(instant: datetime | None) -> str | None:
    return instant.isoformat() if instant else None


def _site(site: Site) -> dict[str, Any]:
    return site_response(site) | {
        "email": site.email,
        "propositions": sorted(site.propositions),
        "rewards": site.rewards.model_dump(mode="json"),
    }


def _asset(asset: Asset) -> dict[str, Any]:
    return {
        "asset_id": str(asset.id),
        "external_id": asset.external_id,
        "type": asset.type,
        "site_id": str(asset.site_id),
        "charging_rate_kw": asset.charging_rate_kw,
        "plugged_in": asset.plugged_in,
        "plugged_in_at": _text(asset.plugged_in_at),
        "tariff": as_json(asset.tariff) if asset.tariff else None,
        "intent": as_json(asset.intent) if asset.intent else None,
        "charge_now_until": _text(asset.charge_now_until),
        "unreported_since_enrolment": sorted(asset.unreported),
        "history": list(asset.history),
        "schedules_issued": asset.schedules_issued,
        "schedule": [
            {"start": stretch.start.isoformat(), "end": stretch.end.isoformat(), "limit_w": stretch.limit_w}
            for stretch in asset.schedule
        ],
        "charging_profile": charging_profile(asset.schedule) if asset.schedule else None,
    }
