"""Links with which a driver of a site connects a car, or connects it again."""

from typing import Annotated, Any

from msgspec import Meta, Struct

from driveway.domain.twin import Twin, Vehicle
from driveway.runtime.answer_types import Instant, utc_or_none
from driveway.runtime.context import Runtime
from driveway.runtime.http_api import Answer
from driveway.runtime.problems import ProblemError, busy, invalid, not_found
from driveway.sites.bodies import ConnectionBody, parse
from driveway.vehicles.connections import connect_to_leave, credentials_of
from driveway.vehicles.linking import LinkRequest, NoLinkError
from driveway.vehicles.registry import linking_of


class ConnectionLink(Struct, frozen=True, kw_only=True):
    """A page on which a driver connects a car."""

    provider: Annotated[str, Meta(extra_json_schema={"enum": ["enode", "smartcar", "tesla"]})]
    asset: Annotated[str | None, Meta(description="The asset whose car is connected again; null: a new car.")]
    url: Annotated[str, Meta(description="The page that the driver opens.")]
    key_url: Annotated[
        str | None, Meta(description="A second page, on which a Tesla's owner lets you command the car.")
    ]
    state: Annotated[str, Meta(description="Comes back at `return_url` as the parameter `state`: accept no other.")]
    return_url: Annotated[str, Meta(description="Where the driver lands afterwards.")]
    expires_at: Annotated[Instant | None, Meta(description="Until when the page can be used; null: any time.")]


def connect_link(site: str, asked: dict[str, Any], runtime: Runtime) -> Answer:
    """A link for a new car at a provider, or for the car of an asset of the site. Nothing is stored.

    Raises:
        ProblemError: the body is not valid, there is no such asset in the site, or the car maker gives no link.
    """
    body = parse(ConnectionBody, asked)
    if runtime.records.site(site) is None and body.asset is not None:
        raise not_found("site", site)
    vehicle = _vehicle(site, body, runtime) if body.asset is not None else None
    provider = vehicle.provider if vehicle is not None else body.provider
    linking = linking_of(provider) if provider is not None else None
    if provider is None or linking is None or not runtime.settings.text(f"{provider.upper()}_BASE_URL", ""):
        raise invalid("No driver can be sent to this provider to connect a car.")
    known = vehicle or Vehicle(provider, "", user_id=body.user_id)
    request = LinkRequest(
        user_id=known.user_id,
        vehicle=vehicle,
        return_url=body.return_url,
        state=body.state or runtime.new_id(),
        language=body.language,
        credentials=credentials_of(provider, runtime),
    )
    try:
        link = linking.link(connect_to_leave(known, runtime), request)
    except NoLinkError as error:
        if error.refused:
            raise ProblemError(409, "no-connect-link", "The car maker gives no link", str(error)) from None
        raise busy(f"{error} Repeat the call.") from None
    answer = ConnectionLink(
        provider=provider,
        asset=body.asset,
        url=link.url,
        key_url=link.key_url,
        state=request.state,
        return_url=body.return_url,
        expires_at=utc_or_none(link.expires_at),
    )
    return Answer(201, answer, {"cache-control": "no-store"})


def _vehicle(site: str, body: ConnectionBody, runtime: Runtime) -> Vehicle:
    twin: Twin = runtime.table.twin(body.asset or "")
    if twin.link.site != site:
        raise not_found("asset", twin.link.asset)
    if twin.link.vehicle is None:
        raise invalid("The asset has no vehicle. Give 'provider' to connect one.")
    return twin.link.vehicle
