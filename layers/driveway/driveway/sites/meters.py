"""From an address to its MPAN, by Axle's meter register: ``POST /meters/...``. Nothing is stored.

Axle's recommended way is the postcode, a list of addresses from which the driver picks one, and the meter of that one.
"""

from datetime import UTC, timedelta
from typing import Annotated, Any
from urllib.parse import quote

from msgspec import Meta, Struct

from driveway.axle.client import AxleError, AxleRefusedError
from driveway.axle.connection import axle_client
from driveway.runtime.answer_types import AppId, Instant
from driveway.runtime.context import Runtime
from driveway.runtime.http_api import Answer
from driveway.runtime.problems import ProblemError, invalid
from driveway.sites.axle_problems import problem_of
from driveway.sites.bodies import ComponentTokenBody, MeterAddressBody, MeterReferenceBody, MeterSearchBody

COMPONENT_TOKEN_LASTS = timedelta(hours=24)
NOT_USABLE = "Axle's meter register cannot use this."
CONSENT_NEEDED = "Axle refuses it. The first token of a household needs the time of its consent."


class FoundMeter(Struct, frozen=True, kw_only=True):
    """An address with a meter."""

    meter_ref: Annotated[str, Meta(description="For `POST /meters/by-ref`.")]
    address: Annotated[str, Meta(description="To show to the driver.")]


class Meters(Struct, frozen=True, kw_only=True):
    """The addresses with a meter at a postcode."""

    meters: list[FoundMeter]


class Meter(Struct, frozen=True, kw_only=True):
    """A meter of Axle's register."""

    mpan: Annotated[str, Meta(description="13 digits, for the site's `PUT`.")]
    half_hourly_settled: Annotated[
        bool | None, Meta(description="Whether it is settled half-hourly. Null: Axle does not say.")
    ]
    supplier_name: Annotated[str | None, Meta(description="The supplier.")]
    eligible_markets: Annotated[list[str], Meta(description="As Axle names them.")]


class ComponentToken(Struct, frozen=True, kw_only=True):
    """A token for the components that Axle hosts."""

    site: AppId
    access_token: Annotated[str, Meta(description="For Axle's components.")]
    token_type: Annotated[str, Meta(description="`bearer`.")]
    expires_at: Annotated[Instant, Meta(description="When it ends.")]


def search_meters(body: MeterSearchBody, runtime: Runtime) -> Answer:
    """The addresses with a meter at a postcode, each with a reference for ``POST /meters/by-ref``; may be empty."""
    query = {"postcode": body.postcode}
    if body.building_identifier is not None:
        query["building_identifier"] = body.building_identifier
    try:
        found = axle_client(runtime).get("/meter/search", query)
    except AxleError as error:
        raise _refusal(error, "/postcode", "meter-search") from None
    return Answer(200, Meters(meters=[FoundMeter(meter_ref=one["ref"], address=one["address"]) for one in found]))


def meter_by_reference(body: MeterReferenceBody, runtime: Runtime) -> Answer:
    """The meter of an address that the driver picked."""
    try:
        found = axle_client(runtime).get(f"/meter/by-ref/{quote(body.meter_ref, safe='')}")
    except AxleError as error:
        raise _refusal(error, "/meter_ref", "meter-by-ref") from None
    return Answer(200, _meter(found))


def meter_by_address(body: MeterAddressBody, runtime: Runtime) -> Answer:
    """The meter of a whole address. Raises ProblemError (404) where there is none or more than one."""
    try:
        found = axle_client(runtime).post("/meter/by-address", {"address": body.address})
    except AxleError as error:
        raise _refusal(error, "/address", "meter-by-address") from None
    if "mpan" not in found:
        detail = "There is no meter at this address, or more than one. Search by postcode and let the driver pick."
        raise ProblemError(404, "no-unique-meter", "The address has no meter of its own", detail)
    return Answer(200, _meter(found))


def component_token(site: str, body: ComponentTokenBody, runtime: Runtime) -> Answer:
    """A token of 24 hours for the components that Axle hosts, for the household of a site. It is not stored.

    Axle makes a user of our site id on the first call, which needs the time of consent unless Axle exempts it.
    """
    fields = {"external_user_id": site, "allowed_origin": body.allowed_origin}
    if body.user_email is not None:
        fields["user_email"] = body.user_email
    if body.gave_boundary_meter_consent_at is not None:
        fields["gave_boundary_meter_consent_at"] = body.gave_boundary_meter_consent_at.astimezone(UTC).isoformat()
    expires_at = runtime.now() + COMPONENT_TOKEN_LASTS
    try:
        granted = axle_client(runtime).post_form("/auth/component-token", fields)
    except AxleError as error:
        raise _refusal(error, "/gave_boundary_meter_consent_at", "component-token", CONSENT_NEEDED) from None
    token = ComponentToken(
        site=site,
        access_token=granted["access_token"],
        token_type=granted["token_type"],
        expires_at=expires_at.astimezone(UTC),
    )
    return Answer(201, token, {"cache-control": "no-store"})


def _meter(found: dict[str, Any]) -> Meter:
    return Meter(
        mpan=found["mpan"],
        half_hourly_settled=found.get("half_hourly_settled"),
        supplier_name=found.get("supplier_name"),
        eligible_markets=found.get("eligible_markets", []),
    )


def _refusal(error: AxleError, pointer: str, call: str, text: str = NOT_USABLE) -> ProblemError:
    """The problem for what Axle finds invalid (422): it is the caller's to correct."""
    if isinstance(error, AxleRefusedError) and error.status == 422:
        return invalid(text, [(pointer, text)])
    return problem_of(error, call)
