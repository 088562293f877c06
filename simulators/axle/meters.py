"""The register of meters that Axle searches by address, and the tokens of its hosted components."""

import hashlib
import uuid
from typing import Any
from urllib.parse import parse_qs

from fastapi import APIRouter, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, ValidationError

from simulators.axle.models import Body, Instant
from simulators.axle.sites import POSTCODE
from simulators.axle.world import Meter, World

NO_METER = "Unique meter was not found for the requested address"


class ByAddressBody(Body):
    """``POST /meter/by-address``."""

    address: str


class ComponentTokenForm(BaseModel):
    """The form of ``POST /auth/component-token``."""

    model_config = ConfigDict(extra="forbid")

    external_user_id: str
    allowed_origin: str
    user_email: str | None = None
    gave_boundary_meter_consent_at: Instant | None = None


def reference_of(mpan: str) -> str:
    """The reference that stands for a meter: nobody reads the MPAN from it."""
    return hashlib.sha256(f"meter {mpan}".encode()).hexdigest()


def meter_routes(routes: APIRouter, world: World) -> None:
    """``/meter/search``, ``/meter/by-ref`` and ``/meter/by-address``."""

    @routes.get("/meter/search")
    async def search(postcode: str, building_identifier: str | None = None) -> list[dict[str, str]]:
        if not POSTCODE.fullmatch(postcode.strip()):
            raise HTTPException(422, "Invalid postcode")
        with world.lock:
            found = [meter for meter in world.meters if _squeezed(postcode) in _squeezed(meter.address)]
        if building_identifier is not None:
            found = [meter for meter in found if meter.address.lower().startswith(building_identifier.lower())]
        return [{"ref": reference_of(meter.mpan), "address": meter.address} for meter in found]

    @routes.get("/meter/by-ref/{meter_ref}")
    async def by_reference(meter_ref: str) -> dict[str, Any]:
        with world.lock:
            found = next((meter for meter in world.meters if reference_of(meter.mpan) == meter_ref), None)
            if found is None:
                raise HTTPException(422, "Invalid meter reference")
            return _shown(found, world)

    @routes.post("/meter/by-address", response_model=None)
    async def by_address(body: ByAddressBody) -> dict[str, Any] | JSONResponse:
        with world.lock:
            found = [meter for meter in world.meters if _squeezed(meter.address) == _squeezed(body.address)]
            return _shown(found[0], world) if len(found) == 1 else JSONResponse({"detail": NO_METER}, 202)


def component_route(routes: APIRouter, world: World) -> None:
    """``/auth/component-token``: the user of an external id is made on the first call, which needs consent."""

    @routes.post("/auth/component-token")
    async def component_token(request: Request) -> dict[str, str]:
        fields = parse_qs((await request.body()).decode(), keep_blank_values=True)
        try:
            form = ComponentTokenForm.model_validate({name: values[-1] for name, values in fields.items()})
        except ValidationError as error:
            details = error.errors(include_url=False, include_context=False)
            raise RequestValidationError([{**detail, "loc": ("body", *detail["loc"])} for detail in details]) from error
        with world.lock:
            user = world.component_users.get(form.external_user_id)
            if user is None and form.gave_boundary_meter_consent_at is None:
                missing = {
                    "type": "missing",
                    "loc": ("body", "gave_boundary_meter_consent_at"),
                    "msg": "Field required",
                }
                raise RequestValidationError([missing])
            user = world.component_users.setdefault(form.external_user_id, uuid.uuid4())
        return {"id": str(user), "access_token": uuid.uuid4().hex, "token_type": "bearer"}


def _shown(meter: Meter, world: World) -> dict[str, Any]:
    return {
        "mpan": meter.mpan,
        "half_hourly_settled": world.facts(meter.mpan).half_hourly_settled,
        "supplier_mpid": "EXMP",
        "supplier_name": meter.supplier_name,
        "eligible_markets": ["wholesale"],
    }


def _squeezed(text: str) -> str:
    return "".join(text.lower().replace(",", " ").split())
