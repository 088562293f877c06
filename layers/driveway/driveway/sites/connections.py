"""Drivers connect cars at their makers, or connect them again: the page for it, and how far they are."""

from typing import Annotated, Any

from msgspec import Meta, Struct

from driveway.domain.sites.connections import Connection, ConnectionStatus, status_of, vehicles_of
from driveway.domain.sites.record import SiteRecord
from driveway.domain.twin import Twin, Vehicle
from driveway.runtime.answer_types import Instant, utc
from driveway.runtime.context import Runtime
from driveway.runtime.http_api import Answer
from driveway.runtime.problems import ProblemError, busy, invalid, not_found
from driveway.sites.bodies import ConnectionBody, check_site_id, parse
from driveway.sites.changing import Twins, refuse_leaving, twins_of
from driveway.store.connections import Begun
from driveway.store.items import fits_key, stamp, unstamp
from driveway.values import replace
from driveway.vehicles.connections import connect_to_leave, credentials_of
from driveway.vehicles.linking import LINK_LASTS, ConnectLink, LinkRequest, NoLinkError
from driveway.vehicles.registry import linking_of

HEADERS = {"cache-control": "no-store"}


class SiteConnection(Struct, frozen=True, kw_only=True):
    """A page on which a driver connects a car, and how far that is."""

    provider: Annotated[str, Meta(extra_json_schema={"enum": ["enode", "smartcar", "tesla"]})]
    asset: Annotated[str | None, Meta(description="The asset whose car is connected again; null: a new car.")]
    status: Annotated[
        ConnectionStatus,
        Meta(description="`done`: the account works again, or a new vehicle is known. `expired`: make another one."),
    ]
    url: Annotated[str, Meta(description="The page that the driver opens.")]
    key_url: Annotated[
        str | None, Meta(description="A second page, on which a Tesla's owner lets you command the car.")
    ]
    state: Annotated[str, Meta(description="Comes back at `return_url` as the parameter `state`: accept no other.")]
    return_url: Annotated[str, Meta(description="Where the driver lands afterwards.")]
    created_at: Annotated[Instant, Meta(description="When it was asked for.")]
    expires_at: Annotated[Instant, Meta(description="Until when the page can be used, and `state` accepted.")]
    vehicle_ids: Annotated[
        list[str], Meta(description="The new vehicles, for the site's `PUT`: Enode reports them; others, that names.")
    ]


class SiteConnections(Struct, frozen=True, kw_only=True):
    """The connections of a site."""

    connections: Annotated[list[SiteConnection], Meta(description="Newest first: the latest of each car or driver.")]


def connect(site: str, asked: dict[str, Any], runtime: Runtime) -> Answer:
    """Make a page for a new car at a provider, or for the car of an asset of the site.

    A call that is repeated with its ``state`` gets the same page: 200 in place of 201.

    Raises:
        ProblemError: the body is not valid, there is no such asset in the site, the site is being erased, or the car
            maker gives no link.
    """
    check_site_id(site)
    body = parse(ConnectionBody, asked)
    record = runtime.sites.get(site)
    if record is None and body.asset is not None:
        raise not_found("site", site)
    refuse_leaving(record)
    twin = _twin(site, body.asset, runtime) if body.asset is not None else None
    begun = runtime.connections.of_site(site)
    for one in begun.connections:
        if body.state == one.state and _is_repeated(one, body) and runtime.now() < one.until:
            return Answer(200, _answer(one, begun, _twins(record, runtime), runtime), HEADERS)
    made = _made(site, body, twin, _twins(record, runtime), runtime)
    runtime.connections.begin(made)
    if record is not None:
        _refuse_if_erased_meanwhile(site, runtime)
    return Answer(201, _answer(made, Begun((), ()), {} if twin is None else {made.asset or "": twin}, runtime), HEADERS)


def _refuse_if_erased_meanwhile(site: str, runtime: Runtime) -> None:
    """Forget what was begun for a site that was erased while its page was made. Raises ProblemError."""
    record = runtime.sites.get(site)
    if record is not None and record.wanted != "erased":
        return
    runtime.connections.forget(site)
    refuse_leaving(record)
    raise not_found("site", site)


def connections(site: str, runtime: Runtime) -> Answer:
    """The connections of a site and how far each is; none for a site that is not known."""
    begun, twins = runtime.connections.of_site(site), _twins(runtime.sites.get(site), runtime)
    shown = [_answer(one, begun, twins, runtime) for one in begun.connections]
    return Answer(200, SiteConnections(connections=shown), HEADERS)


def _twins(record: SiteRecord | None, runtime: Runtime) -> Twins:
    return twins_of(record, runtime) if record is not None else {}


def _twin(site: str, asset: str, runtime: Runtime) -> Twin:
    twin: Twin = runtime.table.twin(asset)
    if twin.link.site != site:
        raise not_found("asset", asset)
    if twin.link.vehicle is None:
        raise invalid("The asset has no vehicle. Give 'provider' to connect one.")
    return twin


def _is_repeated(one: Connection, body: ConnectionBody) -> bool:
    provider = one.provider if body.provider is None else body.provider
    return (one.asset, one.provider, one.user_id, one.return_url) == (
        body.asset,
        provider,
        body.user_id if body.asset is None else one.user_id,
        body.return_url,
    )


def _made(site: str, body: ConnectionBody, twin: Twin | None, twins: Twins, runtime: Runtime) -> Connection:
    """A connection with a new page. Raises ProblemError."""
    again = twin.link.vehicle if twin is not None else None
    provider = again.provider if again is not None else body.provider or ""
    request = LinkRequest(
        user_id=again.user_id if again is not None else body.user_id,
        vehicle=again,
        return_url=body.return_url,
        state=body.state or runtime.new_id(),
        language=body.language,
        credentials=credentials_of(provider, runtime),
    )
    link, now = _link(provider, request, runtime), unstamp(stamp(runtime.now()))
    plain = Connection(
        site=site,
        provider=provider,
        url=link.url,
        key_url=link.key_url,
        state=request.state,
        return_url=body.return_url,
        created_at=now,
        until=link.expires_at or now + LINK_LASTS,
        asset=body.asset,
    )
    if twin is not None and again is not None:
        lost_at = twin.presence.needs_user_at if twin.presence.needs_user is not None else None
        return replace(plain, vehicle_id=again.vehicle_id, lost_at=lost_at)
    linked = [one.link.vehicle for one in twins.values() if one.link.vehicle is not None]
    known = tuple(one.vehicle_id for one in linked if one.provider == provider)
    return replace(plain, user_id=body.user_id, known=known)


def _link(provider: str, request: LinkRequest, runtime: Runtime) -> ConnectLink:
    """A page of the maker's. Raises ProblemError."""
    linking = linking_of(provider)
    if linking is None or not runtime.settings.text(f"{provider.upper()}_BASE_URL", ""):
        raise invalid("No driver can be sent to this provider to connect a car.")
    if request.user_id is not None and not fits_key(request.user_id):
        raise invalid("The 'user_id' is too long.")
    caller = request.vehicle or Vehicle(provider, "", user_id=request.user_id)
    try:
        return linking.link(connect_to_leave(caller, runtime), request)
    except NoLinkError as error:
        if error.refused:
            raise ProblemError(409, "no-connect-link", "The car maker gives no link", str(error)) from None
        raise busy(f"{error} Repeat the call.") from None


def _answer(one: Connection, begun: Begun, twins: Twins, runtime: Runtime) -> SiteConnection:
    return SiteConnection(
        provider=one.provider,
        asset=one.asset,
        status=status_of(one, begun.found, twins, runtime.now()),
        url=one.url,
        key_url=one.key_url,
        state=one.state,
        return_url=one.return_url,
        created_at=utc(one.created_at),
        expires_at=utc(one.until),
        vehicle_ids=vehicles_of(one, begun.found, twins) if one.asset is None else [],
    )
