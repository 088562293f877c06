"""Axle's HTTP API: the routes that an integrator of smart charging calls."""

import gzip
import json
import uuid
import zlib
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Annotated, Any
from urllib.parse import parse_qs, urlencode
from uuid import UUID

from fastapi import APIRouter, Depends, Header, HTTPException, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import ValidationError

from driveway.runtime.clock import Clock
from simulators.axle import sites
from simulators.axle.events import Events
from simulators.axle.meters import component_route, meter_routes
from simulators.axle.models import (
    AssetUpdateBody,
    ChargeNowBody,
    EligibilityBody,
    EmptyBody,
    EnrolBody,
    EventBody,
    EventStatusBody,
    IntentBody,
    MpanBody,
    OnboardBody,
    PlugInBody,
    ReadingsBody,
    TariffBody,
    UnenrolBody,
)
from simulators.axle.readings import ReadingStore
from simulators.axle.tokens import Tokens
from simulators.axle.world import World

_LINK_LIFE = timedelta(hours=1)
_LINK_PARAMETERS = {"redirect_uri", "hide_transactions", "auto_redirect_to_setup", "enforce_two_factor_auth"}
_CHALLENGE = {"WWW-Authenticate": "Bearer"}


def _bearer_check(clock: Clock, tokens: Tokens) -> Callable[..., Awaitable[None]]:
    async def check(authorization: Annotated[str | None, Header()] = None) -> None:
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise HTTPException(401, "Not authenticated", headers=_CHALLENGE)
        if not tokens.is_valid(token, clock.now()):
            raise HTTPException(401, "Could not validate credentials", headers=_CHALLENGE)

    return check


def _missing(*loc: str) -> dict[str, Any]:
    return {"type": "missing", "loc": loc, "msg": "Field required"}


def token_route(clock: Clock, tokens: Tokens) -> APIRouter:
    """``/auth/token-form``: the one route without a token."""
    routes = APIRouter()

    @routes.post("/auth/token-form")
    async def token(request: Request) -> dict[str, str]:
        fields = parse_qs((await request.body()).decode("utf-8", errors="replace"), keep_blank_values=True)
        errors = [_missing("body", name) for name in ("username", "password") if name not in fields]
        if fields.get("grant_type", ["password"]) != ["password"]:
            errors.append(
                {
                    "type": "string_pattern_mismatch",
                    "loc": ("body", "grant_type"),
                    "msg": "String should match pattern '^password$'",
                }
            )
        if errors:
            raise RequestValidationError(errors)
        issued = tokens.issue(fields["username"][-1], fields["password"][-1], clock.now())
        if issued is None:
            raise HTTPException(401, "Incorrect username or password", headers=_CHALLENGE)
        return {"access_token": issued, "token_type": "bearer"}

    return routes


def entity_routes(clock: Clock, tokens: Tokens, world: World) -> APIRouter:
    """MPAN validation, sites and assets."""
    routes = APIRouter(dependencies=[Depends(_bearer_check(clock, tokens))])
    _site_routes(routes, world)
    _asset_routes(routes, world)
    meter_routes(routes, world)
    component_route(routes, world)

    @routes.post("/validation/mpan")
    async def validate_mpan(body: MpanBody) -> dict[str, bool]:
        with world.lock:
            if errors := sites.mpan_errors(body.mpan, check_digit=world.config.mpan_check_digit):
                raise HTTPException(400, errors)
            if not world.facts(body.mpan).connected:
                raise HTTPException(404, ["A connected import meter could not be found for this MPAN"])
        return {"isValid": True}

    return routes


def _site_routes(routes: APIRouter, world: World) -> None:
    @routes.post("/entities/site/check-eligibility")
    async def check_eligibility(body: EligibilityBody) -> dict[str, Any]:
        return sites.check_eligibility(world, body) | ({"tariff_advice": {}} if world.config.unknown_fields else {})

    @routes.post("/entities/site/onboard")
    async def onboard(body: OnboardBody) -> dict[str, Any]:
        return sites.onboard(world, body)

    @routes.post("/entities/site/{site_id}/enrol")
    async def enrol(site_id: UUID, body: EnrolBody) -> dict[str, Any]:
        return sites.enrol(world, site_id, body)

    @routes.post("/entities/site/{site_id}/unenrol")
    async def unenrol(site_id: UUID, body: UnenrolBody) -> dict[str, Any]:
        return sites.unenrol(world, site_id, body.proposition)

    @routes.post("/entities/site/{site_id}/offboard-site-and-assets")
    async def offboard(site_id: UUID) -> dict[str, Any]:
        return sites.offboard(world, site_id)

    @routes.get("/entities/site/{site_id}/flex-events")
    async def flex_events(site_id: UUID) -> dict[str, Any]:
        with world.lock:
            events = world.site(site_id).flex_events
            return {"site_id": str(site_id), "events": [e.model_dump(mode="json", exclude_none=True) for e in events]}

    @routes.get("/entities/site/{site_id}")
    async def get_site(site_id: UUID) -> dict[str, Any]:
        with world.lock:
            return sites.site_response(world.site(site_id))


def _asset_routes(routes: APIRouter, world: World) -> None:
    @routes.get("/entities/asset/external-id/{external_id:path}")
    async def get_asset_by_external_id(external_id: str) -> dict[str, Any]:
        with world.lock:
            asset_id = world.asset_by_external_id.get(external_id)
            if asset_id is None:
                raise HTTPException(404, f"Asset with external id {external_id!r} not found")
            return sites.asset_response(world.assets[asset_id])

    @routes.get("/entities/asset/{asset_id}")
    async def get_asset(asset_id: UUID) -> dict[str, Any]:
        with world.lock:
            return sites.asset_response(world.asset(asset_id))

    @routes.patch("/entities/asset/{asset_id}")
    async def update_asset(asset_id: UUID, body: AssetUpdateBody) -> dict[str, Any]:
        return sites.update_asset(world, asset_id, body)

    @routes.delete("/entities/asset/{asset_id}", status_code=204)
    async def delete_asset(asset_id: UUID) -> None:
        with world.lock:
            world.remove_asset(world.asset(asset_id))

    @routes.post("/entities/asset/{asset_id}/callback/{event_id}")
    async def event_status(asset_id: UUID, event_id: str, body: EventStatusBody) -> dict[str, Any]:
        with world.lock:
            world.asset(asset_id)
            status = {"asset_id": str(asset_id), "event_id": event_id, **body.model_dump(mode="json")}
            world.event_statuses.append(status)
        return {}

    @routes.get("/entities/asset/{asset_id}/intent")
    async def get_intent(asset_id: UUID) -> dict[str, Any]:
        with world.lock:
            asset = world.asset(asset_id)
            if asset.intent is None or asset.intent_at is None:
                raise HTTPException(404, f"No intent is known for asset {asset_id}")
            return {
                "intent": asset.intent.model_dump(mode="json", exclude_none=True),
                "received_at": asset.intent_at.isoformat(),
            }


def event_routes(clock: Clock, tokens: Tokens, events: Events) -> APIRouter:
    """Events of an asset."""
    routes = APIRouter(prefix="/entities/asset/{asset_id}/event", dependencies=[Depends(_bearer_check(clock, tokens))])

    @routes.post("")
    async def event(asset_id: UUID, body: EventBody) -> dict[str, Any]:
        return events.take(asset_id, body.event_type, body, body)

    @routes.post("/plug-in")
    async def plug_in(asset_id: UUID, body: PlugInBody) -> dict[str, Any]:
        event = EventBody(**{"event_type": "plug_in"} | {name: getattr(body, name) for name in body.model_fields_set})
        return events.take(asset_id, "plug_in", event, body)

    @routes.post("/plug-out")
    async def plug_out(asset_id: UUID, body: EmptyBody) -> dict[str, Any]:
        return events.take(asset_id, "plug_out", EventBody(event_type="plug_out"), body)

    @routes.post("/intent")
    async def intent(asset_id: UUID, body: IntentBody) -> dict[str, Any]:
        return events.take(asset_id, "intent_update", EventBody(event_type="intent_update", intent=body.intent), body)

    @routes.post("/tariff-update")
    async def tariff_update(asset_id: UUID, body: TariffBody) -> dict[str, Any]:
        return events.take(asset_id, "tariff_update", EventBody(event_type="intent_update", tariff=body.tariff), body)

    @routes.post("/charge-now")
    async def charge_now(asset_id: UUID, body: ChargeNowBody) -> dict[str, Any]:
        event = EventBody.model_construct(event_type="charge_now", end_at=body.end_at)
        return events.take(asset_id, "charge_now", event, body)

    @routes.post("/charge-now-deleted")
    async def charge_now_deleted(asset_id: UUID, body: EmptyBody) -> dict[str, Any]:
        event = EventBody(event_type="charge_now_deleted")
        return events.take(asset_id, "charge_now_deleted", event, body)

    return routes


def _readings(raw: bytes, encoding: str | None) -> ReadingsBody:
    if encoding == "gzip":
        try:
            raw = gzip.decompress(raw)
        except (OSError, EOFError, zlib.error) as error:
            raise HTTPException(400, "The body is not valid gzip") from error
    try:
        return ReadingsBody.model_validate_json(raw)
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False)
        raise RequestValidationError([{**detail, "loc": ("body", *detail["loc"])} for detail in details]) from error


def data_routes(clock: Clock, tokens: Tokens, world: World, store: ReadingStore) -> APIRouter:
    """``/data/readings``, plain or gzip."""
    routes = APIRouter(dependencies=[Depends(_bearer_check(clock, tokens))])

    def take(raw: bytes, encoding: str | None) -> bytes:
        body = _readings(raw, encoding)
        with world.lock:
            takes_any = world.config.readings_of_unenrolled == "accept"
            known = {asset.id: takes_any or world.is_scheduled(asset) for asset in world.assets.values()}
        return json.dumps({"responses": store.take(body.readings, known, clock.now())}).encode()

    @routes.post("/data/readings")
    async def post_readings(request: Request, content_encoding: Annotated[str | None, Header()] = None) -> Response:
        answer = await run_in_threadpool(take, await request.body(), content_encoding)
        return Response(answer, media_type="application/json")

    return routes


def reward_routes(clock: Clock, tokens: Tokens, world: World) -> APIRouter:
    """What the household has earned; answers as long as the site exists, enrolled or not."""
    routes = APIRouter(prefix="/rewards/{site_id}", dependencies=[Depends(_bearer_check(clock, tokens))])

    @routes.get("/info")
    async def info(site_id: UUID) -> dict[str, Any]:
        with world.lock:
            rewards = world.site(site_id).rewards
            can_withdraw = rewards.can_withdraw
            if can_withdraw is None:
                can_withdraw = rewards.current_balance_pence >= rewards.minimum_withdrawal_threshold_pence
            return rewards.model_dump(exclude={"transactions"}) | {"can_withdraw": can_withdraw}

    @routes.get("/transactions")
    async def transactions(site_id: UUID) -> JSONResponse:
        with world.lock:
            rewards = world.site(site_id).rewards
            below = rewards.current_balance_pence < rewards.minimum_withdrawal_threshold_pence
            return JSONResponse(
                {
                    "site_id": str(site_id),
                    "transactions": rewards.transactions,
                    "is_below_withdrawal_minimum": below,
                }
            )

    @routes.get("/url/balance")
    async def balance_url(
        request: Request,
        site_id: UUID,
        redirect_uri: str,
        hide_transactions: bool = False,  # these are query parameters
        auto_redirect_to_setup: bool = False,
        enforce_two_factor_auth: bool | None = None,
    ) -> dict[str, str]:
        with world.lock:
            world.site(site_id)
        unknown = set(request.query_params) - _LINK_PARAMETERS
        if unknown:
            raise HTTPException(422, f"Unknown query parameters: {', '.join(sorted(unknown))}")
        chosen = {
            "redirect_uri": redirect_uri,
            "hide_transactions": hide_transactions or None,
            "auto_redirect_to_setup": auto_redirect_to_setup or None,
            "enforce_two_factor_auth": enforce_two_factor_auth,
        }
        shown = {name: str(value) for name, value in chosen.items() if value is not None}
        link = f"{request.base_url}withdraw/{uuid.uuid4()}?{urlencode(shown)}"
        return {
            "balance_withdrawal_url": link,
            "url_expiry_timestamp": (clock.now() + _LINK_LIFE).isoformat(),
        }

    return routes
