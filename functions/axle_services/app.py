"""Passes on what Axle offers a household besides schedules. Nothing is stored."""

from driveway.runtime.context import Runtime
from driveway.runtime.http_api import Answer, Request, Route, http_function
from driveway.sites import meters
from driveway.sites.bodies import (
    ComponentTokenBody,
    MeterAddressBody,
    MeterReferenceBody,
    MeterSearchBody,
    check_site_id,
    parse,
)
from driveway.sites.flex_events import flex_events_body


def search_meters(request: Request, runtime: Runtime) -> Answer:
    """The addresses at a postcode."""
    return meters.search_meters(parse(MeterSearchBody, request.json()), runtime)


def meter_by_reference(request: Request, runtime: Runtime) -> Answer:
    """The meter of an address that was picked."""
    return meters.meter_by_reference(parse(MeterReferenceBody, request.json()), runtime)


def meter_by_address(request: Request, runtime: Runtime) -> Answer:
    """The meter of a whole address."""
    return meters.meter_by_address(parse(MeterAddressBody, request.json()), runtime)


def component_token(request: Request, runtime: Runtime) -> Answer:
    """A token for the components that Axle hosts."""
    check_site_id(request.parameters["site"])
    return meters.component_token(request.parameters["site"], parse(ComponentTokenBody, request.json()), runtime)


def get_flex_events(request: Request, runtime: Runtime) -> Answer:
    """The flex events that the site took part in."""
    return Answer(200, flex_events_body(request.parameters["site"], runtime))


handler = http_function(
    {
        "POST /meters/search": Route(search_meters, "app"),
        "POST /meters/by-ref": Route(meter_by_reference, "app"),
        "POST /meters/by-address": Route(meter_by_address, "app"),
        "POST /sites/{site}/component-token": Route(component_token, "app"),
        "GET /sites/{site}/flex-events": Route(get_flex_events, "app"),
    }
)
